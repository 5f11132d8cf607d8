#include "output.hpp"

#include <algorithm>
#include <base/error.hpp>

namespace concordat::contract {

namespace {

constexpr std::size_t max_effects = 16;
constexpr std::size_t max_events = 64;
constexpr std::size_t max_name = 128;

void check_effects(json::Reader& output, const Action* action) {
    if (output.find("effects") == nullptr) return;
    const json::Array& effects = output.array("effects", max_effects);
    for (std::size_t i = 0; i < effects.size(); ++i) {
        json::Reader effect(effects[i], "/output/effects/" + std::to_string(i));
        const std::string name(effect.string("effect", max_name));
        effect.object("args");
        for (const char* second : {"commit", "undo"}) {
            if (effect.find(second) != nullptr) effect.object(second);
        }
        effect.finish();
        if (action == nullptr || std::ranges::find(action->effects, name) == action->effects.end()) {
            throw Error(Code::undeclared_effect, effect.at("effect"), "the action does not declare '" + name + "'");
        }
    }
}

void check_events(json::Reader& output) {
    if (output.find("events") == nullptr) return;
    const json::Array& events = output.array("events", max_events);
    for (std::size_t i = 0; i < events.size(); ++i) {
        json::Reader event(events[i], "/output/events/" + std::to_string(i));
        event.string("type", max_name);
        if (event.find("data") != nullptr) event.object("data");
        event.finish();
    }
}

// A document may be large, so its parts are taken, not copied.
json::Array take_array(json::Object& object, std::string_view name) {
    json::Value* value = object.if_contains(name);
    return value == nullptr ? json::Array() : std::move(value->get_array());
}

}  // namespace

Output read_output(std::string_view text, const Action* action) {
    json::Value value = json::parse(text, "/output");
    json::Reader reader(value, "/output");
    Output out;
    reader.object("state");
    if (reader.find("result") != nullptr) out.result = reader.object("result");
    check_effects(reader, action);
    check_events(reader);
    reader.finish();
    const bool declared = action != nullptr && action->result.has_value();
    if (out.result.has_value() != declared) {
        const char* rule = action == nullptr ? "init and migrate return no result"
                           : declared        ? "the action declares a result"
                                             : "the action declares no result";
        throw Error(Code::schema_mismatch, "/output/result", rule);
    }
    json::Object& parts = value.get_object();
    out.effects = take_array(parts, "effects");
    out.events = take_array(parts, "events");
    out.state = std::move(parts.at("state").get_object());
    return out;
}

void check_when(const Action& action, std::string_view name, const json::Object& state) {
    if (!action.when) return;
    try {
        action.when->validate(json::Value(state), "/state");
    } catch (const Error& mismatch) {
        throw Error(Code::action_refused, mismatch.field(),
                    "'" + std::string(name) + "' asks of the state: " + mismatch.rule());
    }
}

}  // namespace concordat::contract
