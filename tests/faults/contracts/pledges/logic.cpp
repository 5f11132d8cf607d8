#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Pledges {
    void init(Context& context) {
        context.state() = Value::object({{"given", 0}, {"heard", 0}, {"words", context.terms()["words"]}});
    }

    void pledge(Context& context) {
        const Value amount = give(context);
        context.emit_effect(
            "thank",
            Value::object({{"from", context.message()["to"]}, {"to", context.message()["to"]}, {"amount", amount}}));
    }

    void pledge_soon(Context& context) { give(context); }

    void shout(Context& context) {
        require(int_of(context.message(), "amount") != 13, "unlucky", "is not said aloud");
        context.emit_event("said", Value::object({{"words", context.message()["words"]}}));
    }

    void given(Context& context) { context.state()["heard"] = int_of(context.state(), "heard") + 1; }

  private:
    static Value give(Context& context) {
        const Value amount(std::to_string(int_of(context.message(), "amount")));
        Value& state = context.state();
        state["given"] = int_of(state, "given") + int_of(context.message(), "amount");
        state["words"] = context.message()["words"];
        context.result(Value::object({{"words", context.message()["words"]}}));
        context.emit_effect("give", Value::object({{"to", context.message()["to"]}, {"amount", amount}}));
        return amount;
    }
};

CONCORDAT_CONTRACT(Pledges, CONCORDAT_ACTION("pledge", pledge), CONCORDAT_ACTION("pledge_soon", pledge_soon),
                   CONCORDAT_ACTION("shout", shout), CONCORDAT_ACTION("given", given));
