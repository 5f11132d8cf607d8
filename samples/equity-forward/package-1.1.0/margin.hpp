// Margin: when what is unsecured passes the threshold, the side that is behind must post all of it.
#pragma once
#include <concordat/contract.hpp>

namespace margin {

using namespace concordat::cryptlet;

inline void begin(Value& state) {
    state["margin_calls"] = 0;
    state["collateral"] = "0.00";
}

// `worth` is to the buyer. The event says that margin was called: not from whom, not how much.
inline void call(Context& context, const Decimal& worth) {
    Value& state = context.state();
    const Decimal unsecured = worth - decimal_of(state, "collateral");
    if (unsecured.abs() <= decimal_of(context.terms(), "margin_threshold")) {
        state.as_object().erase("margin_due");
        return;
    }
    state["margin_due"] =
        Value::object({{"from", unsecured.sign() > 0 ? "seller" : "buyer"}, {"amount", unsecured.abs().text()}});
    const std::int64_t number = int_of(state, "margin_calls") + 1;
    state["margin_calls"] = number;
    context.emit_event("margin_call", Value::object({{"number", number}}));
}

inline void post(Value& state, const std::string& role, const Decimal& amount) {
    require(state.contains("margin_due"), "no_margin_due", "no margin is called for");
    const Value due = state["margin_due"];
    require(string_of(due, "from") == role, "not_behind", "the other side has to post");
    require(amount == decimal_of(due, "amount"), "amount_differs", "the amount is not that of the margin call");
    const Decimal posted = role == "seller" ? amount : -amount;
    state["collateral"] = (decimal_of(state, "collateral") + posted).rescale(2, Rounding::half_even).text();
    state.as_object().erase("margin_due");
}

}  // namespace margin
