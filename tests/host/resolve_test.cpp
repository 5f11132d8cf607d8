// A call that has to succeed and does not: whoever may amend gives it up, and the transaction ends.
#include <contract/input.hpp>

#include "steps.hpp"

namespace concordat::test {
namespace {

using contract::Resolution;
using ledger::Role;

struct Resolve : Steps {
    Resolution resolution(std::uint8_t step, Role role) const {
        return {.binding = deal.id,
                .version = deal.version,
                .transaction = transaction,
                .step = step,
                .role = role,
                .reason = "the chain is gone",
                .expires = start_time + hour};
    }
    template <class... Keys>
    static Bytes signed_by(const Resolution& document, const Keys&... keys) {
        const json::Object payload = json::parse(contract::write_resolution(document), "r").as_object();
        return to_bytes(bytes_of(json::canonical(sign_document(payload, contract::resolution_typ, keys...).to_json())));
    }
    void act(const Bytes& input, TimeMs time = start_time) {
        deal.take(paying->act(EntryType::resolve, deal.id, input, time));
    }
    Bytes agreed(const Resolution& document) const {
        return signed_by(document, platform.world.buyer, platform.world.seller);
    }
    void give_up(std::uint8_t step, Role role) { act(agreed(resolution(step, role))); }
    std::string refused(const Resolution& document) {
        return error_of([&] { act(agreed(document)); });
    }
};

TEST_F(Resolve, WhatIsGivenUpMayBeCancelledAndIsNotMadeAgain) {
    begin("ln");
    ends(0);
    ends(2, Fate::failed);
    EXPECT_EQ(pinned(), "release");
    EXPECT_FALSE(signs(3, Purpose::cancel));
    give_up(0, Role::commit);
    EXPECT_EQ(deal.entry().type, EntryType::resolve);
    EXPECT_EQ(deal.entry().transaction, transaction);
    EXPECT_EQ(deal.entry().call, 3u) << "the newest try";
    EXPECT_EQ(deal.entry().reason, "the chain is gone");
    EXPECT_EQ(deal.entry().state_after, deal.entry().state_before);
    expect_verified();
    EXPECT_TRUE(signs(3, Purpose::cancel));
    EXPECT_FALSE(signs(1, Purpose::cancel)) << "only what was given up";
    deal.pay(*paying, 5, "", 2, "deal");
    EXPECT_EQ(deal.state().at("paid"), 12) << "the binding goes on meanwhile";
    ends(3, Fate::cancelled);
    EXPECT_EQ(deal.entry().type, EntryType::step);
    EXPECT_EQ(pinned(), "");
    expect_verified();
    ends(1);
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_EQ(deal.entry().given_up, std::vector<std::uint32_t>{3});
    EXPECT_EQ(deal.state().at("paid"), 12);
    expect_verified();
    const proof::Verdict verdict =
        proof::verify(receipt_of(platform, *paying, several_package()), trust_of(platform), kinds);
    const std::string told = proof::render_text(verdict);
    EXPECT_NE(told.find("committed, but for 1 call(s) that the parties gave up"), std::string::npos) << told;
    EXPECT_NE(told.find("given up by did:web:buyer.example, did:web:seller.example: the chain is gone"),
              std::string::npos)
        << told;
}

TEST_F(Resolve, ACallThatSucceedsAllTheSameHasHappened) {
    begin("ln");
    ends(0);
    give_up(0, Role::commit);
    EXPECT_TRUE(signs(2, Purpose::call)) << "it may be under way anyhow";
    ends(2);
    ends(1);
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_TRUE(deal.entry().given_up.empty());
    expect_verified();
}

TEST_F(Resolve, WhatCameBeforeAGivenUpUndoIsUndoneAllTheSame) {
    begin("lbp");
    ends(0);
    ends(1);
    ends(2, Fate::failed);
    EXPECT_EQ(pinned(), "strike");
    EXPECT_EQ("not_found /resolution/role", refused(resolution(0, Role::undo))) << "the lock waits for the strike";
    give_up(1, Role::undo);
    expect_verified();
    ends(3, Fate::cancelled);
    EXPECT_EQ(pinned(), "refund");
    ends(4);
    EXPECT_EQ(deal.entry().ending, "aborted");
    EXPECT_EQ(deal.entry().given_up, std::vector<std::uint32_t>{3});
    EXPECT_EQ(deal.state().at("paid"), 0);
    expect_verified();
    EXPECT_EQ("action_refused /transaction", refused(resolution(1, Role::undo))) << "given up already";
    EXPECT_EQ("action_refused /transaction", refused(resolution(0, Role::undo))) << "has happened";
}

TEST_F(Resolve, OneRuleDecidesWhoMustSign) {
    begin("n");
    const Hash256 head = deal.head;
    const auto by = [&](const auto&... keys) {
        return error_of([&] { act(signed_by(resolution(0, Role::call), keys...)); });
    };
    const auto& world = platform.world;
    EXPECT_EQ("bad_signature /signatures", by(world.buyer));
    EXPECT_EQ("bad_signature /signatures/1", by(world.buyer, world.buyer));
    EXPECT_EQ("not_a_party /signatures/1", by(world.buyer, world.enclave));
    const auto as_termination =
        sign_document(json::parse(contract::write_resolution(resolution(0, Role::call)), "r").as_object(),
                      contract::termination_typ, world.buyer, world.seller);
    EXPECT_EQ("bad_signature /signatures/0/typ",
              error_of([&] { act(to_bytes(bytes_of(json::canonical(as_termination.to_json())))); }));
    Bytes spaced = agreed(resolution(0, Role::call));
    spaced.push_back(' ');
    EXPECT_NE("no error", error_of([&] { act(spaced); }));
    EXPECT_EQ(deal.head, head);
    give_up(0, Role::call);
}

TEST_F(Resolve, WhatItDoesNotFitIsNamed) {
    begin("lnp");
    const auto with = [&](auto&& change) {
        Resolution document = resolution(0, Role::commit);
        change(document);
        return refused(document);
    };
    EXPECT_EQ("action_refused /resolution/role", with([](Resolution& one) { one.role = Role::call; }))
        << "what is tried is not given up so";
    EXPECT_EQ("not_found /resolution/role", with([](Resolution&) {})) << "nothing is decided yet";
    ends(0);
    ends(1);
    EXPECT_EQ(pinned(), "note, release");
    EXPECT_EQ("wrong_version /resolution/binding", with([](Resolution& one) { one.binding = hash_of("another"); }));
    EXPECT_EQ("wrong_version /resolution/version", with([](Resolution& one) { one.version = hash_of("another"); }));
    EXPECT_EQ("not_found /transaction", with([](Resolution& one) { one.transaction = hash_of("another"); }));
    EXPECT_EQ("not_found /resolution/step", with([](Resolution& one) { one.step = 3; }));
    EXPECT_EQ("not_found /resolution/role", with([](Resolution& one) { one.role = Role::undo; }));
    EXPECT_EQ("action_refused /resolution/role", with([](Resolution& one) {
                  one.step = 2;  // the pivot
                  one.role = Role::call;
              }));
    EXPECT_EQ("expired /resolution/expires", with([](Resolution& one) { one.expires = start_time - 1; }));
    EXPECT_EQ("bad_format /resolution/reason", with([](Resolution& one) { one.reason.clear(); }));
    EXPECT_EQ("time_went_back /time", error_of([&] { act(agreed(resolution(0, Role::commit)), start_time - 1); }));
    give_up(0, Role::commit);
    EXPECT_EQ("action_refused /resolution/step", with([](Resolution&) {})) << "twice";
    ends(3, Fate::cancelled);
    ends(2);
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_EQ("action_refused /transaction", with([](Resolution& one) {
                  one.step = 1;
                  one.role = Role::call;
              }))
        << "has happened";
}

// No transaction grows without end, and none waits without end.
TEST_F(Resolve, AfterSoManyCallsPeopleDecide) {
    begin("nn");
    std::size_t newest = 0;
    while (calls.size() < enclave::max_calls) {
        ends(newest, Fate::failed);
        newest = calls.size() - 1;
    }
    const std::string full = error_of([&] { ends(newest, Fate::failed); });
    EXPECT_EQ("in_transaction /transaction", full);
    give_up(0, Role::call);
    expect_verified();
    EXPECT_EQ(deal.entry().call, newest);
    ends(newest, Fate::failed);
    EXPECT_EQ("in_transaction /transaction", error_of([&] { ends(1, Fate::failed); }));
    ends(1);
    EXPECT_EQ(deal.entry().ending, "committed");
    expect_verified();
}

TEST_F(Resolve, WhatIsDueForTheFirstTimeIsPinnedBeyondThat) {
    begin("lbp");
    ends(0);
    ends(1);
    ends(2, Fate::failed);
    while (calls.size() < enclave::max_calls) ends(calls.size() - 1, Fate::failed);
    give_up(1, Role::undo);
    ends(enclave::max_calls - 1, Fate::failed);
    EXPECT_EQ(pinned(), "refund");
    ends(enclave::max_calls);
    EXPECT_EQ(deal.entry().ending, "aborted");
    expect_verified();
}

TEST_F(Resolve, OtherEnclavesGoOnFromThere) {
    begin("n");
    give_up(0, Role::call);
    paying = make_paying();
    paying->load(several_package());
    paying->load_binding(deal.jws, deal.last.record);
    EXPECT_TRUE(signs(0, Purpose::cancel));
    EXPECT_EQ("action_refused /resolution/step", refused(resolution(0, Role::call)));
    ends(0, Fate::cancelled);
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_EQ(deal.entry().given_up, std::vector<std::uint32_t>{0});
}

TEST_F(Resolve, ADisputeSignsAgainWhatTheOutcomeHas) {
    begin("n");
    give_up(0, Role::call);
    ends(0, Fate::cancelled);
    EXPECT_FALSE(signs(0, Purpose::cancel));
    deal.step(*paying, EntryType::disputed, transaction);
    expect_verified();
    EXPECT_TRUE(signs(0, Purpose::cancel));
    EXPECT_FALSE(signs(0, Purpose::call));
}

// A disputed binding runs nothing new, and what is open in it still ends.
TEST_F(Resolve, ADisputedBindingResolvesToo) {
    begin("ln");
    ends(0);
    deal.step(*paying, EntryType::disputed, transaction, nullptr, start_time, 0);
    give_up(1, Role::call);
    ends(1, Fate::cancelled);
    ends(2);
    EXPECT_EQ(deal.entry().given_up, std::vector<std::uint32_t>{1});
    expect_verified();
}

// Names of other bindings are longer than those of chains.
TEST(PrivateState, pins_have_long_names) {
    contract::Step step;
    step.effect = "draw";
    step.ledger = "line";
    enclave::Head head;
    head.version = hash_of("version");
    head.state = enclave::state_of({}, {}, {});
    head.terms = std::make_shared<const std::string>("{}");
    head.transactions.push_back({.id = hash_of("transaction"), .steps = std::vector{step}, .saga = {}});
    transaction::Saga& saga = head.transactions.back().saga = transaction::Saga({step}, start_time);
    const std::string chain = "binding:" + hash_of("another").text();
    saga.pin({0, Role::call}, {.chain = chain, .account = std::string(128, 'a'), .slot = 7, .call = {}, .ceiling = 1},
             {}, start_time);
    EXPECT_EQ(enclave::read_private(enclave::write_private(head)).transactions.at(0).saga, saga);
}

// Private states that were written before what has ended was referred to, and before calls could be given up.
TEST(PrivateState, of_formats_4_and_5_is_read) {
    contract::Step step;
    step.effect = "note";
    step.ledger = "notes";
    step.kind = contract::EffectKind::retriable;
    enclave::Head head;
    head.version = hash_of("version");
    head.state = enclave::state_of({}, {}, {});
    head.terms = std::make_shared<const std::string>("{}");
    head.transactions.push_back(
        {.id = hash_of("transaction"), .sequence = 3, .steps = std::vector{step}, .saga = {}, .early = true});
    transaction::Saga& saga = head.transactions.back().saga = transaction::Saga({step}, start_time);
    const ledger::Pin pin{.chain = "fake:1", .account = "a", .slot = 0, .call = {}, .ceiling = 1};
    saga.pin({0, Role::call}, pin, {}, start_time);
    Bytes bytes = enclave::write_private(head);
    EXPECT_EQ(enclave::read_private(bytes).transactions.at(0).saga, saga);
    // Before the transaction: that it is whole. The pin was JSON.
    const Hash256 id = hash_of("transaction");
    bytes.erase(std::ranges::search(bytes, id.view()).begin() - 1);
    wire::Writer now, then;
    now.text(pin.chain);
    now.text(pin.account);
    now.u64(pin.slot);
    now.text(json::canonical(*pin.call));
    now.u64(pin.ceiling);
    then.text(json::canonical(pin.to_json()));
    const auto found = std::ranges::search(bytes, now.get());
    const auto at = bytes.erase(found.begin(), found.end());
    bytes.insert(at, then.get().begin(), then.get().end());
    bytes.at(0) = 5;
    EXPECT_EQ(enclave::read_private(bytes).transactions.at(0).saga, saga);
    // Behind the last call: that it was committed early, and two lengths.
    bytes.erase(bytes.end() - 10);
    bytes.at(0) = 4;
    EXPECT_EQ(enclave::read_private(bytes).transactions.at(0).saga, saga);
    bytes.at(0) = 7;
    EXPECT_EQ("bad_format /private", error_of([&] { enclave::read_private(bytes); }));
    saga.give_up(0);
    EXPECT_TRUE(enclave::read_private(enclave::write_private(head)).transactions.at(0).saga.call(0).journal.given_up);
}

const contract::Package& early_package() {
    static const contract::Package built = build_contract("early");
    return built;
}

struct ResolveEarly : Transact {
    Payer payer{platform, {{"cash", cash()}}, early_package()};
};

// Whatever had been decided: what it asked for did not come to hold.
TEST_F(ResolveEarly, TheContractHearsAborted) {
    payer.lock(*paying);
    payer.pay(*paying, 5, "a purpose", 1, "promise");
    const Hash256 transaction = payer.head;
    const ledger::Pin pin = payer.entry().pinned().at(0).pin;
    EXPECT_EQ(payer.entry().decision, "commit");
    const Resolution document{.binding = payer.id,
                              .version = payer.version,
                              .transaction = transaction,
                              .step = 0,
                              .role = Role::call,
                              .reason = "nobody needs it any more",
                              .expires = start_time + hour};
    payer.take(paying->act(EntryType::resolve, payer.id,
                           Resolve::signed_by(document, platform.world.buyer, platform.world.seller), start_time));
    payer.step(*paying, EntryType::outcome, transaction, evidence(pin, Fate::cancelled));
    EXPECT_EQ(payer.entry().ending, "committed") << "as was decided";
    EXPECT_EQ(payer.entry().given_up, std::vector<std::uint32_t>{0});
    EXPECT_EQ(payer.entry().action, "paid");
    EXPECT_EQ(payer.state().at("failed"), 1);
    EXPECT_EQ(payer.state().at("paid"), 0);
    const proof::Verdict verdict =
        proof::verify(receipt_of(platform, *paying, payer.package), trust_of(platform), kinds);
    EXPECT_TRUE(verdict.holds) << proof::render_text(verdict);
}

}  // namespace
}  // namespace concordat::test
