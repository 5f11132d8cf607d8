// Ledgers that are chosen for each transaction: what the enclave takes of a host's choice, and that it stays.
#include "transact.hpp"

namespace concordat::test {
namespace {

using contract::Route;
using contract::RouteReason;

const contract::Package& several_package() {
    static const contract::Package built = build_contract("several");
    return built;
}

json::Object at_chain(json::Object target, const char* chain) {
    target["chain"] = chain;
    return target;
}

json::Object routed(const json::Object& target) {
    return {{"needs", json::Object{}},
            {"candidates", json::Array{at_chain(target, "fake:1"), at_chain(target, "fake:2")}}};
}

const Route second{.chain = "fake:2", .reason = RouteReason::only, .passed = {{"fake:1", RouteReason::silent}}};

struct Routed : Transact {
    enclave::Routes routes{{"cash", second}};
    proof::TrustFile trust = trust_of(platform);

    Routed() { trust.chains["fake:2"] = {.witness = std::string(ledger::host_witness)}; }
    void pay(Payer& payer, int amount, std::int64_t number, const enclave::Routes& chosen) {
        const std::string message = payer.message(amount, "the invoice", number);
        payer.take(paying->execute(payer.id, message, start_time, chosen));
    }
    std::string verified(const contract::Package& package = payer_package()) {
        const proof::Verdict out = proof::verify(receipt_of(platform, *paying, package), trust, kinds);
        return out.holds ? "holds" : proof::render_text(out);
    }
};

TEST_F(Routed, TheEntryHasTheChoiceAndTheAccountOfThatLedger) {
    Payer payer(platform, {{"cash", routed(cash())}});
    payer.lock(*paying);
    const json::Object accounts = payer.entry().accounts.at("cash").as_object();
    ASSERT_EQ(accounts.size(), 2u);
    EXPECT_NE(accounts.at("fake:1"), accounts.at("fake:2"));
    EXPECT_EQ(verified(), "holds");

    pay(payer, 5, 1, routes);
    const contract::Entry prepare = payer.entry();
    EXPECT_EQ(prepare.steps().at(0).route, second);
    EXPECT_EQ(prepare.pinned().at(0).pin.chain, "fake:2");
    EXPECT_EQ(json::Value(prepare.pinned().at(0).pin.account), accounts.at("fake:2"));
    EXPECT_EQ(verified(), "holds");
    EXPECT_FALSE(payer.sign(*paying, payer.head, Purpose::call, 800).empty());
    payer.step(*paying, EntryType::outcome, payer.head, evidence(prepare.pinned().at(0).pin, Fate::called));
    EXPECT_EQ(payer.entry().ending, "committed");
    EXPECT_EQ(verified(), "holds");
    trust.chains.erase("fake:2");
    EXPECT_NE(verified().find("does not take the host's word for fake:2"), std::string::npos);
}

TEST_F(Routed, AChoiceThatThePartiesDidNotLeaveIsRefused) {
    Payer payer(platform, {{"cash", routed(cash())}});
    payer.lock(*paying);
    const auto refused = [&](const Route& route) { return error_of([&] { pay(payer, 5, 1, {{"cash", route}}); }); };
    Route other = second;
    other.chain = "fake:3";
    EXPECT_EQ(refused(other), "bad_format /routes/cash/chain");
    other = second;
    other.passed.clear();
    EXPECT_EQ(refused(other), "bad_format /routes/cash/passed");
    other = second;
    other.reason = RouteReason::cheapest;
    EXPECT_EQ(refused(other), "bad_format /routes/cash/reason");
    pay(payer, 5, 1, routes);
    EXPECT_EQ(payer.entry().type, EntryType::prepare);
}

TEST_F(Routed, WithoutAChoiceOnlyWhatHasNoEffectRuns) {
    Payer payer(platform, {{"cash", routed(cash())}});
    payer.lock(*paying);
    const Route none{.chain = "",
                     .reason = RouteReason::only,
                     .passed = {{"fake:1", RouteReason::failing}, {"fake:2", RouteReason::overloaded}}};
    EXPECT_EQ(error_of([&] { pay(payer, 5, 1, {{"cash", none}}); }), "busy /ledgers/cash");
    EXPECT_EQ(error_of([&] { pay(payer, 5, 1, {}); }), "busy /routes/cash");
    pay(payer, 0, 1, {{"cash", none}});
    EXPECT_EQ(payer.entry().type, EntryType::execute);
}

TEST_F(Routed, AHostCannotRouteWhatThePartiesFixed) {
    Payer payer(platform);
    payer.lock(*paying);
    pay(payer, 5, 1, routes);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.chain, "fake:1");
    EXPECT_FALSE(payer.entry().steps().at(0).route);
}

// What is locked is released or given back where it was locked, whatever the host would like by then; another enclave
// knows it from the head.
TEST_F(Routed, EveryCallOfATransactionGoesWhereItBegan) {
    Payer deal{platform,
               {{"shares", routed(cash("vault"))}, {"cash", cash("treasury")}, {"notes", cash("vault")}},
               several_package()};
    deal.lock(*paying);
    const std::string message = deal.message(7, "lbp", 1, "deal");
    deal.take(paying->execute(deal.id, message, start_time, {{"shares", second}}));
    const Hash256 transaction = deal.head;
    EXPECT_EQ(verified(several_package()), "holds");
    std::vector<contract::PinnedCall> calls = deal.entry().pinned();
    paying = make_paying();
    paying->load(several_package());
    paying->load_binding(deal.jws, deal.last.record);
    const auto ends = [&](std::uint32_t call, Fate fate) {
        const json::Value shown = evidence(calls.at(call).pin, fate);
        deal.step(*paying, EntryType::outcome, transaction, shown, start_time, call);
        for (contract::PinnedCall& one : deal.entry().pinned()) calls.push_back(std::move(one));
        EXPECT_EQ(verified(several_package()), "holds");
    };
    ends(0, Fate::called);
    ends(1, Fate::called);
    ends(2, Fate::failed);
    for (std::uint32_t undo = 3; deal.entry().type != EntryType::outcome; ++undo) ends(undo, Fate::called);
    EXPECT_EQ(deal.entry().ending, "aborted");
    const std::vector<contract::Step> steps =
        contract::Entry::parse(platform.ledger->read(1, 1).entries.at(0).record.document).steps();
    ASSERT_GE(calls.size(), 5u);
    for (const contract::PinnedCall& call : calls) {
        EXPECT_EQ(call.pin.chain, steps.at(call.step).ledger == "shares" ? "fake:2" : "fake:1");
    }
}

TEST_F(Routed, ACandidateOfAnotherKindIsNotBound) {
    json::Object place = routed(cash());
    for (json::Value& one : place.at("candidates").as_array()) {
        one.as_object()["chain"] = "eip155:" + std::string(one.as_object().at("chain").as_string().subview(5));
    }
    Payer payer(platform, {{"cash", place}});
    EXPECT_EQ(error_of([&] { payer.lock(*paying); }), "bad_format /ledgers/cash/candidates/0/chain");
}

TEST_F(Routed, ADeadlineShorterThanFinalityIsNotBound) {
    json::Object target = cash();
    target.at("finality").as_object()["seconds"] = 601;
    Payer payer(platform, {{"cash", target}});
    EXPECT_EQ(error_of([&] { payer.lock(*paying); }), "bad_format /ledgers/cash/deadline_minutes");
    target.at("finality").as_object()["seconds"] = 600;
    Payer other(platform, {{"cash", target}});
    other.lock(*paying);
}

}  // namespace
}  // namespace concordat::test
