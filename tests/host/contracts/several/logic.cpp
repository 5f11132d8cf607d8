#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

Value call(const std::string& tag) { return Value::object({{"fail", "never"}, {"pay", "1"}, {"tag", tag}}); }

// The purpose says which steps: their first letters.
struct Several {
    void init(Context& context) { context.state() = Value::object({{"paid", 0}, {"purpose", "nothing yet"}}); }

    void deal(Context& context) {
        const std::string steps = string_of(context.message(), "purpose");
        context.state()["paid"] = int_of(context.state(), "paid") + int_of(context.message(), "amount");
        context.state()["purpose"] = steps;
        for (const char step : steps) {
            if (step == 'l') context.emit_effect("lock", call("lock"), call("release"), call("refund"));
            if (step == 'b') context.emit_effect("book", call("book"), std::nullopt, call("strike"));
            if (step == 'p') context.emit_effect("pay", call("pay"));
            if (step == 'n') context.emit_effect("note", call("note"));
        }
    }
};

CONCORDAT_CONTRACT(Several, CONCORDAT_ACTION("deal", deal));
