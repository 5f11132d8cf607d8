#include "steps.hpp"

#include <algorithm>
#include <base/wire.hpp>
#include <crypto/hash.hpp>

#include "names.hpp"

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

}  // namespace

ledger::Role role_from_name(std::string_view name, const std::string& field) {
    for (const ledger::Role role : {ledger::Role::call, ledger::Role::commit, ledger::Role::undo}) {
        if (name == ledger::role_name(role)) return role;
    }
    throw Error(Code::bad_format, field, "must be \"call\", \"commit\" or \"undo\"");
}

json::Object Step::to_json() const {
    json::Object out{{"effect", effect}, {"ledger", ledger}, {"args", arguments}};
    if (kind != EffectKind::pivot) out["kind"] = effect_kind_name(kind);
    if (commit) out["commit"] = *commit;
    if (undo) out["undo"] = *undo;
    if (!after.empty()) out["after"] = json::Array(after.begin(), after.end());
    return out;
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

std::vector<Step> plan_steps(const Contract& contract, const json::Array& effects, ledger::Kinds kinds) {
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
        Step step;
        step.effect = in.string("effect", max_name_bytes);
        check_name(step.effect, in.at("effect"));
        step.ledger = in.string("ledger", max_name_bytes);
        check_name(step.ledger, in.at("ledger"));
        step.arguments = in.object("args");
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
    return steps;
}

std::vector<PinnedCall> parse_pinned(const json::Array& effects, const std::string& field) {
    std::vector<PinnedCall> out;
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader in(effects[i], at_item(field, i));
        PinnedCall call;
        call.step = static_cast<std::uint8_t>(in.integer("step", 0, max_steps - 1));
        call.role = role_from_name(in.string("role", 16), in.at("role"));
        call.pin = ledger::Pin::parse(in.any("pin"), in.at("pin"));
        in.finish();
        out.push_back(std::move(call));
    }
    return out;
}

ledger::Target target_of(const Contract& contract, const Effect& effect, const std::string& address, std::uint64_t work,
                         ledger::Role role, const Hash256& step) {
    // Where the contract names no second call the kind has its own: what is called stays the same.
    const std::string& second = role == ledger::Role::commit ? effect.commit : effect.undo;
    return {.interface = contract.ledgers.find(effect.ledger)->second.interface,
            .call = role == ledger::Role::call || second.empty() ? effect.call : second,
            .address = address,
            .work = work,
            .role = role,
            .step = step};
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
