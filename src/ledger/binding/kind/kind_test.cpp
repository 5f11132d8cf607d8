#include <gtest/gtest.h>

#include <contract/input.hpp>
#include <ledger/binding/kind/kind.hpp>

namespace concordat::ledger::binding {
namespace {

SecretKey secret() {
    SecretKey out;
    out.expose().fill(7);
    return out;
}

const Hash256 called = Hash256::parse("sha256:" + std::string(64, 'a'), "");
const Hash256 caller = Hash256::parse("sha256:" + std::string(64, 'b'), "");

Target target() {
    return {.interface = nullptr,
            .call = "draw",
            .address = called.text(),
            .work = 1000,
            .role = Role::call,
            .step = caller,
            .callers = {caller}};
}

Finality finality() {
    const json::Object trust{
        {"typ", "concordat/trust/1"},     {"ledgers", json::Array{}}, {"development_roots", json::Array{}},
        {"measurements", json::Array{}},  {"minimum_svn", 1},         {"allow_development", false},
        {"allow_asserted", json::Array{}}};
    return {.blocks = 1, .witness = "receipt", .parameters = {{"trust", trust}}};
}

Pin pin(const BindingKind& kind) {
    return {.chain = chain_of(called),
            .account = kind.account(secret()),
            .slot = 4,
            .call = kind.call(target(), {{"amount", 5}}, "/args"),
            .ceiling = 0};
}

std::string refusal(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + " " + error.field();
    }
    return "none";
}

TEST(BindingKind, ACallAndItsCancellationAreSignedUnderTheSlotsNumber) {
    const BindingKind kind({});
    const Pin pinned = pin(kind);
    kind.check(pinned);
    for (const Purpose purpose : {Purpose::call, Purpose::cancel}) {
        const Bytes made = kind.sign(pinned, purpose, 0, secret());
        EXPECT_EQ(made, kind.sign(pinned, purpose, 0, secret()));
        const contract::Input input = contract::Input::parse(text_of(made));
        const auto& call = std::get<contract::CallInput>(input.content);
        EXPECT_EQ(call.number, 5);
        EXPECT_EQ(call.purpose, purpose);
        EXPECT_EQ(call.call.to_json(), *pinned.call);
        const auto key = crypto::PublicKey::from_jwk(account_jwk(pinned.account, ""), "");
        EXPECT_EQ(input.jws.header.kid, key.kid());
        input.jws.verify(key, "");
    }
}

TEST(BindingKind, EachMemberOfAPinIsChecked) {
    const BindingKind kind({});
    const auto changed = [&](const std::function<void(Pin&)>& change) {
        Pin one = pin(kind);
        change(one);
        return refusal([&] { kind.check(one); });
    };
    EXPECT_EQ(changed([](Pin& one) { one.chain = "binding:12"; }), "bad_format /chain");
    EXPECT_EQ(changed([](Pin& one) { one.chain = chain_of(caller); }), "bad_format /call/binding");
    EXPECT_EQ(changed([](Pin& one) { one.account = "key"; }), "bad_format /account");
    EXPECT_EQ(changed([](Pin& one) { one.account[3] = one.account[3] == 'A' ? 'B' : 'A'; }).substr(0, 19),
              "bad_format /account");
    EXPECT_EQ(changed([](Pin& one) { one.slot = std::uint64_t{1} << 60; }), "bad_format /slot");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["action"] = "no name"; }), "bad_format /call/action");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["body"] = 1; }), "bad_format /call/body");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["fuel"] = "01"; }), "bad_format /call/fuel");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["callers"] = json::Array{}; }), "bad_format /call/callers");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["callers"].as_array().emplace_back(caller.text()); }),
              "bad_format /call/callers")
        << "each once";
    EXPECT_EQ(changed([](Pin& one) {
                  for (const char c : {'1', '2', '3', '4'})
                      one.call.own()["callers"].as_array().emplace_back("sha256:" + std::string(64, c));
              }),
              "too_large /call/callers");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["role"] = "try"; }), "bad_format /call/role");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["more"] = 1; }), "unknown_field /call/more");
    EXPECT_EQ(changed([](Pin& one) { one.call.own()["body"] = json::Object{{"x", std::string(1 << 16, 'x')}}; }),
              "too_large /call/body");
}

TEST(BindingKind, ATargetThatNoCallCanBeMadeWithIsRefused) {
    const BindingKind kind({});
    kind.check(target(), finality());
    const auto changed = [&](const std::function<void(Target&, Finality&)>& change) {
        Target what = target();
        Finality when = finality();
        change(what, when);
        return refusal([&] { kind.check(what, when); });
    };
    EXPECT_EQ(changed([](Target& one, Finality&) { one.address = "x"; }), "bad_format /address");
    EXPECT_EQ(changed([](Target& one, Finality&) { one.call = "draw(uint256)"; }), "bad_format /call");
    EXPECT_EQ(changed([](Target& one, Finality&) { one.work = 0; }), "bad_format /work");
    EXPECT_EQ(changed([](Target& one, Finality&) { one.interface = json::Array{}; }), "bad_format /interface");
    EXPECT_EQ(changed([](Target&, Finality& two) { two.witness = "host"; }), "bad_format /finality/witness");
    EXPECT_EQ(changed([](Target&, Finality& two) { two.blocks = 2; }), "bad_format /finality/blocks");
    EXPECT_EQ(changed([](Target&, Finality& two) { two.parameters = {}; }), "missing_field /finality/parameters/trust");
}

TEST(BindingKind, OnlyTheAccountsKeySignsAndOnlyForNothing) {
    const BindingKind kind({});
    SecretKey other;
    other.expose().fill(8);
    EXPECT_EQ(refusal([&] { kind.sign(pin(kind), Purpose::call, 0, other); }), "bad_format /account");
    EXPECT_EQ(refusal([&] { kind.sign(pin(kind), Purpose::call, 1, secret()); }), "action_refused /price");
}

TEST(BindingKind, WhatIsNoReceiptIsNoEvidence) {
    const BindingKind kind({});
    for (const json::Value& evidence :
         {json::Value(json::Object{{"receipt", json::Object{}}}), json::Value(json::Object{{"receipt", "text"}}),
          json::Value(json::Object{}), json::Value(1)}) {
        EXPECT_NE(refusal([&] { kind.judge(pin(kind), finality(), evidence); }), "none");
    }
    // Receipts nest to an end: the innermost kind knows none of its own.
    std::size_t depth = 0;
    const BindingKind* at = &kind;
    while (at != nullptr) {
        ++depth;
        const auto inside = at->nested(json::Object{{"receipt", json::Object{}}});
        at = inside->kinds.empty() ? nullptr : dynamic_cast<const BindingKind*>(inside->kinds.back());
    }
    EXPECT_EQ(depth, max_depth);
}

}  // namespace
}  // namespace concordat::ledger::binding
