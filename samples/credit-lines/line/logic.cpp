#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct CreditLine {
    void init(Context& context) {
        const std::int64_t limit = int_of(context.terms(), "limit");
        require(limit > 0, "bad_limit", "a line has a limit above 0");
        context.state() = Value::object({{"drawn", 0}, {"limit", limit}});
    }
    void draw(Context& context) {
        const std::int64_t drawn = int_of(context.state(), "drawn") + int_of(context.message(), "amount");
        require(drawn <= int_of(context.state(), "limit"), "over_limit", "more would be drawn than the limit");
        context.state()["drawn"] = drawn;
    }
    void give_back(Context& context) {
        const std::int64_t drawn = int_of(context.state(), "drawn") - int_of(context.message(), "amount");
        require(drawn >= 0, "not_drawn", "more would be given back than was drawn");
        context.state()["drawn"] = drawn;
    }
};

CONCORDAT_CONTRACT(CreditLine, CONCORDAT_ACTION("draw", draw), CONCORDAT_ACTION("give_back", give_back));
