#include "entry.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <base/file.hpp>

#include "../../tests/support/fixture.hpp"
#include "sealing.hpp"

namespace concordat::contract {
namespace {

using test::hash_of;

json::Value vector_file(const char* name) {
    return json::parse(read_text_file(std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/" + name), name);
}

std::string_view text_at(const json::Value& value, const char* name) { return value.at(name).as_string(); }

Entry execute_entry() {
    Entry entry;
    entry.type = EntryType::execute;
    entry.ledger = "ccl:0123456789abcdef0123456789abcdef";
    entry.binding = hash_of("binding");
    entry.version = hash_of("version");
    entry.sequence = 7;
    entry.previous = hash_of("previous");
    entry.time = test::start_time;
    entry.input = hash_of("input");
    entry.state_before = hash_of("before");
    entry.state_after = hash_of("after");
    entry.sender_role = "buyer";
    entry.sender_id = "did:web:buyer.example";
    entry.sender_key = to_base64url(hash_of("key").view());
    entry.action = "confirm";
    entry.number = 3;
    entry.result = json::Object{{"z", 1}, {"a", "é\n"}};
    entry.events = {json::Object{{"type", "confirmed"}}};
    entry.fuel = 120000;
    entry.meter = "wasmtime/1";
    entry.disclosures = hash_of("{}");
    entry.private_state = hash_of("private");
    return entry;
}

TEST(Entry, WritesCanonicalJsonThatReadsBack) {
    const Entry entry = execute_entry();
    const std::string text = entry.write();
    EXPECT_EQ(json::canonical(json::parse(text, "entry")), text);
    const Entry back = Entry::parse(bytes_of(text));
    EXPECT_EQ(back.write(), text);
    EXPECT_EQ(back.id(bytes_of(text)), entry.id(bytes_of(text)));
    EXPECT_EQ(back.sender_id, entry.sender_id);
    EXPECT_EQ(back.fuel, entry.fuel);
}

TEST(Entry, EveryOptionalMemberKeepsTheOrder) {
    Entry entry = execute_entry();
    entry.package = hash_of("package");
    entry.proposal = hash_of("proposal");
    entry.deadline = test::start_time + 5;
    entry.reason = "because";
    entry.effects = {json::Object{{"effect", "pay"}}, 2};
    entry.audiences = {{"buyer+seller", json::Object{}}, {"buyer", json::Object{}}};
    const std::string text = entry.write();
    EXPECT_EQ(json::canonical(json::parse(text, "entry")), text);
    EXPECT_EQ(Entry::parse(bytes_of(text)).write(), text);
}

Entry prepare_entry() {
    Entry entry = execute_entry();
    entry.type = EntryType::prepare;
    entry.deadline = entry.time + 60'000;
    const ledger::Pin pin{
        .chain = "fake:1", .account = "a1", .slot = 7, .call = json::Object{{"pay", "5"}}, .ceiling = 1000};
    entry.effects = {
        json::Object{{"effect", "pay"}, {"ledger", "cash"}, {"args", json::Object{}}, {"pin", pin.to_json()}}};
    return entry;
}

Entry step_entry(EntryType type) {
    Entry entry = execute_entry();
    entry.type = type;
    entry.sender_role = entry.sender_id = entry.sender_key = entry.action = entry.meter = {};
    entry.number = 0;
    entry.fuel = 0;
    entry.result.reset();
    entry.events = {};
    entry.transaction = hash_of("prepare");
    if (type == EntryType::outcome) entry.ending = "committed";
    return entry;
}

std::string refusal_of(const Entry& entry) {
    try {
        const std::string text = entry.write();
        EXPECT_EQ(Entry::parse(bytes_of(text)).write(), text);
        return "none";
    } catch (const Error& error) {
        return error.field();
    }
}

TEST(Entry, AResolutionAndWhatCameOfIt) {
    Entry entry = step_entry(EntryType::resolve);
    EXPECT_EQ(refusal_of(entry), "/entry/reason");
    entry.reason = "the chain is gone";
    entry.call = 3;
    EXPECT_EQ(refusal_of(entry), "none");
    Entry changed = entry;
    changed.transaction.reset();
    EXPECT_EQ(refusal_of(changed), "/entry/transaction");
    changed = entry;
    changed.decision = "commit";
    EXPECT_EQ(refusal_of(changed), "/entry/decision");
    changed = entry;
    changed.given_up = {3};
    EXPECT_EQ(refusal_of(changed), "/entry/given_up");
    changed = step_entry(EntryType::outcome);
    changed.given_up = {0, 3};
    EXPECT_EQ(refusal_of(changed), "none");
    EXPECT_NE(changed.write().find("\"given_up\":[0,3]"), std::string::npos);
    for (const std::vector<std::uint32_t>& wrong : {std::vector<std::uint32_t>{3, 3}, {4, 3}}) {
        changed.given_up = wrong;
        EXPECT_EQ(refusal_of(changed), "/entry/given_up");
    }
}

// It is read in memory that is gone by then.
TEST(Entry, WhatIsParsedHasItsOwnMemory) {
    Entry entry = prepare_entry();
    entry.result = json::Object{{"a", "text that is too long for the place of a short one"}};
    entry.events = {json::Object{{"type", "t"}}};
    entry.accounts = json::Object{{"cash", "account"}};
    const std::string text = entry.write();
    const Entry parsed = Entry::parse(bytes_of(text));
    const boost::json::storage_ptr usual;
    ASSERT_TRUE(parsed.result);
    EXPECT_EQ(parsed.result->storage().get(), usual.get());
    EXPECT_EQ(parsed.effects.storage().get(), usual.get());
    EXPECT_EQ(parsed.effects.at(0).storage().get(), usual.get());
    EXPECT_EQ(parsed.events.storage().get(), usual.get());
    EXPECT_EQ(parsed.accounts.storage().get(), usual.get());
    EXPECT_EQ(parsed.audiences.storage().get(), usual.get());
    EXPECT_EQ(parsed.write(), text);
}

TEST(Entry, AStepsTextIsItsJson) {
    Step step;
    step.effect = "e\u00e9\"";
    step.ledger = "cash";
    step.arguments = {{"b", 1}, {"a", json::Array{1, "x"}}};
    const auto expect = [&] { EXPECT_EQ(step.text(), json::canonical(step.to_json())); };
    expect();
    step.kind = EffectKind::compensatable;
    step.undo = json::Object{{"z", 1}, {"y", 2}};
    expect();
    step.commit = json::Object{};
    expect();
    step.after = {0, 2};
    expect();
    step.route = Route{.chain = "fake:1", .reason = RouteReason::only, .passed = {}};
    step.callers = {Hash256{}};
    expect();
}

TEST(Entry, TheStepsOfATransactionSayWhatTheyNeedAndNothingElse) {
    EXPECT_EQ(refusal_of(prepare_entry()), "none");
    EXPECT_EQ(prepare_entry().pinned().at(0).pin.slot, 7u);
    for (const EntryType type : {EntryType::cancelling, EntryType::outcome, EntryType::disputed}) {
        EXPECT_EQ(refusal_of(step_entry(type)), "none");
        Entry nameless = step_entry(type);
        nameless.transaction.reset();
        EXPECT_EQ(refusal_of(nameless), "/entry/transaction");
        Entry acting = step_entry(type);
        acting.action = "confirm";
        EXPECT_EQ(refusal_of(acting), type == EntryType::outcome ? "none" : "/entry/action");
        Entry paying = step_entry(type);
        paying.effects = {json::Object{{"effect", "pay"}}};
        EXPECT_EQ(refusal_of(paying), type == EntryType::cancelling ? "/entry/effects/0/step" : "/entry/effects");
        Entry early = step_entry(type);
        early.early = true;
        EXPECT_EQ(refusal_of(early), "/entry/commit");
    }
    EXPECT_EQ(refusal_of(step_entry(EntryType::step)), "/entry/fate");
    Entry step = step_entry(EntryType::step);
    step.fate = ledger::Fate::called;
    step.call = 3;
    step.decision = "commit";
    step.effects = {json::Object{{"step", 1}, {"role", "undo"}, {"pin", prepare_entry().pinned().at(0).pin.to_json()}}};
    EXPECT_EQ(refusal_of(step), "none");
    EXPECT_EQ(step.pinned().at(0).role, ledger::Role::undo);
    step.decision = "perhaps";
    EXPECT_EQ(refusal_of(step), "/entry/decision");
    Entry early = prepare_entry();
    early.early = true;
    EXPECT_EQ(refusal_of(early), "none");
    EXPECT_NE(early.write().find(R"("commit":"early")"), std::string::npos);
    const auto prepare_with = [](auto&& change) {
        Entry entry = prepare_entry();
        change(entry);
        return refusal_of(entry);
    };
    EXPECT_EQ(prepare_with([](Entry& e) { e.deadline = e.time; }), "/entry/deadline");
    EXPECT_EQ(prepare_with([](Entry& e) { e.effects = {}; }), "/entry/effects");
    EXPECT_EQ(prepare_with([](Entry& e) { e.effects = {json::Object{{"effect", "pay"}}}; }), "/entry/effects/0/ledger");
    EXPECT_EQ(prepare_with([](Entry& e) { e.effects.push_back(e.effects.front()); }), "/entry/effects");
    EXPECT_EQ(prepare_with([](Entry& e) { e.action = {}; }), "/entry/action");
    EXPECT_EQ(prepare_with([](Entry& e) { e.transaction = hash_of("x"); }), "/entry/transaction");
    EXPECT_EQ(prepare_with([](Entry& e) { e.ending = "aborted"; }), "/entry/ending");
    Entry vague = step_entry(EntryType::outcome);
    vague.ending = "perhaps";
    EXPECT_EQ(refusal_of(vague), "/entry/ending");
    vague.ending = {};
    EXPECT_EQ(refusal_of(vague), "/entry/ending");
}

// What another binding's call came to: one that was not done leaves no trace but its entry.
TEST(Entry, AnExecutionSaysWhatBecameOfTheCallThatItComesOf) {
    Entry called = execute_entry();
    called.fate = ledger::Fate::called;
    EXPECT_EQ(refusal_of(called), "none");
    Entry entry = called;
    entry.reason = "because";
    EXPECT_EQ(refusal_of(entry), "/entry/reason");

    Entry failed = called;
    failed.fate = ledger::Fate::failed;
    failed.reason = "contract_aborted: as it was asked to";
    failed.state_after = failed.state_before;
    failed.result.reset();
    failed.events = {};
    EXPECT_EQ(refusal_of(failed), "none");
    entry = failed;
    entry.reason.clear();
    EXPECT_EQ(refusal_of(entry), "/entry/reason");
    entry = failed;
    entry.state_after = hash_of("another");
    EXPECT_EQ(refusal_of(entry), "/entry/state_after");
    entry = failed;
    entry.events = {json::Object{{"type", "confirmed"}}};
    EXPECT_EQ(refusal_of(entry), "/entry/fate");
    entry = failed;
    entry.fate = ledger::Fate::cancelled;
    EXPECT_EQ(refusal_of(entry), "/entry/reason");
    entry.reason.clear();
    EXPECT_EQ(refusal_of(entry), "none");

    entry = prepare_entry();
    entry.fate = ledger::Fate::called;
    EXPECT_EQ(refusal_of(entry), "none");
    entry.fate = ledger::Fate::cancelled;
    EXPECT_EQ(refusal_of(entry), "/entry/fate");
}

TEST(Entry, ParseIsStrict) {
    const json::Object good = json::parse(execute_entry().write(), "entry").as_object();
    const auto refused = [&](const char* member, auto value) {
        json::Object changed = good;
        changed[member] = value;
        try {
            Entry::parse(bytes_of(json::canonical(changed)));
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused("extra", 1), "/entry/extra");
    EXPECT_EQ(refused("type", "executed"), "/entry/type");
    EXPECT_EQ(refused("fuel", 0), "/entry/fuel");
    EXPECT_EQ(refused("events", json::Array{}), "/entry/events");
    EXPECT_EQ(refused("reason", ""), "/entry/reason");
    EXPECT_EQ(refused("ledger", "ccl:x"), "/entry/ledger");
    EXPECT_EQ(refused("sequence", 0), "/entry/sequence");
    EXPECT_EQ(refused("previous", Hash256{}.text()), "/entry/previous");
    EXPECT_EQ(refused("audiences", json::Object{{"b+a", json::Object{}}}), "/entry/audiences");
    EXPECT_EQ(refused("sender", json::Object{{"role", "a"}}), "/entry/sender/id");
    EXPECT_EQ(refused("type", "bind"), "/entry/sequence");
    for (const auto& member : good) {
        json::Object changed = good;
        changed.erase(member.key());
        if (member.key() == "number" || member.key() == "fuel" || member.key() == "meter" || member.key() == "events" ||
            member.key() == "result") {
            continue;
        }
        EXPECT_THROW(Entry::parse(bytes_of(json::canonical(changed))), Error) << member.key();
    }
    EXPECT_THROW(Entry::parse(bytes_of(" " + execute_entry().write())), Error);
}

TEST(Entry, TypeNamesAreTheTableInTheFormats) {
    EXPECT_EQ(entry_type_name(EntryType::bind), "bind");
    EXPECT_EQ(entry_type_name(EntryType::close), "close");
    for (int i = 1; i <= 10; ++i) {
        const auto type = static_cast<EntryType>(i);
        EXPECT_EQ(entry_type_from_name(entry_type_name(type), "f"), type);
    }
    EXPECT_THROW(entry_type_from_name("Bind", "f"), Error);
}

TEST(EntryRecord, ChecksEveryPart) {
    EntryRecord record;
    record.input = to_bytes(bytes_of("input"));
    record.state = to_bytes(bytes_of(R"({"a":1,"b":[2]})"));
    record.disclosures = to_bytes(bytes_of("{}"));
    record.private_state = to_bytes(bytes_of("private"));
    Entry entry = execute_entry();
    entry.state_after = state_root(json::parse(text_of(record.state), "s").as_object());
    record.document = to_bytes(bytes_of(entry.write()));
    EXPECT_NO_THROW(record.check());

    wire::Writer out;
    record.write(out);
    const Bytes bytes = out.take();
    wire::Reader in(bytes);
    EXPECT_EQ(EntryRecord::read(in).state, record.state);
    EXPECT_TRUE(in.done());

    for (Bytes EntryRecord::* part : {&EntryRecord::input, &EntryRecord::state, &EntryRecord::disclosures,
                                      &EntryRecord::private_state, &EntryRecord::document}) {
        EntryRecord changed = record;
        (changed.*part).push_back(' ');
        EXPECT_THROW(changed.check(), Error);
    }
}

TEST(StateRoot, ReplaysItsVectors) {
    const json::Value file = vector_file("state_root.json");
    for (const json::Value& one : file.as_array()) {
        EXPECT_EQ(state_root(one.at("state").as_object()).text(), text_at(one, "root")) << text_at(one, "name");
    }
}

TEST(EntryId, ReplaysItsVectors) {
    const json::Value file = vector_file("entry_id.json");
    for (const json::Value& one : file.as_array()) {
        const auto document = bytes_of(text_at(one, "document"));
        EXPECT_EQ(Entry::parse(document).id(document).text(), text_at(one, "id")) << text_at(one, "name");
    }
}

TEST(StateRoot, DependsOnValuesNotOnOrder) {
    const auto root = [](const char* text) { return state_root(json::parse(text, "s").as_object()); };
    EXPECT_EQ(root(R"({"a":1,"b":2})"), root(R"({"b":2,"a":1})"));
    EXPECT_NE(root(R"({"a":1,"b":2})"), root(R"({"a":2,"b":1})"));
    EXPECT_NE(root(R"({"a":1})"), root(R"({"a":"1"})"));
    EXPECT_EQ(root("{}"), crypto::sha256(""));
}

SecretKey secret_key(const Bytes& bytes) {
    std::array<std::uint8_t, 32> raw{};
    std::copy_n(bytes.begin(), 32, raw.begin());
    return SecretKey(std::move(raw));
}

TEST(Sealing, ReplaysItsVectors) {
    const json::Value file = vector_file("sealing.json");
    for (const json::Value& one : file.as_array()) {
        const SecretKey key = secret_key(*from_hex(text_at(one, "key")));
        const Hash256 binding = Hash256::parse(text_at(one, "binding"), "binding");
        const bool message = text_at(one, "use") == "message";
        const Bytes aad =
            message ? message_aad(binding, text_at(one, "audience")) : entry_aad(binding, text_at(one, "audience"));
        const Sealed sealed = seal(key, aad, bytes_of(text_at(one, "plaintext")));
        EXPECT_EQ(json::canonical(sealed.to_json()), json::canonical(one.at("sealed")));
        const Sealed parsed = Sealed::parse(one.at("sealed"), "/sealed");
        EXPECT_EQ(text_of(open(key, aad, parsed, "/sealed").expose()), text_at(one, "plaintext"));
    }
}

TEST(Sealing, OpensOnlyUnderItsOwnKeyUseAndAudience) {
    const SecretKey binding_key = secret_key(to_bytes(hash_of("binding key").view()));
    const Hash256 binding = hash_of("binding"), version = hash_of("version");
    const SecretKey key = audience_key(binding_key, version, "buyer");
    const Bytes aad = entry_aad(binding, "buyer");
    const Sealed sealed = seal(key, aad, bytes_of("secret"));
    EXPECT_EQ(text_of(open(key, aad, sealed, "f").expose()), "secret");
    EXPECT_THROW(open(key, message_aad(binding, "buyer"), sealed, "f"), Error);
    EXPECT_THROW(open(key, entry_aad(binding, "seller"), sealed, "f"), Error);
    EXPECT_THROW(open(audience_key(binding_key, version, "seller"), aad, sealed, "f"), Error);
    EXPECT_THROW(open(audience_key(binding_key, binding, "buyer"), aad, sealed, "f"), Error);
    EXPECT_NE(state_key(binding_key).expose(), key.expose());
}

TEST(SealingProperty, AnyChangedByteIsRefused) {
    rc::check([](const std::string& plaintext) {
        const SecretKey key = secret_key(to_bytes(hash_of("key").view()));
        const Bytes aad = entry_aad(hash_of("b"), "a");
        Sealed sealed = seal(key, aad, bytes_of(plaintext));
        RC_ASSERT(seal(key, aad, bytes_of(plaintext)).ciphertext == sealed.ciphertext);
        const auto at = *rc::gen::inRange<std::size_t>(0, sealed.ciphertext.size() + 32);
        const auto bit = static_cast<std::uint8_t>(1 << *rc::gen::inRange(0, 8));
        (at < 32 ? sealed.iv.bytes[at] : sealed.ciphertext[at - 32]) ^= bit;
        RC_ASSERT_THROWS_AS(open(key, aad, sealed, "f"), Error);
    });
}

}  // namespace
}  // namespace concordat::contract
