#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Purchase {
    void init(Context& context) { context.state() = Value::object({{"paid", 0}, {"purchases", 0}}); }

    void buy(Context& context) {
        const std::int64_t first = int_of(context.message(), "first"), second = int_of(context.message(), "second");
        context.state()["paid"] = int_of(context.state(), "paid") + first + second;
        context.state()["purchases"] = int_of(context.state(), "purchases") + 1;
        const Value amount = Value::object({{"amount", first}});
        context.emit_effect("draw_first", amount, std::nullopt, amount);
        context.emit_effect("draw_second", Value::object({{"amount", second}}));
    }
};

CONCORDAT_CONTRACT(Purchase, CONCORDAT_ACTION("buy", buy));
