#include "local.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

namespace concordat::registry {

std::shared_ptr<const LoadedPackage> load_package(const contract::Package& package,
                                                  const enclave::runtime::Engine& engine) {
    return std::make_shared<LoadedPackage>(
        LoadedPackage{package.id(), package.contract, engine.compile(package.module)});
}

LocalBinding::LocalBinding(std::shared_ptr<const LoadedPackage> package, json::Object terms, TimeMs time)
    : package_(std::move(package)), terms_(std::move(terms)), time_(time) {
    package_->contract.terms.validate(json::Value(terms_), "/terms");
    initial_ = run(*package_, nullptr, request("init", {}, terms_, time, 1), state_);
    ++sequence_;
}

void LocalBinding::check_time(TimeMs time) const {
    if (time < time_) throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(time_));
}

const std::string& LocalBinding::action_of(const std::string& from, const std::string& action) const {
    const contract::Contract& contract = package_->contract;
    if (contract.sources.contains(from)) {
        const std::string& driven = contract.driven_by(from);
        if (!action.empty() && action != driven) {
            throw Error(Code::not_a_party, "/action", "the source " + from + " drives '" + driven + "'");
        }
        return driven;
    }
    if (const std::string* hears = action.empty() ? contract.outcomes_of(from) : nullptr) return *hears;
    const auto found = contract.actions.find(action);
    if (found == contract.actions.end()) {
        throw Error(Code::not_found, "/action", "the contract has no action '" + action + "'");
    }
    if (std::ranges::find(found->second.from, from) == found->second.from.end()) {
        throw Error(Code::not_a_party, "/action", "'" + action + "' is not for " + from);
    }
    return found->first;
}

LocalOutput LocalBinding::handle(const std::string& from, const std::string& id, const std::string& action,
                                 const json::Object& message, TimeMs time) {
    check_time(time);
    const std::string& name = action_of(from, action);
    const contract::Action& declared = package_->contract.actions.find(name)->second;
    contract::check_when(declared, name, state_);
    declared.message.validate(json::Value(message), "/body");
    json::Object state;
    LocalOutput output = run(*package_, &declared,
                             request("handle",
                                     {{"action", name},
                                      {"message", message},
                                      {"sender", json::Object{{"id", id}, {"role", from}}},
                                      {"state", state_}},
                                     terms_, time, version_),
                             state);
    state_ = std::move(state);
    time_ = time;
    ++sequence_;
    return output;
}

LocalOutput LocalBinding::amend(std::shared_ptr<const LoadedPackage> package, json::Object terms, TimeMs time) {
    check_time(time);
    package->contract.terms.validate(json::Value(terms), "/terms");
    json::Object state = state_;
    LocalOutput output;
    if (package->id != package_->id) {
        output = run(
            *package, nullptr,
            request("migrate", {{"from", package_->contract.version}, {"state", state_}}, terms, time, version_ + 1),
            state);
    } else {
        package->contract.state.validate(json::Value(state), "/state");
    }
    package_ = std::move(package);
    terms_ = std::move(terms);
    state_ = std::move(state);
    time_ = time;
    ++version_;
    ++sequence_;
    return output;
}

std::string LocalBinding::request(std::string_view call, json::Object more, const json::Object& terms, TimeMs time,
                                  std::int64_t version) const {
    more["abi"] = 1;
    more["binding"] = crypto::sha256("a local binding").text();
    more["call"] = call;
    more["sequence"] = sequence_;
    more["terms"] = terms;
    more["time"] = format_time(time);
    more["version"] = version;
    more["seed"] = crypto::sha256(json::canonical(more)).hex();  // differs from call to call, repeats from run to run
    return json::canonical(more);
}

LocalOutput LocalBinding::run(const LoadedPackage& package, const contract::Action* action, const std::string& request,
                              json::Object& state) const {
    const enclave::runtime::Outcome outcome = package.logic.run(request);
    if (outcome.abort) {
        throw Error(Code::contract_aborted, "/body", outcome.abort->code + ": " + outcome.abort->text);
    }
    LocalOutput output{contract::read_output(outcome.output, action), outcome.fuel};
    package.contract.state.validate(json::Value(output.state), "/output/state");
    if (output.result) action->result->validate(json::Value(*output.result), "/output/result");
    state = output.state;
    return output;
}

}  // namespace concordat::registry
