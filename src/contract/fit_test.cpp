#include "fit.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace concordat::contract {
namespace {

json::Object effect(const char* ledger, const char* kind, json::Array after = {}) {
    json::Object out{{"ledger", ledger}, {"call", "f()"}, {"kind", kind}};
    if (std::string_view(kind) == "compensatable") out["undo"] = "g()";
    if (!after.empty()) out["after"] = std::move(after);
    return out;
}

Contract contract_of(json::Object effects, const std::vector<std::string>& ledgers) {
    json::Array names;
    for (const auto& one : effects) names.emplace_back(one.key());
    json::Object uses;
    for (const std::string& one : ledgers) uses[one] = json::Object{{"kind", "evm"}};
    const json::Object shape{{"type", "object"}, {"properties", json::Object{}}};
    const json::Object config{
        {"typ", "concordat/contract/1"},
        {"abi", 1},
        {"name", "timed"},
        {"version", "1.0.0"},
        {"description", ""},
        {"language", "c++"},
        {"roles", json::Array{"buyer"}},
        {"state", shape},
        {"terms", shape},
        {"actions",
         json::Object{
             {"settle", json::Object{{"from", json::Array{"buyer"}}, {"message", shape}, {"effects", names}}}}},
        {"sources", json::Object{}},
        {"effects", std::move(effects)},
        {"ledgers", std::move(uses)}};
    return Contract::parse(bytes_of(json::canonical(config)));
}

LedgerTarget target(std::optional<std::int64_t> seconds, std::int64_t minutes, const std::string& chain = "eip155:1") {
    LedgerTarget out;
    out.chain = chain;
    out.finality_seconds = seconds;
    out.deadline_minutes = minutes;
    return out;
}

using Places = std::map<std::string, std::vector<LedgerTarget>>;

Binding binding_of(const Places& places) {
    Binding out;
    for (const auto& [name, candidates] : places) {
        LedgerPlace place{.candidates = candidates, .needs = {}};
        if (candidates.size() > 1) place.needs.emplace();
        out.ledgers.emplace(name, std::move(place));
    }
    return out;
}

std::string refused(const Contract& contract, const Places& places) {
    try {
        check_ledgers(binding_of(places), contract);
    } catch (const Error& error) {
        return error.field() + ": " + error.rule();
    }
    return "accepted";
}

const Contract& delivery() {
    static const Contract contract = contract_of({{"lock", effect("shares", "compensatable")},
                                                  {"hold", effect("cash", "compensatable", {"lock"})},
                                                  {"pay", effect("cash", "pivot")},
                                                  {"tell", effect("notes", "retriable")}},
                                                 {"shares", "cash", "notes"});
    return contract;
}

TEST(Fit, ADeadlineLeavesRoomForFinality) {
    const Contract pay = contract_of({{"pay", effect("cash", "pivot")}}, {"cash"});
    EXPECT_EQ(refused(pay, {{"cash", {target(3600, 60)}}}), "accepted");
    EXPECT_EQ(refused(pay, {{"cash", {target({}, 1)}}}), "accepted");  // a document that does not say
    EXPECT_EQ(
        refused(pay, {{"cash", {target(3601, 60)}}}),
        "/ledgers/cash/deadline_minutes: must leave room for finality: in action settle it may take 3601 s (pay), "
        "and what is tried is given up after 60 min");
}

TEST(Fit, WhatComesOneAfterTheOtherIsAddedUp) {
    // lock, hold and pay one after the other; the transaction's deadline is the latest of its ledgers.
    EXPECT_EQ(
        refused(delivery(), {{"shares", {target(1200, 60)}}, {"cash", {target(1200, 40)}}, {"notes", {target(0, 1)}}}),
        "accepted");
    EXPECT_EQ(
        refused(delivery(), {{"shares", {target(1201, 60)}}, {"cash", {target(1200, 40)}}, {"notes", {target(0, 1)}}}),
        "/ledgers/shares/deadline_minutes: must leave room for finality: in action settle it may take 3601 s "
        "(lock, hold, pay), and what is tried is given up after 60 min");
    // The logic may leave lock out, and then the deadline is the cash ledger's.
    EXPECT_EQ(
        refused(delivery(), {{"shares", {target(0, 60)}}, {"cash", {target(1200, 39)}}, {"notes", {target(0, 1)}}}),
        "/ledgers/cash/deadline_minutes: must leave room for finality: in action settle it may take 2400 s "
        "(hold, pay), and what is tried is given up after 39 min");
}

TEST(Fit, WhatIsRetriedHasNoDeadline) {
    EXPECT_EQ(
        refused(delivery(), {{"shares", {target(1, 1)}}, {"cash", {target(1, 1)}}, {"notes", {target(86'400, 1)}}}),
        "accepted");
}

TEST(Fit, EachCandidateLeavesRoom) {
    const Contract pay = contract_of({{"pay", effect("cash", "pivot")}}, {"cash"});
    EXPECT_EQ(refused(pay, {{"cash", {target(60, 1), target(601, 10, "eip155:2")}}}).substr(0, 44),
              "/ledgers/cash/candidates/1/deadline_minutes:");
    EXPECT_EQ(refused(pay, {{"cash", {target(60, 1), target(600, 10, "eip155:2")}}}), "accepted");
}

TEST(Fit, WhatIsKeptOpenIsKeptOpenLongEnough) {
    const Contract contract =
        contract_of({{"hold", effect("cash", "compensatable")}, {"ship", effect("goods", "pivot")}}, {"cash", "goods"});
    LedgerTarget cash = target(0, 10), goods = target(0, 30);
    cash.finality.parameters = {{"hold_minutes", 30}};
    EXPECT_EQ(refused(contract, {{"cash", {cash}}, {"goods", {goods}}}), "accepted");
    cash.finality.parameters = {{"hold_minutes", 29}};
    EXPECT_EQ(refused(contract, {{"cash", {cash}}, {"goods", {goods}}}),
              "/ledgers/cash/finality/parameters/hold_minutes: must be at least the 30 min that action settle may have "
              "until its deadline: what was tried could be gone before");
}

TEST(Fit, HasTheContractsLedgersAndNoOthers) {
    const Contract pay = contract_of({{"pay", effect("cash", "pivot")}}, {"cash"});
    EXPECT_EQ(refused(pay, {}).substr(0, 14), "/ledgers/cash:");
    EXPECT_EQ(refused(pay, {{"cash", {target(0, 1)}}, {"gold", {target(0, 1)}}}).substr(0, 14), "/ledgers/gold:");
}

// As many paths as there are subsets must not take as long: 64 effects, each after all before it.
TEST(Fit, ADenseContractIsCheckedAtOnce) {
    json::Object effects;
    json::Array before;
    for (int i = 0; i < 64; ++i) {
        const std::string name = "e" + std::to_string(i);
        effects[name] = effect("cash", "compensatable", before);
        before.emplace_back(name);
    }
    const Contract contract = contract_of(std::move(effects), {"cash"});
    EXPECT_EQ(refused(contract, {{"cash", {target(60, 64)}}}), "accepted");
    EXPECT_NE(refused(contract, {{"cash", {target(60, 63)}}}), "accepted");
}

// Against every subset of the effects, tried one by one.
TEST(FitProperty, IsWhatEverySubsetGives) {
    rc::check([] {
        const std::vector<std::string> ledgers{"a", "b", "c"};
        json::Object effects;
        std::vector<std::pair<std::string, std::vector<std::string>>> list;  // name, after
        std::map<std::string, std::string> ledger_of;
        for (int i = 0; i < 5; ++i) {
            const std::string name = "e" + std::to_string(i);
            const std::string ledger =
                i < 3 ? ledgers[static_cast<std::size_t>(i)] : ledgers[*rc::gen::inRange<std::size_t>(0, 3)];
            std::vector<std::string> after;
            for (const auto& [one, unused] : list) {
                if (*rc::gen::arbitrary<bool>()) after.push_back(one);
            }
            effects[name] = effect(ledger.c_str(), "compensatable", json::Array(after.begin(), after.end()));
            list.emplace_back(name, after);
            ledger_of[name] = ledger;
        }
        Places places;
        for (const std::string& one : ledgers) {
            places[one] = {target(*rc::gen::inRange(0, 200), *rc::gen::inRange(1, 8))};
        }
        bool fits = true;
        for (unsigned subset = 1; subset < 32; ++subset) {
            std::map<std::string, std::int64_t> until;
            std::int64_t longest = 0, minutes = 0;
            for (unsigned i = 0; i < 5; ++i) {
                if ((subset >> i & 1) == 0) continue;
                const auto& [name, after] = list[i];
                const LedgerTarget& where = places[ledger_of[name]].front();
                std::int64_t begin = 0;
                for (const std::string& one : after) {
                    if (until.contains(one)) begin = std::max(begin, until[one]);
                }
                until[name] = begin + *where.finality_seconds;
                longest = std::max(longest, until[name]);
                minutes = std::max(minutes, where.deadline_minutes);
            }
            fits = fits && longest <= minutes * 60;
        }
        RC_ASSERT((refused(contract_of(std::move(effects), ledgers), places) == "accepted") == fits);
    });
}

}  // namespace
}  // namespace concordat::contract
