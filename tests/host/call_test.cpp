// Bindings that call each other (docs/sub-contracts.md): what a called one records, and what the caller makes of it.
#include <ledger/binding/kind/kind.hpp>

#include "transact.hpp"

namespace concordat::test {

using ledger::binding::account_jwk;
using ledger::binding::chain_of;

const contract::Package& counter_package() {
    static const contract::Package built = build_contract("counter");
    return built;
}
const contract::Package& teller_package() {
    static const contract::Package built = build_contract("teller");
    return built;
}

struct Calls : Hosted {
    ledger::fake::FakeKind fake{"fake:1"};
    const std::array<const ledger::Kind*, 1> others{&fake};
    ledger::binding::BindingKind binding{others};
    std::array<const ledger::Kind*, 2> kinds{&fake, &binding};
    std::unique_ptr<HostedEnclave> host = std::make_unique<HostedEnclave>(
        *platform.ledger, platform.world.measurement, platform.clock, enclave::CoreOptions{}, kinds);

    // What a caller's parties ask of a called binding's receipts.
    json::Object called(const Hash256& id, const std::string& work = "1000000") const {
        const json::Value trust = json::parse(trust_of(platform).write(), "");
        return json::Object{
            {"chain", chain_of(id)},
            {"genesis", id.text()},
            {"address", id.text()},
            {"account", "main"},
            {"work", work},
            {"ceiling", "0"},
            {"finality",
             json::Object{{"blocks", 1}, {"witness", "receipt"}, {"parameters", json::Object{{"trust", trust}}}}},
            {"deadline_minutes", 10}};
    }
};

// One binding, as its buyer's software and its host handle it.
struct Bound {
    Calls& world;
    const contract::Package& package;
    SystemRandom random;
    contract::Contract contract = contract::Contract::parse(package.config);
    json::Object document;
    Hash256 id, version, head;
    std::vector<enclave::Committed> all;

    Bound(Calls& where, const contract::Package& what, json::Object ledgers) : world(where), package(what) {
        document = world.platform.document(++Forward::count());
        document["package"] = package.id().text();
        document["sources"] = json::Object{};
        document["terms"] = json::Object{};
        document["ledgers"] = std::move(ledgers);
        id = version = version_of(document);
        world.host->load(package);
        take(world.host->act(EntryType::bind, {}, world.platform.signed_jws(document), start_time));
    }
    void take(enclave::Committed&& made) {
        head = LedgerWorld::id_of(made.record);
        all.push_back(std::move(made));
    }
    contract::Entry entry() const { return all.back().record.check(); }
    std::string account(const std::string& ledger = "other") const {
        return std::string(all.front().record.check().accounts.at(ledger).as_string());
    }
    json::Object state() const { return json::parse(text_of(all.back().record.state), "").as_object(); }
    std::string message(int amount, const std::string& how, std::int64_t number, const char* action = "add") {
        contract::Message out;
        out.binding = id;
        out.version = version;
        out.seen = head;
        out.ledger = world.platform.ledger->chain();
        out.action = action;
        out.number = number;
        out.expires = start_time + hour;
        return client::make_message(out, contract.actions.at(action).message,
                                    json::Object{{"amount", amount}, {"how", how}}, {}, world.platform.world.buyer,
                                    random);
    }
    void add(int amount, const std::string& how, std::int64_t number, const char* action = "add") {
        run(message(amount, how, number, action));
    }
    void run(const std::string& input) { take(world.host->execute(id, input, start_time)); }
    // The buyer lets a caller's account act for it, alone.
    void let(const std::string& account) {
        json::Object next = next_document(parse_binding(document));
        json::Array& keys = next["parties"].as_object()["buyer"].as_array()[0].as_object()["keys"].as_array();
        keys.push_back(account_jwk(account, "account"));
        for (const EntryType type : {EntryType::propose, EntryType::amend}) {
            take(world.host->act(type, id, sign_version(next, world.platform.world.buyer), start_time));
        }
        document = next;
        version = version_of(document);
    }
    void step(EntryType type, const Hash256& transaction, const json::Value& input = nullptr, std::uint32_t call = 0,
              TimeMs time = start_time) {
        const Bytes bytes = input.is_null() ? Bytes{} : to_bytes(bytes_of(json::canonical(input)));
        take(enclave::decode_committed(
            world.host->call(enclave::FrameType::act, enclave::encode(enclave::Act{.type = type,
                                                                                   .binding = id,
                                                                                   .time = time,
                                                                                   .input = bytes,
                                                                                   .transaction = transaction,
                                                                                   .call = call}))));
    }
    std::string sign(const Hash256& transaction, Purpose purpose, std::uint32_t call = 0) {
        return std::string(text_of(world.host->call(
            enclave::FrameType::sign, enclave::encode(enclave::Sign{id, transaction, call, purpose, 0}))));
    }
    // Of its newest entry.
    std::string receipt() const {
        const contract::Entry newest = entry();
        const bool later = proof::follows_prepare(newest.type);
        std::vector<ccl::Appended> chosen;
        const ccl::ReadReply read = world.platform.ledger->read(0, 1000);
        for (const ccl::Appended& one : read.entries) {
            const contract::Entry of = contract::Entry::parse(one.record.document);
            if (of.binding != id) continue;
            const bool brings = of.type == EntryType::bind || of.type == EntryType::amend;
            const bool of_transaction = of.type == EntryType::prepare || proof::follows_prepare(of.type);
            const bool same = of_transaction && later &&
                              of.transaction.value_or(LedgerWorld::id_of(one.record)) == newest.transaction;
            if (brings || same || of.sequence == newest.sequence) chosen.push_back(one);
        }
        const json::Value evidence = world.host->ledger_evidence(world.platform.ledger->service_key());
        std::optional<proof::ReceiptPackage> contents;
        if (later || newest.type == EntryType::prepare) contents.emplace(package.manifest, package.config);
        return proof::make_receipt(chosen, read.enclaves, world.platform.ledger->identity(), json::canonical(evidence),
                                   contents)
            .write();
    }
    json::Value evidence() const { return json::Object{{"receipt", json::parse(receipt(), "")}}; }
    std::string judged() const {
        const proof::Verdict out = proof::verify(receipt(), trust_of(world.platform), world.kinds);
        return out.holds ? std::string("holds") : proof::render_text(out);
    }
};

struct Two : Calls {
    Bound counter{*this, counter_package(), {}};
    Bound teller{*this, teller_package(), {{"other", called(counter.id)}, {"cash", cash()}}};
    void SetUp() override { counter.let(teller.account()); }
    // Has the teller's newest call done by the counter, and hears of it.
    void carry(std::uint32_t call = 0, Purpose purpose = Purpose::call) {
        const Hash256 transaction = teller.entry().transaction.value_or(teller.head);
        counter.run(teller.sign(transaction, purpose, call));
        teller.step(EntryType::outcome, transaction, counter.evidence(), call);
    }
};

TEST_F(Two, ACallIsDoneAndTheReceiptsNest) {
    teller.add(5, "a", 1);
    EXPECT_EQ(teller.entry().steps().at(0).callers, std::vector{teller.id});
    carry();
    EXPECT_EQ(counter.entry().fate, Fate::called);
    EXPECT_EQ(counter.entry().sender_id, "did:web:buyer.example");
    EXPECT_EQ(counter.state().at("total"), 5);
    EXPECT_EQ(teller.entry().ending, "committed");
    EXPECT_EQ(teller.state().at("total"), 5);
    EXPECT_EQ(counter.judged(), "holds");
    EXPECT_EQ(teller.judged(), "holds");
    // The verdict shows the called binding's own lines.
    const proof::Verdict verdict = proof::verify(teller.receipt(), trust_of(platform), kinds);
    const std::string text = proof::render_text(verdict);
    EXPECT_NE(text.find("the receipt of " + chain_of(counter.id)), std::string::npos) << text;
    EXPECT_NE(text.find("call 1 signed by did:web:buyer.example (buyer): called"), std::string::npos) << text;
}

// Who verifies goes by a trust file of its own, also for what is nested.
TEST_F(Two, WhoDoesNotTrustTheCalledBindingDoesNotTrustTheCaller) {
    teller.add(5, "a", 1);
    carry();
    proof::TrustFile trust = trust_of(platform);
    trust.parties["did:web:buyer.example"] = {platform.world.buyer.public_key().thumbprint()};
    const proof::Verdict verdict = proof::verify(teller.receipt(), trust, kinds);
    EXPECT_FALSE(verdict.holds);
    EXPECT_NE(proof::render_text(verdict).find("gives did:web:buyer.example the unknown key"), std::string::npos);
}

TEST_F(Two, WhatTheCalledContractRefusesIsOnRecordAsFailed) {
    teller.add(5, "aabort", 1);
    carry();
    EXPECT_EQ(counter.entry().fate, Fate::failed);
    EXPECT_EQ(counter.entry().reason, "contract_aborted: /body: too_much: as it was asked to");
    EXPECT_EQ(counter.state().at("total"), 0);
    EXPECT_EQ(teller.entry().ending, "aborted");
    EXPECT_EQ(teller.state().at("total"), 0);
    EXPECT_EQ(counter.judged(), "holds");
    EXPECT_EQ(teller.judged(), "holds");
    // The number is used up: the next call takes the next one.
    teller.add(6, "a", 2);
    carry();
    EXPECT_EQ(counter.entry().number, 2);
    EXPECT_EQ(counter.state().at("total"), 6);
}

TEST_F(Two, AStateThatDoesNotSatisfyWhenFailsTheCall) {
    counter.add(501, "", 1);
    teller.add(5, "a", 1);
    carry();
    EXPECT_EQ(counter.entry().fate, Fate::failed);
    EXPECT_EQ(counter.entry().reason.substr(0, 14), "action_refused");
    EXPECT_EQ(teller.entry().ending, "aborted");
}

TEST_F(Two, ACallThatIsGivenUpIsNeverDone) {
    teller.add(5, "a", 1);
    const Hash256 transaction = teller.head;
    const std::string late = teller.sign(transaction, Purpose::call);
    teller.step(EntryType::cancelling, transaction);
    counter.run(teller.sign(transaction, Purpose::cancel));
    EXPECT_EQ(counter.entry().fate, Fate::cancelled);
    EXPECT_EQ(counter.judged(), "holds");
    const json::Value evidence = counter.evidence();
    EXPECT_EQ(error_of([&] { counter.run(late); }), "replayed /number");
    teller.step(EntryType::outcome, transaction, evidence);
    EXPECT_EQ(teller.entry().ending, "aborted");
    EXPECT_EQ(teller.judged(), "holds");
}

TEST_F(Two, WhatTheCallIsUndoneByIsCalledToo) {
    teller.add(7, "r", 1, "deal");
    const Hash256 transaction = teller.head;
    counter.run(teller.sign(transaction, Purpose::call));
    EXPECT_EQ(counter.state().at("total"), 7);
    teller.step(EntryType::step, transaction, counter.evidence());
    const ledger::Pin pay = teller.entry().pinned().at(0).pin;
    teller.step(EntryType::cancelling, transaction, nullptr, 0, start_time);
    teller.step(EntryType::step, transaction,
                fake.evidence(pay, {.fate = Fate::cancelled, .proved = false, .transaction = "t", .block = 9}, 3), 1);
    ASSERT_EQ(teller.entry().pinned().size(), 1u);
    EXPECT_EQ(teller.entry().pinned().at(0).role, ledger::Role::undo);
    counter.run(teller.sign(transaction, Purpose::call, 2));
    EXPECT_EQ(counter.entry().action, "take");
    EXPECT_EQ(counter.state().at("total"), 0);
    teller.step(EntryType::outcome, transaction, counter.evidence(), 2);
    EXPECT_EQ(teller.entry().ending, "aborted");
    EXPECT_EQ(teller.judged(), "holds");
}

// ------------------------------------------------------------------------------------------------- who may call what

TEST_F(Two, OnlyAnAccountThatAPartyHasTakenInMayCall) {
    Bound stranger(*this, teller_package(), {{"other", called(counter.id)}, {"cash", cash()}});
    stranger.add(5, "a", 1);
    const std::string call = stranger.sign(stranger.head, Purpose::call);
    EXPECT_EQ(error_of([&] { counter.run(call); }), "not_a_party /input/kid");
    const std::string cancel = [&] {
        stranger.step(EntryType::cancelling, stranger.head);
        return stranger.sign(*stranger.entry().transaction, Purpose::cancel);
    }();
    EXPECT_EQ(error_of([&] { counter.run(cancel); }), "not_a_party /input/kid");
}

TEST_F(Two, ACallActsInItsPartysRole) {
    contract::CallInput input;
    input.number = 1;
    input.call = {.binding = counter.id,
                  .action = "reset",
                  .body = {{"amount", 1}, {"how", ""}},
                  .fuel = 1'000'000,
                  .callers = {teller.id},
                  .role = ledger::Role::call,
                  .step = {}};
    // A party may make such an input itself: it is a message whose end is on record either way.
    const auto text = [&] {
        return crypto::sign_compact(bytes_of(contract::write_call(input)), contract::call_typ, platform.world.buyer);
    };
    counter.run(text());
    EXPECT_EQ(counter.entry().fate, Fate::failed);
    EXPECT_EQ(counter.entry().reason.substr(0, 11), "not_a_party");
    input.number = 3;
    input.call.action = "add";
    EXPECT_EQ(error_of([&] { counter.run(text()); }), "conflict /number");
    input.number = 2;
    input.call.binding = teller.id;
    EXPECT_EQ(error_of([&] { counter.run(text()); }), "bad_format /binding");
    input.call.binding = counter.id;
    input.call.body["extra"] = 1;
    counter.run(text());
    EXPECT_EQ(counter.entry().reason.substr(0, 15), "schema_mismatch");
    EXPECT_EQ(counter.judged(), "holds");
}

// ------------------------------------------------------------------------------------------------- depth and cost

TEST_F(Calls, CallsNestAsDeepAsFour) {
    Bound counter(*this, counter_package(), {});
    std::vector<std::unique_ptr<Bound>> tellers;
    const Bound* last = &counter;
    std::vector<Bound*> chain{&counter};
    for (int i = 0; i < 5; ++i) {
        const std::string work = std::to_string(1'000'000 * (i + 1));
        tellers.push_back(std::make_unique<Bound>(*this, teller_package(),
                                                  json::Object{{"other", called(last->id, work)}, {"cash", cash()}}));
        chain.back()->let(tellers.back()->account());
        chain.push_back(tellers.back().get());
        last = tellers.back().get();
    }
    // Four tellers and the counter: four wait for one another.
    const auto down = [&](std::size_t from, const std::string& how, std::int64_t number) {
        chain[from]->add(3, how, number);
        for (std::size_t at = from; at > 0; --at) {
            chain[at - 1]->run(chain[at]->sign(chain[at]->head, Purpose::call));
        }
    };
    down(4, "aaaa", 1);
    EXPECT_EQ(counter.state().at("total"), 3);
    EXPECT_EQ(contract::Input::parse(std::string(text_of(counter.all.back().record.input))).body().at("amount"), 3);
    for (std::size_t at = 1; at <= 4; ++at) {
        chain[at]->step(EntryType::outcome, chain[at]->head, chain[at - 1]->evidence());
        EXPECT_EQ(chain[at]->entry().ending, "committed");
        EXPECT_EQ(chain[at]->judged(), "holds") << at;
    }
    // A fifth would be too many: the fourth, which is called itself, fails its call.
    chain[5]->add(3, "aaaaa", 1);
    for (std::size_t at = 5; at > 2; --at) chain[at - 1]->run(chain[at]->sign(chain[at]->head, Purpose::call));
    chain[1]->run(chain[2]->sign(chain[2]->head, Purpose::call));
    EXPECT_EQ(chain[1]->entry().fate, Fate::failed);
    EXPECT_NE(chain[1]->entry().reason.find("where 4 wait"), std::string::npos) << chain[1]->entry().reason;
}

TEST_F(Calls, ACallMayUseNoMoreThanItsCallerAllows) {
    Bound counter(*this, counter_package(), {});
    Bound inner(*this, teller_package(), {{"other", called(counter.id, "2000000")}, {"cash", cash()}});
    Bound outer(*this, teller_package(), {{"other", called(inner.id, "1000000")}, {"cash", cash()}});
    counter.let(inner.account());
    inner.let(outer.account());
    outer.add(3, "aa", 1);
    inner.run(outer.sign(outer.head, Purpose::call));
    EXPECT_EQ(inner.entry().fate, Fate::failed);
    EXPECT_EQ(inner.entry().reason.substr(0, 11), "out_of_fuel");
    outer.step(EntryType::outcome, outer.head, inner.evidence());
    EXPECT_EQ(outer.entry().ending, "aborted");
    // And its own logic no more, either.
    outer.add(3, "a", 2);
    inner.run(outer.sign(outer.head, Purpose::call));
    EXPECT_EQ(inner.entry().fate, Fate::called);
    Bound direct(*this, teller_package(), {{"other", called(counter.id, "1000000")}, {"cash", cash()}});
    counter.let(direct.account());
    direct.add(3, "aspin", 1);
    counter.run(direct.sign(direct.head, Purpose::call));
    EXPECT_EQ(counter.entry().reason.substr(0, 11), "out_of_fuel");
}

TEST_F(Calls, WhoWaitsIsNotCalledAgain) {
    Bound counter(*this, counter_package(), {});
    contract::CallInput input;
    input.number = 1;
    input.call = {.binding = counter.id,
                  .action = "add",
                  .body = {{"amount", 1}, {"how", ""}},
                  .fuel = 1'000'000,
                  .callers = {counter.id},
                  .role = ledger::Role::call,
                  .step = {}};
    counter.run(crypto::sign_compact(bytes_of(contract::write_call(input)), contract::call_typ, platform.world.buyer));
    EXPECT_EQ(counter.entry().fate, Fate::failed);
    EXPECT_EQ(counter.entry().reason.substr(0, 14), "in_transaction");
}

// ------------------------------------------------------------------------------------ transactions of what is called

struct Three : Calls {
    Bound counter{*this, counter_package(), {}};
    Bound inner{*this, teller_package(), {{"other", called(counter.id)}, {"cash", cash()}}};
    Bound outer{*this, teller_package(), {{"other", called(inner.id, "5000000")}, {"cash", cash()}}};
    void SetUp() override {
        counter.let(inner.account());
        inner.let(outer.account());
    }
};

// What is called opens a transaction of its own: its caller hears of it when that has ended.
TEST_F(Three, ACallThatOpensATransactionHasHappenedWhenThatIsCommitted) {
    outer.add(4, "xp", 1, "pass");
    const Hash256 above = outer.head;
    inner.run(outer.sign(above, Purpose::call));
    EXPECT_EQ(inner.entry().type, EntryType::prepare);
    EXPECT_EQ(inner.entry().fate, Fate::called);
    EXPECT_EQ(inner.judged(), "holds");
    const Hash256 below = inner.head;
    const ledger::Pin pay = inner.entry().pinned().at(0).pin;
    const json::Value open = inner.evidence();
    EXPECT_EQ(error_of([&] { outer.step(EntryType::outcome, above, open); }), "bad_receipt /evidence/receipt");
    inner.step(EntryType::outcome, below,
               fake.evidence(pay, {.fate = Fate::called, .proved = false, .transaction = "t", .block = 9}, 3));
    outer.step(EntryType::outcome, above, inner.evidence());
    EXPECT_EQ(outer.entry().ending, "committed");
    EXPECT_EQ(outer.judged(), "holds");
}

TEST_F(Three, ACallWhoseTransactionIsAbortedHasFailed) {
    outer.add(4, "xp", 1, "pass");
    const Hash256 above = outer.head;
    inner.run(outer.sign(above, Purpose::call));
    const Hash256 below = inner.head;
    const ledger::Pin pay = inner.entry().pinned().at(0).pin;
    inner.step(EntryType::outcome, below,
               fake.evidence(pay, {.fate = Fate::failed, .proved = false, .transaction = "t", .block = 9}, 3));
    EXPECT_EQ(inner.entry().ending, "aborted");
    outer.step(EntryType::outcome, above, inner.evidence());
    EXPECT_EQ(outer.entry().ending, "aborted");
    EXPECT_EQ(outer.state().at("total"), 0);
    EXPECT_EQ(outer.judged(), "holds");
}

// Two that call each other at once wait for each other: a cancellation must get in all the same.
TEST_F(Three, ACancellationIsRecordedWhileATransactionHoldsTheBinding) {
    inner.add(2, "p", 1, "deal");
    const Hash256 holding = inner.head;
    const ledger::Pin pay = inner.entry().pinned().at(0).pin;
    outer.add(4, "a", 1);
    const Hash256 above = outer.head;
    const std::string call = outer.sign(above, Purpose::call);
    EXPECT_EQ(error_of([&] { inner.run(call); }), "in_transaction /binding");
    outer.step(EntryType::cancelling, above);
    inner.run(outer.sign(above, Purpose::cancel));
    EXPECT_EQ(inner.entry().fate, Fate::cancelled);
    outer.step(EntryType::outcome, above, inner.evidence());
    EXPECT_EQ(outer.entry().ending, "aborted");
    EXPECT_EQ(outer.judged(), "holds");
    // What held goes on as if nothing had been.
    inner.step(EntryType::outcome, holding,
               fake.evidence(pay, {.fate = Fate::failed, .proved = false, .transaction = "t", .block = 9}, 3));
    EXPECT_EQ(inner.entry().ending, "aborted");
    EXPECT_EQ(inner.state().at("total"), 0);
    EXPECT_EQ(inner.judged(), "holds");
}

// ------------------------------------------------------------------------------------------------- false evidence

TEST_F(Two, NothingElsePassesForTheCallsReceipt) {
    teller.add(5, "a", 1);
    const Hash256 first = teller.head;
    counter.run(teller.sign(first, Purpose::call));
    const json::Value right = counter.evidence();
    const auto refused = [&](const json::Value& evidence) {
        return error_of([&] { teller.step(EntryType::outcome, first, evidence); });
    };
    EXPECT_EQ(refused(json::Object{{"receipt", 1}}), "bad_format /evidence/receipt");
    EXPECT_EQ(refused(json::Object{{"answer", "x"}}), "missing_field /evidence/receipt");
    EXPECT_EQ(refused(teller.evidence()), "bad_receipt /evidence/receipt");  // another binding's
    counter.add(1, "", 1);
    EXPECT_EQ(refused(counter.evidence()), "bad_receipt /evidence/receipt");  // of a party's message
    json::Object changed = right.as_object();
    changed["receipt"].as_object()["state"].as_object()["total"] = 6;
    EXPECT_EQ(refused(changed), "bad_receipt /evidence/receipt");
    teller.step(EntryType::outcome, first, right);
    EXPECT_EQ(teller.entry().ending, "committed");
    teller.add(5, "a", 2);
    const Hash256 second = teller.head;
    EXPECT_EQ(error_of([&] { teller.step(EntryType::outcome, second, right); }), "bad_receipt /evidence/receipt");
}

// A terminated binding answers for good: who calls it is not left waiting.
TEST_F(Two, ATerminatedBindingFailsWhatCallsIt) {
    teller.add(5, "a", 1);
    contract::Termination end{
        .binding = counter.id, .version = counter.version, .reason = "done", .expires = start_time + hour};
    const auto document = json::parse(contract::write_termination(end), "").as_object();
    const auto jws = sign_document(document, contract::termination_typ, platform.world.buyer, platform.world.seller);
    counter.take(
        host->act(EntryType::terminate, counter.id, to_bytes(bytes_of(json::canonical(jws.to_json()))), start_time));
    carry();
    EXPECT_EQ(counter.entry().fate, Fate::failed);
    EXPECT_EQ(counter.entry().reason.substr(0, 11), "not_running");
    EXPECT_EQ(teller.entry().ending, "aborted");
    EXPECT_EQ(teller.judged(), "holds");
}

TEST_F(Calls, ABindingThatCannotBeCalledSoIsRefusedWhenBound) {
    Bound counter(*this, counter_package(), {});
    const auto refused = [&](const std::string& member, const json::Value& value) {
        json::Object target = called(counter.id);
        target[member] = value;
        return error_of([&] { Bound(*this, teller_package(), {{"other", target}, {"cash", cash()}}); });
    };
    EXPECT_EQ(refused("address", "somewhere"), "bad_format /ledgers/other/address");
    EXPECT_EQ(refused("work", "0"), "bad_format /ledgers/other/work");
    EXPECT_EQ(refused("finality", json::Object{{"blocks", 1}, {"witness", "host"}}),
              "bad_format /ledgers/other/finality/witness");
    EXPECT_EQ(refused("finality", json::Object{{"blocks", 1},
                                               {"witness", "receipt"},
                                               {"parameters", json::Object{{"trust", json::Object{}}}}}),
              "missing_field /ledgers/other/finality/parameters/trust");
}

}  // namespace concordat::test
