// An enclave's half of a transaction with another ledger, and a host that asks for more than it may have.
#include <ledger/http/kind/kind.hpp>

#include "transact.hpp"

namespace concordat::test {
namespace {

const contract::Package& early_package() {
    static const contract::Package built = build_contract("early");
    return built;
}

std::string body_of(const Bytes& transaction) {
    return std::string(json::parse(text_of(transaction), "").as_object().at("body").as_string());
}

TEST_F(Transact, APaymentIsPreparedSignedAndConcluded) {
    Payer payer(platform);
    payer.lock(*paying);
    const auto account = std::string(payer.entry().accounts.at("cash").as_string());

    payer.pay(*paying, 5, "the invoice", 1);
    const contract::Entry prepare = payer.entry();
    const Hash256 transaction = payer.head;
    EXPECT_EQ(prepare.type, EntryType::prepare);
    EXPECT_EQ(prepare.deadline, start_time + 10 * 60'000);
    EXPECT_EQ(prepare.pinned().at(0).pin.account, account);
    EXPECT_EQ(prepare.pinned().at(0).pin.slot, 0u);
    EXPECT_EQ(prepare.pinned().at(0).pin.ceiling, 1000u);
    EXPECT_EQ(prepare.pinned().at(0).pin.call->at("pay"), "5");
    EXPECT_EQ(prepare.effects.at(0).as_object().at("ledger"), "cash");

    const std::string body = body_of(payer.sign(*paying, transaction, Purpose::call, 800));
    EXPECT_NE(body.find(R"("purpose":"call")"), std::string::npos) << body;
    EXPECT_NE(body.find(account), std::string::npos) << body;

    payer.step(*paying, EntryType::outcome, transaction, evidence(prepare.pinned().at(0).pin, Fate::called));
    const contract::Entry outcome = payer.entry();
    EXPECT_EQ(outcome.ending, "committed");
    EXPECT_EQ(outcome.transaction, transaction);
    EXPECT_EQ(outcome.state_after, prepare.state_after);

    // The next one: the account's next slot.
    payer.pay(*paying, 6, "another", 2);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.slot, 1u);
}

TEST_F(Transact, WhatComesToNothingLeavesTheStateAsItWas) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 0, "only said", 1);
    const contract::Entry before = payer.entry();
    EXPECT_EQ(before.type, EntryType::execute);

    payer.pay(*paying, 5, "the invoice", 2);
    const contract::Entry prepare = payer.entry();
    const Hash256 transaction = payer.head;
    EXPECT_NE(prepare.state_after, before.state_after);
    payer.step(*paying, EntryType::cancelling, transaction);
    EXPECT_EQ(payer.entry().state_after, prepare.state_after);
    payer.step(*paying, EntryType::outcome, transaction, evidence(prepare.pinned().at(0).pin, Fate::cancelled));
    EXPECT_EQ(payer.entry().ending, "aborted");
    EXPECT_EQ(payer.entry().state_after, before.state_after);
    EXPECT_EQ(json::parse(text_of(payer.last.record.state), "").as_object().at("paid"), 0);

    // Its number stays used, and the next message runs on what there was before.
    EXPECT_EQ(error_of([&] { payer.pay(*paying, 5, "the invoice", 2); }), "replayed /number");
    payer.pay(*paying, 7, "again", 3);
    EXPECT_EQ(json::parse(text_of(payer.last.record.state), "").as_object().at("paid"), 7);
}

TEST_F(Transact, AnAuditorJudgesAPaymentAnew) {
    const proof::TrustFile trust = trust_of(platform);
    const auto holds = [&] {
        const proof::Verdict out = proof::verify(receipt_of(platform, *paying), trust, kinds);
        return out.holds ? std::string("holds") : proof::render_text(out);
    };
    Payer payer(platform);
    payer.lock(*paying);
    EXPECT_EQ(holds(), "holds");
    payer.pay(*paying, 5, "the invoice", 1);
    EXPECT_EQ(holds(), "holds");
    payer.step(*paying, EntryType::outcome, payer.head, evidence(payer.entry().pinned().at(0).pin, Fate::called));
    EXPECT_EQ(holds(), "holds");
}

TEST_F(Transact, AnAuditorJudgesAnAbortAndItsDispute) {
    proof::TrustFile trust = trust_of(platform);
    const auto holds = [&] {
        const proof::Verdict out = proof::verify(receipt_of(platform, *paying), trust, kinds);
        return out.holds ? std::string("holds") : proof::render_text(out);
    };
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 0, "only said", 1);
    EXPECT_EQ(holds(), "holds");
    payer.pay(*paying, 5, "the invoice", 2);
    const Hash256 transaction = payer.head;
    const ledger::Pin pin = payer.entry().pinned().at(0).pin;
    payer.step(*paying, EntryType::cancelling, transaction);
    EXPECT_EQ(holds(), "holds");
    payer.step(*paying, EntryType::outcome, transaction, evidence(pin, Fate::cancelled));
    EXPECT_EQ(holds(), "holds");
    payer.step(*paying, EntryType::disputed, transaction);
    EXPECT_EQ(holds(), "holds");
    trust.chains.clear();
    const std::string refused = holds();
    EXPECT_NE(refused.find("does not take the host's word for fake:1"), std::string::npos) << refused;
    const Bytes over = [&] {
        const json::Object next = next_document(parse_binding(payer.document));
        return sign_version(next, platform.world.buyer, platform.world.seller);
    }();
    payer.take(paying->act(EntryType::propose, payer.id, over, start_time));
    payer.take(paying->act(EntryType::amend, payer.id, over, start_time));
    EXPECT_EQ(holds(), "holds");  // what the parties decided rests on no chain
}

// Else no message would be in time ever after.
TEST_F(Transact, AHostCannotTakeTheBindingIntoAFarFuture) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    const contract::Entry prepare = payer.entry();
    payer.step(*paying, EntryType::cancelling, transaction, nullptr, start_time + 1000 * hour);
    EXPECT_EQ(payer.entry().time, prepare.deadline + 1);
    payer.step(*paying, EntryType::outcome, transaction, evidence(prepare.pinned().at(0).pin, Fate::cancelled),
               start_time + 2000 * hour);
    EXPECT_EQ(payer.entry().time, prepare.deadline + 1);
    payer.take(paying->execute(payer.id, payer.message(0, "still in time", 2), prepare.deadline + 1));
}

TEST_F(Transact, NothingRunsMeanwhile) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    EXPECT_EQ(error_of([&] { payer.pay(*paying, 0, "more", 2); }), "in_transaction /binding");
    EXPECT_EQ(error_of([&] {
                  payer.step(*paying, EntryType::outcome, transaction,
                             evidence(payer.entry().pinned().at(0).pin, Fate::called, 2));
              }),
              "bad_receipt /evidence/depth");
    payer.step(*paying, EntryType::outcome, transaction, evidence(payer.entry().pinned().at(0).pin, Fate::failed));
    EXPECT_EQ(payer.entry().ending, "aborted");
    payer.pay(*paying, 0, "more", 2);
}

TEST_F(Transact, AHostGetsNoSecondSignatureOfAnotherKind) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    const ledger::Pin pin = payer.entry().pinned().at(0).pin;
    EXPECT_EQ(error_of([&] { payer.sign(*paying, transaction, Purpose::call, 801); }), "action_refused /price");
    EXPECT_EQ(error_of([&] { payer.sign(*paying, transaction, Purpose::cancel, 10); }), "action_refused /purpose");
    EXPECT_EQ(error_of([&] { payer.sign(*paying, hash_of("another"), Purpose::call, 10); }), "not_found /transaction");
    EXPECT_EQ(error_of([&] { payer.step(*paying, EntryType::disputed, transaction); }), "action_refused /type");
    ledger::Pin other = pin;
    other.slot = 1;
    EXPECT_EQ(error_of([&] { payer.step(*paying, EntryType::outcome, transaction, evidence(other, Fate::called)); }),
              "bad_receipt /evidence/seal");
    payer.step(*paying, EntryType::cancelling, transaction);
    EXPECT_EQ(error_of([&] { payer.step(*paying, EntryType::cancelling, transaction); }), "action_refused /type");
    EXPECT_NE(body_of(payer.sign(*paying, transaction, Purpose::cancel, 1000)).find("cancel"), std::string::npos);
    payer.step(*paying, EntryType::outcome, transaction, evidence(pin, Fate::called));
    EXPECT_EQ(payer.entry().ending, "committed");
    EXPECT_EQ(error_of([&] { payer.sign(*paying, transaction, Purpose::call, 10); }), "action_refused /transaction");
    EXPECT_EQ(error_of([&] { payer.step(*paying, EntryType::outcome, transaction, evidence(pin, Fate::called)); }),
              "action_refused /transaction");
}

// A signature is an effect: it must not leave while the entry that allows it is not recorded.
TEST_F(Transact, NothingIsSignedBeforeItsEntryIsRecorded) {
    Payer payer(platform);
    payer.lock(*paying);
    paying->relay = false;
    const std::uint64_t message = paying->begin_execute(payer.id, payer.message(5, "x", 1), start_time);
    // The host knows the entry's id only from the ledger; here it guesses right.
    paying->relay = true;
    paying->deliver = false;
    paying->pump();
    EXPECT_FALSE(paying->answered(message));
    const Hash256 transaction = platform.ledger->head(payer.id, hash_of("nonce")).entry_id;
    const std::uint64_t asked = paying->send(
        enclave::FrameType::sign, enclave::encode(enclave::Sign{payer.id, transaction, 0, Purpose::call, 10}));
    EXPECT_FALSE(paying->answered(asked));
    paying->deliver = true;
    paying->pump();
    EXPECT_TRUE(paying->answered(message));
    EXPECT_NE(body_of(paying->take(asked)).find("call"), std::string::npos);
}

// The enclave is shown the state in which only the call may be signed, after 'cancelling' was recorded elsewhere.
TEST_F(Transact, AnOldHeadSignsNothing) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    const contract::EntryRecord prepared = payer.last.record;
    const ledger::Pin pin = payer.entry().pinned().at(0).pin;
    payer.step(*paying, EntryType::outcome, transaction, evidence(pin, Fate::failed));

    auto other = make_paying();
    other->load(payer_package());
    other->load_binding(payer.jws, prepared);
    EXPECT_EQ(error_of([&] { payer.sign(*other, transaction, Purpose::call, 10); }), "conflict /previous");
}

TEST_F(Transact, AnotherEnclaveGoesOn) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    const ledger::Pin pin = payer.entry().pinned().at(0).pin;
    auto other = make_paying();
    other->load(payer_package());
    other->load_binding(payer.jws, payer.last.record);
    EXPECT_EQ(body_of(payer.sign(*other, transaction, Purpose::call, 10)),
              body_of(payer.sign(*paying, transaction, Purpose::call, 10)));
    payer.step(*other, EntryType::cancelling, transaction);
    payer.step(*other, EntryType::outcome, transaction, evidence(pin, Fate::cancelled));
    EXPECT_EQ(payer.entry().ending, "aborted");

    // It believes that slot 0 is free; the ledger knows better, and tells it.
    EXPECT_EQ(error_of([&] { payer.pay(*other, 5, "again", 2); }), "conflict /previous");
    other->load_binding(payer.jws, payer.last.record);
    payer.pay(*other, 5, "again", 2);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.slot, 1u);
}

TEST_F(Transact, ManyBindingsShareAnAccountWithoutAGap) {
    constexpr int count = 24;
    std::vector<std::unique_ptr<Payer>> payers;
    json::Object shared = cash();
    shared["owner"] = platform.world.buyer.public_key().kid();
    for (int i = 0; i < count; ++i) {
        payers.push_back(std::make_unique<Payer>(platform, json::Object{{"cash", shared}}));
        payers.back()->lock(*paying);
    }
    std::vector<std::uint64_t> asked;
    for (auto& payer : payers) {
        asked.push_back(paying->queue(
            enclave::FrameType::execute,
            enclave::encode(enclave::Execute{payer->id, start_time, payer->message(5, "together", 1), {}})));
    }
    paying->pump();
    std::set<std::uint64_t> slots;
    std::set<std::string> accounts;
    for (std::size_t i = 0; i < payers.size(); ++i) {
        payers[i]->take(enclave::decode_committed(paying->take(asked[i])));
        slots.insert(payers[i]->entry().pinned().at(0).pin.slot);
        accounts.insert(payers[i]->entry().pinned().at(0).pin.account);
    }
    EXPECT_EQ(accounts.size(), 1u);
    EXPECT_EQ(slots.size(), static_cast<std::size_t>(count));
    EXPECT_EQ(*slots.rbegin(), static_cast<std::uint64_t>(count - 1));
}

// Many bindings at once, on several threads: each one's own inputs stay in order.
TEST_F(Transact, WhatCarriesATransactionOnKeepsItsPlaceAmongTheInputs) {
    for (const std::size_t helpers : {0u, 1u, 3u}) {
        paying = std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock,
                                                 enclave::CoreOptions{.helpers = helpers}, kinds);
        std::vector<std::unique_ptr<Payer>> payers;
        for (int i = 0; i < 12; ++i) {
            payers.push_back(std::make_unique<Payer>(platform));
            payers.back()->lock(*paying);
            payers.back()->pay(*paying, 5, "first", 1);
        }
        struct Asked {
            std::uint64_t early, signature, outcome, next, late;
        };
        std::vector<Asked> asked;
        for (const auto& payer : payers) {
            const Bytes message =
                enclave::encode(enclave::Execute{payer->id, start_time, payer->message(7, "x", 2), {}});
            const Bytes sign = enclave::encode(enclave::Sign{payer->id, payer->head, 0, Purpose::call, 10});
            const std::string shown = json::canonical(evidence(payer->entry().pinned().at(0).pin, Fate::called));
            const enclave::Act ends{.type = EntryType::outcome,
                                    .binding = payer->id,
                                    .time = start_time,
                                    .input = to_bytes(bytes_of(shown)),
                                    .transaction = payer->head,
                                    .call = 0};
            Asked& now = asked.emplace_back();
            now.early = paying->queue(enclave::FrameType::execute, message);
            now.signature = paying->queue(enclave::FrameType::sign, sign);
            now.outcome = paying->queue(enclave::FrameType::act, enclave::encode(ends));
            now.next = paying->queue(enclave::FrameType::execute, message);
            now.late = paying->queue(enclave::FrameType::act, enclave::encode(ends));
        }
        paying->pump();
        for (std::size_t i = 0; i < payers.size(); ++i) {
            EXPECT_EQ(error_of([&] { paying->take(asked[i].early); }), "in_transaction /binding");
            EXPECT_FALSE(paying->take(asked[i].signature).empty());
            payers[i]->take(enclave::decode_committed(paying->take(asked[i].outcome)));
            EXPECT_EQ(payers[i]->entry().type, EntryType::outcome);
            EXPECT_EQ(payers[i]->entry().sequence, 2);
            payers[i]->take(enclave::decode_committed(paying->take(asked[i].next)));
            EXPECT_EQ(payers[i]->entry().type, EntryType::prepare);
            EXPECT_EQ(payers[i]->entry().sequence, 3);
            EXPECT_NE(error_of([&] { paying->take(asked[i].late); }), "");
        }
    }
}

// Else anybody's contract could use what somebody has approved for an account.
TEST_F(Transact, AnAccountIsTheBindingsOwnUnlessItsOwnerSigned) {
    Payer one(platform), other(platform);
    one.lock(*paying);
    other.lock(*paying);
    EXPECT_NE(one.entry().accounts, other.entry().accounts);
    // Another's key stands in the document, and has not signed it.
    const auto stranger = crypto::PrivateKey::generate(crypto::Alg::es256k, one.random);
    json::Object taken = cash();
    taken["owner"] = stranger.public_key().kid();
    Payer thief(platform, json::Object{{"cash", taken}});
    EXPECT_EQ(error_of([&] { thief.lock(*paying); }), "bad_signature /signatures");
}

TEST_F(Transact, ADisputeHaltsTheBindingUntilThePartiesDecide) {
    Payer payer(platform);
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    const Hash256 transaction = payer.head;
    payer.step(*paying, EntryType::outcome, transaction, evidence(payer.entry().pinned().at(0).pin, Fate::called));
    payer.step(*paying, EntryType::disputed, transaction);
    EXPECT_EQ(error_of([&] { payer.pay(*paying, 0, "more", 2); }), "disputed /binding");
    // What the outcome has may fill the slot again, and nothing else.
    EXPECT_EQ(error_of([&] { payer.sign(*paying, transaction, Purpose::cancel, 10); }), "action_refused /purpose");
    EXPECT_NE(body_of(payer.sign(*paying, transaction, Purpose::call, 10)).find("call"), std::string::npos);

    const json::Object next = next_document(parse_binding(payer.document));
    payer.take(paying->act(EntryType::propose, payer.id, sign_version(next, platform.world.buyer), start_time));
    const Bytes both = sign_version(next, platform.world.buyer, platform.world.seller);
    payer.take(paying->act(EntryType::amend, payer.id, both, start_time));
    payer.version = version_of(next);
    payer.keys = client::open_audience_keys(payer.entry().audiences, platform.world.buyer_encryption);
    payer.pay(*paying, 0, "more", 2);
}

TEST_F(Transact, AnAmendmentMayChangeTheAccount) {
    Payer payer(platform);
    payer.lock(*paying);
    const std::string before(payer.entry().accounts.at("cash").as_string());
    payer.pay(*paying, 5, "the invoice", 1);
    payer.step(*paying, EntryType::outcome, payer.head, evidence(payer.entry().pinned().at(0).pin, Fate::called));
    json::Object next = next_document(parse_binding(payer.document));
    next["ledgers"] = json::Object{{"cash", cash("treasury-2")}};
    payer.take(paying->act(EntryType::propose, payer.id, sign_version(next, platform.world.buyer), start_time));
    const Bytes both = sign_version(next, platform.world.buyer, platform.world.seller);
    payer.take(paying->act(EntryType::amend, payer.id, both, start_time));
    const std::string after(payer.entry().accounts.at("cash").as_string());
    EXPECT_NE(after, before);
    payer.version = version_of(next);
    payer.keys = client::open_audience_keys(payer.entry().audiences, platform.world.buyer_encryption);
    payer.pay(*paying, 6, "from the new one", 2);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.account, after);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.slot, 0u);
}

TEST_F(Transact, NoAmendmentAndNoEndMeanwhile) {
    Payer payer(platform);
    payer.lock(*paying);
    const json::Object next = next_document(parse_binding(payer.document));
    payer.pay(*paying, 5, "the invoice", 1);
    payer.take(paying->act(EntryType::propose, payer.id, sign_version(next, platform.world.buyer), start_time));
    const Bytes both = sign_version(next, platform.world.buyer, platform.world.seller);
    EXPECT_EQ(error_of([&] { paying->act(EntryType::amend, payer.id, both, start_time); }), "in_transaction /binding");
}

TEST_F(Transact, ABindingMustFitTheContractsLedgers) {
    const auto refused = [&](json::Object ledgers) {
        Payer payer(platform, std::move(ledgers));
        return error_of([&] { payer.lock(*paying); });
    };
    EXPECT_EQ(refused({}), "missing_field /ledgers/cash");
    EXPECT_EQ(refused({{"cash", cash()}, {"gold", cash()}}), "unknown_field /ledgers/gold");
    auto unknowing = std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock);
    Payer payer(platform);
    EXPECT_EQ(error_of([&] { payer.lock(*unknowing); }), "bad_package /contract/ledgers/cash/kind");
}

// A participant keeps what was tried open until it is told more: nobody would, of an effect that has no second call.
TEST_F(Transact, WhatALedgerKeepsOpenMustBeCompensatable) {
    const contract::Package& built = payer_package();
    json::Object config = json::parse(text_of(built.config), "").as_object();
    config["ledgers"] = json::Object{{"cash", json::Object{{"kind", "http"}}}};
    Bytes text = to_bytes(bytes_of(json::canonical(config)));
    const contract::Package package = contract::Package::check(
        contract::Manifest::write(text, built.module, built.provenance), text, built.module, built.provenance);
    const ledger::http::HttpKind http;
    const std::array<const ledger::Kind*, 1> known{&http};
    HostedEnclave knowing(*platform.ledger, platform.world.measurement, platform.clock, enclave::CoreOptions{}, known);
    Payer payer(platform, {{"cash", cash()}}, package);
    EXPECT_EQ(error_of([&] { payer.lock(knowing); }), "bad_package /contract/effects/pay/kind");
}

TEST_F(Transact, AnEffectThatNoCallCanBeMadeOfIsRefusedAndLeavesNoGap) {
    Payer payer(platform);
    payer.lock(*paying);
    EXPECT_EQ(error_of([&] { payer.pay(*paying, 999, "two of them", 1); }), "undeclared_effect /output/effects/1");
    payer.pay(*paying, 5, "one", 1);
    EXPECT_EQ(payer.entry().pinned().at(0).pin.slot, 0u);
}

// ------------------------------------------------------------------------------------------------- commit: early

struct Early : Transact {
    std::string judged() {
        const proof::Verdict out =
            proof::verify(receipt_of(platform, *paying, early_package()), trust_of(platform), kinds);
        return out.holds ? std::string("holds") : proof::render_text(out);
    }
    // What was prepared, and its transaction.
    struct Open {
        Hash256 id;
        ledger::Pin pin;
    };
    Open pay(int amount, std::int64_t number, const char* action = "pay") {
        payer.pay(*paying, amount, "a purpose", number, action);
        return {payer.head, payer.entry().pinned().at(0).pin};
    }
    void end(const Open& open, Fate fate) {
        payer.step(*paying, EntryType::outcome, open.id, evidence(open.pin, fate));
    }
    void SetUp() override { payer.lock(*paying); }
    Payer payer{platform, {{"cash", cash()}}, early_package()};
};

TEST_F(Early, TheBindingGoesOnAndHearsOfEachOutcome) {
    const Open first = pay(5, 1);
    EXPECT_TRUE(payer.entry().early);
    EXPECT_EQ(judged(), "holds");
    payer.pay(*paying, 0, "said meanwhile", 2);
    const Open second = pay(7, 3);
    EXPECT_EQ(second.pin.slot, 1u);
    EXPECT_EQ(payer.state().at("asked"), 12);

    // In whatever order; the first comes to nothing, and takes nothing back.
    end(second, Fate::called);
    EXPECT_EQ(payer.entry().ending, "committed");
    EXPECT_EQ(payer.entry().action, "paid");
    EXPECT_EQ(json::canonical(payer.entry().events.at(0)), R"({"data":{"effect":"pay","sequence":3},"type":"heard"})");
    EXPECT_GT(payer.entry().fuel, 0u);
    EXPECT_EQ(judged(), "holds");
    payer.step(*paying, EntryType::cancelling, first.id);
    EXPECT_EQ(judged(), "holds");
    end(first, Fate::cancelled);
    EXPECT_EQ(payer.entry().ending, "aborted");
    EXPECT_EQ(payer.state().at("asked"), 12);
    EXPECT_EQ(payer.state().at("paid"), 1);
    EXPECT_EQ(payer.state().at("failed"), 1);
    EXPECT_EQ(judged(), "holds");
    // What it says confidentially is for those it is said to.
    EXPECT_NE(text_of(payer.last.record.disclosures).find("buyer"), std::string_view::npos);
    EXPECT_EQ(error_of([&] { end(first, Fate::called); }), "action_refused /transaction");
    payer.step(*paying, EntryType::disputed, second.id);
    EXPECT_EQ(judged(), "holds");
    EXPECT_EQ(error_of([&] { pay(1, 4); }), "disputed /binding");
}

// Else the one that is undone would take with it what the contract had heard.
TEST_F(Early, AnOutcomeWaitsForTheTransactionThatHoldsTheBinding) {
    const Open early = pay(5, 1);
    const Open holding = pay(7, 2, "pay_and_wait");
    EXPECT_FALSE(payer.entry().early);
    EXPECT_EQ(error_of([&] { end(early, Fate::called); }), "in_transaction /binding");
    EXPECT_EQ(error_of([&] { pay(1, 3); }), "in_transaction /binding");
    EXPECT_FALSE(payer.sign(*paying, early.id, Purpose::call, 10).empty());
    payer.step(*paying, EntryType::cancelling, early.id);
    end(holding, Fate::failed);
    EXPECT_EQ(payer.state().at("asked"), 5);
    EXPECT_EQ(payer.entry().action, "");
    end(early, Fate::called);
    EXPECT_EQ(payer.state().at("asked"), 5);
    EXPECT_EQ(payer.state().at("paid"), 1);
    EXPECT_EQ(judged(), "holds");
}

TEST_F(Early, WhatTheContractWillNotHearEndsAllTheSame) {
    const Open unlucky = pay(13, 1);
    const Hash256 before = payer.entry().state_after;
    end(unlucky, Fate::called);
    EXPECT_EQ(payer.entry().action, "");
    EXPECT_EQ(payer.entry().reason, "contract_aborted");
    EXPECT_EQ(payer.entry().state_after, before);
    EXPECT_EQ(judged(), "holds");
    pay(1, 2);
}

TEST_F(Early, SoManyMayBeOpenAndNoAmendmentMeanwhile) {
    std::vector<Open> open;
    for (std::size_t i = 0; i < transaction::max_open_early; ++i) open.push_back(pay(1, static_cast<int>(i) + 1));
    EXPECT_EQ(error_of([&] { pay(1, 40); }), "in_transaction /binding");
    EXPECT_EQ(error_of([&] { pay(1, 40, "pay_and_wait"); }), "in_transaction /binding");
    EXPECT_EQ(error_of([&] { pay(0, 40); }), "in_transaction /binding");
    // Another enclave takes all of them over. Of those that ended the last few stay known.
    auto other = make_paying();
    other->load(early_package());
    other->load_binding(payer.jws, payer.last.record);
    const auto end_on_other = [&](const Open& one) {
        payer.step(*other, EntryType::outcome, one.id, evidence(one.pin, Fate::called));
    };
    const std::size_t some = 12;
    std::for_each_n(open.begin(), some, end_on_other);
    payer.pay(*other, 0, "only said", 42);
    // It believes that slot 0 is free; the ledger knows better, and tells it.
    EXPECT_EQ(error_of([&] { payer.pay(*other, 1, "one more", 43); }), "conflict /previous");
    other->load_binding(payer.jws, payer.last.record);
    payer.pay(*other, 1, "one more", 43);
    open.push_back({payer.head, payer.entry().pinned().at(0).pin});
    const json::Object next = next_document(parse_binding(payer.document));
    payer.take(other->act(EntryType::propose, payer.id, sign_version(next, platform.world.buyer), start_time));
    const Bytes both = sign_version(next, platform.world.buyer, platform.world.seller);
    EXPECT_EQ(error_of([&] { other->act(EntryType::amend, payer.id, both, start_time); }), "in_transaction /binding");
    std::for_each(open.begin() + some, open.end(), end_on_other);
    EXPECT_EQ(payer.state().at("paid"), static_cast<std::int64_t>(open.size()));
    payer.take(other->act(EntryType::amend, payer.id, both, start_time));
}

// Each of as many as may be open can still be disputed when they have all ended; after some more the oldest cannot.
TEST_F(Early, WhatEndedIsRememberedForAWhile) {
    std::vector<Open> open;
    for (std::size_t i = 0; i <= enclave::kept_early_transactions; ++i) {
        open.push_back(pay(1, static_cast<int>(i) + 1));
        end(open.back(), Fate::called);
    }
    pay(1, 100);
    EXPECT_EQ(error_of([&] { payer.sign(*paying, open.front().id, Purpose::call, 10); }), "not_found /transaction");
    payer.step(*paying, EntryType::disputed, open[1].id);
    EXPECT_FALSE(payer.sign(*paying, open[1].id, Purpose::call, 10).empty());
}

// Where a transaction ended is in every entry; what it was in that one's private state only, which the host brings.
TEST_F(Early, WhatEndedIsDisputedWithWhatItsEndWroteDown) {
    const Open first = pay(1, 1);
    end(first, Fate::called);
    const Open second = pay(1, 2);
    end(second, Fate::called);
    payer.pay(*paying, 0, "only said", 3);
    const std::size_t size = payer.last.record.private_state.size();
    std::unique_ptr<HostedEnclave> other = make_paying();
    other->load(early_package());
    other->load_binding(payer.jws, payer.last.record);
    const auto dispute = [&](const Hash256& with) {
        payer.ended[first.id] = payer.ended.contains(with) ? payer.ended.at(with) : Bytes{};
        return error_of([&] { payer.step(*other, EntryType::disputed, first.id); });
    };
    const Bytes right = payer.ended.at(first.id);
    EXPECT_EQ(dispute(hash_of("none")), "bad_format /input");
    EXPECT_EQ(dispute(second.id), "bad_format /input");
    payer.ended[first.id] = right;
    EXPECT_EQ(error_of([&] { payer.sign(*other, first.id, Purpose::call, 10); }), "action_refused /transaction");
    payer.step(*other, EntryType::disputed, first.id);
    EXPECT_GT(payer.last.record.private_state.size(), size);  // whole from now on
    other = make_paying();
    other->load(early_package());
    other->load_binding(payer.jws, payer.last.record);
    EXPECT_FALSE(payer.sign(*other, first.id, Purpose::call, 10).empty());
}

TEST_F(Early, AHostSendsNoOutcomeAsAMessage) {
    contract::Message forged;
    forged.binding = payer.id;
    forged.version = payer.version;
    forged.seen = payer.head;
    forged.ledger = platform.ledger->chain();
    forged.action = "paid";
    forged.number = 1;
    forged.expires = start_time + hour;
    const std::string message = client::make_message(forged, payer.contract.actions.at("paid").message,
                                                     contract::outcome_message(hash_of("none"), 1, "pay", "committed"),
                                                     payer.keys, platform.world.buyer, payer.random);
    EXPECT_EQ(error_of([&] { paying->execute(payer.id, message, start_time); }), "not_a_party /action");
}

}  // namespace
}  // namespace concordat::test
