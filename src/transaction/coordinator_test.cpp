#include "coordinator.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <rapidcheck/gtest.h>

namespace concordat::transaction {
namespace {

using contract::EntryType;
using ledger::Fate;
using ledger::Purpose;
using ledger::Submission;
using ledger::View;

const Policy policy;

Journal prepared() {
    Journal journal;
    journal.pin = {.chain = "fake:1", .account = "a", .slot = 7, .call = {}, .ceiling = 1000};
    journal.finality = {.blocks = 3, .witness = "host"};
    journal.prepared = 0;
    journal.deadline = 60'000;
    return journal;
}

Facts facts(View view, TimeMs now = 10'000) {
    return {.view = std::move(view),
            .conditions = ledger::Conditions{.height = 9, .price = 100},
            .last = {},
            .now = now,
            .passed = now};
}

View shows(View::Status status, std::optional<Fate> fate = {}, ledger::Price price = 0, std::uint64_t depth = 0) {
    return {.status = status, .fate = fate, .price = price, .depth = depth, .transaction = {}};
}

TEST(Coordinator, ACallIsSentAtTheGoingPrice) {
    EXPECT_EQ(next(prepared(), facts(shows(View::Status::open)), policy), Step(Send{Purpose::call, 100}));
}

TEST(Coordinator, WhatCostsNothingNeedsNoCeiling) {
    Journal journal = prepared();
    journal.pin.ceiling = 0;
    Facts free = facts(shows(View::Status::open));
    EXPECT_EQ(std::get<Wait>(next(journal, free, policy)).why, "the price on the ledger is above the ceiling");
    free.conditions->price = 0;
    EXPECT_EQ(next(journal, free, policy), Step(Send{Purpose::call, 0}));
    EXPECT_EQ(next(advance(journal, EntryType::cancelling, {}), free, policy), Step(Send{Purpose::cancel, 0}));
    journal.pin.ceiling = 1000;
    EXPECT_EQ(next(journal, free, policy), Step(Send{Purpose::call, 1}));
}

TEST(Coordinator, NothingIsSentWhileTheLedgerDoesNotAnswer) {
    EXPECT_TRUE(std::holds_alternative<Wait>(next(prepared(), facts(shows(View::Status::unknown)), policy)));
    Facts silent = facts(shows(View::Status::open));
    silent.conditions.reset();
    EXPECT_TRUE(std::holds_alternative<Wait>(next(prepared(), silent, policy)));
}

TEST(Coordinator, WhatWaitsAtAGoodPriceIsLeftAlone) {
    EXPECT_TRUE(
        std::holds_alternative<Wait>(next(prepared(), facts(shows(View::Status::pending, Fate::called, 100)), policy)));
    EXPECT_EQ(next(prepared(), facts(shows(View::Status::pending, Fate::called, 90)), policy),
              Step(Send{Purpose::call, 101}));
}

TEST(Coordinator, ACallMayCostUpToFourFifthsOfTheCeiling) {
    Facts dear = facts(shows(View::Status::pending, Fate::called, 750));
    dear.conditions->price = 5000;
    EXPECT_EQ(std::get<Wait>(next(prepared(), dear, policy)).why, "the price on the ledger is above the ceiling");
    dear.view.price = 700;
    EXPECT_EQ(next(prepared(), dear, policy), Step(Send{Purpose::call, 800}));
}

TEST(Coordinator, ACancellationIsRecordedBeforeItIsSentAndOutbidsTheDearestCall) {
    Facts late = facts(shows(View::Status::pending, Fate::called, 800), 60'000);
    late.conditions->price = 5000;
    EXPECT_EQ(next(prepared(), late, policy), Step(Append{EntryType::cancelling}));
    const Journal cancelling = advance(prepared(), EntryType::cancelling, {});
    EXPECT_EQ(next(cancelling, late, policy), Step(Send{Purpose::cancel, 1000}));
}

TEST(Coordinator, APriceThatTheLedgerRefusedIsRaised) {
    Facts refused = facts(shows(View::Status::open));
    refused.last = Attempt{Purpose::call, 200, 9'999, Submission::Status::priced};
    EXPECT_EQ(next(prepared(), refused, policy), Step(Send{Purpose::call, 226}));
}

TEST(Coordinator, AnAccountWithoutMoneyIsTriedAgainAndEndsAtItsDeadline) {
    Facts poor = facts(shows(View::Status::open));
    poor.last = Attempt{Purpose::call, 100, 9'500, Submission::Status::funds};
    EXPECT_EQ(std::get<Wait>(next(prepared(), poor, policy)).why, "the account cannot pay");
    poor.now = poor.passed = 11'000;
    EXPECT_EQ(next(prepared(), poor, policy), Step(Send{Purpose::call, 100}));
    poor.now = 60'000;
    EXPECT_EQ(next(prepared(), poor, policy), Step(Append{EntryType::cancelling}));
}

TEST(Coordinator, AnIncludedCallIsWaitedForEvenPastTheDeadline) {
    EXPECT_TRUE(std::holds_alternative<Wait>(
        next(prepared(), facts(shows(View::Status::included, Fate::called, 0, 2), 99'000), policy)));
    EXPECT_EQ(next(prepared(), facts(shows(View::Status::final, Fate::called, 0, 3)), policy),
              Step(Append{EntryType::outcome}));
}

// A clock that was set by an hour, either way, says nothing of how long something has waited.
TEST(Coordinator, OnlyADeadlineGoesByTheClock) {
    Journal journal = prepared();
    journal.deadline = no_deadline;
    const Journal committed = advance(prepared(), EntryType::outcome, ledger::Judgement{.fate = Fate::called});
    for (const TimeMs wrong_by : {-3'600'000, 3'600'000}) {
        Facts lost = facts(shows(View::Status::open));
        lost.now += wrong_by;
        lost.last = Attempt{Purpose::call, 100, lost.passed - 1'000, Submission::Status::accepted};
        EXPECT_TRUE(std::holds_alternative<Wait>(next(journal, lost, policy)));
        lost.last->at = lost.passed - policy.replace_after_ms;
        EXPECT_EQ(next(journal, lost, policy), Step(Send{Purpose::call, 100}));
        lost.contradicts_since = lost.passed - 1'000;
        EXPECT_TRUE(std::holds_alternative<Wait>(next(committed, lost, policy)));
        Facts refused = facts(shows(View::Status::final, Fate::failed, 0, 3));
        refused.now += wrong_by;
        refused.failed_since = refused.passed;
        EXPECT_LT(std::get<Wait>(next(journal, refused, policy)).ms, 2'000);
    }
    EXPECT_EQ(next(prepared(), facts(shows(View::Status::open), 3'600'000), policy),
              Step(Append{EntryType::cancelling}));
}

// What is decided cannot be given up: it is told that it failed, and so made again, after a while, each time a longer
// one.
TEST(Coordinator, WhatMustSucceedIsMadeAgainAfterAWhile) {
    Journal undo = prepared();
    undo.deadline = no_deadline;
    EXPECT_EQ(next(undo, facts(shows(View::Status::open), 99'000'000), policy), Step(Send{Purpose::call, 100}));
    EXPECT_EQ(next(undo, facts(shows(View::Status::final, Fate::called, 0, 3)), policy),
              Step(Append{EntryType::outcome}));
    TimeMs before = 0;
    for (undo.tries = 0; undo.tries < 12; ++undo.tries) {
        Facts refused = facts(shows(View::Status::final, Fate::failed, 0, 3));
        refused.failed_since = refused.passed;
        const auto wait = std::get<Wait>(next(undo, refused, policy));
        EXPECT_GE(wait.ms, before);
        EXPECT_GE(wait.ms, 1'000);
        EXPECT_LE(wait.ms, 375'000);
        EXPECT_FALSE(wait.why.empty());
        refused.passed += wait.ms;
        EXPECT_EQ(next(undo, refused, policy), Step(Append{EntryType::outcome}));
        before = undo.tries < 8 ? wait.ms : 0;
    }
}

TEST(Coordinator, AnOutcomeIsWatchedAndDisputedWhenTheLedgerGoesBackOnIt) {
    const Journal committed = advance(prepared(), EntryType::outcome, ledger::Judgement{.fate = Fate::called});
    EXPECT_TRUE(
        std::holds_alternative<Wait>(next(committed, facts(shows(View::Status::final, Fate::called, 0, 3)), policy)));
    EXPECT_EQ(next(committed, facts(shows(View::Status::final, Fate::called, 0, 19)), policy), Step(Done{}));
    Facts gone = facts(shows(View::Status::open)), other = facts(shows(View::Status::final, Fate::cancelled, 0, 3));
    for (Facts* contrary : {&gone, &other}) {
        EXPECT_TRUE(std::holds_alternative<Wait>(next(committed, *contrary, policy)));  // it may be a hiccup
        contrary->contradicts_since = contrary->now - policy.dispute_after_ms;
        EXPECT_EQ(next(committed, *contrary, policy), Step(Append{EntryType::disputed}));
        contrary->reached = contrary->conditions->height + 1;
        EXPECT_EQ(std::get<Wait>(next(committed, *contrary, policy)).why, "the ledger is behind where it has been");
    }
    EXPECT_TRUE(std::holds_alternative<Wait>(next(committed, facts(shows(View::Status::unknown)), policy)));
    const Journal disputed = advance(committed, EntryType::disputed, {});
    EXPECT_EQ(next(disputed, facts(shows(View::Status::open), 99'000), policy), Step(Send{Purpose::call, 100}));
    EXPECT_EQ(next(disputed, facts(shows(View::Status::final, Fate::called, 0, 3)), policy), Step(Done{}));
}

TEST(Coordinator, AnAbortIsNotDisputedBecauseAnotherFailureTookItsPlace) {
    const Journal aborted = advance(prepared(), EntryType::outcome, ledger::Judgement{.fate = Fate::failed});
    EXPECT_TRUE(
        std::holds_alternative<Wait>(next(aborted, facts(shows(View::Status::final, Fate::cancelled, 0, 3)), policy)));
}

template <class F>
void expect_refused(F&& what, std::string_view field) {
    try {
        what();
        FAIL() << "let through: " << field;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::action_refused);
        EXPECT_EQ(error.field(), field);
    }
}

TEST(Journal, WhatTheEnclaveDoesNotSign) {
    const Journal open = prepared();
    check_signing(open, Purpose::call, 800);
    expect_refused([&] { check_signing(open, Purpose::call, 801); }, "/price");
    expect_refused([&] { check_signing(open, Purpose::cancel, 1); }, "/purpose");
    const Journal cancelling = advance(open, EntryType::cancelling, {});
    check_signing(cancelling, Purpose::cancel, 1000);
    expect_refused([&] { check_signing(cancelling, Purpose::cancel, 1001); }, "/price");
    const Journal ended = advance(cancelling, EntryType::outcome, ledger::Judgement{.fate = Fate::cancelled});
    expect_refused([&] { check_signing(ended, Purpose::cancel, 1); }, "/transaction");
    expect_refused([&] { check_signing(ended, Purpose::call, 1); }, "/transaction");
    const Journal disputed = advance(ended, EntryType::disputed, {});
    check_signing(disputed, Purpose::cancel, 1000);
    expect_refused([&] { check_signing(disputed, Purpose::call, 1); }, "/purpose");
}

TEST(Journal, WhatMayNotFollow) {
    const Journal open = prepared();
    expect_refused([&] { (void)advance(open, EntryType::disputed, {}); }, "/type");
    expect_refused([&] { (void)advance(open, EntryType::outcome, {}); }, "/evidence");
    expect_refused([&] { (void)advance(open, EntryType::execute, {}); }, "/type");
    const Journal cancelling = advance(open, EntryType::cancelling, {});
    expect_refused([&] { (void)advance(cancelling, EntryType::cancelling, {}); }, "/type");
    const Journal ended = advance(open, EntryType::outcome, ledger::Judgement{.fate = Fate::called});
    expect_refused([&] { (void)advance(ended, EntryType::outcome, ledger::Judgement{}); }, "/type");
    expect_refused([&] { (void)advance(ended, EntryType::cancelling, {}); }, "/type");
}

// Whatever the ledger shows, the coordinator asks for nothing that the rules refuse.
RC_GTEST_PROP(Coordinator, AsksForNothingThatTheRulesRefuse, ()) {
    Journal journal = prepared();
    journal.pin.ceiling = *rc::gen::inRange<ledger::Price>(0, 2000);
    if (*rc::gen::arbitrary<bool>()) journal = advance(journal, EntryType::cancelling, {});
    if (*rc::gen::arbitrary<bool>()) {
        journal = advance(journal, EntryType::outcome,
                          ledger::Judgement{.fate = *rc::gen::element(Fate::called, Fate::failed, Fate::cancelled)});
        if (*rc::gen::arbitrary<bool>()) journal = advance(journal, EntryType::disputed, {});
    }
    View view = shows(*rc::gen::element(View::Status::unknown, View::Status::open, View::Status::pending,
                                        View::Status::included, View::Status::final));
    view.price = *rc::gen::arbitrary<ledger::Price>();
    view.depth = *rc::gen::inRange<std::uint64_t>(1, 40);
    if (view.status >= View::Status::pending) {
        view.fate = *rc::gen::element(Fate::called, Fate::failed, Fate::cancelled);
    }
    Facts all = facts(view, *rc::gen::inRange<TimeMs>(0, 120'000));
    all.conditions->price = *rc::gen::arbitrary<ledger::Price>();
    if (*rc::gen::arbitrary<bool>()) {
        all.last = Attempt{*rc::gen::element(Purpose::call, Purpose::cancel), *rc::gen::arbitrary<ledger::Price>(),
                           all.passed - *rc::gen::inRange<TimeMs>(0, 30'000),
                           *rc::gen::element(Submission::Status::accepted, Submission::Status::priced,
                                             Submission::Status::funds, Submission::Status::unknown)};
    }
    const Step step = next(journal, all, policy);
    if (const auto* send = std::get_if<Send>(&step)) check_signing(journal, send->purpose, send->price);
    if (const auto* append = std::get_if<Append>(&step)) {
        RC_ASSERT(append->type != EntryType::outcome || view.status == View::Status::final);
        (void)advance(journal, append->type, ledger::Judgement{});
    }
}

}  // namespace
}  // namespace concordat::transaction
