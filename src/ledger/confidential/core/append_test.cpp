#include <gtest/gtest.h>

#include "../../../../tests/support/ledger.hpp"

namespace concordat::ledger::confidential {
namespace {

using contract::EntryType;
using test::LedgerWorld;
using test::Link;
using test::TestEnclave;

const AppendResult& held(const AppendOutcome& outcome) {
    if (const auto* refused = std::get_if<Refused>(&outcome)) {
        throw std::runtime_error(refused->code + " " + refused->field + " " + refused->rule);
    }
    return std::get<AppendResult>(outcome);
}
std::string refusal(const AppendOutcome& outcome) {
    const auto* refused = std::get_if<Refused>(&outcome);
    return refused == nullptr ? "held" : refused->code + " " + refused->field;
}
template <class F>
Code code_of(F&& f) {
    try {
        f();
    } catch (const Error& error) {
        return error.code();
    }
    ADD_FAILURE() << "nothing was thrown";
    return Code::internal;
}

TEST(Append, ReceiptsAndClaimsHold) {
    LedgerWorld w;
    const auto enclave = w.enclave("one");
    Link link = w.bind(enclave, 1);
    std::vector<contract::EntryRecord> records;
    std::vector<Hash256> ids;
    for (int i = 0; i < 5; ++i) {
        records.push_back(w.next_record(link, std::to_string(i)));
        ids.push_back(link.entry);
    }
    const auto outcome = w.append(enclave, records);
    const auto& result = held(outcome);
    ASSERT_EQ(result.items.size(), 5u);
    for (std::size_t i = 0; i < 5; ++i) {
        ASSERT_TRUE(result.items[i].appended);
        EXPECT_EQ(result.items[i].receipt.index, i + 1);
        result.items[i].receipt.verify(ledger_leaf(ids[i], enclave.key.public_key().thumbprint()),
                                       w.ledger->service_key(), "/receipt");
    }
    const ReadReply all = w.ledger->read(0, 100);
    ASSERT_EQ(all.entries.size(), 6u);
    ASSERT_EQ(all.enclaves.size(), 1u);
    EXPECT_EQ(all.enclaves[0].key, enclave.hello().enclave.key);
    for (const Appended& entry : all.entries) {
        const Hash256 id = LedgerWorld::id_of(entry.record);
        entry.claim.verify(id, enclave.key.public_key(), w.ledger->chain(), "/claim");
        entry.receipt.verify(ledger_leaf(id, entry.enclave_key), w.ledger->service_key(), "/receipt");
    }
    EXPECT_EQ(w.ledger->read(3, 2).entries.size(), 2u);
    EXPECT_EQ(w.ledger->read(6, 2).entries.size(), 0u);
}

// An account's slots are given out once each, in order, over all bindings, in one group or several, and after a
// restart.
TEST(Append, EachSlotOfAnAccountIsPinnedOnce) {
    LedgerWorld w;
    const auto enclave = w.enclave("one");
    Link first = w.bind(enclave, 1), second = w.bind(enclave, 2);
    const auto pinned = [&](const TestEnclave& by, Link& link, std::string_view account, std::uint64_t slot) {
        const auto record = w.prepare_record(link, account, slot);
        const ItemResult item = held(w.append(by, {record})).items.at(0);
        if (!item.appended) return "no: " + std::to_string(item.slots.at(0));
        ++link.sequence;
        link.entry = LedgerWorld::id_of(record);
        return std::string("yes");
    };
    EXPECT_EQ(pinned(enclave, first, "a", 1), "no: 0");
    EXPECT_EQ(pinned(enclave, first, "a", 0), "yes");
    EXPECT_EQ(pinned(enclave, second, "a", 0), "no: 1");
    EXPECT_EQ(pinned(enclave, second, "b", 0), "yes");
    EXPECT_EQ(pinned(enclave, second, "a", 1), "yes");
    // Two in one request: the second sees what the first has taken.
    const auto one = w.prepare_record(first, "a", 2), other = w.prepare_record(second, "a", 2);
    const AppendResult both = held(w.append(enclave, {one, other}));
    EXPECT_TRUE(both.items[0].appended);
    EXPECT_FALSE(both.items[1].appended);
    EXPECT_EQ(both.items[1].slots, std::vector<std::uint64_t>{3});
    for (const bool with_snapshot : {false, true}) {
        if (with_snapshot) w.ledger->snapshot();
        w.open();
        const auto again = w.enclave(with_snapshot ? "three" : "two");
        w.ledger->release_key(again.id, second.binding);
        EXPECT_EQ(pinned(again, second, "a", 2), "no: 3");
    }
}

TEST(Append, HeadsRootsAndConsistencyAreSigned) {
    LedgerWorld w;
    const auto enclave = w.enclave("one");
    Link link = w.bind(enclave, 1);
    const SignedRoot before = w.ledger->signed_root();
    EXPECT_TRUE(before.verify(w.ledger->service_key()));
    held(w.append(enclave, {w.next_record(link), w.next_record(link)}));
    const SignedRoot after = w.ledger->signed_root();
    const auto proof = w.ledger->consistency(before.size, after.size);
    EXPECT_TRUE(crypto::verify_consistency(before.size, before.root, after.size, after.root, proof));
    EXPECT_EQ(code_of([&] { w.ledger->consistency(0, 1); }), Code::bad_format);
    EXPECT_EQ(code_of([&] { w.ledger->consistency(1, 9); }), Code::bad_format);
    const HeadStatement head = w.ledger->head(link.binding, test::hash_of("nonce"));
    EXPECT_TRUE(head.verify(w.ledger->service_key()));
    EXPECT_EQ(head.entry_id, link.entry);
    EXPECT_EQ(head.sequence, 2u);
    EXPECT_EQ(head.nonce, test::hash_of("nonce"));
    EXPECT_EQ(code_of([&] { w.ledger->head(test::hash_of("none"), {}); }), Code::not_found);
}

TEST(Append, OfTwoEnclavesThatRaceOneWins) {
    LedgerWorld w;
    const auto one = w.enclave("one"), two = w.enclave("two");
    Link link = w.bind(one, 1);
    w.ledger->release_key(two.id, link.binding);
    Link a = link, b = link;
    const Append first = one.append({w.next_record(a, "a")}, w.ledger->chain());
    const Append second = two.append({w.next_record(b, "b"), w.next_record(b, "c")}, w.ledger->chain());
    const std::vector<AppendRequest> requests{{one.id, &first}, {two.id, &second}};
    const auto outcomes = w.ledger->append(requests);
    EXPECT_TRUE(held(outcomes[0]).items[0].appended);
    for (const ItemResult& lost : held(outcomes[1]).items) {
        EXPECT_FALSE(lost.appended);
        EXPECT_EQ(lost.head_sequence, 1u);
        EXPECT_EQ(lost.head, a.entry);
    }
    EXPECT_EQ(w.ledger->size(), 2u);
}

TEST(Append, AHeadIsCheckedInItsPlaceAmongTheItems) {
    LedgerWorld w;
    const auto enclave = w.enclave("one");
    Link link = w.bind(enclave, 1);
    const Hash256 before = link.entry;
    std::vector<contract::EntryRecord> records{w.next_record(link, "first")};
    const Hash256 after = link.entry;
    Append append = enclave.append(std::move(records), w.ledger->chain());
    append.heads = {{0, link.binding, before},
                    {0, link.binding, after},
                    {1, link.binding, before},
                    {1, link.binding, after},
                    {1, after, after}};
    const auto ask = [&](const Append& what) {
        const AppendRequest one{enclave.id, &what};
        return std::move(w.ledger->append({&one, 1}).at(0));
    };
    const auto outcome = ask(append);
    EXPECT_EQ(held(outcome).heads, (std::vector<bool>{true, false, false, true, false}));
    Append alone;
    alone.heads = {{0, link.binding, before}, {0, link.binding, after}};
    const auto again = ask(alone);
    EXPECT_EQ(held(again).heads, (std::vector<bool>{false, true}));
    EXPECT_EQ(refusal(ask(Append())), "protocol /items");
    EXPECT_EQ(w.ledger->size(), 2u);
}

TEST(Append, TwoEnclavesThatBindTheSameDocumentAgreeOnOneKey) {
    LedgerWorld w;
    const auto one = w.enclave("one"), two = w.enclave("two");
    Link a, b;
    const auto from_one = w.bind_record(one, 1, a), from_two = w.bind_record(two, 1, b);
    EXPECT_TRUE(held(w.append(one, {from_one})).items[0].appended);
    EXPECT_FALSE(held(w.append(two, {from_two})).items[0].appended);
    const auto k1 = w.ledger->release_key(one.id, a.binding), k2 = w.ledger->release_key(two.id, a.binding);
    EXPECT_EQ(k1.key.expose(), k2.key.expose());
    EXPECT_TRUE(held(w.append(two, {w.next_record(a)})).items[0].appended);
}

TEST(Append, ManyBindingsOfSeveralEnclavesAreOneWrite) {
    LedgerWorld w;
    std::vector<test::TestEnclave> enclaves;
    for (const char* name : {"one", "two", "three"}) enclaves.push_back(w.enclave(name));
    std::vector<Append> appends;
    std::vector<Link> links(30);
    for (std::size_t e = 0; e < 3; ++e) {
        std::vector<contract::EntryRecord> records;
        for (std::size_t i = 0; i < 10; ++i) {
            Link& link = links[e * 10 + i];
            records.push_back(w.bind_record(enclaves[e], e * 10 + i, link));
            records.push_back(w.next_record(link));
        }
        appends.push_back(enclaves[e].append(std::move(records), w.ledger->chain()));
    }
    std::vector<AppendRequest> requests;
    for (std::size_t e = 0; e < 3; ++e) requests.push_back({enclaves[e].id, &appends[e]});
    for (const auto& outcome : w.ledger->append(requests)) {
        for (const auto& item : held(outcome).items) EXPECT_TRUE(item.appended);
    }
    EXPECT_EQ(RecordLedger::audit(w.ports()).commits, 1u);
    EXPECT_EQ(RecordLedger::audit(w.ports()).entries, 60u);
    const ReadReply all = w.ledger->read(0, 100);
    EXPECT_EQ(all.entries.size(), 60u);
    EXPECT_EQ(all.enclaves.size(), 3u);
    for (std::size_t i = 0; i < 60; ++i) {
        const auto& entry = all.entries[i];
        const Hash256 id = LedgerWorld::id_of(entry.record);
        EXPECT_EQ(entry.receipt.index, i);
        entry.claim.verify(id, enclaves[i / 20].key.public_key(), w.ledger->chain(), "/claim");
        entry.receipt.verify(ledger_leaf(id, entry.enclave_key), w.ledger->service_key(), "/receipt");
    }
}

TEST(Append, AGroupHasABound) {
    LedgerWorld w({.group_bytes = 1});
    const auto one = w.enclave("one"), two = w.enclave("two");
    Link a = w.bind(one, 1), b = w.bind(two, 2);
    const Append first = one.append({w.next_record(a)}, w.ledger->chain());
    const Append second = two.append({w.next_record(b)}, w.ledger->chain());
    const std::vector<AppendRequest> requests{{one.id, &first}, {two.id, &second}};
    for (const auto& outcome : w.ledger->append(requests)) EXPECT_TRUE(held(outcome).items[0].appended);
    EXPECT_EQ(RecordLedger::audit(w.ports()).commits, 4u);
    EXPECT_EQ(w.ledger->read(0, 10).entries.size(), 4u);
}

TEST(Append, AReplyHasABound) {
    LedgerWorld w;
    const auto one = w.enclave("one");
    Link link = w.bind(one, 1);
    for (int i = 0; i < 6; ++i) {
        Link at = link;
        ++at.sequence;
        const auto record = w.record(EntryType::execute, at, Bytes(std::size_t{1} << 20, 'x'));
        link = {at.binding, at.version, LedgerWorld::id_of(record), at.sequence};
        held(w.append(one, {record}));
    }
    const ReadReply part = w.ledger->read(0, 100);
    EXPECT_EQ(part.entries.size(), 4u);
    EXPECT_LT(encode(part).size(), std::size_t{4} << 20);
    EXPECT_EQ(w.ledger->read(4, 100).entries.size(), 3u);
}

TEST(Append, ARequestThatDoesNotHoldIsRefusedWholeAndOthersGoOn) {
    LedgerWorld w;
    const auto one = w.enclave("one"), two = w.enclave("two");
    Link a = w.bind(one, 1), b = w.bind(two, 2);
    const Link a0 = a;
    // The second item is of a binding whose key this enclave was never given.
    Link stolen = b;
    const Append bad = one.append({w.next_record(a), w.next_record(stolen)}, w.ledger->chain());
    const Append good = two.append({w.next_record(b)}, w.ledger->chain());
    const std::vector<AppendRequest> requests{{one.id, &bad}, {two.id, &good}};
    const auto outcomes = w.ledger->append(requests);
    EXPECT_EQ(refusal(outcomes[0]), "forbidden /items/1/entry/binding");
    EXPECT_TRUE(held(outcomes[1]).items[0].appended);
    a = a0;
    EXPECT_TRUE(held(w.append(one, {w.next_record(a)})).items[0].appended);
}

TEST(Append, SignatureRecordAndLedgerAreChecked) {
    LedgerWorld w;
    const auto one = w.enclave("one");
    Link link = w.bind(one, 1);
    Link next = link;
    const auto record = w.next_record(next);
    const auto send = [&](Append append) {
        const AppendRequest request{one.id, &append};
        return refusal(w.ledger->append({&request, 1}).at(0));
    };
    Append forged = one.append({record}, w.ledger->chain());
    forged.root_signature[5] ^= 1;
    EXPECT_EQ(send(forged), "bad_signature /root_signature");
    EXPECT_EQ(send(one.append({record}, "ccl:00000000000000000000000000000000")), "bad_signature /root_signature");
    auto changed = one.append({record}, w.ledger->chain());
    changed.items[0].record.state = to_bytes(bytes_of("{\"mark\":\"other\"}"));
    EXPECT_EQ(send(changed), "tampered /items/0/state");
    changed = one.append({record}, w.ledger->chain());
    changed.items[0].record.document.pop_back();
    EXPECT_EQ(send(changed).substr(0, 8), "bad_json");
    Link wrong = link;
    wrong.version = test::hash_of("version");
    EXPECT_EQ(send(one.append({w.next_record(wrong)}, w.ledger->chain())), "wrong_version /items/0/entry/version");
    Link unknown = link;
    unknown.binding = test::hash_of("binding");
    EXPECT_EQ(send(one.append({w.next_record(unknown)}, w.ledger->chain())), "not_found /items/0/entry/binding");
    EXPECT_EQ(w.ledger->size(), 1u);
    EXPECT_EQ(send(one.append({record}, w.ledger->chain())), "held");
}

TEST(Append, BindNeedsItsKeyItsDocumentAndItsSignatures) {
    LedgerWorld w;
    const auto one = w.enclave("one"), two = w.enclave("two");
    Link link;
    const auto record = w.bind_record(one, 1, link);
    EXPECT_EQ(refusal(w.append(two, {record})), "forbidden /items/0/entry/binding");
    // Signed by one party only.
    const json::Object document = w.document(2);
    const Bytes jws = to_bytes(bytes_of(json::canonical(test::sign_binding(document, w.world.buyer).to_json())));
    w.ledger->create_key(one.id, jws);
    const Hash256 id = crypto::sha256(json::canonical(document));
    EXPECT_NE(refusal(w.append(one, {w.record(EntryType::bind, {id, id, {}, 0}, jws)})), "held");
    // Another binding's document.
    const Hash256 other = crypto::sha256(json::canonical(w.document(1)));
    EXPECT_EQ(refusal(w.append(one, {w.record(EntryType::bind, {other, other, {}, 0}, w.signed_jws(document))})),
              "wrong_version /items/0/input");
    EXPECT_EQ(w.ledger->size(), 0u);
    EXPECT_TRUE(held(w.append(one, {record})).items[0].appended);
    EXPECT_FALSE(held(w.append(one, {record})).items[0].appended);
    EXPECT_EQ(code_of([&] { w.ledger->create_key(one.id, w.signed_jws(w.document(1))); }), Code::conflict);
}

TEST(Append, NothingFollowsATermination) {
    LedgerWorld w;
    const auto one = w.enclave("one");
    Link link = w.bind(one, 1);
    ++link.sequence;
    const auto end = w.record(EntryType::terminate, link, to_bytes(bytes_of("termination")));
    link.entry = LedgerWorld::id_of(end);
    held(w.append(one, {end}));
    Link after = link;
    ++after.sequence;
    const auto paused = w.record(EntryType::close, after, {});
    EXPECT_EQ(refusal(w.append(one, {paused})), "not_running /items/0/entry/type");
    // But what enclaves let through there: the end of other bindings' calls. Then, too, nothing else follows.
    const auto call = w.next_record(link);
    EXPECT_TRUE(held(w.append(one, {call})).items[0].appended);
    ++after.sequence;
    after.entry = LedgerWorld::id_of(call);
    EXPECT_EQ(refusal(w.append(one, {w.record(EntryType::close, after, {})})), "not_running /items/0/entry/type");
    w.open();
    EXPECT_EQ(w.ledger->size(), 3u);
}

TEST(Append, AnAmendmentChangesVersionAndWhoMayHaveTheKey) {
    LedgerWorld w;
    const auto one = w.enclave("one");
    const auto newer = w.enclave("newer", test::hash_of("newer code"));
    Link link = w.bind(one, 1);
    EXPECT_EQ(code_of([&] { w.ledger->release_key(newer.id, link.binding); }), Code::bad_evidence);
    json::Object next = test::next_document(test::parse_binding(w.document(1)));
    next["enclaves"].as_object()["measurements"] =
        json::Array{w.world.measurement.text(), test::hash_of("newer code").text()};
    const Bytes both = w.signed_jws(next);
    EXPECT_EQ(code_of([&] { w.ledger->open_terms(newer.id, both); }), Code::bad_evidence);
    w.ledger->open_terms(one.id, both);
    const auto amend = [&](const Bytes& jws, const json::Object& document) {
        Link at{link.binding, crypto::sha256(json::canonical(document)), link.entry, link.sequence + 1};
        const auto record = w.record(EntryType::amend, at, jws);
        const auto outcome = w.append(one, {record});
        if (refusal(outcome) == "held") link = {at.binding, at.version, LedgerWorld::id_of(record), at.sequence};
        return refusal(outcome);
    };
    const Bytes half = to_bytes(bytes_of(json::canonical(test::sign_binding(next, w.world.buyer).to_json())));
    EXPECT_NE(amend(half, next), "held");
    EXPECT_EQ(amend(both, next), "held");
    EXPECT_EQ(amend(both, next), "wrong_version /items/0/binding/version") << "the same version again";
    w.ledger->release_key(newer.id, link.binding);
    // Version 3 no longer accepts the old code: what it was given counts no more.
    json::Object third = test::next_document(test::parse_binding(next));
    third["enclaves"].as_object()["measurements"] = json::Array{test::hash_of("newer code").text()};
    EXPECT_EQ(amend(w.signed_jws(third), third), "held");
    Link stale = link;
    EXPECT_EQ(refusal(w.append(one, {w.next_record(stale)})), "forbidden /items/0/entry/binding");
    EXPECT_EQ(code_of([&] { w.ledger->release_key(one.id, link.binding); }), Code::bad_evidence);
    EXPECT_TRUE(held(w.append(newer, {w.next_record(link)})).items[0].appended);
    w.open();
    auto again = w.enclave("newer", test::hash_of("newer code"));
    EXPECT_EQ(refusal(w.append(again, {w.next_record(link)})), "forbidden /items/0/entry/binding")
        << "not in this life yet";
}

TEST(Authority, EvidenceMustBindTheKeyAndBeAnEnclaves) {
    LedgerWorld w;
    auto enclave = w.enclave("one");
    const auto other = test::signing_key("other");
    EXPECT_EQ(code_of([&] { w.ledger->admit(enclave.hello(), other.public_key()); }), Code::bad_evidence);
    Hello swapped{{json::canonical(other.public_key().jwk()), enclave.hello().enclave.evidence}};
    EXPECT_EQ(code_of([&] { w.ledger->admit(swapped, other.public_key()); }), Code::bad_evidence);
    attest::DevelopmentProvider provider(test::signing_key("development root"), w.world.measurement, "concordat-ledger",
                                         1, w.clock);
    enclave.evidence = provider.make(enclave_report_data(enclave.key.public_key()));
    EXPECT_EQ(code_of([&] { w.admit_again(enclave); }), Code::bad_evidence);
}

TEST(Authority, KeysGoOnlyToEvidenceThatTheDocumentAccepts) {
    LedgerWorld w;
    const auto good = w.enclave("one"), wrong = w.enclave("two", test::hash_of("other code"));
    const Bytes jws = w.signed_jws(w.document(1));
    EXPECT_EQ(code_of([&] { w.ledger->create_key(wrong.id, jws); }), Code::bad_evidence);
    const Link link = w.bind(good, 1);
    EXPECT_EQ(code_of([&] { w.ledger->release_key(wrong.id, link.binding); }), Code::bad_evidence);
    EXPECT_EQ(code_of([&] { w.ledger->release_key(good.id, test::hash_of("none")); }), Code::not_found);
    json::Object elsewhere = w.document(2);
    elsewhere["record"].as_object()["encryption_key"] = w.world.ledger_encryption.public_key().jwk();
    EXPECT_EQ(code_of([&] { w.ledger->create_key(good.id, w.signed_jws(elsewhere)); }), Code::wrong_ledger);
    EXPECT_EQ(code_of([&] { w.ledger->create_key(good.id, w.signed_jws(w.world.first_document())); }),
              Code::wrong_ledger);
}

TEST(Authority, SealedTermsOpenOnlyUnderTheChoiceOfEnclavesTheyWereSealedFor) {
    LedgerWorld w;
    const auto good = w.enclave("one"), thief = w.enclave("two", test::hash_of("other code"));
    const auto identity = Identity::parse(w.ledger->identity());
    json::Object document = w.document(1);
    const auto enclaves = crypto::sha256(json::canonical(document["enclaves"]));
    const std::string plaintext = json::canonical(json::Object{
        {"typ", "concordat/terms/1"}, {"enclaves", enclaves.text()}, {"disclosures", json::Array{"salted"}}});
    document["sealed_terms"] = json::Object{
        {"buyer", crypto::encrypt_jwe(bytes_of(plaintext), "concordat/terms/1",
                                      {w.world.buyer_encryption.public_key(), identity.encryption_key}, w.random)}};
    const auto released = w.ledger->create_key(good.id, w.signed_jws(document));
    ASSERT_EQ(released.terms.size(), 1u);
    EXPECT_EQ(text_of(released.terms[0].expose()), plaintext);
    document["enclaves"].as_object()["measurements"] = json::Array{test::hash_of("other code").text()};
    EXPECT_EQ(code_of([&] { w.ledger->create_key(thief.id, w.signed_jws(document)); }), Code::forbidden);
}

TEST(Authority, SlotsAreBoundedAndLoseTheirRightsWhenTheyChangeHands) {
    LedgerWorld w;
    const auto first = w.enclave("first");
    Link link = w.bind(first, 1);
    for (std::size_t i = 1; i < max_enclaves; ++i) w.enclave("e" + std::to_string(i));
    EXPECT_EQ(code_of([&] { w.enclave("one too many"); }), Code::busy);
    w.ledger->leave(first.id);
    auto back = w.enclave("first");
    EXPECT_EQ(back.id, first.id);
    EXPECT_TRUE(held(w.append(back, {w.next_record(link)})).items[0].appended)
        << "a new channel keeps what was released";
    w.ledger->leave(back.id);
    const auto heir = w.enclave("heir");
    EXPECT_EQ(heir.id, first.id);
    EXPECT_EQ(refusal(w.append(heir, {w.next_record(link)})), "forbidden /items/0/entry/binding");
}

}  // namespace
}  // namespace concordat::ledger::confidential
