#include "node_fixture.hpp"

#include <proof/receipt.hpp>

namespace concordat::test {
namespace {

struct NodeTest : testing::Test {
    Folder folder;
    NodeProcess node{folder.path()};
    void SetUp() override { ASSERT_NE(node.wait_ready(), 0); }
};

TEST_F(NodeTest, a_contract_runs_from_offer_to_receipt) {
    Parties parties(node);
    ASSERT_EQ(parties.upload("1.0.0").status, 201);
    parties.lock(parties.document(1));
    parties.learn();

    const std::string confirm = parties.message("confirm", 1);
    const Answer confirmed = parties.send(confirm);
    ASSERT_EQ(confirmed.status, 200) << confirmed.text;
    EXPECT_EQ(confirmed.body.at("sequence").as_int64(), 1);
    const Answer again = parties.send(confirm);
    EXPECT_EQ(again.status, 200) << again.text;
    EXPECT_EQ(again.text, confirmed.text);

    const Answer fixed = parties.send(parties.fixing("2010-02-01", "28.02", 1));
    ASSERT_EQ(fixed.status, 200) << fixed.text;
    const Answer receipt = parties.call("GET", std::string(fixed.body.at("receipt").as_string()));
    ASSERT_EQ(receipt.status, 200) << receipt.text;
    const proof::Receipt parsed = proof::Receipt::parse(receipt.text);
    EXPECT_EQ(parsed.entries.size(), 2u);

    const Answer entries = parties.call("GET", "/v1/bindings/" + parties.binding.text() + "/entries?limit=2");
    EXPECT_EQ(entries.body.at("entries").as_array().size(), 2u);
    const Answer rest = parties.call("GET", std::string(entries.body.at("next").as_string()));
    EXPECT_EQ(rest.body.at("entries").as_array().size(), 1u);
    EXPECT_EQ(parties.call("GET", "/v1/bindings/" + parties.binding.text()).body.at("status").as_string(), "running");
    EXPECT_EQ(
        parties
            .call("GET", "/v1/bindings/" + parties.binding.text() + "/head?nonce=" + to_base64url(hash_of("n").view()))
            .status,
        200);
}

TEST_F(NodeTest, says_what_attests_its_enclaves_as_soon_as_it_is_ready) {
    const Answer attestation = Parties(node).call("GET", "/v1/attestation");
    ASSERT_EQ(attestation.body.at("enclaves").as_array().size(), 1u) << attestation.text;
    const json::Value& enclave = attestation.body.at("enclaves").as_array()[0];
    EXPECT_TRUE(enclave.at("evidence").is_object()) << attestation.text;
    EXPECT_TRUE(enclave.at("key").is_object()) << attestation.text;
}

TEST_F(NodeTest, accepted_messages_are_kept_and_run) {
    Parties parties(node);
    parties.upload("1.0.0");
    parties.lock(parties.document(2));
    parties.learn();
    const Answer accepted = parties.send(parties.message("confirm", 1), {{"Prefer", "respond-async"}});
    ASSERT_EQ(accepted.status, 202) << accepted.text;
    Answer status;
    for (int i = 0; i < 100 && (status.status != 200); ++i) {
        status = parties.call("GET", accepted.location);
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
    ASSERT_EQ(status.status, 200) << status.text;
    EXPECT_EQ(status.body.at("status").as_string(), "done") << status.text;
}

TEST_F(NodeTest, what_is_wrong_is_named_and_changes_nothing) {
    Parties parties(node);
    parties.upload("1.0.0");
    json::Object document = parties.document(3);
    const std::string by_buyer = json::canonical(sign_binding(document, parties.world.buyer).to_json());
    EXPECT_EQ(parties.call("POST", "/v1/bindings", "{\"a\":1,\"a\":2}").code(), "bad_json");
    EXPECT_EQ(
        parties.call("POST", "/v1/bindings", json::canonical(sign_binding(document, parties.world.feed).to_json()))
            .code(),
        "not_a_party");
    EXPECT_EQ(parties.call("POST", "/v1/bindings", by_buyer).status, 201);
    const Hash256 id = crypto::sha256(json::canonical(document));
    const Answer open = parties.call("GET", "/v1/bindings/" + id.text());
    EXPECT_EQ(open.body.at("status").as_string(), "open") << open.text;
    EXPECT_EQ(open.body.at("missing").as_array().size(), 1u);
    EXPECT_EQ(parties.call("POST", "/v1/bindings/" + id.text() + "/messages", "x.y.z").code(), "not_found");
    EXPECT_EQ(parties.call("GET", "/v1/bindings").code(), "unauthenticated");
    EXPECT_EQ(parties.call("GET", "/v1/enclaves").code(), "unauthenticated");
    const contract::Decision decline{.decision = "decline",
                                     .document = id,
                                     .party = "did:web:seller.example",
                                     .reason = "too dear",
                                     .issued = SystemClock().now()};
    const std::string decision =
        crypto::sign_compact(bytes_of(contract::write_decision(decline)), contract::decision_typ, parties.world.seller);
    EXPECT_EQ(parties.call("POST", "/v1/bindings/" + id.text() + "/decisions", decision).body.at("status").as_string(),
              "declined");
    EXPECT_EQ(parties
                  .call("POST", "/v1/bindings/" + id.text() + "/signatures",
                        json::canonical(sign_binding(document, parties.world.seller).to_json()))
                  .code(),
              "not_running");
}

TEST_F(NodeTest, a_binding_may_have_an_enclave_of_its_own) {
    Parties parties(node);
    parties.upload("1.0.0");
    parties.isolation = "dedicated";
    parties.lock(parties.document(4));
    parties.learn();
    EXPECT_EQ(parties.send(parties.message("confirm", 1)).status, 200);
    EXPECT_EQ(node.children("concordat-enclave").size(), 2u);
}

TEST_F(NodeTest, an_amendment_brings_another_package) {
    Parties parties(node);
    parties.upload("1.0.0");
    parties.upload("1.1.0");
    const json::Object first = parties.document(5);
    parties.lock(first);
    parties.learn();
    ASSERT_EQ(parties.send(parties.message("confirm", 1)).status, 200);
    json::Object next = next_document(parse_binding(first));
    amend_forward(next, sample("1.1.0"), "500.00", parties.random);
    const std::string url = "/v1/bindings/" + parties.binding.text();
    const Answer proposed =
        parties.call("POST", url + "/amendments", json::canonical(sign_binding(next, parties.world.seller).to_json()));
    ASSERT_EQ(proposed.status, 200) << proposed.text;
    EXPECT_EQ(proposed.body.at("missing").as_array().size(), 1u);
    EXPECT_EQ(parties.send(parties.fixing("2010-02-01", "28.02", 1)).code(), "paused");
    const Answer amended =
        parties.call("POST", url + "/signatures", json::canonical(sign_binding(next, parties.world.buyer).to_json()));
    ASSERT_EQ(amended.status, 200) << amended.text;
    EXPECT_EQ(amended.body.at("status").as_string(), "locked");
    EXPECT_EQ(parties.send(parties.fixing("2010-02-01", "28.02", 1)).status, 200);
    EXPECT_EQ(parties.call("GET", url + "/versions/2").status, 200);
    EXPECT_EQ(parties.call("GET", url + "/entries/4/receipt").status, 200);

    const contract::Termination end{.binding = parties.binding,
                                    .version = crypto::sha256(json::canonical(next)),
                                    .reason = "done",
                                    .expires = SystemClock().now() + 60'000};
    const auto signed_end = [&](const crypto::PrivateKey& key) {
        auto jws = crypto::GeneralJws::of(bytes_of(contract::write_termination(end)));
        jws.add(contract::termination_typ, key);
        return json::canonical(jws.to_json());
    };
    EXPECT_EQ(parties.call("POST", url + "/termination", signed_end(parties.world.buyer)).body.at("status").as_string(),
              "open");
    EXPECT_EQ(
        parties.call("POST", url + "/termination", signed_end(parties.world.seller)).body.at("status").as_string(),
        "locked");
    EXPECT_EQ(parties.send(parties.fixing("2010-03-01", "28.80", 2)).code(), "not_running");
}

TEST_F(NodeTest, a_resolution_that_fits_nothing_is_refused) {
    Parties parties(node);
    parties.upload("1.0.0");
    parties.lock(parties.document(7));
    const std::string url = "/v1/bindings/" + parties.binding.text();
    const contract::Resolution fits{.binding = parties.binding,
                                    .version = parties.binding,
                                    .transaction = test::hash_of("no such transaction"),
                                    .step = 0,
                                    .role = ledger::Role::commit,
                                    .reason = "gone",
                                    .expires = SystemClock().now() + 60'000};
    const auto post = [&](const contract::Resolution& document, const crypto::PrivateKey& key) {
        auto jws = crypto::GeneralJws::of(bytes_of(contract::write_resolution(document)));
        jws.add(contract::resolution_typ, key);
        return parties.call("POST", url + "/resolutions", json::canonical(jws.to_json()));
    };
    const auto with = [&](auto&& change) {
        contract::Resolution document = fits;
        change(document);
        return post(document, parties.world.buyer).code();
    };
    EXPECT_EQ(with([](auto& one) { one.binding = test::hash_of("b"); }), "bad_format");
    EXPECT_EQ(with([](auto& one) { one.version = test::hash_of("v"); }), "wrong_version");
    EXPECT_EQ(with([](auto& one) { one.expires = 1; }), "expired");
    EXPECT_EQ(with([](auto& one) { one.reason.clear(); }), "bad_format");
    EXPECT_EQ(post(fits, parties.world.enclave).code(), "not_a_party");
    const auto open = post(fits, parties.world.buyer);
    EXPECT_EQ(open.body.at("kind").as_string(), "resolution");
    EXPECT_EQ(open.body.at("status").as_string(), "open");
    const Hash256 document = crypto::sha256(contract::write_resolution(fits));
    const contract::Decision decision{"decline", document, "did:web:seller.example", "no", SystemClock().now()};
    EXPECT_EQ(parties
                  .call("POST", url + "/decisions",
                        crypto::sign_compact(bytes_of(contract::write_decision(decision)), contract::decision_typ,
                                             parties.world.seller))
                  .code(),
              "action_refused");
    EXPECT_EQ(post(fits, parties.world.seller).code(), "not_found") << "the enclave knows no such transaction";
    EXPECT_EQ(parties.call("GET", "/v1/documents/" + document.text()).body.at("status").as_string(), "failed");
}

TEST_F(NodeTest, events_can_be_resumed) {
    Parties parties(node);
    parties.upload("1.0.0");
    parties.lock(parties.document(6));
    parties.learn();
    ASSERT_EQ(parties.send(parties.message("confirm", 1)).status, 200);
    const std::string url = "/v1/bindings/" + parties.binding.text() + "/events";
    http::EventReader all("127.0.0.1", node.port(), url + "?after=-1");
    const auto first = all.next(10'000), second = all.next(10'000);
    ASSERT_TRUE(first && second);
    EXPECT_EQ(first->event, "concordat.entry.bind");
    http::EventReader later("127.0.0.1", node.port(), url, {{"Last-Event-ID", first->id}});
    const auto resumed = later.next(10'000);
    ASSERT_TRUE(resumed);
    EXPECT_EQ(resumed->id, second->id);
    ASSERT_EQ(parties.send(parties.fixing("2010-02-01", "28.02", 1)).status, 200);
    const auto live = later.next(10'000);
    ASSERT_TRUE(live);
    EXPECT_EQ(json::parse(live->data, "event").at("data").at("action").as_string(), "fix");
}

}  // namespace
}  // namespace concordat::test
