// What a contract's method gets: the call's input, and where it puts what it decides. See README.md for the JSON.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "date.hpp"
#include "decimal.hpp"
#include "json.hpp"
#include "random.hpp"

namespace concordat::cryptlet {

struct Sender {
    std::string role;  // the party's role, the source's name for an observation, the ledger's for an outcome
    std::string id;
};

// A decimal member: decimal_of(context.terms(), "strike"). Aborts with missing_field, wrong_type or bad_decimal.
inline Decimal decimal_of(const Value& object, std::string_view key) { return Decimal::parse(object[key].as_string()); }
inline const std::string& string_of(const Value& object, std::string_view key) { return object[key].as_string(); }
inline std::int64_t int_of(const Value& object, std::string_view key) { return object[key].as_int(); }
inline Date date_of(const Value& object, std::string_view key) { return Date::parse(object[key].as_string()); }

class Context {
  public:
    // Aborts when a member of the input is missing or has the wrong type: that is the host's fault, or a bad test's.
    explicit Context(Value given) : input_(std::move(given)) {
        require(input()["abi"].as_int() == 1, "unknown_abi", "this module speaks host interface version 1");
        if (Value* state = input_.find("state")) state_ = std::move(*state);  // nobody else reads it there
        if (state_.is_null()) state_ = Value(Object());
    }

    const std::string& call() const { return string_of(input(), "call"); }      // "init", "handle" or "migrate"
    const std::string& action() const { return string_of(input(), "action"); }  // of "handle"
    const std::string& binding() const { return string_of(input(), "binding"); }
    std::int64_t version() const { return int_of(input(), "version"); }    // of the binding
    std::int64_t sequence() const { return int_of(input(), "sequence"); }  // of the entry that this execution makes
    Sender sender() const {
        const Value& sender = input()["sender"];
        return {string_of(sender, "role"), string_of(sender, "id")};
    }
    const Value& terms() const { return input()["terms"]; }
    const Value& message() const { return input()["message"]; }
    // In "migrate": the package version that made the state.
    const std::string& from() const { return string_of(input(), "from"); }
    // The host's claim of the time, never before the binding's last entry. A deadline that matters names a clock
    // source.
    Time time() const { return Time::parse(string_of(input(), "time")); }

    // The contract's state: change it in place; what it is when the method returns is the new state.
    Value& state() { return state_; }
    const Value& state() const { return state_; }

    // Drawn from the execution's secret seed: a re-run draws the same. Nobody can predict them, but whoever sees
    // results learns them, so publish only what may be known.
    Random& random() {
        if (!random_seeded_) {
            random_ = Random(string_of(input(), "seed"));
            random_seeded_ = true;
        }
        return random_;
    }
    const std::string& seed() const { return string_of(input(), "seed"); }

    // The answer to the sender.
    void result(Value value) { result_ = std::move(value); }
    // Asks for an effect on another ledger or system. The package must declare it for this action.
    // What is compensatable has the arguments of its second calls too, where the package names these.
    void emit_effect(std::string_view name, Value args, std::optional<Value> commit = {},
                     std::optional<Value> undo = {}) {
        Value effect = Value::object({{"args", std::move(args)}, {"effect", Value(name)}});
        if (commit) effect["commit"] = std::move(*commit);
        if (undo) effect["undo"] = std::move(*undo);
        effects_.push_back(std::move(effect));
    }
    // Tells whoever listens to the binding.
    void emit_event(std::string_view type, Value data) {
        events_.push_back(Value::object({{"data", std::move(data)}, {"type", Value(type)}}));
    }

    // The output's JSON: what the module returns to the host.
    Value take_output() {
        Object out;
        out["state"] = std::move(state_);
        if (!result_.is_null()) out["result"] = std::move(result_);
        if (!effects_.empty()) out["effects"] = std::move(effects_);
        if (!events_.empty()) out["events"] = std::move(events_);
        return Value(std::move(out));
    }

  private:
    const Value& input() const { return input_; }

    Value input_;
    Value state_;
    Value result_;
    Array effects_;
    Array events_;
    Random random_{std::string(64, '0')};
    bool random_seeded_ = false;
};

}  // namespace concordat::cryptlet
