#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

// The first letter of `how` says what else is to happen; whom it calls gets the rest.
struct Teller {
    void init(Context& context) { context.state() = Value::object({{"total", 0}}); }

    // Counts, and gives what is to be called: what it was told itself, but for the first letter of `how`.
    Value count(Context& context) {
        const std::string how = string_of(context.message(), "how");
        const std::int64_t amount = int_of(context.message(), "amount");
        context.state()["total"] = int_of(context.state(), "total") + amount;
        return Value::object({{"amount", amount}, {"how", how.empty() ? how : how.substr(1)}});
    }
    bool asks(Context& context, char what) { return string_of(context.message(), "how").substr(0, 1)[0] == what; }

    void add(Context& context) {
        const Value args = count(context);
        if (asks(context, 'a')) context.emit_effect("ask", args);
    }
    void pass(Context& context) { context.emit_effect("delegate", count(context)); }
    void deal(Context& context) {
        const Value args = count(context);
        if (asks(context, 'r')) context.emit_effect("reserve", args, std::nullopt, args);
        context.emit_effect("pay", Value::object({{"fail", "never"}, {"pay", "1"}, {"tag", "a payment"}}));
    }
};

CONCORDAT_CONTRACT(Teller, CONCORDAT_ACTION("add", add), CONCORDAT_ACTION("pass", pass),
                   CONCORDAT_ACTION("deal", deal));
