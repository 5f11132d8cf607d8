#include <algorithm>
#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Tokens {
    void init(Context& context) { context.state() = Value::object({{"paid", 0}, {"promised", Value(Array())}}); }

    void pay(Context& context) {
        context.state()["paid"] = int_of(context.state(), "paid") + int_of(context.message(), "amount");
        transfer(context);
    }

    void pay_soon(Context& context) {
        context.state()["promised"].as_array().push_back(
            Value::object({{"amount", context.message()["amount"]}, {"sequence", context.sequence()}}));
        transfer(context);
    }

    void paid(Context& context) {
        Array& promised = context.state()["promised"].as_array();
        const std::int64_t sequence = int_of(context.message(), "sequence");
        const auto found = std::find_if(promised.begin(), promised.end(),
                                        [&](const Value& one) { return int_of(one, "sequence") == sequence; });
        require(found != promised.end(), "unknown", "nothing was promised there");
        if (string_of(context.message(), "ending") == "committed") {
            context.state()["paid"] = int_of(context.state(), "paid") + int_of(*found, "amount");
        }
        promised.erase(found);
    }

  private:
    static void transfer(Context& context) {
        const std::string amount = std::to_string(int_of(context.message(), "amount"));
        context.emit_effect("transfer", Value::object({{"to", context.message()["to"]}, {"amount", amount}}));
    }
};

CONCORDAT_CONTRACT(Tokens, CONCORDAT_ACTION("pay", pay), CONCORDAT_ACTION("pay_soon", pay_soon),
                   CONCORDAT_ACTION("paid", paid));
