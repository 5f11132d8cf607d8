// A cash-settled equity forward. At each fixing the trade is worth notional × (price − strike) to the buyer; the first
// fixing on or after maturity settles it: who is behind pays that amount, less the collateral it has posted.
#include <concordat/contract.hpp>

#include "margin.hpp"

using namespace concordat::cryptlet;

struct EquityForward {
    void init(Context& context) {
        const Value& terms = context.terms();
        require(decimal_of(terms, "notional").sign() > 0, "bad_terms", "the notional must be positive");
        require(decimal_of(terms, "strike").sign() > 0, "bad_terms", "the strike must be positive");
        require(date_of(terms, "effective") < date_of(terms, "maturity"), "bad_terms",
                "maturity must follow effective");
        check_threshold(terms);
        context.state() = Value::object({{"status", "draft"}, {"fixings", 0}, {"acknowledged", Value(Array())}});
        margin::begin(context.state());
    }

    // From 1.0.0, which knew no margin: a running trade is looked at once, as it was last marked.
    void migrate(Context& context) {
        require(context.from() == "1.0.0", "unknown_version", "only 1.0.0 can be turned into this version");
        check_threshold(context.terms());
        Value& state = context.state();
        margin::begin(state);
        if (string_of(state, "status") == "active" && state.contains("mark_to_market")) {
            margin::call(context, decimal_of(state, "mark_to_market"));
        }
    }

    void confirm(Context& context) {
        Value& state = context.state();
        if (context.message().contains("reference")) state["reference"] = context.message()["reference"];
        state["status"] = "active";
        context.emit_event("confirmed", Value(Object()));
    }

    void fix(Context& context) {
        const Value& fixing = context.message();
        check_fixing(context, fixing);
        const Decimal price = decimal_of(fixing, "price");
        const Decimal worth = worth_to_buyer(context.terms(), price);
        Value& state = context.state();
        state["fixings"] = int_of(state, "fixings") + 1;
        state["last_date"] = fixing["date"];
        state["last_price"] = fixing["price"];
        state["mark_to_market"] = worth.text();
        if (date_of(fixing, "date") >= date_of(context.terms(), "maturity")) {
            settle(context, worth - decimal_of(state, "collateral"), price);
        } else {
            margin::call(context, worth);
        }
        context.result(Value::object(
            {{"number", state["fixings"]}, {"status", state["status"]}, {"mark_to_market", state["mark_to_market"]}}));
    }

    void post_margin(Context& context) {
        margin::post(context.state(), context.sender().role, decimal_of(context.message(), "amount"));
        context.emit_event("margin_posted", Value(Object()));
    }

    void acknowledge(Context& context) {
        Value& state = context.state();
        const std::string role = context.sender().role;
        Array& acknowledged = state["acknowledged"].as_array();
        for (const Value& earlier : acknowledged) {
            require(earlier.as_string() != role, "already_acknowledged", "this side has acknowledged before");
        }
        require(decimal_of(context.message(), "amount") == decimal_of(state["settlement"], "amount"), "amount_differs",
                "the amount is not that of the settlement");
        acknowledged.push_back(Value(role));
        if (acknowledged.size() == 2) state["status"] = "closed";
        context.emit_event("acknowledged", Value::object({{"by", role}}));
    }

    void dispute(Context& context) {
        Value& state = context.state();
        const std::string role = context.sender().role;
        state["dispute"] = Value::object({{"by", role}, {"reason", context.message()["reason"]}});
        state["status"] = "disputed";
        context.emit_event("disputed", Value::object({{"by", role}}));
    }

  private:
    static void check_threshold(const Value& terms) {
        require(!decimal_of(terms, "margin_threshold").is_negative(), "bad_terms", "the threshold may not be negative");
    }

    static void check_fixing(const Context& context, const Value& fixing) {
        const Value& state = context.state();
        require(string_of(fixing, "symbol") == string_of(context.terms(), "symbol"), "wrong_symbol",
                "the fixing is for another share");
        require(decimal_of(fixing, "price").sign() > 0, "bad_price", "a price must be positive");
        const Date date = date_of(fixing, "date");
        require(date >= date_of(context.terms(), "effective"), "too_early",
                "the fixing lies before the effective date");
        require(!state.contains("last_date") || date > date_of(state, "last_date"), "stale_fixing",
                "the fixing is not later than the last one");
    }

    static Decimal worth_to_buyer(const Value& terms, const Decimal& price) {
        return (decimal_of(terms, "notional") * (price - decimal_of(terms, "strike"))).rescale(2, Rounding::half_even);
    }

    static void settle(Context& context, const Decimal& due_to_buyer, const Decimal& price) {
        Value& state = context.state();
        const char* payer = due_to_buyer.sign() > 0 ? "seller" : due_to_buyer.sign() < 0 ? "buyer" : "nobody";
        state["settlement"] =
            Value::object({{"payer", payer}, {"amount", due_to_buyer.abs().text()}, {"price", price.text()}});
        state.as_object().erase("margin_due");
        state["status"] = "settled";
        context.emit_event("settled", Value::object({{"date", state["last_date"]}}));
        if (due_to_buyer.sign() != 0) pay(context, payer, due_to_buyer.abs());
    }

    // In one transaction with the entry that settles: either both are there for good, or neither is.
    static void pay(Context& context, const std::string& payer, const Decimal& amount) {
        const Value& accounts = context.terms()["accounts"];
        const Decimal cents = (amount * Decimal(100)).rescale(0, Rounding::half_even);
        context.emit_effect("pay", Value::object({{"from", accounts[payer]},
                                                  {"to", accounts[payer == "seller" ? "buyer" : "seller"]},
                                                  {"amount", cents.text()}}));
    }
};

CONCORDAT_CONTRACT(EquityForward, CONCORDAT_ACTION("confirm", confirm), CONCORDAT_ACTION("fix", fix),
                   CONCORDAT_ACTION("post_margin", post_margin), CONCORDAT_ACTION("acknowledge", acknowledge),
                   CONCORDAT_ACTION("dispute", dispute));
