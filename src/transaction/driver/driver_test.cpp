#include "driver.hpp"

#include <gtest/gtest.h>
#include <ledger/fake/fake.hpp>
#include <map>
#include <set>
#include <transaction/saga.hpp>

namespace concordat::transaction {
namespace {

using contract::EntryType;
using ledger::View;

struct Time final : Timeline {
    TimeMs now() override { return at + wrong_by; }
    TimeMs passed() override { return at; }
    void after(TimeMs delay, std::function<void()> what) override { due.emplace(at + delay, std::move(what)); }
    void run(TimeMs ms) {
        const TimeMs end = at + ms;
        while (!due.empty() && due.begin()->first <= end) {
            auto next = due.extract(due.begin());
            at = next.key();
            next.mapped()();
        }
        at = end;
    }
    TimeMs at = 1'000'000, wrong_by = 0;
    std::multimap<TimeMs, std::function<void()>> due;
};

// An endpoint that shows nothing in the slot, at some height.
struct Empty : ledger::Ledger {
    explicit Empty(Time& t) : time(t) {}
    const ledger::Kind& kind() const override { return fake; }
    ledger::Description describe() const override {
        return {.kind = "fake", .chain = "fake:1", .genesis = {}, .witnesses = {}};
    }
    std::vector<ledger::Health> health() const override { return {}; }
    void conditions(const std::string&, Then<std::optional<ledger::Conditions>> then) override {
        time.after(1, [this, then] { then(ledger::Conditions{.height = height, .price = 100}); });
    }
    void pace(Then<std::optional<ledger::Pace>> then) override {
        time.after(1, [then] { then(std::nullopt); });
    }
    void plan(const std::string&, const json::Object&, Then<std::optional<ledger::Plan>> then) override {
        time.after(1, [then] { then(std::nullopt); });
    }
    void submit(const Bytes&, Then<ledger::Submission> then) override {
        ++submitted;
        time.after(1,
                   [then] { then({.status = ledger::Submission::Status::accepted, .detail = {}, .transaction = {}}); });
    }
    void look(const ledger::Pin&, const ledger::Finality&, Then<View> then) override {
        ++looks;
        time.after(
            1, [then] { then({.status = View::Status::open, .fate = {}, .price = 0, .depth = 0, .transaction = {}}); });
    }
    void prove(const ledger::Pin&, const ledger::Finality&, Then<std::optional<ledger::Proven>> then) override {
        time.after(1, [then] { then(std::nullopt); });
    }
    void events(const json::Object&, const std::string&, std::size_t,
                Then<std::optional<ledger::EventPage>> then) override {
        time.after(1, [then] { then(std::nullopt); });
    }
    Time& time;
    void on_change(std::function<void()> call) override { changed = std::move(call); }
    bool announces() const override { return tells; }
    ledger::fake::FakeKind fake{"fake:1"};
    std::uint64_t height = 10;
    int looks = 0, submitted = 0;
    bool tells = false;
    std::function<void()> changed;
};

struct DriverTest : testing::Test, Recorder {
    DriverTest() {
        pinned.pin = {.chain = "fake:1", .account = "a", .slot = 0, .call = {}, .ceiling = 1000};
        pinned.finality = {.blocks = 3, .witness = "host"};
        ended = advance(pinned, EntryType::outcome, ledger::Judgement{.fate = ledger::Fate::called});
        driver.start(call, pinned, chain);
        time.run(3'000);
    }
    void sign(const Hash256&, ledger::Purpose, ledger::Price, std::function<void(std::optional<Bytes>)> then) override {
        time.after(1, [then] { then(Bytes{1}); });
    }
    void append(const Hash256&, EntryType type, std::optional<json::Value>,
                std::function<void(std::optional<Journal>)> then) override {
        appended.push_back(type);
        if (refused) return time.after(1, [then, as_before = *refused] { then(as_before); });
        time.after(1, [this, type, then] { then(advance(ended, type, {})); });
    }

    Time time;
    Empty chain{time};
    std::vector<EntryType> appended;
    Journal pinned, ended;
    std::optional<Journal> refused;  // it stays as it was
    const Hash256 call{};
    Driver driver{time, *this, {}, {}};
};

// The other node's endpoint had come to block 20 when the call was final there; this node's own is at 10 and shows
// nothing of it.
TEST_F(DriverTest, an_endpoint_that_is_behind_disputes_nothing_that_another_node_recorded) {
    driver.update(call, ended, 20);
    time.run(120'000);
    EXPECT_TRUE(appended.empty());
    // From then on it counts, and not from when it was behind.
    chain.height = 20;
    time.run(Policy().dispute_after_ms - 2'000);
    EXPECT_TRUE(appended.empty());
    time.run(5'000);
    EXPECT_EQ(appended, std::vector{EntryType::disputed});
}

// As a transaction that has made 256 calls: people see that it is stuck.
TEST_F(DriverTest, what_is_not_recorded_is_shown_to_wait) {
    Journal tried = pinned;
    tried.deadline = 1;
    refused = tried;
    driver.update(call, tried);
    time.run(10'500);
    EXPECT_GE(appended.size(), 2u);
    EXPECT_EQ(driver.progress(call)->waits_for, "its entry is not recorded yet");
}

TEST_F(DriverTest, a_clock_that_is_set_back_neither_stops_it_nor_has_it_ask_without_end) {
    EXPECT_EQ(chain.submitted, 1);
    time.wrong_by = -3'600'000;
    const int looks = chain.looks;
    time.run(60'000);
    EXPECT_GE(chain.submitted, 4);
    EXPECT_LE(chain.looks - looks, 600);
}

// An endpoint that takes its time, and counts what is under way at it.
struct Slow final : Empty {
    using Empty::Empty;
    void look(const ledger::Pin& pin, const ledger::Finality&, Then<View> then) override {
        ++looks;
        most = std::max(most, ++under_way);
        const bool waits = waiting.contains(pin.slot);
        time.after(takes, [this, then, waits] {
            --under_way;
            View view{.status = View::Status::open, .fate = {}, .price = 0, .depth = 0, .transaction = {}};
            if (waits) view = {View::Status::pending, ledger::Fate::called, 1'000'000, 0, "t"};
            then(view);
        });
    }
    TimeMs takes = 10;
    std::size_t under_way = 0, most = 0;
    std::set<std::uint64_t> waiting;  // in the pool
};

struct ManyTest : testing::Test, Recorder {
    static constexpr std::size_t many = 5'000;
    void start(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            Journal journal;
            journal.pin = {.chain = "fake:1", .account = "a", .slot = i, .call = {}, .ceiling = 1000};
            journal.finality = {.blocks = 3, .witness = "host"};
            journal.deadline = time.at + 3'600'000;
            calls.push_back(call_id(Hash256{}, i));
            driver.start(calls.back(), journal, chain);
        }
    }
    void sign(const Hash256&, ledger::Purpose, ledger::Price, std::function<void(std::optional<Bytes>)> then) override {
        time.after(1, [then] { then(Bytes{1}); });
    }
    void append(const Hash256&, EntryType, std::optional<json::Value>,
                std::function<void(std::optional<Journal>)> then) override {
        time.after(1, [then] { then(std::nullopt); });
    }
    void all_wait() {
        for (std::size_t i = 0; i < calls.size(); ++i) chain.waiting.insert(i);
    }

    Time time;
    Slow chain{time};
    std::vector<Hash256> calls;
    Policy policy;
    Driver driver{time, *this, policy, {}};
};

TEST_F(ManyTest, ALedgerIsAskedAFewQuestionsAtATime) {
    start(many);
    // 5,000 looks of 10 ms each, 64 at a time; what is to be sent does not wait until all have been looked at.
    time.run(400);
    EXPECT_GT(chain.submitted, 1'000);
    EXPECT_LT(chain.looks, 3'000);
    time.run(800);
    EXPECT_EQ(chain.submitted, static_cast<int>(many));
    EXPECT_EQ(chain.most, policy.most_at_once);
}

TEST_F(ManyTest, TheMoreThereAreTheRarerEachIsLookedAt) {
    start(many);
    all_wait();
    time.run(60'000);
    chain.looks = 0;
    time.run(50'000);
    EXPECT_GE(chain.looks, 40'000);
    EXPECT_LE(chain.looks, 55'000);  // one each millisecond
}

TEST_F(ManyTest, ALedgerThatTellsOfItsBlocksIsLookedAtWhenItDoes) {
    chain.tells = true;
    start(100);
    all_wait();
    time.run(60'000);
    chain.looks = 0;
    time.run(50'000);
    EXPECT_LE(chain.looks, 1'100);  // each 5 s, should it have fallen silent
    EXPECT_GE(chain.looks, 900);
    time.run(1);
    chain.looks = 0;
    chain.changed();
    time.run(50);
    EXPECT_GE(chain.looks, 100);
}

TEST_F(ManyTest, ManyBlocksAtOnceAreLookedAtOnce) {
    chain.tells = true;
    start(many);
    all_wait();
    time.run(60'000);
    chain.looks = 0;
    for (int block = 0; block < 100; ++block) {
        chain.changed();
        time.run(1);
    }
    time.run(3'000);
    EXPECT_GE(chain.looks, 5'000);
    EXPECT_LE(chain.looks, 12'000);
}

TEST_F(ManyTest, WhatIsToldWhileACallIsHandedInIsNotMissed) {
    chain.tells = true;
    chain.takes = 1;
    start(1);
    while (chain.submitted == 0) time.run(1);
    chain.changed();  // its block comes before the answer to the submission
    all_wait();
    chain.looks = 0;
    time.run(20);
    EXPECT_GE(chain.looks, 1);
}

}  // namespace
}  // namespace concordat::transaction
