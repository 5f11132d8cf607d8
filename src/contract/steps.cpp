#include "steps.hpp"

#include <algorithm>
#include <base/json_text.hpp>
#include <base/wire.hpp>
#include <crypto/hash.hpp>

#include "names.hpp"
#include "places.hpp"

namespace concordat::contract {

namespace {

std::string at_item(const std::string& field, std::size_t index) { return field + "/" + std::to_string(index); }

// A second call has arguments exactly where the contract names such a call.
std::optional<json::Object> second_arguments(json::Reader& in, std::string_view name, const std::string& call,
                                             bool prepares) {
    if (!call.empty()) return in.object(name);
    if (in.find(name) != nullptr) in.fail(name, "must be absent: the contract's effect has no such call");
    return prepares ? std::optional(json::Object{}) : std::nullopt;
}

// The steps of these effects. One may come after another that the logic lists later.
std::vector<std::uint8_t> steps_of(const json::Array& effects, const std::vector<std::string>& names) {
    std::vector<std::uint8_t> out;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        const std::string_view name = effects[i].as_object().at("effect").as_string();
        if (std::ranges::find(names, name) != names.end()) out.push_back(static_cast<std::uint8_t>(i));
    }
    return out;
}

// Whether the kind of the effect's ledger has its own second calls.
bool prepares(const Contract& contract, const Effect& effect, ledger::Kinds kinds) {
    const std::string& name = contract.ledgers.find(effect.ledger)->second.kind;
    const auto kind = std::ranges::find(kinds, name, [](const ledger::Kind* one) { return one->name(); });
    return kind != kinds.end() && (*kind)->prepares();
}

// Steps come after others, not after each other.
void check_order(const std::vector<Step>& steps, const std::string& field) {
    std::vector<bool> done(steps.size());
    for (std::size_t left = steps.size(); left > 0;) {
        const std::size_t before = left;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto ready = [&](std::uint8_t step) { return done[step]; };
            if (done[i] || !std::ranges::all_of(steps[i].after, ready)) continue;
            done[i] = true;
            --left;
        }
        if (left == before) throw Error(Code::bad_format, field, "must not have steps that come after each other");
    }
}

// What is locked on one chain must not be released on another.
void check_routes(const std::vector<Step>& steps, const std::string& field) {
    for (const Step& step : steps) {
        const auto first = std::ranges::find(steps, step.ledger, &Step::ledger);
        if (first->route != step.route)
            throw Error(Code::bad_format, field, "must have one route for all steps on a ledger");
    }
}

std::vector<std::uint8_t> read_after(json::Reader& in, std::size_t steps) {
    std::vector<std::uint8_t> out;
    if (in.find("after") == nullptr) return out;
    for (const json::Value& item : in.array("after", max_steps)) {
        const auto* number = item.if_int64();
        const bool known = number != nullptr && *number >= 0 && static_cast<std::size_t>(*number) < steps;
        if (!known || (!out.empty() && *number <= out.back()))
            in.fail("after", "must hold numbers of steps, ascending");
        out.push_back(static_cast<std::uint8_t>(*number));
    }
    if (out.empty()) in.fail("after", "must not be empty where it is present");
    return out;
}

constexpr std::array route_reasons{"only",          "cheapest", "least_loaded", "first",    "not_configured",
                                   "other_genesis", "silent",   "failing",      "unfunded", "too_dear",
                                   "overloaded",    "dearer",   "more_loaded",  "later"};

RouteReason read_reason(json::Reader& in, RouteReason from, RouteReason to) {
    const std::string_view name = in.string("reason", 32);
    const auto found = std::ranges::find(route_reasons, name);
    const auto reason = static_cast<RouteReason>(found - route_reasons.begin());
    if (found == route_reasons.end() || reason < from || reason > to) {
        in.fail("reason", "must be a reason for this, as docs/formats.md lists them");
    }
    return reason;
}

std::string read_chain(json::Reader& in) {
    std::string chain(in.string("chain", 64));
    if (chain.find(':') == std::string::npos) in.fail("chain", "must be a chain id as CAIP-2 has it");
    return chain;
}

}  // namespace

ledger::Role role_from_name(std::string_view name, const std::string& field) {
    for (const ledger::Role role : {ledger::Role::call, ledger::Role::commit, ledger::Role::undo}) {
        if (name == ledger::role_name(role)) return role;
    }
    throw Error(Code::bad_format, field, "must be \"call\", \"commit\" or \"undo\"");
}

std::string_view route_reason_name(RouteReason reason) { return route_reasons.at(static_cast<std::size_t>(reason)); }

json::Object Route::to_json() const {
    json::Object out{{"chain", chain}, {"reason", route_reason_name(reason)}};
    if (passed.empty()) return out;
    json::Array others;
    for (const Passed& one : passed) {
        others.push_back(json::Object{{"chain", one.chain}, {"reason", route_reason_name(one.reason)}});
    }
    out["passed"] = std::move(others);
    return out;
}

Route Route::parse(const json::Value& value, const std::string& path) {
    json::Reader in(value, path);
    Route route;
    route.chain = read_chain(in);
    route.reason = read_reason(in, RouteReason::only, RouteReason::first);
    if (in.find("passed") != nullptr) {
        const json::Array& others = in.array("passed", max_candidates - 1);
        if (others.empty()) in.fail("passed", "must not be empty where it is present");
        for (std::size_t i = 0; i < others.size(); ++i) {
            json::Reader other(others[i], at_item(in.at("passed"), i));
            Passed one{read_chain(other), read_reason(other, RouteReason::not_configured, RouteReason::later)};
            other.finish();
            const bool known = one.chain == route.chain ||
                               std::ranges::find(route.passed, one.chain, &Passed::chain) != route.passed.end();
            if (known) other.fail("chain", "must be named once");
            route.passed.push_back(std::move(one));
        }
    }
    in.finish();
    return route;
}

void check_route(const LedgerPlace& place, const std::optional<Route>& route, const std::string& field) {
    const auto refuse = [&](const char* member, const char* rule) {
        throw Error(Code::bad_format, field + member, rule);
    };
    if (place.is_routed() != route.has_value())
        refuse("", "must be there where the ledger has candidates, and only there");
    if (!route) return;
    if (place.on(route->chain) == nullptr) refuse("/chain", "must be one of the ledger's candidates");
    std::vector<std::string> others, named;
    for (const LedgerTarget& one : place.candidates) {
        if (one.chain != route->chain) others.push_back(one.chain);
    }
    RouteReason last = RouteReason::overloaded;
    for (const Route::Passed& one : route->passed) {
        named.push_back(one.chain);
        last = std::max(last, one.reason);
    }
    if (others != named) refuse("/passed", "must be all other candidates, in the document's order");
    const auto steps_on = static_cast<int>(last) - static_cast<int>(RouteReason::overloaded);
    if (static_cast<int>(route->reason) != static_cast<int>(RouteReason::only) + steps_on) {
        refuse("/reason", "must be what is left when the others are passed over for their reasons");
    }
}

json::Object Step::to_json() const {
    json::Object out{{"effect", effect}, {"ledger", ledger}, {"args", arguments}};
    if (kind != EffectKind::pivot) out["kind"] = effect_kind_name(kind);
    if (commit) out["commit"] = *commit;
    if (undo) out["undo"] = *undo;
    if (!after.empty()) out["after"] = json::Array(after.begin(), after.end());
    if (route) out["route"] = route->to_json();
    if (!callers.empty()) out["callers"] = texts_of(callers);
    return out;
}

std::string Step::text() const {
    if (!after.empty() || route || !callers.empty()) return json::canonical(to_json());
    // What most steps have, without a copy.
    std::string out = "{\"args\":" + json::canonical(arguments);
    if (commit) out.append(",\"commit\":").append(json::canonical(*commit));
    json::append_string(out += ",\"effect\":", effect);
    if (kind != EffectKind::pivot) json::append_string(out += ",\"kind\":", effect_kind_name(kind));
    json::append_string(out += ",\"ledger\":", ledger);
    if (undo) out.append(",\"undo\":").append(json::canonical(*undo));
    return out + "}";
}

const json::Object& Step::arguments_of(ledger::Role role) const {
    switch (role) {
        case ledger::Role::call:
            return arguments;
        case ledger::Role::commit:
            return commit.value();
        case ledger::Role::undo:
            return undo.value();
    }
    panic("no such role");
}

std::vector<Step> plan_steps(const Contract& contract, const json::Array& effects, ledger::Kinds kinds,
                             const std::vector<Hash256>& callers) {
    const std::string field = "/output/effects";
    if (effects.size() > max_steps) throw Error(Code::undeclared_effect, field, "must be at most 16");
    std::vector<Step> steps;
    std::size_t pivots = 0;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader in(effects[i], at_item(field, i));
        Step step;
        step.effect = in.string("effect", max_name_bytes);
        const auto declared = contract.effects.find(step.effect);
        if (declared == contract.effects.end()) {
            throw Error(Code::undeclared_effect, in.at("effect"), "the contract has no effect '" + step.effect + "'");
        }
        const Effect& effect = declared->second;
        step.ledger = effect.ledger;
        step.kind = effect.kind;
        step.arguments = in.object("args");
        const bool two = effect.kind == EffectKind::compensatable && prepares(contract, effect, kinds);
        step.commit = second_arguments(in, "commit", effect.commit, two);
        step.undo = second_arguments(in, "undo", effect.undo, two);
        step.after = steps_of(effects, effect.after);
        if (contract.ledgers.find(effect.ledger)->second.kind == binding_kind) step.callers = callers;
        in.finish();
        pivots += step.kind == EffectKind::pivot ? 1 : 0;
        if (pivots > 1) {
            throw Error(Code::undeclared_effect, at_item(field, i),
                        "must be at most one pivot: two could not be atomic");
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

json::Object PinnedCall::to_json() const {
    return {{"step", step}, {"role", ledger::role_name(role)}, {"pin", pin.to_json()}};
}

std::vector<Step> parse_steps(const json::Array& effects, const std::string& field, std::vector<PinnedCall>& pins) {
    if (effects.empty() || effects.size() > max_steps) throw Error(Code::bad_format, field, "must be 1 to 16 steps");
    std::vector<Step> steps;
    std::size_t pivots = 0;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader in(effects[i], at_item(field, i));
        const std::string_view effect = in.string("effect", max_name_bytes);
        check_name(effect, in.at("effect"));
        const std::string_view on = in.string("ledger", max_name_bytes);
        check_name(on, in.at("ledger"));
        Step step{.effect = std::string(effect), .ledger = std::string(on), .arguments = in.object("args")};
        if (in.find("kind") != nullptr) {
            step.kind = effect_kind_from_name(in.string("kind", 16), in.at("kind"));
            if (step.kind == EffectKind::pivot) in.fail("kind", "must be absent for a pivot");
        }
        if (in.find("commit") != nullptr) step.commit = in.object("commit");
        if (in.find("undo") != nullptr) step.undo = in.object("undo");
        const bool compensatable = step.kind == EffectKind::compensatable;
        if (compensatable != step.undo.has_value())
            in.fail("undo", "must be there for what is compensatable, and only there");
        if (step.commit && !compensatable) in.fail("commit", "must be absent but for what is compensatable");
        step.after = read_after(in, effects.size());
        if (const json::Value* route = in.find("route")) step.route = Route::parse(*route, in.at("route"));
        if (in.find("callers") != nullptr) step.callers = read_callers(in, "callers");
        if (const json::Value* pin = in.find("pin")) {
            pins.push_back({static_cast<std::uint8_t>(i), ledger::Role::call, ledger::Pin::parse(*pin, in.at("pin"))});
        }
        in.finish();
        pivots += step.kind == EffectKind::pivot ? 1 : 0;
        steps.push_back(std::move(step));
    }
    if (pivots > 1) throw Error(Code::bad_format, field, "must have at most one pivot");
    for (const Step& step : steps) {
        for (const std::uint8_t before : step.after) {
            if (steps[before].kind > step.kind)
                throw Error(Code::bad_format, field, "must have no step after a later kind");
        }
    }
    check_order(steps, field);
    check_routes(steps, field);
    return steps;
}

std::vector<PinnedCall> parse_pinned(const json::Array& effects, const std::string& field) {
    std::vector<PinnedCall> out;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader in(effects[i], at_item(field, i));
        PinnedCall call;
        call.step = static_cast<std::uint8_t>(in.integer("step", 0, max_steps - 1));
        call.role = ledger::role_from_name(in.string("role", 16), in.at("role"));
        call.pin = ledger::Pin::parse(in.any("pin"), in.at("pin"));
        in.finish();
        out.push_back(std::move(call));
    }
    return out;
}

ledger::Target target_of(const Contract& contract, const Effect& effect, const std::string& address, std::uint64_t work,
                         ledger::Role role, const Hash256& step, const std::vector<Hash256>& callers) {
    // Where the contract names no second call the kind has its own: what is called stays the same.
    const std::string& second = role == ledger::Role::commit ? effect.commit : effect.undo;
    return {.interface = contract.ledgers.find(effect.ledger)->second.interface,
            .call = role == ledger::Role::call || second.empty() ? effect.call : second,
            .address = address,
            .work = work,
            .role = role,
            .step = step,
            .callers = callers};
}

Hash256 step_id(const Hash256& binding, std::int64_t sequence, std::uint8_t step) {
    static constexpr std::array<std::uint8_t, 2> head{0x00, 0x50};
    static constexpr std::array<std::uint8_t, 24> zeros{};  // before 8 bytes: u256
    wire::Writer number, place;
    number.u64(static_cast<std::uint64_t>(sequence));
    place.u64(step);
    return crypto::sha256({head, binding.view(), zeros, number.get(), zeros, place.get()});
}

}  // namespace concordat::contract
