// What is asked of participants alone: numbers that do not wait for each other, and steps that are tried, then made to
// hold or taken back, in whatever order and however often the requests arrive.
#include "suite.hpp"

namespace concordat::ledger::conformance {
namespace {

using Sent = Submission::Status;
using Seen = View::Status;

class Participants : public Conformance {
  protected:
    Pin pin_of(const SecretKey& key, std::uint64_t slot, std::uint64_t tag, Role role) {
        Pin out = pin(key, slot, tag);
        out.call = at().call(tag, role);
        return out;
    }
    // What became of it, as the participant signed it.
    Fate fate(const SecretKey& key, std::uint64_t slot, std::uint64_t tag, Role role, Purpose purpose = Purpose::call) {
        const Pin asked = pin_of(key, slot, tag, role);
        const Submission sent = submit(sign(asked, key, purpose));
        EXPECT_TRUE(sent.status == Sent::accepted || sent.status == Sent::filled) << sent.detail;
        EXPECT_EQ(look_until(asked, Seen::final).status, Seen::final);
        const Judgement judgement = judge(asked, prove(asked).value());
        EXPECT_TRUE(judgement.proved);
        return judgement.fate;
    }
    // A request that nobody waits for any more may still be on its way; then what is answered is what has happened.
    bool answers_and_books_agree(const Pin& asked, std::uint64_t tag) {
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        do {
            const View view = look(asked);
            const bool known = view.status == Seen::open || view.status == Seen::final;
            if (known && at().effects(tag) == (view.status == Seen::final ? 1u : 0u)) return true;
            at().step();
        } while (std::chrono::steady_clock::now() < end);
        return false;
    }
};

TEST_P(Participants, ATryIsMadeToHold) {
    const SecretKey key = at().account(true);
    EXPECT_EQ(fate(key, 0, 1, Role::call), Fate::called);
    EXPECT_EQ(at().books(), (Books{.held = 1, .moved = 0}));
    EXPECT_EQ(fate(key, 1, 1, Role::commit), Fate::called);
    EXPECT_EQ(at().books(), (Books{.held = 0, .moved = 1}));
    // Under other numbers, by a driver that lost count: nothing more happens.
    EXPECT_EQ(fate(key, 2, 1, Role::commit), Fate::called);
    EXPECT_EQ(fate(key, 3, 1, Role::undo), Fate::failed);
    EXPECT_EQ(fate(key, 4, 1, Role::call), Fate::failed);
    EXPECT_EQ(at().books(), (Books{.held = 0, .moved = 1}));
}

TEST_P(Participants, ATryIsTakenBack) {
    const SecretKey key = at().account(true);
    EXPECT_EQ(fate(key, 0, 1, Role::call), Fate::called);
    EXPECT_EQ(fate(key, 1, 1, Role::undo), Fate::called);
    EXPECT_EQ(fate(key, 2, 1, Role::undo), Fate::called);
    EXPECT_EQ(fate(key, 3, 1, Role::commit), Fate::failed);
    EXPECT_EQ(at().books(), (Books{.held = 0, .moved = 0}));
}

// The undo overtook the try: the try must not leave a reservation that nobody takes back any more.
TEST_P(Participants, WhatWasTakenBackBeforeItWasTriedIsNotTried) {
    const SecretKey key = at().account(true);
    EXPECT_EQ(fate(key, 1, 1, Role::undo), Fate::called);
    EXPECT_EQ(fate(key, 0, 1, Role::call), Fate::failed);
    EXPECT_EQ(fate(key, 2, 1, Role::commit), Fate::failed);
    EXPECT_EQ(at().books(), (Books{.held = 0, .moved = 0}));
}

TEST_P(Participants, WhatWasNeverTriedDoesNotHold) {
    const SecretKey key = at().account(true);
    EXPECT_EQ(fate(key, 0, 1, Role::commit), Fate::failed);
    EXPECT_EQ(fate(key, 1, 1, Role::call, Purpose::cancel), Fate::cancelled);
    EXPECT_EQ(fate(key, 1, 1, Role::call), Fate::cancelled);
    EXPECT_EQ(at().effects(1), 0u);
    EXPECT_EQ(fate(key, 2, 1, Role::call), Fate::called);
}

TEST_P(Participants, WhatHasExpiredDoesNotHold) {
    const SecretKey key = at().account(true);
    for (std::uint64_t step = 1; step <= 2; ++step) EXPECT_EQ(fate(key, step, step, Role::call), Fate::called);
    at().let_expire(1);
    EXPECT_EQ(fate(key, 3, 1, Role::commit), Fate::failed);
    EXPECT_EQ(fate(key, 4, 1, Role::undo), Fate::called);
    EXPECT_EQ(fate(key, 5, 2, Role::commit), Fate::called);
    EXPECT_EQ(at().books(), (Books{.held = 0, .moved = 1}));
}

TEST_P(Participants, AnotherAccountsStepIsAnotherStep) {
    const SecretKey key = at().account(true), other = at().account(true);
    EXPECT_EQ(fate(key, 0, 1, Role::call), Fate::called);
    EXPECT_EQ(fate(other, 0, 1, Role::commit), Fate::failed);
    EXPECT_EQ(fate(other, 1, 1, Role::undo), Fate::called);
    EXPECT_EQ(at().books(), (Books{.held = 1, .moved = 0}));
    EXPECT_EQ(fate(key, 1, 1, Role::commit), Fate::called);
}

TEST_P(Participants, TheFirstRequestOfANumberDecides) {
    const SecretKey key = at().account(true);
    const Pin first = pin(key, 5, 1), second = pin(key, 5, 2);
    const Bytes bytes = sign(first, key);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(submit(bytes).status, Sent::accepted);
    EXPECT_EQ(submit(sign(first, key, Purpose::cancel)).status, Sent::filled);
    EXPECT_EQ(submit(sign(second, key)).status, Sent::filled);
    at().restart();
    EXPECT_EQ(submit(sign(second, key, Purpose::cancel)).status, Sent::filled);
    EXPECT_EQ(look(first).fate, Fate::called);
    EXPECT_EQ(look(second).fate, Fate::cancelled);
    EXPECT_EQ(at().effects(1), 1u);
    EXPECT_EQ(at().effects(2), 0u);
    EXPECT_EQ(at().books(), (Books{.held = 1, .moved = 0}));
}

TEST_P(Participants, NumbersDoNotWaitForEachOther) {
    const SecretKey key = at().account(true);
    for (const std::uint64_t slot : {std::uint64_t{7}, ~std::uint64_t{0}, std::uint64_t{3}}) {
        EXPECT_EQ(fate(key, slot, slot, Role::call), Fate::called);
    }
    EXPECT_EQ(look(pin(key, 4, 4)).status, Seen::open);
    EXPECT_EQ(at().books(), (Books{.held = 3, .moved = 0}));
}

TEST_P(Participants, AStrangerIsRefused) {
    const SecretKey key = at().account(false);
    const Submission answer = submit(sign(pin(key, 0, 1), key));
    EXPECT_EQ(answer.status, Sent::rejected);
    EXPECT_NE(answer.detail.find("callers"), std::string::npos) << answer.detail;
    EXPECT_EQ(look(pin(key, 0, 1)).status, Seen::open);
    EXPECT_FALSE(at().ledger().health().front().problem.size());  // the participant works
}

TEST_P(Participants, AKillAtAnyInstantLosesNothing) {
    const SecretKey key = at().account(true);
    constexpr std::uint64_t count = 24;
    for (std::uint64_t slot = 0; slot < count; ++slot) {
        const Pin asked = pin(key, slot, slot + 1);
        bool answered = false;
        at().ledger().submit(sign(asked, key), [&](const Submission&) { answered = true; });
        // From before the request has arrived until after it was answered.
        for (std::uint64_t steps = 0; steps < slot / 3 && !answered; ++steps) at().step();
        at().kill();
        at().revive();
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!answered && std::chrono::steady_clock::now() < end) at().step();
        at().restart();
        EXPECT_TRUE(answers_and_books_agree(asked, slot + 1)) << slot;
        EXPECT_EQ(fate(key, slot, slot + 1, Role::call), Fate::called);
        EXPECT_EQ(at().effects(slot + 1), 1u) << slot;
    }
    EXPECT_EQ(at().books(), (Books{.held = 24, .moved = 0}));
}

INSTANTIATE_TEST_SUITE_P(Ledgers, Participants, testing::Values("http", "http-postgres"), [](const auto& named) {
    std::string name = named.param;
    std::erase(name, '-');
    return name;
});

}  // namespace
}  // namespace concordat::ledger::conformance
