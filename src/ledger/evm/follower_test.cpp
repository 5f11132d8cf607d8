// What is known of new blocks, and what it costs to ask.
#include "follower.hpp"

#include "ledger_test.hpp"

namespace concordat::ledger::evm {
namespace {

using namespace std::chrono_literals;

class FollowerTest : public EvmLedgerTest {};

TEST_F(FollowerTest, ALookCostsOneQuestionWhileNothingChanges) {
    open({&node});
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(look(1).status, Seen::open);
    const auto before = node.asked;
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(look(0).status, Seen::final);
        EXPECT_EQ(look(1).status, Seen::open);
    }
    auto expected = before;
    expected["eth_getBlockByNumber"] += 10;
    EXPECT_EQ(node.asked, expected);
}

TEST_F(FollowerTest, ManyLooksAtOnceShareTheNewestBlock) {
    EvmOptions given = options();
    given.endpoints = {node.url()};
    ledger = std::make_unique<EvmLedger>(io, given);
    EXPECT_EQ(look(0).status, Seen::final);
    const std::size_t before = node.asked["eth_getBlockByNumber"];
    std::size_t answers = 0;
    for (int i = 0; i < 50; ++i) {
        ledger->look(pin_of(0), host, [&](const View& view) { answers += view.status == Seen::final ? 1 : 0; });
    }
    const auto end = std::chrono::steady_clock::now() + 10s;
    while (answers < 50 && std::chrono::steady_clock::now() < end) io.run_one_for(50ms);
    EXPECT_EQ(answers, 50u);
    EXPECT_LE(node.asked["eth_getBlockByNumber"] - before, 2u);
}

TEST_F(FollowerTest, WhatIsHandedInIsFoundInTheBlocksThatCome) {
    open({&node});
    EXPECT_EQ(look(1).status, Seen::open);
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    const View waiting = look(1);
    EXPECT_EQ(waiting.status, Seen::pending);
    EXPECT_EQ(waiting.fate, Fate::called);
    EXPECT_EQ(waiting.price, 10u);
    EXPECT_EQ(submit(sign(1, 12, Purpose::cancel)).status, Submission::Status::accepted);
    EXPECT_EQ(look(1).fate, Fate::cancelled);
    EXPECT_EQ(look(1).price, 12u);
    const std::size_t counts = node.asked["eth_getTransactionCount"], by_hash = node.asked["eth_getTransactionByHash"];
    chain.add_empty(2);
    EXPECT_EQ(look(1).status, Seen::pending);
    chain.add_empty(1);
    chain.add({{.transaction = sign(1), .succeeded = false}});  // the first one, after all
    chain.add_empty(1);
    const View view = look(1);
    EXPECT_EQ(view.status, Seen::included);
    EXPECT_EQ(view.fate, Fate::failed);
    EXPECT_EQ(view.depth, 2u);
    chain.add_empty(1);
    EXPECT_EQ(look(1).status, Seen::final);
    EXPECT_EQ(node.asked["eth_getTransactionCount"], counts);
    EXPECT_EQ(node.asked["eth_getTransactionByHash"], by_hash);
    EXPECT_EQ(node.asked["eth_getTransactionReceipt"], 1u);
}

TEST_F(FollowerTest, AReorganisationBetweenTwoLooksIsSeen) {
    open({&node});
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    EXPECT_EQ(look(1).status, Seen::open);  // no pool shows it: handed in before anything was known of the chain
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    chain.add({{sign(1)}});
    EXPECT_EQ(look(1).depth, 1u);
    chain.cut(3);
    chain.add_empty(3);  // longer by two, without it
    EXPECT_EQ(look(1).status, Seen::open);
    chain.cut(4);
    chain.add({{sign(1)}});
    chain.add_empty(2);
    EXPECT_EQ(look(1).status, Seen::final);
}

TEST_F(FollowerTest, AHeadThatIsFarAwayIsReachedWithoutItsBlocks) {
    open({&node});
    EXPECT_EQ(look(1).status, Seen::open);
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    chain.add({{sign(1)}});
    chain.add_empty(Follower::max_gap + 1);
    const std::size_t before = node.asked["eth_getBlockByNumber"];
    EXPECT_EQ(look(1).status, Seen::final);
    EXPECT_EQ(node.asked["eth_getBlockByNumber"], before + 1);
}

TEST_F(FollowerTest, SomebodyElsesTransactionIsSeenASecondLater) {
    open({&node});
    EXPECT_EQ(look(1).status, Seen::open);
    chain.add({{sign(1, 10, Purpose::cancel)}});
    io.run_for(1100ms);
    EXPECT_EQ(look(1).status, Seen::included);
    EXPECT_EQ(look(1).fate, Fate::cancelled);
}

TEST_F(FollowerTest, ABlockThatIsNoneIsNotFollowed) {
    open({&node});
    EXPECT_EQ(look(0).status, Seen::final);
    chain.add_empty(2);
    node.lies["eth_getBlockByNumber"] = [](const json::Array&, const json::Value& truth) {
        json::Value out = truth;
        out.as_object()["transactions"] = json::Array{1};
        return out;
    };
    EXPECT_EQ(look(0).status, Seen::unknown);
    EXPECT_FALSE(ledger->health().front().usable);
    node.lies.clear();
    io.run_for(150ms);
    EXPECT_EQ(look(0).status, Seen::final);
}

TEST_F(FollowerTest, AdviceOnPricesIsKeptForASecond) {
    open({&node});
    EXPECT_EQ(conditions()->price, 11u);
    const std::size_t before = node.asked["eth_feeHistory"];
    EXPECT_EQ(conditions()->price, 11u);
    EXPECT_EQ(node.asked["eth_feeHistory"], before);
    io.run_for(1100ms);
    EXPECT_EQ(conditions()->price, 11u);
    EXPECT_EQ(node.asked["eth_feeHistory"], before + 1);
}

}  // namespace
}  // namespace concordat::ledger::evm
