#include "package.hpp"

#include <gtest/gtest.h>

#include <crypto/hash.hpp>

#include "../../tests/support/edit.hpp"

namespace concordat::contract {
namespace {

const char* const good_text = R"x({"typ":"concordat/contract/1","abi":1,"name":"forward","version":"1.0.0",
 "description":"","language":"c++","roles":["seller","buyer"],
 "state":{"type":"object","properties":{"price":{"type":"string","x-confidential":["buyer","seller"]}}},
 "terms":{"type":"object","properties":{}},
 "actions":{
   "confirm":{"from":["buyer"],"message":{"type":"object","properties":{"price":{"type":"string","x-confidential":["buyer"]}}},
     "when":{"type":"object","properties":{}},"result":{"type":"object","properties":{}},"effects":["pay"]},
   "settle":{"from":["close"],"message":{"type":"object","properties":{}}}},
 "sources":{"close":{"observation":{"type":"object","properties":{}}}},
 "effects":{"pay":{"ledger":"cash","call":"transfer(address,uint256)","kind":"pivot"}},
 "ledgers":{"cash":{"kind":"evm"}}})x";

json::Value good() { return json::parse(good_text, "config"); }

std::string refused(const char* pointer, const char* value) {
    json::Value config = good();
    test::set_at(config, pointer, json::parse(value, "value"));
    try {
        Contract::parse(bytes_of(json::canonical(config)));
    } catch (const Error& error) {
        return error.field();
    }
    return "accepted";
}

TEST(Contract, ReadsEveryPart) {
    const Contract contract = Contract::parse(bytes_of(good_text));
    EXPECT_EQ(contract.roles, (std::vector<std::string>{"buyer", "seller"}));
    EXPECT_EQ(contract.driven_by("close"), "settle");
    EXPECT_THROW(contract.driven_by("buyer"), Error);
    EXPECT_EQ(contract.actions.at("confirm").effects, std::vector<std::string>{"pay"});
    EXPECT_TRUE(contract.actions.at("confirm").when.has_value());
    EXPECT_FALSE(contract.actions.at("settle").result.has_value());
    EXPECT_EQ(contract.state.confidential().size(), 1u);
}

TEST(Contract, RefusesWhatOneSchemaCannotShow) {
    const char* const sealed_to = R"({"type":"object","properties":{"p":{"type":"string","x-confidential":["%s"]}}})";
    const auto sealed = [&](const char* role) {
        std::string text = sealed_to;
        return text.replace(text.find("%s"), 2, role);
    };
    EXPECT_EQ(refused("/extra", "1"), "/contract/extra");
    EXPECT_EQ(refused("/abi", "2"), "/contract/abi");
    EXPECT_EQ(refused("/roles", R"(["buyer","buyer"])"), "/contract/roles");
    EXPECT_EQ(refused("/roles", R"(["buyer","close"])"), "/contract/state");
    EXPECT_EQ(refused("/roles", R"(["buyer","seller","close"])"), "/contract/sources/close");
    EXPECT_EQ(refused("/state", R"({"type":"string"})"), "/contract/state/type");
    EXPECT_EQ(refused("/terms", sealed("agent").c_str()), "/contract/terms");
    EXPECT_EQ(refused("/actions", "{}"), "/contract/actions");
    EXPECT_EQ(refused("/actions/confirm/from", R"(["agent"])"), "/contract/actions/confirm/from");
    EXPECT_EQ(refused("/actions/confirm/from", R"(["buyer","close"])"), "/contract/actions/confirm/from");
    EXPECT_EQ(refused("/actions/confirm/from", R"(["buyer","seller"])"), "/contract/actions/confirm/message");
    EXPECT_EQ(refused("/actions/confirm/from", R"(["close"])"), "/contract/actions/confirm/message");
    EXPECT_EQ(refused("/actions/settle/message", sealed("buyer").c_str()), "/contract/actions/settle/message");
    EXPECT_EQ(refused("/actions/settle/from", R"(["buyer"])"), "/contract/sources/close");
    EXPECT_EQ(refused("/actions/other", R"({"from":["close"],"message":{"type":"object","properties":{}}})"),
              "/contract/sources/close");
    EXPECT_EQ(refused("/actions/confirm/when", sealed("buyer").c_str()), "/contract/actions/confirm/when");
    EXPECT_EQ(refused("/actions/confirm/effects", R"(["fly"])"), "/contract/actions/confirm/effects");
    EXPECT_EQ(refused("/sources/close/observation", sealed("buyer").c_str()), "/contract/sources/close/observation");
    EXPECT_EQ(refused("/effects/pay/ledger", R"("gold")"), "/contract/effects/pay/ledger");
    EXPECT_EQ(refused("/ledgers/unused", R"({"kind":"evm"})"), "/contract/ledgers");
}

TEST(Contract, AnEarlyCommitNeedsAnActionThatHearsOfIt) {
    EXPECT_EQ(refused("/actions/confirm/commit", R"("late")"), "/contract/actions/confirm/commit");
    EXPECT_EQ(refused("/actions/settle/commit", R"("early")"), "/contract/actions/settle/commit");
    EXPECT_EQ(refused("/actions/confirm/commit", R"("early")"), "/contract/actions/confirm/commit");
    const std::string hears = R"({"from":["cash"],"message":)" + json::canonical(outcome_schema());
    json::Value config = good();
    test::set_at(config, "/actions/paid", json::parse(hears + "}", "value"));
    test::set_at(config, "/actions/confirm/commit", "early");
    const Contract contract = Contract::parse(bytes_of(json::canonical(config)));
    EXPECT_TRUE(contract.actions.at("confirm").early);
    ASSERT_NE(contract.outcomes_of("cash"), nullptr);
    EXPECT_EQ(*contract.outcomes_of("cash"), "paid");
    EXPECT_EQ(contract.outcomes_of("close"), nullptr);
    EXPECT_NO_THROW(contract.actions.at("paid").message.validate(
        json::Value(outcome_message(Hash256{}, 7, "pay", "committed")), "/body"));
    const auto with = [&](const char* more) { return refused("/actions/paid", (hears + more + "}").c_str()); };
    EXPECT_EQ(with(""), "accepted");
    EXPECT_EQ(with(R"(,"effects":["pay"])"), "/contract/actions/paid/effects");
    EXPECT_EQ(with(R"(,"result":{"type":"object","properties":{}})"), "/contract/actions/paid/result");
    EXPECT_EQ(with(R"(,"when":{"type":"object","properties":{}})"), "/contract/actions/paid/when");
    EXPECT_EQ(refused("/actions/paid", R"({"from":["cash"],"message":{"type":"object","properties":{}}})"),
              "/contract/actions/paid/message");
    EXPECT_EQ(refused("/actions/paid", R"({"from":["cash","buyer"],"message":{"type":"object","properties":{}}})"),
              "/contract/actions/paid/from");
    test::set_at(config, "/actions/too", json::parse(hears + "}", "value"));
    EXPECT_THROW(Contract::parse(bytes_of(json::canonical(config))), Error);
}

TEST(Package, ChecksEveryBlobAgainstTheManifest) {
    const Bytes config = to_bytes(bytes_of(good_text)), module{0, 'a', 's', 'm'}, provenance = to_bytes(bytes_of("{}"));
    const Bytes manifest = Manifest::write(config, module, provenance);
    const Package package = Package::check(manifest, config, module, provenance);
    EXPECT_EQ(package.id(), crypto::sha256(manifest));
    EXPECT_EQ(package.contract.name, "forward");
    Bytes other = module;
    other.push_back(0);
    EXPECT_THROW(Package::check(manifest, config, other, provenance), Error);
    EXPECT_THROW(Package::check(manifest, config, module, module), Error);
    Bytes changed = manifest;
    changed.back() = ' ';
    EXPECT_THROW(Manifest::parse(changed), Error);
}

}  // namespace
}  // namespace concordat::contract
