// The example in contract.hpp, word for word, as a contract's author would test it.
#include <gtest/gtest.h>

#include <concordat/contract.hpp>

using namespace concordat::cryptlet;

struct Counter {
    void init(Context& context) { context.state()["count"] = 0; }
    void add(Context& context) {
        const std::int64_t by = int_of(context.message(), "by");
        require(by > 0, "not_positive", "a step must be positive");
        context.state()["count"] = int_of(context.state(), "count") + by;
    }
};
CONCORDAT_CONTRACT(Counter, CONCORDAT_ACTION("add", add));

namespace {

TEST(Contract, Counts) {
    EXPECT_EQ(concordat_run(R"({"abi":1,"call":"init","terms":{}})"), R"({"state":{"count":0}})");
    EXPECT_EQ(concordat_run(R"({"abi":1,"call":"handle","action":"add","message":{"by":2},"state":{"count":40}})"),
              R"({"state":{"count":42}})");
    EXPECT_EQ(concordat_run(R"({"abi":1,"call":"migrate","from":"1.0.0","state":{"count":1}})"),
              R"({"state":{"count":1}})")
        << "without migrate() the state is kept";
}

TEST(Contract, RefusesByName) {
    const auto code_of = [](std::string_view input) {
        try {
            (void)concordat_run(input);
        } catch (const Aborted& aborted) {
            return aborted.code;
        }
        return std::string("none");
    };
    EXPECT_EQ(code_of(R"({"abi":1,"call":"handle","action":"add","message":{"by":0},"state":{"count":40}})"),
              "not_positive");
    EXPECT_EQ(code_of(R"({"abi":2,"call":"init"})"), "unknown_abi");
    EXPECT_EQ(code_of(R"({"abi":1,"call":"handle","action":"sub"})"), "unknown_action");
}

}  // namespace
