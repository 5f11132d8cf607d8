#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

// Amount 0 pays nothing. Amount 13 is one whose outcome the contract will not hear.
struct EarlyPayer {
    void init(Context& context) {
        context.state() = Value::object({{"asked", 0}, {"failed", 0}, {"paid", 0}, {"purpose", "nothing yet"}});
    }

    void pay(Context& context) { ask(context, "pay"); }
    void promise(Context& context) { ask(context, "promise"); }

    void ask(Context& context, const char* effect) {
        const std::int64_t amount = int_of(context.message(), "amount");
        Value& state = context.state();
        state["asked"] = int_of(state, "asked") + amount;
        state["purpose"] = string_of(context.message(), "purpose");
        if (amount == 0) return;
        const Value args = Value::object({{"fail", "never"}, {"pay", std::to_string(amount)}, {"tag", "a payment"}});
        context.emit_effect(effect, args);
    }

    void paid(Context& context) {
        Value& state = context.state();
        require(int_of(state, "asked") != 13, "unlucky", "will not hear of it");
        const std::string ending = string_of(context.message(), "ending");
        const char* const count = ending == "committed" ? "paid" : "failed";
        state[count] = int_of(state, count) + 1;
        state["purpose"] = context.sender().role + " " + context.sender().id + ": " + ending;
        context.emit_event("heard", Value::object({{"effect", string_of(context.message(), "effect")},
                                                   {"sequence", int_of(context.message(), "sequence")}}));
    }
};

CONCORDAT_CONTRACT(EarlyPayer, CONCORDAT_ACTION("pay", pay), CONCORDAT_ACTION("pay_and_wait", pay),
                   CONCORDAT_ACTION("promise", promise), CONCORDAT_ACTION("paid", paid));
