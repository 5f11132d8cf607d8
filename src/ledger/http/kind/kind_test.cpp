#include "kind.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <base/file.hpp>
#include <crypto/hash.hpp>

namespace concordat::ledger::http {
namespace {

using crypto::Alg;
using crypto::PrivateKey;

SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

PrivateKey participant(std::uint8_t last = 99, Alg alg = Alg::eddsa) {
    return PrivateKey::from_secret(alg, secret_of(last));
}

template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.field() + ": " + error.rule();
    }
    return "was accepted";
}

Finality signed_by(const PrivateKey& key) {
    return {.blocks = 1, .witness = "signature", .parameters = {{"key", key.public_key().jwk()}}};
}

Target target_of(Role role = Role::call) {
    return {.interface = {},
            .call = "reserve",
            .address = "payments",
            .work = 0,
            .role = role,
            .step = crypto::sha256("step")};
}

const json::Object arguments{{"amount", "12.50"}, {"from", "alice"}, {"to", "bob"}};

Pin pin_of(Role role = Role::call) {
    return {.chain = chain_of(participant().public_key()),
            .account = HttpKind().account(secret_of(1)),
            .slot = 7,
            .call = HttpKind().call(target_of(role), role == Role::call ? arguments : json::Object{}, "/args"),
            .ceiling = 0};
}

Answer answer_to(const Pin& pin, Fate fate = Fate::called) {
    return {.participant = pin.chain,
            .account = pin.account,
            .number = pin.slot,
            .request = digest_of(*pin.call),
            .fate = fate,
            .time = 1'700'000'000'000};
}

json::Value evidence_of(const Answer& answer, const PrivateKey& key = participant()) {
    return json::Object{{"answer", answer.sign(key)}};
}

Judgement judge(const Pin& pin, const json::Value& evidence) {
    return HttpKind().judge(pin, signed_by(participant()), evidence);
}

TEST(HttpKind, MakesOneCallForEachRole) {
    EXPECT_EQ(
        json::canonical(pin_of().call),
        R"({"arguments":{"amount":"12.50","from":"alice","to":"bob"},"operation":"reserve","resource":"payments",)"
        R"("role":"call","step":")" +
            crypto::sha256("step").text() + "\"}");
    const HttpKind kind;
    EXPECT_TRUE(kind.prepares());
    for (const Role role : {Role::commit, Role::undo}) {
        EXPECT_EQ(kind.call(target_of(role), {}, "/args").at("role"), json::Value(role_name(role)));
        EXPECT_EQ(refusal([&] { kind.call(target_of(role), arguments, "/args"); }).substr(0, 20),
                  "/args: must be empty");
    }
    EXPECT_EQ(refusal([&] { kind.call(target_of(), {{"text", std::string(max_arguments_bytes, 'x')}}, "/args"); }),
              "/args: must be at most 64 KiB");
}

TEST(HttpKind, SignsThePinnedCall) {
    const Pin pin = pin_of();
    const Bytes bytes = HttpKind().sign(pin, Purpose::call, 0, secret_of(1));
    const Request request = Request::parse(text_of(bytes), "request");
    EXPECT_EQ(request.participant, pin.chain);
    EXPECT_EQ(request.account(), pin.account);
    EXPECT_EQ(request.number, 7u);
    EXPECT_EQ(request.purpose, Purpose::call);
    EXPECT_EQ(request.call, *pin.call);
    EXPECT_EQ(HttpKind().sign(pin, Purpose::call, 0, secret_of(1)), bytes);
    const Bytes cancel = HttpKind().sign(pin, Purpose::cancel, 0, secret_of(1));
    EXPECT_EQ(Request::parse(text_of(cancel), "request").purpose, Purpose::cancel);
    EXPECT_EQ(refusal([&] { HttpKind().sign(pin, Purpose::call, 0, secret_of(2)); }), "/account: must be the key's");
    EXPECT_EQ(refusal([&] { HttpKind().sign(pin, Purpose::call, 1, secret_of(1)); }), "/price: must be at most 0");
}

TEST(HttpKind, ChecksTheForm) {
    const auto rule = [](auto edit) {
        Pin pin = pin_of();
        edit(pin);
        return refusal([&] { HttpKind().check(pin); });
    };
    EXPECT_EQ(rule([](Pin&) {}), "was accepted");
    EXPECT_EQ(rule([](Pin& p) { p.slot = ~std::uint64_t{0}; }), "was accepted");
    for (const char* chain : {"eip155:1", "http:", "http:00", "http:0123456789ABCDEF0123456789ABCDEF"})
        EXPECT_EQ(rule([&](Pin& p) { p.chain = chain; }).substr(0, 7), "/chain:") << chain;
    for (const char* account : {"", "bob", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"})
        EXPECT_EQ(rule([&](Pin& p) { p.account = account; }).substr(0, 9), "/account:") << account;
    for (const char* name : {"resource", "operation", "role", "step", "arguments"}) {
        EXPECT_EQ(rule([&](Pin& p) { p.call.own().erase(name); }).substr(0, 6 + std::string_view(name).size()),
                  "/call/" + std::string(name));
        EXPECT_EQ(rule([&](Pin& p) { p.call.own()[name] = 1; }).substr(0, 6 + std::string_view(name).size()),
                  "/call/" + std::string(name));
        EXPECT_EQ(rule([&](Pin& p) { p.call.own()[name] = "a b"; }).substr(0, 6 + std::string_view(name).size()),
                  "/call/" + std::string(name));
    }
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["more"] = 1; }).substr(0, 10), "/call/more");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["role"] = "undo"; }).substr(0, 32), "/call/arguments: must be empty: ");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["resource"] = std::string(129, 'a'); }).substr(0, 14), "/call/resource");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["operation"] = "a/b"; }).substr(0, 15), "/call/operation");
}

TEST(HttpKind, ChecksWhatIsBound) {
    const auto rule = [](auto edit) {
        Target target = target_of();
        Finality finality = signed_by(participant());
        edit(target, finality);
        return refusal([&] { HttpKind().check(target, finality); });
    };
    EXPECT_EQ(rule([](Target&, Finality&) {}), "was accepted");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.parameters["hold_minutes"] = 60; }), "was accepted");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.parameters["hold_minutes"] = 0; }).substr(0, 34),
              "/finality/parameters/hold_minutes:");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.parameters["more"] = 0; }).substr(0, 26), "/finality/parameters/more:");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.parameters.clear(); }).substr(0, 24), "/finality/parameters/key");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.witness = "host"; }).substr(0, 18), "/finality/witness:");
    EXPECT_EQ(rule([](Target&, Finality& f) { f.blocks = 2; }).substr(0, 17), "/finality/blocks:");
    EXPECT_EQ(rule([](Target& t, Finality&) { t.interface = json::Object{}; }).substr(0, 11), "/interface:");
    EXPECT_EQ(rule([](Target& t, Finality&) { t.address = "/pay ments"; }).substr(0, 9), "/address:");
    EXPECT_EQ(rule([](Target& t, Finality&) { t.call = "transfer(address)"; }).substr(0, 6), "/call:");
}

TEST(HttpKind, JudgesWhatTheParticipantSigned) {
    const Pin pin = pin_of();
    EXPECT_EQ(judge(pin, evidence_of(answer_to(pin))),
              (Judgement{.fate = Fate::called, .proved = true, .transaction = pin.account + "/7", .block = 0}));
    EXPECT_EQ(judge(pin, evidence_of(answer_to(pin, Fate::failed))).fate, Fate::failed);
    EXPECT_EQ(judge(pin, evidence_of(answer_to(pin, Fate::cancelled))).fate, Fate::cancelled);
    for (const Alg alg : {Alg::es256, Alg::es256k}) {
        const PrivateKey key = participant(5, alg);
        Pin there = pin;
        there.chain = chain_of(key.public_key());
        EXPECT_TRUE(HttpKind().judge(there, signed_by(key), evidence_of(answer_to(there), key)).proved);
    }
}

// Whoever else uses the account's key fills the number too, and it is not the pinned call.
TEST(HttpKind, AnotherCallIsACancellation) {
    const Pin pin = pin_of();
    for (const Role role : {Role::commit, Role::undo}) {
        EXPECT_EQ(judge(pin, evidence_of(answer_to(pin_of(role)))).fate, Fate::cancelled);
    }
    Pin other = pin;
    other.call.own()["arguments"].as_object()["amount"] = "12.51";
    EXPECT_EQ(judge(pin, evidence_of(answer_to(other))).fate, Fate::cancelled);
}

TEST(HttpKind, AnAnswerToSomethingElseIsRefused) {
    const Pin pin = pin_of();
    const auto rule = [&](auto edit) {
        Answer answer = answer_to(pin);
        edit(answer);
        return refusal([&] { judge(pin, evidence_of(answer)); });
    };
    EXPECT_EQ(rule([](Answer&) {}), "was accepted");
    EXPECT_EQ(rule([](Answer& a) { a.participant = "http:00"; }), "/evidence/answer/participant: must be " + pin.chain);
    EXPECT_EQ(rule([](Answer& a) { a.account = HttpKind().account(secret_of(2)); }),
              "/evidence/answer/account: must be " + pin.account);
    EXPECT_EQ(rule([](Answer& a) { a.number = 8; }), "/evidence/answer/number: must be 7");
    EXPECT_EQ(refusal([&] { judge(pin, evidence_of(answer_to(pin), participant(98))); }).substr(0, 16),
              "/evidence/answer");
    EXPECT_EQ(refusal([&] {
                  HttpKind().judge(pin, signed_by(participant(98)), evidence_of(answer_to(pin), participant(98)));
              }),
              "/finality/parameters/key: must be the key that " + pin.chain + " is named after");
}

TEST(HttpKind, AReservationMustHoldLongEnough) {
    const auto fate = [](Role role, TimeMs hold_minutes, std::optional<int> asked) {
        const Pin pin = pin_of(role);
        Answer answer = answer_to(pin);
        answer.holds_until = answer.time + hold_minutes * 60'000;
        Finality finality = signed_by(participant());
        if (asked) finality.parameters["hold_minutes"] = *asked;
        return HttpKind().judge(pin, finality, evidence_of(answer)).fate;
    };
    EXPECT_EQ(fate(Role::call, 60, 60), Fate::called);
    EXPECT_EQ(fate(Role::call, 59, 60), Fate::failed);
    EXPECT_EQ(fate(Role::call, 1'000'000, {}), Fate::failed);  // it may expire, and nobody allowed that
    EXPECT_EQ(fate(Role::commit, 1, 60), Fate::called);        // it has been made to hold
}

TEST(HttpKind, AnAlteredByteIsRefused) {
    const Pin pin = pin_of();
    Answer answer = answer_to(pin);
    answer.detail = "reserved";
    const json::Value good = evidence_of(answer);
    ASSERT_EQ(judge(pin, good).fate, Fate::called);
    const std::string text(good.at("answer").as_string());
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_THROW(judge(pin, json::Object{{"answer", changed}}), Error) << i;
        changed.erase(i, 1);
        EXPECT_THROW(judge(pin, json::Object{{"answer", changed}}), Error) << i;
    }
    json::Value more = good;
    more.as_object()["word"] = "of honour";
    EXPECT_EQ(refusal([&] { judge(pin, more); }).substr(0, 14), "/evidence/word");
    EXPECT_EQ(refusal([&] { judge(pin, json::Object{}); }).substr(0, 16), "/evidence/answer");
    EXPECT_EQ(refusal([&] { judge(pin, json::Value(1)); }).substr(0, 9), "/evidence");
    // A request is no answer, whoever signed it.
    const std::string request(text_of(HttpKind().sign(pin, Purpose::call, 0, secret_of(1))));
    EXPECT_THROW(judge(pin, json::Object{{"answer", request}}), Error);
}

// Signed by the participant, and still not an answer.
TEST(HttpKind, ASignedAnswerHasEveryMember) {
    const Pin pin = pin_of();
    const json::Object whole{{"typ", answer_typ},
                             {"participant", pin.chain},
                             {"account", pin.account},
                             {"number", "7"},
                             {"request", digest_of(*pin.call).text()},
                             {"fate", "called"},
                             {"time", "2026-01-31T09:30:00.000Z"}};
    const auto rule = [&](const json::Object& payload) {
        const std::string text = crypto::sign_compact(bytes_of(json::canonical(payload)), answer_typ, participant());
        return refusal([&] { judge(pin, json::Object{{"answer", text}}); });
    };
    EXPECT_EQ(rule(whole), "was accepted");
    for (const auto& member : whole) {
        json::Object less = whole;
        less.erase(member.key());
        EXPECT_EQ(rule(less).substr(0, 17 + member.key().size()), "/evidence/answer/" + std::string(member.key()));
        less[member.key()] = "x";
        EXPECT_EQ(rule(less).substr(0, 17 + member.key().size()), "/evidence/answer/" + std::string(member.key()));
    }
    json::Object more = whole;
    more["more"] = 1;
    EXPECT_EQ(rule(more).substr(0, 21), "/evidence/answer/more");
    more = whole;
    more["holds_until"] = "tomorrow";
    EXPECT_EQ(rule(more).substr(0, 28), "/evidence/answer/holds_until");
    more = whole;
    more["detail"] = std::string(1025, 'x');
    EXPECT_EQ(rule(more).substr(0, 23), "/evidence/answer/detail");
}

// tests/vectors/participant/example.json is what docs/participants.md shows: whoever writes a participant may replay
// it.
TEST(HttpKind, TheDocumentedBytesAreTheseBytes) {
    const std::string path = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/participant/example.json";
    const json::Value example = json::parse(read_text_file(path, 1 << 16), "example");
    const Pin pin = pin_of();
    EXPECT_EQ(example.at("participant"), json::Value(pin.chain));
    EXPECT_EQ(example.at("account"), json::Value(pin.account));
    EXPECT_EQ(example.at("call"), json::Value(*pin.call));
    EXPECT_EQ(example.at("digest"), json::Value(digest_of(*pin.call).text()));
    EXPECT_EQ(example.at("request"), json::Value(text_of(HttpKind().sign(pin, Purpose::call, 0, secret_of(1)))));
    EXPECT_EQ(example.at("cancel"), json::Value(text_of(HttpKind().sign(pin, Purpose::cancel, 0, secret_of(1)))));
    const std::string answer(example.at("answer").as_string());
    EXPECT_EQ(answer, answer_to(pin).sign(participant()));
    EXPECT_EQ(judge(pin, json::Object{{"answer", answer}}).fate, Fate::called);
}

RC_GTEST_PROP(HttpKind, AnswersKeepTheirMembers, (std::uint64_t number, std::uint8_t fate, std::uint32_t later)) {
    Answer answer = answer_to(pin_of(), std::array{Fate::called, Fate::failed, Fate::cancelled}[fate % 3]);
    answer.number = number;
    if (later % 2 == 0) answer.holds_until = answer.time + later;
    const Answer again = Answer::parse(answer.sign(participant()), participant().public_key(), "answer");
    RC_ASSERT(again.number == answer.number);
    RC_ASSERT(again.fate == answer.fate);
    RC_ASSERT(again.holds_until == answer.holds_until);
    RC_ASSERT(again.request == answer.request);
}

}  // namespace
}  // namespace concordat::ledger::http
