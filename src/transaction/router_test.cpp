#include "router.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace concordat::transaction {
namespace {

using contract::LedgerPlace;
using contract::Route;
using contract::RouteReason;

contract::LedgerTarget candidate(const std::string& chain) {
    contract::LedgerTarget out;
    out.chain = chain;
    out.work = 100;
    out.ceiling = 1000;
    out.asset = chain + "/slip44:60";
    return out;
}

LedgerPlace place_of(std::size_t candidates) {
    LedgerPlace place;
    place.needs.emplace();
    for (std::size_t i = 0; i < candidates; ++i) place.candidates.push_back(candidate("c:" + std::to_string(i)));
    return place;
}

Outlook good(ledger::Price price = 10, std::size_t open = 0) {
    return {.configured = true,
            .right_genesis = true,
            .answers = true,
            .admitted = true,
            .funded = true,
            .price = price,
            .open = open};
}

Route::Passed passed(int number, RouteReason reason) { return {"c:" + std::to_string(number), reason}; }

TEST(Router, TakesTheCheapest) {
    const Route route = choose(place_of(3), std::array{good(11), good(10), good(12)}, 8);
    EXPECT_EQ(route,
              (Route{"c:1", RouteReason::cheapest, {passed(0, RouteReason::dearer), passed(2, RouteReason::dearer)}}));
}

TEST(Router, OfEquallyCheapOnesTheLeastLoadedThenTheFirst) {
    EXPECT_EQ(
        choose(place_of(3), std::array{good(10, 2), good(10, 1), good(11)}, 8),
        (Route{
            "c:1", RouteReason::least_loaded, {passed(0, RouteReason::more_loaded), passed(2, RouteReason::dearer)}}));
    EXPECT_EQ(choose(place_of(2), std::array{good(), good()}, 8),
              (Route{"c:0", RouteReason::first, {passed(1, RouteReason::later)}}));
}

TEST(Router, SaysWhyACandidateCannotBeUsed) {
    const auto reason = [](auto change) {
        Outlook bad = good();
        change(bad);
        const Route route = choose(place_of(2), std::array{bad, good(500)}, 8);
        EXPECT_EQ(route.chain, "c:1");
        EXPECT_EQ(route.reason, RouteReason::only);
        return route.passed.at(0).reason;
    };
    EXPECT_EQ(reason([](Outlook& one) { one.configured = false; }), RouteReason::not_configured);
    EXPECT_EQ(reason([](Outlook& one) { one.right_genesis = false; }), RouteReason::other_genesis);
    EXPECT_EQ(reason([](Outlook& one) { one.answers = false; }), RouteReason::silent);
    EXPECT_EQ(reason([](Outlook& one) { one.admitted = false; }), RouteReason::failing);
    EXPECT_EQ(reason([](Outlook& one) { one.funded = false; }), RouteReason::unfunded);
    EXPECT_EQ(reason([](Outlook& one) { one.price = 801; }), RouteReason::too_dear);  // the last fifth is not a call's
    EXPECT_EQ(reason([](Outlook& one) { one.open = 8; }), RouteReason::overloaded);
}

TEST(Router, WhereNoneCanBeUsedNoneIsChosen) {
    const Route route = choose(place_of(2), std::array{Outlook{}, good(10, 8)}, 8);
    EXPECT_EQ(route.chain, "");
    EXPECT_EQ(route.passed, (std::vector{passed(0, RouteReason::not_configured), passed(1, RouteReason::overloaded)}));
}

// A coin's smallest unit says nothing about another's: what counts is the share of what one call may cost.
TEST(Router, AssetsAreComparedByWhatTheNeedsAllowOfEach) {
    LedgerPlace place = place_of(2);
    place.needs->assets = {{"c:0/slip44:60", 100'000'000'000'000'000U}, {"c:1/slip44:60", 1'000'000}};
    for (contract::LedgerTarget& one : place.candidates) one.ceiling = 10'000'000'000'000;
    EXPECT_EQ(choose(place, std::array{good(1'100'000'000'000), good(10)}, 8).chain, "c:1");
    EXPECT_EQ(choose(place, std::array{good(900'000'000'000), good(10)}, 8).chain, "c:0");
}

TEST(Router, NumbersThatDoNotFitAreComparedAllTheSame) {
    constexpr std::uint64_t most = ~std::uint64_t{0};
    LedgerPlace place = place_of(2);
    for (contract::LedgerTarget& one : place.candidates) one.work = one.ceiling = most;
    place.needs->assets = {{"c:0/slip44:60", most}, {"c:1/slip44:60", most - 1}};
    const ledger::Price price = most / 5 * 4;
    EXPECT_EQ(choose(place, std::array{good(price), good(price)}, 8).chain, "c:0");
    EXPECT_EQ(choose(place, std::array{good(price), good(price - 1)}, 8).chain, "c:1");
}

// ---------------------------------------------------------------------------------------------------------- properties

Outlook any_outlook() {
    const auto mostly = [] { return *rc::gen::inRange(0, 8) != 0; };
    return {.configured = mostly(),
            .right_genesis = mostly(),
            .answers = mostly(),
            .admitted = mostly(),
            .funded = mostly(),
            .price = *rc::gen::inRange<ledger::Price>(0, 4) * 300,
            .open = *rc::gen::inRange<std::size_t>(0, 4)};
}

bool usable(const Outlook& one) {
    return one.configured && one.right_genesis && one.answers && one.admitted && one.funded && one.price <= 800 &&
           one.open < 3;
}

TEST(RouterProperty, WhatIsChosenIsUsableAndNoneIsBetterAndEachReasonHolds) {
    rc::check([] {
        const auto count = *rc::gen::inRange<std::size_t>(1, contract::max_candidates + 1);
        const LedgerPlace place = place_of(count);
        std::vector<Outlook> known;
        for (std::size_t i = 0; i < count; ++i) known.push_back(any_outlook());
        const Route route = choose(place, known, 3);
        RC_ASSERT(route == choose(place, known, 3));
        const auto best = std::ranges::find(place.candidates, route.chain, &contract::LedgerTarget::chain);
        RC_ASSERT((best == place.candidates.end()) == std::ranges::none_of(known, usable));
        if (best == place.candidates.end()) {
            RC_ASSERT(route.passed.size() == count);
            return;
        }
        contract::check_route(place, route, "/route");  // as enclave and verifier read it
        RC_ASSERT(Route::parse(route.to_json(), "/route") == route);
        const auto at = static_cast<std::size_t>(best - place.candidates.begin());
        RC_ASSERT(usable(known[at]));
        for (std::size_t i = 0; i < count; ++i) {
            if (i == at || !usable(known[i])) continue;
            const auto key = [&](std::size_t one) { return std::tuple(known[one].price, known[one].open, one); };
            RC_ASSERT(key(at) < key(i));
            const RouteReason why = route.passed[i < at ? i : i - 1].reason;
            RC_ASSERT(why == (known[i].price > known[at].price ? RouteReason::dearer
                              : known[i].open > known[at].open ? RouteReason::more_loaded
                                                               : RouteReason::later));
        }
    });
}

// ------------------------------------------------------------------------------------------------------------ breaker

using State = Breaker::State;

TEST(Breaker, RestsAfterThreeFailuresInARow) {
    Breaker breaker;
    for (int i = 0; i < 2; ++i) breaker.silent(0);
    breaker.answered();
    for (int i = 0; i < 2; ++i) breaker.silent(0);
    EXPECT_EQ(breaker.state(0), State::closed);
    EXPECT_TRUE(breaker.admits(0));
    breaker.silent(0);
    EXPECT_EQ(breaker.state(0), State::open);
    EXPECT_FALSE(breaker.admits(4999));
    EXPECT_EQ(breaker.state(5000), State::half_open);
}

// A chain that answers but takes nothing in.
TEST(Breaker, AnsweringIsNotWorking) {
    Breaker breaker;
    for (int i = 0; i < 3; ++i) {
        breaker.answered();
        breaker.expired(0);
    }
    EXPECT_EQ(breaker.state(0), State::open);
}

TEST(Breaker, OneTransactionTriesWhatRested) {
    Breaker breaker;
    for (int i = 0; i < 3; ++i) breaker.silent(0);
    EXPECT_TRUE(breaker.admits(5000));
    breaker.begins(5000);
    EXPECT_FALSE(breaker.admits(5000));
    breaker.withdrawn();
    EXPECT_TRUE(breaker.admits(5000));
    breaker.begins(5000);
    breaker.answered();
    EXPECT_FALSE(breaker.admits(5000));
    breaker.worked();
    EXPECT_EQ(breaker.state(5000), State::closed);
}

TEST(Breaker, RestsLongerEachTimeUpToABound) {
    Breaker breaker;
    for (int i = 0; i < 3; ++i) breaker.silent(0);
    TimeMs now = 0, rest = Breaker::first_rest_ms;
    for (int i = 0; i < 40; ++i) {
        EXPECT_EQ(breaker.rests_until() - now, rest);
        now = breaker.rests_until();
        breaker.begins(now);
        breaker.expired(now);
        EXPECT_EQ(breaker.state(now), State::open);
        rest = std::min(2 * rest, Breaker::longest_rest_ms);
    }
}

}  // namespace
}  // namespace concordat::transaction
