// The ledger over websockets.
#include "follower.hpp"
#include "ledger_test.hpp"

namespace concordat::ledger::evm {
namespace {

using namespace std::chrono_literals;

class SocketTest : public EvmLedgerTest {};

TEST_F(SocketTest, AWebsocketCarriesAllThatHttpDoes) {
    open({&node}, "ws");
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(EvmKind().judge(pin_of(0), host, prove(0).value()).fate, Fate::called);
    EXPECT_EQ(conditions()->price, 11u);
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    EXPECT_FALSE(events("")->cursor.empty());
    EXPECT_EQ(node.connections, 1u);
    EXPECT_EQ(node.asked["eth_subscribe"], 1u);
}

TEST_F(SocketTest, ManyRequestsAreUnderWayOnOneWebsocket) {
    EvmOptions given = options();
    given.endpoints = {node.url("ws")};
    ledger = std::make_unique<EvmLedger>(io, given);
    look_fifty_times();
    EXPECT_EQ(node.connections, 1u);
    EXPECT_EQ(node.asked["eth_subscribe"], 1u);
}

TEST_F(SocketTest, AWebsocketTellsOfNewBlocks) {
    open({&node}, "ws");
    std::size_t told = 0;
    EXPECT_EQ(look(1).status, Seen::open);
    ledger->on_change([&] { ++told; });
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    auto before = node.asked;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(look(1).status, Seen::pending);
    EXPECT_EQ(node.asked, before);  // nothing is asked while nothing is told
    EXPECT_EQ(told, 0u);
    chain.add({{sign(1)}});
    EXPECT_EQ(look(1).status, Seen::pending);
    node.announce();
    node.announce();
    io.run_for(20ms);
    EXPECT_GE(told, 1u);
    EXPECT_LE(told, 2u);
    EXPECT_EQ(look(1).status, Seen::included);
    EXPECT_EQ(node.asked["eth_getBlockByNumber"], before["eth_getBlockByNumber"] + 1);
}

TEST_F(SocketTest, ABlockThatIsToldShowsWhoeverFillsASlot) {
    open({&node}, "ws");
    EXPECT_EQ(look(1).status, Seen::open);
    EXPECT_EQ(look(2).status, Seen::open);
    const std::size_t asked = node.asked["eth_getTransactionCount"];
    io.run_for(1100ms);
    chain.add_empty(2);
    chain.add({{sign(1, 10, Purpose::cancel)}});  // not by this node
    node.announce();
    io.run_for(20ms);
    EXPECT_EQ(look(1).fate, Fate::cancelled);
    EXPECT_EQ(look(1).status, Seen::included);
    EXPECT_EQ(look(2).status, Seen::open);  // all blocks since were seen
    EXPECT_EQ(node.asked["eth_getTransactionCount"], asked);
    chain.add_empty(Follower::max_whole_gap + 1);
    node.announce();
    io.run_for(20ms);
    EXPECT_EQ(look(2).status, Seen::open);
    EXPECT_EQ(node.asked["eth_getTransactionCount"], asked + 1);
}

TEST_F(SocketTest, AWebsocketThatTellsNothingIsAskedAfterASecond) {
    open({&node}, "ws");
    EXPECT_EQ(look(1).status, Seen::open);
    chain.add({{sign(1)}});
    io.run_for(1100ms);
    EXPECT_EQ(look(1).status, Seen::included);
}

TEST_F(SocketTest, AWebsocketWithoutSubscriptionsIsAskedEachTime) {
    node.refuses["eth_subscribe"] = "the method does not exist";
    open({&node}, "ws");
    EXPECT_EQ(look(0).depth, 3u);
    chain.add_empty(1);
    EXPECT_EQ(look(0).depth, 4u);
}

TEST_F(SocketTest, AWebsocketThatBreaksIsOpenedAgain) {
    open({&node}, "ws");
    EXPECT_EQ(look(0).status, Seen::final);
    node.manner = Manner::closes;
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::unknown);
    EXPECT_FALSE(ledger->health().front().usable);
    node.manner = Manner::answers;
    chain.add_empty(1);
    io.run_for(150ms);
    EXPECT_EQ(look(0).depth, 4u);
    EXPECT_EQ(node.asked["eth_subscribe"], 2u);
    EXPECT_EQ(node.connections, 2u);
}

TEST_F(SocketTest, WhoAnswersAfterAWebsocketBrokeIsAskedAgain) {
    open({&node}, "ws");
    EXPECT_EQ(look(0).depth, 3u);
    node.hang_up();
    io.run_for(20ms);
    chain.add_empty(1);
    EXPECT_EQ(look(0).depth, 4u);
    EXPECT_EQ(node.asked["eth_chainId"], 2u);
    EXPECT_EQ(node.asked["eth_subscribe"], 2u);
    node.hang_up();
    io.run_for(20ms);
    node.lies["eth_chainId"] = [](auto&, auto&) { return json::Value("0x1"); };
    EXPECT_EQ(look(0).status, Seen::unknown);
}

TEST_F(SocketTest, WhateverIsNoAnswerOnAWebsocketIsUnknownInBoundedTime) {
    for (const Manner manner : {Manner::html, Manner::garbage, Manner::hangs, Manner::closes, Manner::huge}) {
        node.manner = manner;
        open({&node}, "ws");
        const auto begin = std::chrono::steady_clock::now();
        expect_nothing_known();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << static_cast<int>(manner);
        open({&node, &second}, "ws");
        EXPECT_EQ(look(0).status, Seen::final) << static_cast<int>(manner);
    }
    EvmOptions given = options();
    given.endpoints = {"ws://127.0.0.1:1"};
    ledger = std::make_unique<EvmLedger>(io, given);
    expect_nothing_known();
}

TEST_F(SocketTest, AWebsocketEndsWithItsLedger) {
    open({&node}, "ws");
    EXPECT_EQ(look(0).status, Seen::final);
    bool told = false;
    ledger->on_change([&] { told = true; });
    node.manner = Manner::hangs;
    ledger->look(pin_of(5), host, [&](const View&) { told = true; });
    io.run_for(20ms);
    ledger.reset();
    node.announce();
    io.run_for(300ms);
    EXPECT_FALSE(told);
}

}  // namespace
}  // namespace concordat::ledger::evm
