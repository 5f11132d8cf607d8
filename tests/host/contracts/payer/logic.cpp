#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

// Amount 0 pays nothing: then the message is recorded and that is all.
struct Payer {
    void init(Context& context) { context.state() = Value::object({{"paid", 0}, {"purpose", "nothing yet"}}); }

    void pay(Context& context) {
        const std::int64_t amount = int_of(context.message(), "amount");
        Value& state = context.state();
        state["paid"] = int_of(state, "paid") + amount;
        state["purpose"] = string_of(context.message(), "purpose");
        if (amount == 0) return;
        if (amount == 999) context.emit_effect("pay", Value::object({{"pay", "many"}}));
        const Value args = Value::object({{"fail", "never"}, {"pay", std::to_string(amount)}, {"tag", "a payment"}});
        context.emit_effect("pay", args);
    }
};

CONCORDAT_CONTRACT(Payer, CONCORDAT_ACTION("pay", pay));
