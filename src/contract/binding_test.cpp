#include "binding.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <base/file.hpp>

#include "../../tests/support/edit.hpp"
#include "../../tests/support/fixture.hpp"
#include "input.hpp"
#include "names.hpp"

namespace concordat::contract {
namespace {

using test::next_document;
using test::parse_binding;
using test::sign_binding;
using test::World;

constexpr const char* buyer_id = "did:web:buyer.example";
constexpr const char* seller_id = "did:web:seller.example";

class BindingTest : public ::testing::Test {
  protected:
    World world;
    json::Object document = world.first_document();
    Binding first = parse_binding(document);

    json::Object& rule(json::Object& in) { return in.at("amendment").as_object(); }
    json::Array& role(json::Object& in, const char* name) { return in.at("parties").as_object().at(name).as_array(); }
    // Version 1 again with another amendment rule.
    Binding with_rule(json::Object amendment) {
        document["amendment"] = std::move(amendment);
        return parse_binding(document);
    }
    static json::Object m_of_n(int m) {
        return {{"rule", "m-of-n"}, {"m", m}, {"self", false}, {"meanwhile", "pause"}, {"deadline_hours", 1}};
    }
    static json::Object roles(std::initializer_list<std::string_view> names) {
        json::Array list(names.begin(), names.end());
        return {{"rule", "roles"}, {"roles", list}, {"self", false}, {"meanwhile", "continue"}, {"deadline_hours", 1}};
    }
    template <class Action>
    static Error error_of(Action&& action) {
        try {
            action();
        } catch (const Error& error) {
            return error;
        }
        return Error(Code::internal, "", "nothing was thrown");
    }
    void expect_refused(const json::Object& changed, Code code, const std::string& field) {
        const Error error = error_of([&] { parse_binding(changed); });
        EXPECT_EQ(code_name(error.code()), code_name(code)) << error.what();
        EXPECT_EQ(error.field(), field) << error.what();
    }
    template <class... Keys>
    void amend(const Binding& current, const json::Object& next, const Keys&... keys) {
        check_amendment(current, parse_binding(next), sign_binding(next, keys...));
    }
};

TEST_F(BindingTest, ReadsEveryMember) {
    EXPECT_EQ(first.number, 1);
    EXPECT_EQ(first.hash, crypto::sha256(json::canonical(document)));
    EXPECT_EQ(first.id, first.hash);
    EXPECT_TRUE(first.previous.is_zero());
    EXPECT_EQ(first.chain, world.chain());
    EXPECT_EQ(first.parties.size(), 2u);
    EXPECT_EQ(first.party(buyer_id)->role, "buyer");
    EXPECT_EQ(first.party("nobody"), nullptr);
    EXPECT_EQ(first.sender(world.feed.public_key().thumbprint())->role, "close");
    EXPECT_TRUE(first.sender(world.feed.public_key().thumbprint())->is_source);
    EXPECT_EQ(first.sender(world.ledger.public_key().thumbprint()), nullptr);
    EXPECT_EQ(first.readers("buyer+seller").size(), 2u);
    EXPECT_EQ(first.readers("seller").front().kid(), world.seller_encryption.public_key().kid());
    EXPECT_EQ(first.enclaves_hash(), crypto::sha256(json::canonical(document.at("enclaves"))));
    EXPECT_FALSE(first.dedicated);
    EXPECT_TRUE(first.amendment.self);
}

TEST_F(BindingTest, RefusesEveryMissingAndEveryUnknownMember) {
    for (const auto& member : document) {
        json::Object changed = document;
        changed.erase(member.key());
        expect_refused(changed, Code::missing_field, "/binding/" + std::string(member.key()));
    }
    json::Object changed = document;
    changed["extra"] = 1;
    expect_refused(changed, Code::unknown_field, "/binding/extra");
}

TEST_F(BindingTest, NamesFieldAndRule) {
    const auto set = [&](const char* pointer, json::Value value) {
        json::Value changed = document;
        test::set_at(changed, pointer, std::move(value));
        return changed.as_object();
    };
    expect_refused(set("/typ", "concordat/binding/2"), Code::bad_format, "/binding/typ");
    expect_refused(set("/version", 0), Code::bad_format, "/binding/version");
    expect_refused(set("/nonce", "AAAA"), Code::bad_format, "/binding/nonce");
    expect_refused(set("/record/chain", "ccl:00000000000000000000000000000000"), Code::bad_format,
                   "/binding/record/chain");
    expect_refused(set("/record/service_key/kid", "x"), Code::bad_format, "/binding/record/service_key/kid");
    expect_refused(set("/enclaves/isolation", "none"), Code::bad_format, "/binding/enclaves/isolation");
    expect_refused(set("/suite", "none"), Code::bad_format, "/binding/suite");
    expect_refused(set("/ledgers/cash", json::Object{}), Code::missing_field, "/binding/ledgers/cash/chain");
    const auto ledger_with = [&](const char* pointer, json::Value value) {
        json::Value target(json::Object{{"chain", "eip155:1"},
                                        {"genesis", "0x00"},
                                        {"address", "0x01"},
                                        {"account", "treasury"},
                                        {"work", "100000"},
                                        {"ceiling", "18446744073709551615"},
                                        {"finality", json::Object{{"blocks", 12}, {"witness", "host"}}},
                                        {"deadline_minutes", 60}});
        if (*pointer != '\0') test::set_at(target, pointer, std::move(value));
        return set("/ledgers/cash", target);
    };
    const contract::Binding with_ledger = test::parse_binding(ledger_with("", nullptr));
    EXPECT_EQ(with_ledger.target("cash", "")->ceiling, ~std::uint64_t{0});
    EXPECT_EQ(with_ledger.target("cash", "")->finality.blocks, 12u);
    expect_refused(ledger_with("/chain", "1"), Code::bad_format, "/binding/ledgers/cash/chain");
    expect_refused(ledger_with("/account", "a b"), Code::bad_format, "/binding/ledgers/cash/account");
    expect_refused(ledger_with("/work", "1.5"), Code::bad_format, "/binding/ledgers/cash/work");
    expect_refused(ledger_with("/ceiling", "18446744073709551616"), Code::bad_format, "/binding/ledgers/cash/ceiling");
    expect_refused(ledger_with("/finality/blocks", 0), Code::bad_format, "/binding/ledgers/cash/finality/blocks");
    expect_refused(ledger_with("/finality/witness", ""), Code::bad_format, "/binding/ledgers/cash/finality/witness");
    expect_refused(ledger_with("/deadline_minutes", 0), Code::bad_format, "/binding/ledgers/cash/deadline_minutes");
    expect_refused(ledger_with("/more", 1), Code::unknown_field, "/binding/ledgers/cash/more");
    expect_refused(set("/amendment/rule", "some"), Code::bad_format, "/binding/amendment/rule");
    expect_refused(set("/amendment/m", 1), Code::unknown_field, "/binding/amendment/m");
    expect_refused(set("/amendment/deadline_hours", 0), Code::bad_format, "/binding/amendment/deadline_hours");
    expect_refused(set("/parties/buyer", json::Array{}), Code::bad_format, "/binding/parties/buyer");
    expect_refused(set("/parties/buyer/0/id", seller_id), Code::bad_format, "/binding/parties/seller/0/id");
    expect_refused(set("/parties/buyer/0/keys", json::Array{}), Code::bad_format, "/binding/parties/buyer/0/keys");
    expect_refused(set("/parties/a+b", json::Array{1}), Code::bad_format, "/binding/parties/a+b");
    expect_refused(set("/sources/close/id", buyer_id), Code::bad_format, "/binding/sources/close/id");
    expect_refused(set("/expires", "2026-01-31"), Code::bad_format, "/binding/expires");
}

TEST_F(BindingTest, RefusesAKeyThatStandsTwice) {
    const auto with_feed_key = [&](const crypto::PrivateKey& key) {
        json::Object changed = document;
        changed.at("sources").at("close").as_object()["keys"] = json::Array{key.public_key().jwk()};
        return changed;
    };
    expect_refused(with_feed_key(world.buyer), Code::bad_format, "/binding/sources/close");
    expect_refused(with_feed_key(world.ledger), Code::bad_format, "/binding/sources/close");
}

TEST_F(BindingTest, BoundsPartiesAndKeys) {
    json::Object crowded = document;
    for (int i = 0; i < 64; ++i) {
        const std::string id = "party-" + std::to_string(i);
        role(crowded, "buyer").push_back(World::party(id, test::signing_key(id), world.buyer_encryption));
    }
    const Error error = error_of([&] { parse_binding(crowded); });
    EXPECT_EQ(error.code(), Code::too_large);
    json::Object many = document;
    json::Array keys;
    for (int i = 0; i < 17; ++i) keys.push_back(test::signing_key(std::to_string(i)).public_key().jwk());
    role(many, "buyer")[0].as_object()["keys"] = keys;
    expect_refused(many, Code::too_large, "/binding/parties/buyer/0/keys");
}

TEST_F(BindingTest, ChecksWhoCanReadSealedTerms) {
    test::FixedRandom random("sealed terms");
    const auto sealed = [&](std::vector<crypto::EncryptionPublicKey> readers) {
        json::Object changed = document;
        changed["sealed_terms"] =
            json::Object{{"buyer", crypto::encrypt_jwe(bytes_of("{}"), "concordat/terms/1", readers, random)}};
        return changed;
    };
    const auto buyer = world.buyer_encryption.public_key(), ledger = world.ledger_encryption.public_key();
    EXPECT_NO_THROW(parse_binding(sealed({buyer, ledger})));
    expect_refused(sealed({buyer}), Code::bad_format, "/binding/sealed_terms/buyer/recipients");
    expect_refused(sealed({buyer, ledger, world.seller_encryption.public_key()}), Code::bad_format,
                   "/binding/sealed_terms/buyer/recipients");
}

TEST_F(BindingTest, FirstVersionNeedsEveryParty) {
    EXPECT_NO_THROW(check_first(first, sign_binding(document, world.buyer, world.seller)));
    EXPECT_EQ(missing_for_first(first, {buyer_id}), std::vector<std::string>{seller_id});
    const Error error = error_of([&] { check_first(first, sign_binding(document, world.buyer)); });
    EXPECT_EQ(error.code(), Code::bad_signature);
    EXPECT_NE(error.rule().find(seller_id), std::string::npos);
}

TEST_F(BindingTest, RefusesSignaturesThatAreNotAPartys) {
    const auto code = [&](const crypto::GeneralJws& jws) { return error_of([&] { check_first(first, jws); }).code(); };
    EXPECT_EQ(code(sign_binding(document, world.buyer, world.seller, world.feed)), Code::not_a_party);
    EXPECT_EQ(code(sign_binding(document, world.buyer, world.seller, world.ledger)), Code::not_a_party);
    EXPECT_EQ(code(sign_binding(document, world.buyer, world.seller, world.buyer)), Code::bad_signature);
    EXPECT_EQ(code(test::sign_document(document, "concordat/message/1", world.buyer, world.seller)),
              Code::bad_signature);
    json::Object other = document;
    other["expires"] = format_time(0);
    EXPECT_EQ(code(sign_binding(other, world.buyer, world.seller)), Code::bad_format);
    auto moved = sign_binding(other, world.buyer, world.seller);
    moved.payload_text = sign_binding(document).payload_text;
    moved.payload = sign_binding(document).payload;
    EXPECT_EQ(code(moved), Code::bad_signature);
}

TEST_F(BindingTest, AmendmentByAll) {
    json::Object next = next_document(first);
    next["terms"] = json::Object{{"symbol", "MSFT"}, {"quantity", "2000"}};
    EXPECT_NO_THROW(amend(first, next, world.buyer, world.seller));
    EXPECT_THROW(amend(first, next, world.buyer), Error);
    EXPECT_THROW(amend(first, next, world.seller), Error);
}

TEST_F(BindingTest, AmendmentMustFollowTheVersionInForce) {
    const json::Object next = next_document(first);
    const auto refused = [&](const char* member, auto value) {
        json::Object changed = next;
        changed[member] = value;
        return error_of([&] { amend(first, changed, world.buyer, world.seller); });
    };
    EXPECT_EQ(refused("version", 3).field(), "/binding/version");
    EXPECT_EQ(refused("binding", test::hash_of("x").text()).field(), "/binding/binding");
    EXPECT_EQ(refused("previous", test::hash_of("x").text()).field(), "/binding/previous");
    World other;
    other.ledger = test::signing_key("another ledger");
    EXPECT_EQ(refused("record", other.first_document().at("record")).code(), Code::wrong_ledger);
    // Signatures on version 2 say nothing about a version 3, nor version 1's about version 2.
    const auto superseded = sign_binding(document, world.buyer, world.seller);
    EXPECT_THROW(check_amendment(first, parse_binding(next), superseded), Error);
    const Binding second = parse_binding(next);
    EXPECT_THROW(check_amendment(second, second, sign_binding(next, world.buyer, world.seller)), Error);
}

TEST_F(BindingTest, AmendmentByMOfN) {
    const auto third = test::signing_key("agent");
    role(document, "buyer").push_back(World::party("agent", third, test::encryption_key("agent")));
    const Binding current = with_rule(m_of_n(2));
    const json::Object next = next_document(current);
    EXPECT_NO_THROW(amend(current, next, world.buyer, third));
    EXPECT_NO_THROW(amend(current, next, world.buyer, world.seller, third));
    EXPECT_THROW(amend(current, next, third), Error);
    EXPECT_EQ(missing_for_amendment(current, parse_binding(next), {"agent"}).size(), 2u);
    json::Object changed = document;
    changed["amendment"] = m_of_n(4);
    expect_refused(changed, Code::bad_format, "/binding/amendment/m");
}

TEST_F(BindingTest, AmendmentByRoles) {
    const Binding current = with_rule(roles({"seller"}));
    const json::Object next = next_document(current);
    EXPECT_NO_THROW(amend(current, next, world.seller));
    EXPECT_NO_THROW(amend(current, next, world.seller, world.buyer));
    EXPECT_THROW(amend(current, next, world.buyer), Error);
    json::Object changed = document;
    changed["amendment"] = roles({"nobody"});
    expect_refused(changed, Code::bad_format, "/binding/amendment/roles");
    changed["amendment"] = roles({"seller", "buyer"});
    expect_refused(changed, Code::bad_format, "/binding/amendment/roles");
}

TEST_F(BindingTest, AnAddedPartyMustSignToo) {
    const auto key = test::signing_key("agent");
    json::Object next = next_document(first);
    role(next, "buyer").push_back(World::party("agent", key, test::encryption_key("agent")));
    EXPECT_THROW(amend(first, next, world.buyer, world.seller), Error);
    EXPECT_NO_THROW(amend(first, next, world.buyer, world.seller, key));
    EXPECT_EQ(missing_for_amendment(first, parse_binding(next), {buyer_id, seller_id}),
              std::vector<std::string>{"agent"});
    // An added party's signature does not count towards m of the parties that were there before.
    const Binding current = with_rule(m_of_n(2));
    json::Object added = next_document(current);
    role(added, "buyer").push_back(World::party("agent", key, test::encryption_key("agent")));
    EXPECT_THROW(amend(current, added, world.buyer, key), Error);
    EXPECT_NO_THROW(amend(current, added, world.buyer, world.seller, key));
}

TEST_F(BindingTest, ARemovedPartyMustAgreeAndSignsWithItsOldKey) {
    json::Object next = next_document(first);
    next.at("parties").as_object().erase("seller");
    EXPECT_THROW(amend(first, next, world.buyer), Error);
    EXPECT_NO_THROW(amend(first, next, world.buyer, world.seller));
    // Once removed it has no say, and its signature is refused.
    const Binding second = parse_binding(next);
    const json::Object third = next_document(second);
    EXPECT_NO_THROW(amend(second, third, world.buyer));
    EXPECT_EQ(error_of([&] { amend(second, third, world.buyer, world.seller); }).code(), Code::not_a_party);
}

TEST_F(BindingTest, APartyCannotBeReplacedByAKeyThatTheAmendmentItselfBrings) {
    const auto thief = test::signing_key("thief");
    json::Object next = next_document(first);
    role(next, "seller")[0].as_object()["keys"] = json::Array{thief.public_key().jwk()};
    EXPECT_EQ(error_of([&] { amend(first, next, world.buyer, thief); }).code(), Code::not_a_party);
    EXPECT_EQ(error_of([&] { amend(first, next, thief); }).code(), Code::not_a_party);
}

TEST_F(BindingTest, OneKeyMayEndOnePartAndBeginAnother) {
    json::Object next = next_document(first);
    role(next, "seller")[0].as_object()["id"] = "did:web:seller-new.example";
    EXPECT_NO_THROW(amend(first, next, world.buyer, world.seller));
    EXPECT_THROW(amend(first, next, world.buyer), Error);
}

TEST_F(BindingTest, SelfLetsAPartyChangeItsOwnKeysOnly) {
    const auto fresh = test::signing_key("seller, later");
    json::Object next = next_document(first);
    role(next, "seller")[0].as_object()["keys"] = json::Array{fresh.public_key().jwk()};
    EXPECT_EQ(self_change(first, parse_binding(next)), seller_id);
    EXPECT_NO_THROW(amend(first, next, world.seller));
    EXPECT_THROW(amend(first, next, world.buyer), Error);
    EXPECT_NO_THROW(amend(first, next, world.buyer, world.seller));
    EXPECT_EQ(missing_for_amendment(first, parse_binding(next), {}), std::vector<std::string>{seller_id});

    json::Object more = next;
    more["terms"] = json::Object{};
    EXPECT_THROW(amend(first, more, world.seller), Error);
    json::Object both = next;
    role(both, "buyer")[0].as_object()["encryption"] = json::Array{};
    EXPECT_THROW(amend(first, both, world.seller), Error);

    json::Object strict = document;
    rule(strict)["self"] = false;
    const Binding current = parse_binding(strict);
    json::Object refused = next_document(current);
    role(refused, "seller")[0].as_object()["keys"] = json::Array{fresh.public_key().jwk()};
    EXPECT_THROW(amend(current, refused, world.seller), Error);
}

TEST_F(BindingTest, TerminationFollowsTheAmendmentRule) {
    const Termination content{first.id, first.hash, "matured", test::start_time};
    const json::Object payload = json::parse(write_termination(content), "t").as_object();
    const auto check = [&](const auto&... keys) {
        check_termination(first, content.binding, content.version,
                          test::sign_document(payload, termination_typ, keys...));
    };
    EXPECT_NO_THROW(check(world.buyer, world.seller));
    EXPECT_THROW(check(world.buyer), Error);
    EXPECT_THROW(check_termination(first, first.id, first.id, test::sign_document(payload, binding_typ, world.buyer)),
                 Error);
}

TEST_F(BindingTest, AResolutionIsSignedAsATermination) {
    const Resolution content{.binding = first.id,
                             .version = first.hash,
                             .transaction = test::hash_of("t"),
                             .step = 0,
                             .role = ledger::Role::commit,
                             .reason = "gone",
                             .expires = test::start_time};
    const json::Object payload = json::parse(write_resolution(content), "r").as_object();
    const auto check = [&](std::string_view typ, const auto&... keys) {
        check_resolution(first, content.binding, content.version, test::sign_document(payload, typ, keys...));
    };
    EXPECT_NO_THROW(check(resolution_typ, world.buyer, world.seller));
    EXPECT_THROW(check(resolution_typ, world.buyer), Error);
    EXPECT_THROW(check(termination_typ, world.buyer, world.seller), Error);
}

TEST_F(BindingTest, ReplaysItsVector) {
    const std::string path = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/binding.json";
    const json::Value file = json::parse(read_text_file(path), "vector");
    const auto jws = crypto::GeneralJws::parse(file.at("first"), "first");
    const Binding version = Binding::parse(jws.payload);
    EXPECT_NO_THROW(check_first(version, jws));
    EXPECT_EQ(version.hash.text(), std::string_view(file.at("first_hash").as_string()));
    const auto amendment = crypto::GeneralJws::parse(file.at("second"), "second");
    const Binding second = Binding::parse(amendment.payload);
    EXPECT_NO_THROW(check_amendment(version, second, amendment));
    EXPECT_EQ(second.hash.text(), std::string_view(file.at("second_hash").as_string()));
    const auto short_of_one = crypto::GeneralJws::parse(file.at("second_without_buyer"), "second");
    EXPECT_THROW(check_amendment(version, second, short_of_one), Error);
}

// Writes the vector anew, on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(BindingTest, WritesItsVectorWhenAsked) {
    if (std::getenv("CONCORDAT_WRITE_VECTORS") == nullptr) GTEST_SKIP();
    json::Object next = next_document(first);
    next["terms"] = json::Object{{"symbol", "MSFT"}, {"quantity", "2000"}};
    const json::Object vector{{"first", sign_binding(document, world.buyer, world.seller).to_json()},
                              {"first_hash", first.hash.text()},
                              {"second", sign_binding(next, world.buyer, world.seller).to_json()},
                              {"second_hash", parse_binding(next).hash.text()},
                              {"second_without_buyer", sign_binding(next, world.seller).to_json()}};
    write_file_atomic(std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/binding.json",
                      bytes_of(json::canonical(vector) + "\n"));
}

TEST(Names, AudiencesAreSortedRoles) {
    EXPECT_EQ(audience_roles("a+b", "f"), (std::vector<std::string>{"a", "b"}));
    for (const char* bad : {"", "+", "a+", "+a", "b+a", "a+a", "a++b", "a b"})
        EXPECT_THROW(audience_roles(bad, "f"), Error);
}

// Whatever subset of five parties signs, the rule m-of-n and the count agree.
TEST(AmendmentProperty, MOfNCounts) {
    rc::check([] {
        World world;
        json::Object document = world.first_document();
        std::vector<crypto::PrivateKey> keys;
        json::Array list;
        for (int i = 0; i < 5; ++i) {
            const std::string id = "party-" + std::to_string(i);
            keys.push_back(test::signing_key(id));
            list.push_back(World::party(id, keys.back(), world.buyer_encryption));
        }
        const int m = *rc::gen::inRange(1, 6);
        document["parties"] = json::Object{{"holder", list}};
        document["amendment"] =
            json::Object{{"rule", "m-of-n"}, {"m", m}, {"self", false}, {"meanwhile", "pause"}, {"deadline_hours", 1}};
        const Binding current = parse_binding(document);
        const json::Object next = next_document(current);
        auto jws = sign_binding(next);
        int count = 0;
        for (const auto& key : keys) {
            if (*rc::gen::arbitrary<bool>()) jws.add(binding_typ, key), ++count;
        }
        bool holds = true;
        try {
            check_amendment(current, parse_binding(next), jws);
        } catch (const Error&) {
            holds = false;
        }
        RC_ASSERT(holds == (count >= m));
    });
}

}  // namespace
}  // namespace concordat::contract
