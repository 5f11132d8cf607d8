// Whole transactions over each ledger: production driver and coordinator, the enclave's rules, and what the chain holds
// in the end, read from the chain.
#include "recorder.hpp"
#include "suite.hpp"

namespace concordat::ledger::conformance {
namespace {

using transaction::Ending;
using transaction::Journal;

class Transactions : public Conformance {
  protected:
    struct Wanted {
        Hash256 id;
        std::uint64_t tag = 0;
        Behaviour behaviour{};
    };

    void SetUp() override {
        Conformance::SetUp();
        if (!harness_) return;
        key_ = std::make_unique<SecretKey>(at().account(true));
        recorder_ = std::make_unique<MemoryRecorder>(
            at().timeline(), [this]() -> const Kind& { return at().ledger().kind(); }, *key_);
    }

    // One more transaction on the account's next slot; `seconds` until the node gives the call up.
    void prepare(Behaviour behaviour, TimeMs seconds = 600) {
        Wanted one{.id = {}, .tag = wanted_.size() + 1, .behaviour = behaviour};
        one.id.bytes[0] = static_cast<std::uint8_t>(one.tag);
        Journal journal;
        journal.pin = pin(*key_, wanted_.size(), one.tag, behaviour);
        journal.finality = at().finality(3);
        journal.prepared = at().timeline().now();
        journal.deadline = journal.prepared + seconds * 1000;
        recorder_->prepare(one.id, journal);
        wanted_.push_back(one);
    }

    // What a node does when it starts: every journal that is open goes on, with nothing else known.
    void start_driver() {
        at().restart();
        transaction::Policy policy;
        policy.look_every_ms = 40;
        policy.replace_after_ms = 2000;
        policy.watch_blocks = 2;
        driver_ = std::make_unique<transaction::Driver>(at().timeline(), *recorder_, policy, transaction::Listener{});
        for (const auto& [id, journal] : recorder_->journals()) driver_->start(id, journal, at().ledger());
    }

    std::size_t ended() const {
        return static_cast<std::size_t>(std::ranges::count_if(
            recorder_->journals(), [](const auto& one) { return one.second.ending.has_value(); }));
    }

    // For people, when it does not go on.
    std::string open_ones() const {
        std::string out = "ended: " + std::to_string(ended()) + "\n";
        for (const Wanted& one : wanted_) {
            const transaction::Progress* progress = driver_ ? driver_->progress(one.id) : nullptr;
            if (progress == nullptr || progress->journal.ending) continue;
            out +=
                std::to_string(one.tag) + ": " + std::string(progress->waits_for) + " " + progress->transaction + "\n";
        }
        return out + harness_->trouble();
    }

    // Lets time pass, and blocks come, until there are that many outcomes.
    bool run_until_ended(std::size_t count) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        auto next_block = std::chrono::steady_clock::now();
        while (ended() < count && std::chrono::steady_clock::now() < end) {
            at().step();
            if (std::chrono::steady_clock::now() < next_block) continue;
            at().mine(1);
            next_block = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
        }
        return ended() >= count;
    }

    void expect_chain_and_journals_agree() {
        for (const Wanted& one : wanted_) {
            const Journal& journal = recorder_->journals().at(one.id);
            EXPECT_TRUE(journal.ending) << one.tag;
            EXPECT_FALSE(journal.disputed) << one.tag;
            const std::size_t expected = journal.ending == Ending::committed ? 1 : 0;
            EXPECT_EQ(at().effects(one.tag), expected) << one.tag;
            if (one.behaviour == Behaviour::fails) {
                EXPECT_EQ(journal.ending, Ending::aborted) << one.tag;
            }
        }
    }

    std::unique_ptr<SecretKey> key_;
    std::unique_ptr<MemoryRecorder> recorder_;
    std::vector<Wanted> wanted_;
    std::unique_ptr<transaction::Driver> driver_;
};

TEST_P(Transactions, EachOnOneAccountHappensOnceOrNot) {
    for (int i = 0; i < 20; ++i) prepare(i % 5 == 3 ? Behaviour::fails : Behaviour::succeeds);
    start_driver();
    ASSERT_TRUE(run_until_ended(20)) << open_ones();
    expect_chain_and_journals_agree();
    for (const Wanted& one : wanted_) {
        EXPECT_EQ(recorder_->journals().at(one.id).ending == Ending::committed, one.behaviour == Behaviour::succeeds);
    }
    if (at().is_chain()) {
        EXPECT_EQ(conditions(recorder_->journals().begin()->second.pin)->next, 20u);
    }
}

TEST_P(Transactions, WhatIsPastItsDeadlineIsCancelledAndBlocksNobody) {
    prepare(Behaviour::succeeds, 0);
    prepare(Behaviour::succeeds);
    prepare(Behaviour::succeeds, 0);
    prepare(Behaviour::succeeds);
    start_driver();
    ASSERT_TRUE(run_until_ended(4)) << open_ones();
    expect_chain_and_journals_agree();
    for (const Wanted& one : wanted_) {
        const Ending expected = one.tag % 2 == 1 ? Ending::aborted : Ending::committed;
        EXPECT_EQ(recorder_->journals().at(one.id).ending, expected) << one.tag;
    }
}

TEST_P(Transactions, ADriverThatForgetsAllGoesOn) {
    for (int i = 0; i < 10; ++i) prepare(Behaviour::succeeds);
    for (const std::size_t count : {0U, 1U, 4U, 10U}) {
        start_driver();
        ASSERT_TRUE(run_until_ended(count)) << open_ones();
        driver_.reset();
    }
    expect_chain_and_journals_agree();
}

TEST_P(Transactions, SilenceInTheMiddleIsWaitedFor) {
    for (int i = 0; i < 6; ++i) prepare(Behaviour::succeeds);
    start_driver();
    for (int i = 0; i < 4; ++i) at().step();
    at().set_silent(true);
    const auto begin = std::chrono::steady_clock::now();
    while (std::chrono::steady_clock::now() - begin < std::chrono::milliseconds(700)) at().step();
    at().set_silent(false);
    ASSERT_TRUE(run_until_ended(6)) << open_ones();
    expect_chain_and_journals_agree();
}

TEST_P(Transactions, ANodeThatIsKilledInTheMiddleTakesNothingAway) {
    if (!at().can_be_killed()) GTEST_SKIP() << "not a process, or one that forgets";
    const auto prepare_some = [&] {
        for (int i = 0; i < 4; ++i) prepare(i == 2 ? Behaviour::fails : Behaviour::succeeds);
        start_driver();
    };
    for (std::size_t round = 0; round < 3; ++round) {
        prepare_some();
        for (std::size_t steps = 0; steps < 10 * round; ++steps) at().step();
        at().kill();
        prepare_some();  // while nobody answers
        for (int steps = 0; steps < 60; ++steps) at().step();
        at().revive();
        run_until_ended(3 * round);
    }
    ASSERT_TRUE(run_until_ended(24)) << open_ones();
    expect_chain_and_journals_agree();
}

INSTANTIATE_TEST_SUITE_P(Ledgers, Transactions,
                         testing::Values("fake", "anvil", "anvil-ws", "anvil-kept", "geth-dev", "geth-clique", "http",
                                         "http-postgres"),
                         [](const auto& named) {
                             std::string name = named.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace concordat::ledger::conformance
