// Prices each delivery line by line in exact decimals and keeps the running totals.
#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Deliveries {
    void init(Context& context) {
        require(decimal_of(context.terms(), "maximum").sign() > 0, "bad_terms", "the maximum must be positive");
        context.state() = Value::object({{"deliveries", 0}, {"units", 0}, {"total", "0.00"}});
    }

    void deliver(Context& context) {
        const Value& message = context.message();
        Decimal amount = Decimal::parse("0.00");
        std::int64_t units = 0;
        for (const Value& line : message["lines"].as_array()) {
            const std::int64_t count = int_of(line, "units");
            amount = amount + decimal_of(line, "price") * Decimal(count);
            units += count;
        }
        require(amount <= decimal_of(context.terms(), "maximum"), "too_much", "one delivery may not cost so much");
        Value& state = context.state();
        state["deliveries"] = int_of(state, "deliveries") + 1;
        state["units"] = int_of(state, "units") + units;
        state["total"] = (decimal_of(state, "total") + amount).text();
        state["last"] =
            Value::object({{"order", message["order"]}, {"by", context.sender().role}, {"amount", amount.text()}});
        context.result(Value::object({{"number", state["deliveries"]}, {"amount", amount.text()}}));
        context.emit_event("delivered", Value::object({{"order", message["order"]}}));
    }
};

CONCORDAT_CONTRACT(Deliveries, CONCORDAT_ACTION("deliver", deliver));
