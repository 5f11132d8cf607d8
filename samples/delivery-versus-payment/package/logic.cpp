// Shares against cash, both or neither: the platform sees to that, the contract says what goes where.
#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

namespace {

Value text_of(std::int64_t amount) { return Value(std::to_string(amount)); }

// Of a lock in the escrow, where other contracts' locks are too: random, so that nobody can have taken it before.
std::string lock_id(Random& random) {
    std::string out = "0x";
    for (int i = 0; i < 64; ++i) out += "0123456789abcdef"[random.below(16)];
    return out;
}

}  // namespace

struct DeliveryVersusPayment {
    void init(Context& context) {
        context.state() = Value::object({{"status", "idle"},
                                         {"quantity", 0},
                                         {"price", 0},
                                         {"until", 0},
                                         {"deals", 0},
                                         {"delivered", 0},
                                         {"paid", 0}});
    }

    void offer(Context& context) {
        Value& state = context.state();
        state["status"] = "offered";
        for (const char* member : {"quantity", "price", "until"}) state[member] = int_of(context.message(), member);
    }

    // The buyer repeats what it accepts: an offer that was changed meanwhile is not accepted by mistake.
    void accept(Context& context) {
        Value& state = context.state();
        for (const char* member : {"quantity", "price"}) {
            require(int_of(context.message(), member) == int_of(state, member), "other_offer",
                    "the offer has another " + std::string(member));
        }
        const std::int64_t quantity = int_of(state, "quantity"), price = int_of(state, "price");
        const Value& terms = context.terms();
        const Value &seller = terms["seller"], &buyer = terms["buyer"];
        const Value id(lock_id(context.random()));
        const Value lock = Value::object({{"id", id},
                                          {"standard", "1"},  // ERC-20
                                          {"token", terms["share"]},
                                          {"tokenId", "0"},
                                          {"amount", text_of(quantity)},
                                          {"from", seller["shares"]},
                                          {"to", buyer["shares"]},
                                          {"deadline", text_of(int_of(state, "until"))}});
        const Value name = Value::object({{"id", id}});
        context.emit_effect("deliver", lock, name, name);
        context.emit_effect(
            "pay", Value::object({{"from", buyer["cash"]}, {"to", seller["cash"]}, {"amount", text_of(price)}}));
        state["status"] = "settled";
        state["deals"] = int_of(state, "deals") + 1;
        state["delivered"] = int_of(state, "delivered") + quantity;
        state["paid"] = int_of(state, "paid") + price;
    }
};

CONCORDAT_CONTRACT(DeliveryVersusPayment, CONCORDAT_ACTION("offer", offer), CONCORDAT_ACTION("accept", accept));
