#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Tokens {
    void init(Context& context) { context.state() = Value::object({{"paid", 0}}); }

    void pay(Context& context) {
        const std::int64_t amount = int_of(context.message(), "amount");
        context.state()["paid"] = int_of(context.state(), "paid") + amount;
        context.emit_effect("transfer",
                            Value::object({{"to", context.message()["to"]}, {"amount", std::to_string(amount)}}));
    }
};

CONCORDAT_CONTRACT(Tokens, CONCORDAT_ACTION("pay", pay));
