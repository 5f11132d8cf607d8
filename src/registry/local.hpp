// A contract running by itself, for its developer: the real runtime, schemas, conditions and declarations, without
// keys, ledger or enclave. Follows the rules of docs/formats.md §3; nothing here is signed or sealed.
#pragma once
#include <base/clock.hpp>
#include <contract/output.hpp>
#include <contract/package.hpp>
#include <enclave/runtime/runtime.hpp>
#include <memory>
#include <optional>
#include <string>

namespace concordat::registry {

struct LoadedPackage {
    Hash256 id;
    contract::Contract contract;
    enclave::runtime::Module logic;
};
// Throws Error(bad_module).
std::shared_ptr<const LoadedPackage> load_package(const contract::Package& package,
                                                  const enclave::runtime::Engine& engine);

struct LocalOutput : contract::Output {
    std::uint64_t fuel = 0;
};

class LocalBinding {
  public:
    // Runs init. Throws Error(schema_mismatch | contract_aborted | …); contract_aborted has the rule "<code>: <text>".
    LocalBinding(std::shared_ptr<const LoadedPackage> package, json::Object terms, TimeMs time);

    // `from` is a role, with `action`, or a source or ledger, whose action follows (then `action` is empty or that).
    // Throws Error(not_found | not_a_party | schema_mismatch | action_refused | contract_aborted | undeclared_effect |
    // time_went_back | out_of_fuel …) and changes nothing then.
    LocalOutput handle(const std::string& from, const std::string& id, const std::string& action,
                       const json::Object& message, TimeMs time);
    // The next binding version: other terms, or another package, whose migrate then runs.
    LocalOutput amend(std::shared_ptr<const LoadedPackage> package, json::Object terms, TimeMs time);

    const json::Object& state() const { return state_; }
    const json::Object& terms() const { return terms_; }
    const LoadedPackage& package() const { return *package_; }
    TimeMs time() const { return time_; }
    const LocalOutput& initial() const { return initial_; }

  private:
    std::string request(std::string_view call, json::Object more, const json::Object& terms, TimeMs time,
                        std::int64_t version) const;
    LocalOutput run(const LoadedPackage& package, const contract::Action* action, const std::string& request,
                    json::Object& state) const;
    const std::string& action_of(const std::string& from, const std::string& action) const;
    void check_time(TimeMs time) const;

    std::shared_ptr<const LoadedPackage> package_;  // shared with other bindings in a test run
    json::Object terms_, state_;
    TimeMs time_ = 0;
    std::int64_t version_ = 1, sequence_ = 0;
    LocalOutput initial_;
};

}  // namespace concordat::registry
