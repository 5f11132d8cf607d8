// An order: booked in the ERP, money reserved at the bank, goods handed over on the chain, money paid; or nothing of
// it.
#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct OrderToCash {
    void init(Context& context) {
        context.state() = Value::object({{"orders", 0}, {"delivered", 0}, {"paid", 0}, {"reference", "none"}});
    }

    // The order's own reference stays between the two; ERP and bank hear its number.
    void order(Context& context) {
        Value& state = context.state();
        const Value& terms = context.terms();
        const std::int64_t quantity = int_of(context.message(), "quantity"), price = quantity * int_of(terms, "price");
        state["orders"] = int_of(state, "orders") + 1;
        state["delivered"] = int_of(state, "delivered") + quantity;
        state["paid"] = int_of(state, "paid") + price;
        state["reference"] = string_of(context.message(), "reference");
        context.emit_effect("book", Value::object({{"number", state["orders"]},
                                                   {"sku", terms["sku"]},
                                                   {"quantity", quantity},
                                                   {"amount", std::to_string(price)}}));
        context.emit_effect("pay", Value::object({{"from", terms["payer"]},
                                                  {"to", terms["payee"]},
                                                  {"amount", std::to_string(price)},
                                                  {"reference", "order " + std::to_string(int_of(state, "orders"))}}));
        context.emit_effect(
            "deliver",
            Value::object({{"from", terms["from"]}, {"to", terms["to"]}, {"amount", std::to_string(quantity)}}));
    }
};

CONCORDAT_CONTRACT(OrderToCash, CONCORDAT_ACTION("order", order));
