#include "input.hpp"

#include <gtest/gtest.h>

#include "../../tests/support/fixture.hpp"

namespace concordat::contract {
namespace {

using test::hash_of;

class InputTest : public ::testing::Test {
  protected:
    test::World world;
    Binding binding = test::parse_binding(world.first_document());
    Message message{.binding = binding.id,
                    .version = binding.hash,
                    .seen = hash_of("seen"),
                    .ledger = world.chain(),
                    .action = "confirm",
                    .number = 1,
                    .expires = test::start_time,
                    .body = {{"price", "10.00"}},
                    .sealed = {}};
    Observation observation{"did:web:prices.example", 4, test::start_time, test::start_time + 1, {{"close", "29.50"}}};

    std::string sign(const std::string& payload, std::string_view typ, const crypto::PrivateKey& key) {
        return crypto::sign_compact(bytes_of(payload), typ, key);
    }
    template <class Action>
    static std::string refused(Action&& action) {
        try {
            action();
        } catch (const Error& error) {
            return std::string(code_name(error.code())) + " " + error.field();
        }
        return "accepted";
    }
};

TEST_F(InputTest, AMessageIsItsPartys) {
    const std::string text = sign(write_message(message), message_typ, world.seller);
    const Input input = Input::parse(text);
    EXPECT_EQ(input.digest, crypto::sha256(text));
    EXPECT_EQ(input.number(), 1);
    EXPECT_EQ(input.expires(), test::start_time);
    EXPECT_EQ(input.verify(binding).role, "seller");
    EXPECT_EQ(std::get<Message>(input.content).action, "confirm");
}

TEST_F(InputTest, AnObservationIsItsSources) {
    const std::string text = sign(write_observation(observation), observation_typ, world.feed);
    EXPECT_EQ(Input::parse(text).verify(binding).role, "close");
    observation.source = "did:web:other.example";
    const std::string other = sign(write_observation(observation), observation_typ, world.feed);
    EXPECT_EQ(refused([&] { Input::parse(other).verify(binding); }), "not_a_party /observation/source");
}

TEST_F(InputTest, RolesOfKeysAreKeptApart) {
    const std::string by_source = sign(write_message(message), message_typ, world.feed);
    EXPECT_EQ(refused([&] { Input::parse(by_source).verify(binding); }), "not_a_party /input/kid");
    const std::string by_party = sign(write_observation(observation), observation_typ, world.buyer);
    EXPECT_EQ(refused([&] { Input::parse(by_party).verify(binding); }), "not_a_party /input/kid");
    const std::string by_stranger = sign(write_message(message), message_typ, test::signing_key("stranger"));
    EXPECT_EQ(refused([&] { Input::parse(by_stranger).verify(binding); }), "not_a_party /input/kid");
}

TEST_F(InputTest, TheHeadersTypIsThePayloads) {
    const std::string crossed = sign(write_observation(observation), message_typ, world.buyer);
    EXPECT_EQ(refused([&] { Input::parse(crossed); }), "bad_format /message/typ");
    const std::string other = sign(write_message(message), decision_typ, world.buyer);
    EXPECT_EQ(refused([&] { Input::parse(other); }), "bad_format /input/typ");
}

TEST_F(InputTest, EveryMemberIsNeededAndNoOtherKnown) {
    const json::Object good = json::parse(write_message(message), "m").as_object();
    const auto parse = [&](const json::Object& changed) {
        return refused([&] { Input::parse(sign(json::canonical(changed), message_typ, world.buyer)); });
    };
    EXPECT_EQ(parse(good), "accepted");
    for (const auto& member : good) {
        json::Object changed = good;
        changed.erase(member.key());
        EXPECT_EQ(parse(changed).substr(0, 9), "missing_f") << member.key();
    }
    json::Object changed = good;
    changed["note"] = 1;
    EXPECT_EQ(parse(changed), "unknown_field /message/note");
    changed = good;
    changed["sealed"] = json::Object{};
    EXPECT_EQ(parse(changed), "bad_format /message/sealed");
    changed["sealed"] = json::Object{{"seller", json::Object{{"iv", "AAAA"}, {"ciphertext", "AAAA"}}}};
    EXPECT_EQ(parse(changed), "bad_format /message/sealed/seller/iv");
    changed = good;
    changed["number"] = 0;
    EXPECT_EQ(parse(changed), "bad_format /message/number");
}

TEST_F(InputTest, DecisionsAndTerminationsReadBack) {
    const Decision decision{"decline", hash_of("document"), "did:web:buyer.example", "too dear", test::start_time};
    EXPECT_EQ(write_decision(Decision::parse(bytes_of(write_decision(decision)))), write_decision(decision));
    Decision wrong = decision;
    wrong.decision = "accept";
    EXPECT_THROW(Decision::parse(bytes_of(write_decision(wrong))), Error);
    const Termination termination{hash_of("b"), hash_of("v"), "matured", test::start_time};
    const std::string text = write_termination(termination);
    EXPECT_EQ(write_termination(Termination::parse(bytes_of(text))), text);
    EXPECT_THROW(Termination::parse(bytes_of(write_decision(decision))), Error);
}

TEST_F(InputTest, ResolutionsReadBack) {
    const Resolution resolution{.binding = hash_of("b"),
                                .version = hash_of("v"),
                                .transaction = hash_of("t"),
                                .step = 15,
                                .role = ledger::Role::undo,
                                .reason = "the chain is gone",
                                .expires = test::start_time};
    const std::string text = write_resolution(resolution);
    EXPECT_EQ(write_resolution(Resolution::parse(bytes_of(text))), text);
    const auto with = [&](const char* name, const json::Value& value) {
        json::Object changed = json::parse(text, "r").as_object();
        changed[name] = value;
        return refused([&] { Resolution::parse(bytes_of(json::canonical(changed))); });
    };
    EXPECT_EQ(with("step", 0), "accepted");
    EXPECT_EQ(with("step", 16), "bad_format /resolution/step");
    EXPECT_EQ(with("step", -1), "bad_format /resolution/step");
    EXPECT_EQ(with("role", "cancel"), "bad_format /resolution/role");
    EXPECT_EQ(with("do", "retry"), "bad_format /resolution/do");
    EXPECT_EQ(with("reason", ""), "bad_format /resolution/reason");
    EXPECT_EQ(with("reason", json::Value(std::string(4097, 'x'))), "too_large /resolution/reason");
    EXPECT_EQ(with("more", 1), "unknown_field /resolution/more");
    json::Object without = json::parse(text, "r").as_object();
    without.erase("transaction");
    EXPECT_EQ(refused([&] { Resolution::parse(bytes_of(json::canonical(without))); }),
              "missing_field /resolution/transaction");
}

}  // namespace
}  // namespace concordat::contract
