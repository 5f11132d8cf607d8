// What a party, or somebody who would like to be one, can send; and contracts that misbehave.
#include "support.hpp"

namespace concordat::test {
namespace {

struct Messages : Hosted {
    Forward forward{platform};
    void SetUp() override { forward.lock(*enclave); }
    std::string refused(const std::string& input, TimeMs time = start_time, std::vector<Bytes> ancestry = {}) {
        return error_of([&] {
            enclave::decode_committed(
                enclave->take(enclave->begin_execute(forward.id, input, time, std::move(ancestry))));
        });
    }
    // A confirmation with one member of the message changed before it is signed.
    std::string confirm(const std::function<void(contract::Message&)>& change, const crypto::PrivateKey& key) {
        contract::Message out;
        out.binding = forward.id;
        out.version = forward.version;
        out.seen = forward.head;
        out.ledger = platform.ledger->chain();
        out.action = "confirm";
        out.number = 1;
        out.expires = start_time + hour;
        change(out);
        return client::make_message(out, forward.terms_of.actions.at("confirm").message, json::Object{},
                                    forward.buyer_keys, key, forward.random);
    }
    std::string changed(const std::function<void(contract::Message&)>& change) {
        return refused(confirm(change, platform.world.buyer));
    }
};

TEST_F(Messages, are_refused_unless_every_member_fits) {
    const std::uint64_t before = platform.ledger->size();
    EXPECT_EQ(refused(confirm([](auto&) {}, signing_key("stranger"))), "not_a_party /input/kid");
    EXPECT_EQ(refused(confirm([](auto&) {}, platform.world.seller)), "not_a_party /action");
    EXPECT_EQ(changed([](auto& m) { m.version = hash_of("another"); }), "wrong_version /version");
    EXPECT_EQ(changed([](auto& m) { m.binding = hash_of("another"); }), "bad_format /binding");
    EXPECT_EQ(changed([](auto& m) { m.ledger = "ccl:00000000000000000000000000000000"; }), "wrong_ledger /ledger");
    EXPECT_EQ(changed([](auto& m) { m.action = "cancel"; }), "not_found /action");
    EXPECT_EQ(changed([](auto& m) { m.action = "fix"; }), "not_a_party /action");
    EXPECT_EQ(changed([](auto& m) { m.expires = start_time - 1; }), "expired /expires");
    EXPECT_EQ(changed([](auto& m) { m.seen = hash_of("another history"); }), "forked /seen");
    EXPECT_EQ(changed([](auto& m) { m.seen = Hash256{}; }), "forked /seen");
    EXPECT_EQ(platform.ledger->size(), before);
    forward.run(*enclave, confirm([](auto&) {}, platform.world.buyer));
}

TEST_F(Messages, run_once_and_in_order) {
    const std::string first = forward.message("confirm", json::Object{}, 5);
    forward.run(*enclave, first);
    forward.run(*enclave, forward.fixing("2010-03-01", "28.80", 1));
    EXPECT_EQ(refused(first), "out_of_order /number");
    const json::Object reason{{"reason", "x"}};
    EXPECT_EQ(refused(forward.message("dispute", reason, 5)), "replayed /number");
    EXPECT_EQ(refused(forward.message("dispute", reason, 4)), "out_of_order /number");
    forward.run(*enclave, forward.message("dispute", reason, 6));
    EXPECT_EQ(forward.last.record.check().sequence, 3);
}

TEST_F(Messages, with_an_old_seen_need_the_entries_since) {
    const Hash256 bound = forward.head;
    std::vector<Bytes> documents;
    const auto keep = [&] { documents.push_back(forward.last.record.document); };
    forward.run(*enclave, forward.message("confirm", json::Object{}, 1)), keep();
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1)), keep();
    forward.run(*enclave, forward.fixing("2010-03-01", "28.80", 2)), keep();
    enclave = make_enclave();
    enclave->load_binding(forward.jws, forward.last.record);
    const Hash256 head = std::exchange(forward.head, bound);
    const std::string late = forward.message("dispute", json::Object{{"reason", "x"}}, 2);
    EXPECT_EQ(refused(late), "seen_too_old /seen");
    EXPECT_EQ(refused(late, start_time, {documents[2]}), "forked /seen");
    EXPECT_EQ(refused(late, start_time, {documents[0], documents[2]}), "forked /seen");
    EXPECT_EQ(refused(late, start_time, {documents[2], documents[1], documents[0]}), "forked /seen");
    Bytes lie = documents[1];
    std::string text(text_of(lie));
    text.replace(text.find("\"previous\":\"sha256:") + 19, 64, bound.hex());
    EXPECT_EQ(refused(late, start_time, {to_bytes(bytes_of(text)), documents[2]}), "forked /seen");
    EXPECT_NE(refused(late, start_time, {to_bytes(bytes_of("{}"))}), "no error");
    EXPECT_EQ(refused(late, start_time, documents), "no error");
    EXPECT_NE(head, bound);
}

TEST_F(Messages, bring_confidential_fields_sealed_and_whole) {
    const json::Object body{{"reference", "BANK-A/77"}};
    const std::string sealed = forward.message("confirm", body, 1);
    EXPECT_EQ(sealed.find("BANK-A"), std::string::npos);
    const auto tamper = [&](const std::function<void(contract::Message&)>& change) {
        const crypto::Jws jws = crypto::parse_compact(sealed, "");
        contract::Message message = std::get<contract::Message>(contract::Input::parse(sealed).content);
        change(message);
        return refused(crypto::sign_compact(bytes_of(contract::write_message(message)), contract::message_typ,
                                            platform.world.buyer));
    };
    EXPECT_NE(tamper([](auto& m) { m.sealed.clear(); }), "no error");
    EXPECT_NE(tamper([](auto& m) { m.body.clear(); }), "no error");
    EXPECT_NE(tamper([&](auto& m) { m.body = body; }), "no error");
    EXPECT_NE(tamper([](auto& m) {
                  std::string text(m.sealed.begin()->value().at("ciphertext").as_string());
                  text[3] = text[3] == 'A' ? 'B' : 'A';
                  m.sealed.begin()->value().as_object()["ciphertext"] = text;
              }),
              "no error");
    EXPECT_NE(tamper([](auto& m) { m.sealed["nobody"] = m.sealed.begin()->value(); }), "no error");
    forward.run(*enclave, sealed);
    EXPECT_EQ(text_of(forward.last.record.state).find("BANK-A"), std::string_view::npos);
    const json::Value box = json::parse(text_of(forward.last.record.disclosures), "sealed");
    const auto opened = client::open_disclosures(box.as_object(), forward.id, forward.buyer_keys);
    ASSERT_EQ(opened.size(), 1u);
    EXPECT_EQ(opened[0].value.as_string(), "BANK-A/77");
}

TEST_F(Messages, do_not_make_a_contract_do_what_it_may_not) {
    Rogue rogue(platform, *enclave);
    const std::uint64_t before = platform.ledger->size();
    const std::map<std::string, std::string> ways{{"loop", "out_of_fuel logic"},
                                                  {"memory", "out_of_memory logic"},
                                                  {"stack", "trapped logic"},
                                                  {"trap", "trapped logic"},
                                                  {"abort", "contract_aborted /body"},
                                                  {"output", "too_large logic"},
                                                  {"events", "too_large /output/events"},
                                                  {"effect", "undeclared_effect /output/effects/0/effect"},
                                                  {"state", "schema_mismatch /output/state/pokes"},
                                                  {"result", "schema_mismatch /output/result"}};
    for (const auto& [way, expected] : ways) {
        EXPECT_EQ(error_of([&] { enclave->execute(rogue.id, rogue.poke(way, 1), start_time); }), expected) << way;
    }
    EXPECT_NE(error_of([&] { enclave->execute(rogue.id, rogue.poke("member", 1), start_time); }), "no error");
    EXPECT_EQ(platform.ledger->size(), before);
    rogue.run(*enclave, "nothing", 1);  // the number is still free, and others were not disturbed
    EXPECT_EQ(text_of(rogue.last.record.state), "{\"pokes\":1}");
    forward.run(*enclave, forward.message("confirm", json::Object{}, 1));
}

}  // namespace
}  // namespace concordat::test
