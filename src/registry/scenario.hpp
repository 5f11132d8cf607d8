// Scenarios: how a contract must behave, as text. `concordat package test` runs every tests/*.yaml of a package.
//
//   description: the buyer confirms, then the price falls
//   from: ../package-1.0.0           # optional: begins under an earlier package (a folder or an archive, relative)
//   terms: { symbol: MSFT, strike: "29.50" }
//   time: 2010-01-04T00:00:00.000Z   # of the binding; optional
//   initial: { state: { status: draft } }      # what init gives, or { refused: … }; optional
//   steps:
//     - by: buyer                    # a role or a source; `id` is the party's, by default the role's name
//       action: confirm              # of a source it follows
//       message: { }                 # by default empty
//       time: 2010-01-05T…           # by default a minute later
//       expect: { state: {…}, result: {…}, effects: [ {effect, args} ], events: [ {type, data} ] }
//     - by: seller
//       action: confirm
//       refused: not_a_party         # or { code: …, text: a part of the text }: the platform's code or the contract's
//       own
//     - amend: { terms: {…} }        # the next version, under the package being tested; terms stay when not given
//
// In `expect`, objects need only the members named (null: the member is absent or null), lists match item by item.
// After the first step that differs a scenario ends.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "build.hpp"
#include "local.hpp"

namespace concordat::registry {

inline constexpr std::size_t max_scenarios = 256;
inline constexpr std::size_t max_scenario_steps = 1000;

struct ScenarioResult {
    std::string file, description;
    std::size_t steps = 0;   // that ran as expected
    std::uint64_t fuel = 0;  // of all of them
    std::vector<std::string>
        problems;  // empty: passed. "tests/a.yaml:14 fix: state/status: expected "active", got "draft""
    bool passed() const { return problems.empty(); }
};

// Finds the package that `from` names.
using PackageFinder = std::function<std::shared_ptr<const LoadedPackage>(const std::string& from)>;

// Throws Error(bad_format | unknown_field | missing_field | too_large) when the scenario itself is not well formed.
ScenarioResult run_scenario(std::string_view yaml, const std::string& file,
                            const std::shared_ptr<const LoadedPackage>& package, const PackageFinder& find);

struct PackageTest {
    contract::Package package;
    std::vector<ScenarioResult> scenarios;  // by file name
    bool passed() const;
};
// Builds the folder and runs its tests/*.yaml. A scenario that is not well formed is a problem of that scenario.
PackageTest test_package(const std::filesystem::path& folder, const Toolchain& toolchain,
                         const enclave::runtime::Engine& engine);

// Where `actual` is not what `expected` asks for, one line each; at most 32.
std::vector<std::string> partial_differences(const json::Value& expected, const json::Value* actual,
                                             const std::string& path);

}  // namespace concordat::registry
