// From a source folder to a package, and back: whether a package is what its sources give.
//
// The compiler sees a fresh folder with a fixed layout (src/ the package's files, sdk/ the SDK's, the working directory
// is src/) and an empty environment, so the id depends on the sources, the SDK and the toolchain, all of which the
// provenance names, and on nothing else: not on where they lie, who builds, or when.
#pragma once
#include <contract/package.hpp>
#include <enclave/runtime/runtime.hpp>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "source.hpp"

namespace concordat::registry {

inline constexpr int compile_timeout_seconds = 180;

struct Toolchain {
    std::string compiler = "clang++-19";
    std::filesystem::path sdk;  // the folder sdk/cryptlet/cpp: flags.txt, include/, shim.cpp

    // $CONCORDAT_SDK (that folder), else, from the executable's folder, ../../sdk/cryptlet/cpp or
    // ../../../sdk/cryptlet/cpp (a build folder in the sources) or ../share/concordat/sdk/cryptlet/cpp (installed).
    // Throws Error(not_found).
    static Toolchain find();
};

// Throws what read_source throws; Error(bad_module, "logic", …) with the compiler's words when the logic does not
// compile, includes a file from elsewhere, or is not a module that the runtime takes; Error(unavailable, "clang++-19").
contract::Package build_package(const std::filesystem::path& folder, const Toolchain& toolchain,
                                const enclave::runtime::Engine& engine);
contract::Package build_package(const Source& source, const Toolchain& toolchain,
                                const enclave::runtime::Engine& engine);

// Provenance blob (application/vnd.concordat.provenance.v1+json), JCS:
// { "typ":"concordat/provenance/1", "language":"c++", "sources":{path:digest}, "sdk":{path:digest}, "flags":[…],
//   "toolchain":{ "compiler":text, "linker":text, "headers":digest of the list of system headers used and their
//   digests, "libraries":{name:digest} } }

// One thing in which a package and a rebuild of the folder differ.
struct Difference {
    std::string what;  // "sources/logic.cpp", "toolchain/compiler", "config/actions/fix/from", "module"
    std::string in_package, in_rebuild;  // digest or value; empty when absent there
};

// Rebuilds and compares. Empty: the ids are equal.
std::vector<Difference> verify_from_source(const contract::Package& package, const std::filesystem::path& folder,
                                           const Toolchain& toolchain, const enclave::runtime::Engine& engine);

// Where two JSON values differ, as JSON Pointers with the values' canonical text; at most 64 differences.
std::vector<Difference> json_differences(const json::Value& left, const json::Value& right, const std::string& path);

}  // namespace concordat::registry
