#include "saga.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <map>
#include <set>

namespace concordat::transaction {
namespace {

using contract::EffectKind;
using contract::Step;
using ledger::Fate;
using ledger::Role;

constexpr TimeMs deadline = 60'000;

Step step_of(EffectKind kind, bool commits = false, std::vector<std::uint8_t> after = {}) {
    Step step{
        .effect = "effect", .ledger = "ledger", .kind = kind, .arguments = {}, .commit = {}, .undo = {}, .after = {}};
    if (kind == EffectKind::compensatable) step.undo = json::Object{};
    if (commits) step.commit = json::Object{};
    step.after = std::move(after);
    return step;
}

void pin_all(Saga& saga) {
    for (const Due& due : saga.due()) {
        saga.pin(due, {.chain = "fake:1", .account = "a", .slot = saga.calls().size(), .call = {}}, {}, 1);
    }
}

std::string due_of(const Saga& saga) {
    std::string out;
    for (const Due& due : saga.due()) {
        out += (out.empty() ? "" : " ") + std::string(ledger::role_name(due.role)) + std::to_string(due.step);
    }
    return out;
}

TEST(Saga, ASinglePivotIsAsItEverWas) {
    Saga saga({step_of(EffectKind::pivot)}, deadline);
    EXPECT_EQ(due_of(saga), "call0");
    pin_all(saga);
    EXPECT_EQ(saga.call(0).journal.deadline, deadline);
    saga.cancel();
    EXPECT_FALSE(saga.decision()) << "the pivot may still succeed";
    saga.settle(0, Fate::called);
    EXPECT_EQ(saga.ending(), Ending::committed);
}

TEST(Saga, IndependentStepsAreDueTogether) {
    Saga saga({step_of(EffectKind::compensatable), step_of(EffectKind::compensatable), step_of(EffectKind::pivot)},
              deadline);
    EXPECT_EQ(due_of(saga), "call0 call1");
    pin_all(saga);
    saga.settle(1, Fate::called);
    EXPECT_EQ(due_of(saga), "");
    saga.settle(0, Fate::called);
    EXPECT_EQ(due_of(saga), "call2");
}

TEST(Saga, WhatIsStillUnderWayWhenAnotherFailsIsGivenUp) {
    Saga saga({step_of(EffectKind::compensatable), step_of(EffectKind::compensatable), step_of(EffectKind::pivot)},
              deadline);
    pin_all(saga);
    saga.settle(0, Fate::failed);
    EXPECT_EQ(saga.decision(), Decision::abort);
    EXPECT_TRUE(saga.call(1).journal.cancelling);
    EXPECT_EQ(due_of(saga), "");
    saga.settle(1, Fate::called);
    EXPECT_EQ(due_of(saga), "undo1");
}

TEST(Saga, NothingIsPinnedThatIsNotDue) {
    Saga saga({step_of(EffectKind::compensatable), step_of(EffectKind::pivot)}, deadline);
    EXPECT_THROW(saga.pin({1, Role::call}, {}, {}, 1), Error);
    EXPECT_THROW(saga.pin({0, Role::undo}, {}, {}, 1), Error);
    EXPECT_THROW(saga.pin({7, Role::call}, {}, {}, 1), Error);
    EXPECT_THROW(saga.settle(0, Fate::called), Error);
}

std::vector<Step> any_steps() {
    std::vector<Step> steps;
    const auto count = *rc::gen::inRange<std::size_t>(1, 6);
    bool pivot = false;
    for (std::size_t i = 0; i < count; ++i) {
        auto kind = static_cast<EffectKind>(*rc::gen::inRange(0, 3));
        if (kind == EffectKind::pivot && std::exchange(pivot, true)) kind = EffectKind::retriable;
        std::vector<std::uint8_t> after;
        for (std::uint8_t before = 0; before < i; ++before) {
            if (steps[before].kind <= kind && *rc::gen::inRange(0, 3) == 0) after.push_back(before);
        }
        steps.push_back(
            step_of(kind, kind == EffectKind::compensatable && *rc::gen::arbitrary<bool>(), std::move(after)));
    }
    return steps;
}

// How often a step's call in a role succeeded.
std::map<std::pair<std::size_t, Role>, int> successes(const Saga& saga) {
    std::map<std::pair<std::size_t, Role>, int> out;
    for (const Call& call : saga.calls()) {
        if (call.journal.ending == Ending::committed) ++out[{call.what.step, call.what.role}];
    }
    return out;
}

std::string given_up_of(const Saga& saga) {
    std::string out;
    for (const std::uint32_t call : saga.given_up()) out += (out.empty() ? "" : " ") + std::to_string(call);
    return out;
}

std::string refusal(const auto& body) {
    try {
        body();
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + " " + error.field();
    }
    return "accepted";
}

TEST(Saga, OnlyWhatHasToSucceedIsGivenUp) {
    Saga saga({step_of(EffectKind::compensatable, true), step_of(EffectKind::retriable)}, deadline);
    const auto waits = [&](std::uint8_t step, Role role) { return refusal([&] { saga.waiting({step, role}); }); };
    EXPECT_EQ(waits(0, Role::call), "not_found /resolution/role");
    pin_all(saga);
    EXPECT_EQ(waits(0, Role::call), "action_refused /resolution/role") << "it is tried";
    EXPECT_EQ(refusal([&] { saga.give_up(0); }), "action_refused /type");
    EXPECT_EQ(refusal([&] { saga.give_up(1); }), "not_found /call");
    EXPECT_EQ(waits(2, Role::call), "not_found /resolution/step");
    saga.settle(0, Fate::called);
    pin_all(saga);
    EXPECT_EQ(waits(0, Role::undo), "not_found /resolution/role");
    saga.settle(1, Fate::failed);
    pin_all(saga);
    EXPECT_EQ(saga.waiting({1, Role::call}), 3u) << "the newest try";
    EXPECT_EQ(refusal([&] { saga.give_up(1); }), "action_refused /type") << "it has ended";
    saga.give_up(3);
    EXPECT_EQ(refusal([&] { saga.give_up(3); }), "action_refused /type");
    EXPECT_EQ(waits(1, Role::call), "action_refused /resolution/step");
    saga.settle(2, Fate::called);
    EXPECT_EQ(waits(0, Role::commit), "action_refused /resolution/step");
    EXPECT_FALSE(saga.ending()) << "its slot is not filled yet";
    saga.settle(3, Fate::cancelled);
    EXPECT_EQ(saga.ending(), Ending::committed);
    EXPECT_EQ(given_up_of(saga), "3");
}

TEST(Saga, WhatComesAfterAGivenUpStepIsNeverCalled) {
    const std::vector<Step> steps{step_of(EffectKind::retriable), step_of(EffectKind::retriable, false, {0})};
    for (const Fate fate : {Fate::called, Fate::failed, Fate::cancelled}) {
        Saga saga(steps, deadline);
        pin_all(saga);
        saga.give_up(0);
        EXPECT_TRUE(saga.call(0).journal.cancelling);
        saga.settle(0, fate);
        EXPECT_EQ(due_of(saga), fate == Fate::called ? "call1" : "");
        EXPECT_EQ(saga.ending().has_value(), fate != Fate::called);
    }
}

TEST(Saga, WhatAGivenUpUndoCameAfterIsUndone) {
    Saga saga({step_of(EffectKind::compensatable), step_of(EffectKind::compensatable, false, {0}),
               step_of(EffectKind::pivot)},
              deadline);
    pin_all(saga);
    saga.settle(0, Fate::called);
    pin_all(saga);
    saga.settle(1, Fate::called);
    pin_all(saga);
    saga.settle(2, Fate::failed);
    EXPECT_EQ(due_of(saga), "undo1");
    pin_all(saga);
    saga.give_up(3);
    EXPECT_EQ(due_of(saga), "") << "it may still be undone";
    saga.settle(3, Fate::failed);
    EXPECT_EQ(due_of(saga), "undo0");
    pin_all(saga);
    saga.settle(4, Fate::called);
    EXPECT_EQ(saga.ending(), Ending::aborted);
    EXPECT_EQ(given_up_of(saga), "3");
}

TEST(Saga, EveryHistoryEndsAllOrNothing) {
    rc::check([] {
        const std::vector<Step> steps = any_steps();
        Saga saga(steps, deadline);
        std::optional<Decision> decided = saga.decision();
        int failures = *rc::gen::inRange(0, 6), rounds = 0;
        while (!saga.ending()) {
            RC_ASSERT(++rounds < 200);
            pin_all(saga);
            std::vector<std::size_t> open;
            for (std::size_t i = 0; i < saga.calls().size(); ++i) {
                if (!saga.call(i).journal.ending) open.push_back(i);
            }
            RC_ASSERT(!open.empty());
            if (!saga.decision() && !saga.cancelling() && *rc::gen::inRange(0, 8) == 0) {
                saga.cancel();
                pin_all(saga);
            }
            const std::size_t next = open[*rc::gen::inRange<std::size_t>(0, open.size())];
            if (saga.call(next).journal.must_succeed() && *rc::gen::inRange(0, 4) == 0) saga.give_up(next);
            const bool fails = failures > 0 && *rc::gen::arbitrary<bool>();
            failures -= fails ? 1 : 0;
            saga.settle(next, fails ? Fate::failed : Fate::called);
            // Decided once; and what is kept of it is enough to go on.
            if (decided) RC_ASSERT(saga.decision() == decided);
            decided = saga.decision();
            RC_ASSERT(Saga(steps, deadline, saga.cancelling(), saga.calls()) == saga);
        }
        auto made = successes(saga);
        std::set<std::pair<std::size_t, Role>> given_up;
        for (const std::uint32_t call : saga.given_up()) {
            given_up.emplace(saga.call(call).what.step, saga.call(call).what.role);
        }
        const bool committed = saga.ending() == Ending::committed;
        std::vector<int> wanted(steps.size());  // calls
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const int called = made[{i, Role::call}], undone = made[{i, Role::undo}], held = made[{i, Role::commit}];
            RC_ASSERT(called <= 1 && undone <= 1);
            RC_ASSERT(held == (committed && steps[i].commit && !given_up.contains({i, Role::commit}) ? 1 : 0));
            // Given up with people's word only, and with it what comes after it.
            const bool can = std::ranges::all_of(steps[i].after, [&](std::uint8_t before) { return wanted[before]; });
            wanted[i] = can && !given_up.contains({i, Role::call}) ? 1 : 0;
            if (committed) {
                RC_ASSERT(called == wanted[i] && undone == 0);
            } else {
                RC_ASSERT(undone == (given_up.contains({i, Role::undo}) ? 0 : called));
            }
        }
    });
}

}  // namespace
}  // namespace concordat::transaction
