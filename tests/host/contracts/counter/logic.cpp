#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Counter {
    void init(Context& context) { context.state() = Value::object({{"total", 0}}); }

    void add(Context& context) {
        if (string_of(context.message(), "how") == "abort") abort_with("too_much", "as it was asked to");
        for (volatile int i = 0; string_of(context.message(), "how") == "spin" && i < 100'000'000; i = i + 1) {
        }
        Value& total = context.state()["total"];
        total = int_of(context.state(), "total") + int_of(context.message(), "amount");
        context.emit_event("added", Value::object({{"amount", int_of(context.message(), "amount")}}));
    }
    void take(Context& context) {
        context.state()["total"] = int_of(context.state(), "total") - int_of(context.message(), "amount");
    }
    void reset(Context& context) { context.state()["total"] = 0; }
};

CONCORDAT_CONTRACT(Counter, CONCORDAT_ACTION("add", add), CONCORDAT_ACTION("take", take),
                   CONCORDAT_ACTION("reset", reset));
