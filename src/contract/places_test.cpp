#include "places.hpp"

#include <gtest/gtest.h>

#include "../../tests/support/edit.hpp"
#include "steps.hpp"

namespace concordat::contract {
namespace {

json::Object candidate(const std::string& chain) {
    return {{"chain", chain},
            {"genesis", "0x00"},
            {"address", "0x01"},
            {"account", "main"},
            {"work", "100000"},
            {"ceiling", "1000"},
            {"finality", json::Object{{"blocks", 12}, {"witness", "host"}, {"seconds", 300}}},
            {"deadline_minutes", 60},
            {"asset", chain + "/slip44:60"},
            {"private", true}};
}

json::Value routed() {
    return json::Object{{"needs", json::Object{{"finality_seconds", 300},
                                               {"private", true},
                                               {"assets", json::Object{{"eip155:1/slip44:60", "100000000"},
                                                                       {"eip155:2/slip44:60", "100000000"}}}}},
                        {"candidates", json::Array{candidate("eip155:1"), candidate("eip155:2")}}};
}

std::string refused(const char* pointer, json::Value value) {
    json::Value changed = routed();
    test::set_at(changed, pointer, std::move(value));
    try {
        read_place(changed, "/cash");
    } catch (const Error& error) {
        return error.field();
    }
    return "accepted";
}

std::string without(const char* member) {
    json::Value changed = routed();
    changed.at("candidates").at(1).as_object().erase(member);
    try {
        read_place(changed, "/cash");
    } catch (const Error& error) {
        return error.field();
    }
    return "accepted";
}

TEST(Places, CandidatesAreReadWithWhatTheyOffer) {
    const LedgerPlace place = read_place(routed(), "/cash");
    EXPECT_TRUE(place.is_routed());
    ASSERT_EQ(place.candidates.size(), 2u);
    EXPECT_EQ(place.on("eip155:2")->asset, "eip155:2/slip44:60");
    EXPECT_EQ(place.on("eip155:2")->finality_seconds, 300);
    EXPECT_EQ(place.on("eip155:3"), nullptr);
    EXPECT_EQ(place.on(""), nullptr);
    EXPECT_EQ(place.needs->assets.at("eip155:1/slip44:60"), 100'000'000u);
}

TEST(Places, WhereNothingIsRoutedThereIsOne) {
    json::Object one = candidate("eip155:1");
    one.erase("asset");
    one.erase("private");
    const LedgerPlace place = read_place(one, "/cash");
    EXPECT_FALSE(place.is_routed());
    EXPECT_EQ(place.on("")->chain, "eip155:1");
    EXPECT_EQ(place.on("eip155:1"), nullptr);
    one["asset"] = "eip155:1/slip44:60";
    EXPECT_THROW(read_place(one, "/cash"), Error);
}

TEST(Places, ACandidateThatDoesNotMeetTheNeedsIsRefused) {
    EXPECT_EQ(refused("/candidates/1/finality/seconds", 301), "/cash/candidates/1/finality/seconds");
    EXPECT_EQ(refused("/needs/finality_seconds", 299), "/cash/candidates/0/finality/seconds");
    EXPECT_EQ(refused("/candidates/1/ceiling", "1001"), "/cash/candidates/1/ceiling");
    // 2^64 - 1 squared is not taken for something small.
    EXPECT_EQ(refused("/candidates/0/ceiling", "18446744073709551615"), "/cash/candidates/0/ceiling");
    EXPECT_EQ(refused("/candidates/1/asset", "eip155:2/slip44:61"), "/cash/candidates/1/asset");
    EXPECT_EQ(without("asset"), "/cash/candidates/1/asset");
    EXPECT_EQ(without("private"), "/cash/candidates/1/private");
    EXPECT_EQ(without("chain"), "/cash/candidates/1/chain");
    EXPECT_EQ(refused("/candidates/1/finality", json::Object{{"blocks", 12}, {"witness", "host"}}),
              "/cash/candidates/1/finality/seconds");
}

TEST(Places, NamesFieldAndRule) {
    EXPECT_EQ(refused("/needs/speed", 1), "/cash/needs/speed");
    EXPECT_EQ(refused("/needs/private", false), "/cash/needs/private");
    EXPECT_EQ(refused("/needs/finality_seconds", -1), "/cash/needs/finality_seconds");
    EXPECT_EQ(refused("/needs/assets", json::Object{}), "/cash/needs/assets");
    EXPECT_EQ(refused("/needs/assets", json::Object{{"ether", "1"}}), "/cash/needs/assets/ether");
    EXPECT_EQ(refused("/needs/assets", json::Object{{"eip155:1/slip44:60", 1}}),
              "/cash/needs/assets/eip155:1~1slip44:60");
    EXPECT_EQ(refused("/candidates", json::Array{}), "/cash/candidates");
    EXPECT_EQ(refused("/candidates", json::Array(9, candidate("eip155:1"))), "/cash/candidates");
    EXPECT_EQ(refused("/candidates/1/chain", "eip155:1"), "/cash/candidates/1/asset");
    EXPECT_EQ(refused("/candidates/1", candidate("eip155:1")), "/cash/candidates/1/chain");
    EXPECT_EQ(refused("/candidates/1", candidate("http:00")), "/cash/candidates/1/chain");
    EXPECT_EQ(refused("/candidates/1/asset", "eip155:2"), "/cash/candidates/1/asset");
    EXPECT_EQ(refused("/candidates/1/private", false), "/cash/candidates/1/private");
    EXPECT_EQ(refused("/candidates/1/speed", 1), "/cash/candidates/1/speed");
    EXPECT_EQ(refused("/chain", "eip155:1"), "/cash/chain");
}

// ---------------------------------------------------------------------------------------------------------- routes

Route route() {
    return {.chain = "eip155:2", .reason = RouteReason::cheapest, .passed = {{"eip155:1", RouteReason::dearer}}};
}

std::string checked(const std::optional<Route>& given) {
    try {
        check_route(read_place(routed(), "/cash"), given, "/route");
    } catch (const Error& error) {
        return error.field();
    }
    return "accepted";
}

TEST(Routes, AreOneOfTheCandidatesForWhatIsLeft) {
    EXPECT_EQ(checked(route()), "accepted");
    EXPECT_EQ(checked({}), "/route");
    EXPECT_EQ(checked(Route{.chain = "eip155:3", .passed = {}}), "/route/chain");
    EXPECT_EQ(checked(Route{.chain = "eip155:2", .passed = {}}), "/route/passed");
    const auto with = [](RouteReason reason, RouteReason other) {
        Route one = route();
        one.reason = reason;
        one.passed.front().reason = other;
        return checked(one);
    };
    EXPECT_EQ(with(RouteReason::only, RouteReason::failing), "accepted");
    EXPECT_EQ(with(RouteReason::cheapest, RouteReason::failing), "/route/reason");
    EXPECT_EQ(with(RouteReason::only, RouteReason::dearer), "/route/reason");
    EXPECT_EQ(with(RouteReason::least_loaded, RouteReason::more_loaded), "accepted");
    EXPECT_EQ(with(RouteReason::first, RouteReason::later), "accepted");
    LedgerPlace fixed = read_place(routed(), "/cash");
    fixed.needs.reset();
    EXPECT_THROW(check_route(fixed, route(), "/route"), Error);
    EXPECT_NO_THROW(check_route(fixed, {}, "/route"));
}

TEST(Routes, AreReadAsTheyAreWritten) {
    EXPECT_EQ(Route::parse(route().to_json(), "/route"), route());
    const auto refused_route = [](const char* pointer, json::Value value) -> std::string {
        json::Value changed = route().to_json();
        test::set_at(changed, pointer, std::move(value));
        try {
            Route::parse(changed, "/route");
        } catch (const Error& error) {
            return error.field();
        }
        return "accepted";
    };
    EXPECT_EQ(refused_route("/chain", "1"), "/route/chain");
    EXPECT_EQ(refused_route("/reason", "dearer"), "/route/reason");
    EXPECT_EQ(refused_route("/reason", "luck"), "/route/reason");
    EXPECT_EQ(refused_route("/passed/0/reason", "cheapest"), "/route/passed/0/reason");
    EXPECT_EQ(refused_route("/passed/0/chain", "eip155:2"), "/route/passed/0/chain");
    EXPECT_EQ(refused_route("/passed", json::Array{}), "/route/passed");
    EXPECT_EQ(refused_route("/extra", 1), "/route/extra");
}

// What is locked on one chain must not be released on another.
TEST(Routes, AreTheSameForAllStepsOnALedger) {
    const auto step = [](const char* ledger, const char* chain) {
        json::Object out{{"effect", "lock"},
                         {"ledger", ledger},
                         {"args", json::Object{}},
                         {"kind", "compensatable"},
                         {"undo", json::Object{}}};
        out["route"] = json::Object{{"chain", chain}, {"reason", "only"}};
        return out;
    };
    std::vector<PinnedCall> pins;
    EXPECT_NO_THROW(parse_steps({step("cash", "eip155:1"), step("shares", "eip155:2")}, "/effects", pins));
    EXPECT_NO_THROW(parse_steps({step("cash", "eip155:1"), step("cash", "eip155:1")}, "/effects", pins));
    EXPECT_THROW(parse_steps({step("cash", "eip155:1"), step("cash", "eip155:2")}, "/effects", pins), Error);
}

}  // namespace
}  // namespace concordat::contract
