// A package in source form: a folder with contract.yaml, its schemas (JSON files) and its logic (C++ files).
//
//   apiVersion: concordat/v1
//   name: equity-forward                # [a-z][a-z0-9-]{0,63}
//   version: 1.0.0                      # semver 2.0.0 without build metadata
//   description: one line
//   roles: { seller: {}, buyer: {} }    # or a list
//   state: schemas/state.json           # where x-confidential: [roles] seals a field
//   terms: schemas/terms.json
//   actions:
//     confirm: { from: [buyer], message: schemas/confirm.json, when: schemas/draft.json, result: …, effects: [pay] }
//     fix:     { from: [fixing] }       # a source; its message is what the source observes
//   sources: { fixing: { observation: schemas/fixing.json } }
//   effects: {}
//   ledgers: {}
//   logic: { language: c++, source: [logic.cpp, more.hpp] }
//
// An action of a role without `message` takes an empty one. A `when` schema names the state's members that it asks
// about; the others may be anything that the state's schema allows. Every path stays inside the folder: no "..",
// nothing absolute, no symbolic link anywhere on it. Errors name file, line and key; limits below throw too_large.
#pragma once
#include <base/json.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace concordat::registry {

inline constexpr std::size_t max_source_file_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_source_files = 64;
inline constexpr std::string_view contract_file = "contract.yaml";

struct Source {
    std::filesystem::path folder;
    std::string name, version, language;
    std::string config;                  // JCS of docs/formats.md §3, checked by contract::Contract::parse
    std::map<std::string, Bytes> logic;  // by path in the folder: what the compiler may see, headers too
    std::map<std::string, Bytes> texts;  // contract.yaml and schemas
};

// Throws Error(bad_format | missing_field | unknown_field | too_large | bad_json | bad_schema | bad_package |
// not_found).
Source read_source(const std::filesystem::path& folder);

// One file inside a folder, opened without following a link on the way. Throws Error(bad_format) naming `path` when it
// would leave the folder or is not a plain file, not_found, too_large.
Bytes read_inside(const std::filesystem::path& folder, std::string_view path,
                  std::size_t max_bytes = max_source_file_bytes);

}  // namespace concordat::registry
