// What a contract's logic gives back for one call, checked against what the contract declares (docs/formats.md §3).
#pragma once
#include <base/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "package.hpp"

namespace concordat::contract {

struct Output {
    json::Object state;                  // not yet checked against its schema
    std::optional<json::Object> result;  // there exactly if the action declares one; not yet checked against its schema
    json::Array effects;                 // at most 16, each declared by the action
    json::Array events;                  // at most 64
};

// `action` is null for init and migrate, which return no result and have no effects. Throws Error(bad_json | too_large
// | missing_field | unknown_field | bad_format | undeclared_effect | schema_mismatch) with a field below /output.
Output read_output(std::string_view text, const Action* action);

// Throws Error(action_refused) with a field below /state unless the state satisfies the action's condition.
void check_when(const Action& action, std::string_view name, const json::Object& state);

}  // namespace concordat::contract
