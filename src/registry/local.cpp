#include "local.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

namespace concordat::registry {
namespace {

constexpr std::size_t max_effects = 16;  // as in the enclave
constexpr std::size_t max_events = 64;

json::Array checked_effects(json::Reader& output, const contract::Action* action) {
    if (output.find("effects") == nullptr) return {};
    json::Array effects = output.array("effects", max_effects);
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader effect(effects[i], "/output/effects/" + std::to_string(i));
        const std::string name(effect.string("effect", 128));
        effect.object("args");
        effect.finish();
        if (action == nullptr || std::ranges::find(action->effects, name) == action->effects.end()) {
            throw Error(Code::undeclared_effect, effect.at("effect"), "the action does not declare '" + name + "'");
        }
    }
    return effects;
}

json::Array checked_events(json::Reader& output) {
    if (output.find("events") == nullptr) return {};
    json::Array events = output.array("events", max_events);
    for (std::size_t i = 0; i < events.size(); ++i) {
        json::Reader event(events[i], "/output/events/" + std::to_string(i));
        event.string("type", 128);
        if (event.find("data") != nullptr) event.object("data");
        event.finish();
    }
    return events;
}

void check_result(const LocalOutput& output, const contract::Action* action) {
    const bool declared = action != nullptr && action->result.has_value();
    if (output.result.has_value() != declared) {
        throw Error(Code::schema_mismatch, "/output/result",
                    declared ? "the action declares a result" : "the action declares no result");
    }
    if (declared) action->result->validate(json::Value(*output.result), "/output/result");
}

}  // namespace

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
    if (declared.when) {
        try {
            declared.when->validate(json::Value(state_), "/state");
        } catch (const Error& mismatch) {
            throw Error(Code::action_refused, mismatch.field(), "'" + name + "' asks of the state: " + mismatch.rule());
        }
    }
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
    json::Value value = json::parse(outcome.output, "/output");
    json::Reader reader(value, "/output");
    LocalOutput output;
    output.fuel = outcome.fuel;
    reader.object("state");
    if (reader.find("result") != nullptr) output.result = reader.object("result");
    output.effects = checked_effects(reader, action);
    output.events = checked_events(reader);
    reader.finish();
    check_result(output, action);
    package.contract.state.validate(value.get_object().at("state"), "/output/state");
    state = std::move(value.get_object().at("state").get_object());
    return output;
}

}  // namespace concordat::registry
