#include "verify.hpp"

#include <gtest/gtest.h>

#include <base/file.hpp>

#include "../../tests/support/receipt_fixture.hpp"
#include "open.hpp"

namespace concordat::proof {
namespace {

using test::ReceiptMaker;

// No receipt here has a transaction (transaction_test.cpp).
Verdict verify(std::string_view text, const TrustFile& trust) { return verify(text, trust, {}); }

void collect(const std::vector<Line>& lines, std::set<std::string>& layers) {
    for (const Line& line : lines) {
        if (!line.ok) layers.insert(line.layer);
        collect(line.below, layers);
    }
}

// The layers that broke, joined; "holds" when none did.
std::string broken(const Verdict& verdict) {
    std::set<std::string> layers;
    collect(verdict.lines, layers);
    EXPECT_EQ(verdict.holds, layers.empty());
    std::string out;
    for (const std::string& layer : layers) out += (out.empty() ? "" : " ") + layer;
    return out.empty() ? "holds" : out;
}

class VerifyTest : public ::testing::Test {
  protected:
    ReceiptMaker maker;
    std::string result() { return broken(verify(maker.receipt().write(), maker.trust())); }
    std::string result(const TrustFile& trust) { return broken(verify(maker.receipt().write(), trust)); }
    static std::string result(const Receipt& receipt, const TrustFile& trust) {
        return broken(verify(receipt.write(), trust));
    }
};

TEST_F(VerifyTest, TheStoryHolds) {
    maker.story();
    const Verdict verdict = verify(maker.receipt().write(), maker.trust());
    EXPECT_TRUE(verdict.holds) << render_text(verdict);
    EXPECT_EQ(broken(verdict), "holds");
    EXPECT_EQ(Receipt::parse(maker.receipt().write()).write(), maker.receipt().write());
}

TEST_F(VerifyTest, BindAloneAndObservationsHoldToo) {
    maker.use_enclave(maker.world.enclave);
    maker.bind();
    EXPECT_EQ(result(), "holds");
    maker.observe();
    EXPECT_EQ(result(), "holds");
    const Verdict verdict = verify(maker.receipt().write(), maker.trust());
    EXPECT_EQ(verdict.lines.at(2).layer, "source");
}

TEST_F(VerifyTest, OtherInputsHold) {
    maker.use_enclave(maker.world.enclave);
    maker.bind();
    ReceiptMaker propose = maker, terminate = maker, close = maker;
    const json::Object next = test::next_document(*maker.in_force);
    auto entry = propose.next(contract::EntryType::propose);
    entry.proposal = test::parse_binding(next).hash;
    entry.deadline = test::start_time + 1;
    propose.append(entry, json::canonical(test::sign_binding(next, maker.world.buyer).to_json()),
                   maker.initial_state());
    EXPECT_EQ(broken(verify(propose.receipt().write(), maker.trust())), "holds");

    const contract::Termination content{maker.in_force->id, maker.in_force->hash, "over", test::start_time + 86400000};
    const auto payload = json::parse(contract::write_termination(content), "t").as_object();
    const auto with = [&](ReceiptMaker from, const auto&... keys) {
        auto ending = from.next(contract::EntryType::terminate);
        ending.reason = "over";
        from.append(ending, json::canonical(test::sign_document(payload, contract::termination_typ, keys...).to_json()),
                    maker.initial_state());
        return broken(verify(from.receipt().write(), maker.trust()));
    };
    EXPECT_EQ(with(terminate, maker.world.buyer, maker.world.seller), "holds");
    EXPECT_EQ(with(terminate, maker.world.buyer), "message");

    const contract::Decision decision{"decline", test::hash_of("proposal"), "did:web:seller.example", "no",
                                      test::start_time};
    const std::string text =
        crypto::sign_compact(bytes_of(contract::write_decision(decision)), contract::decision_typ, maker.world.seller);
    auto closing = close.next(contract::EntryType::close);
    closing.proposal = test::hash_of("proposal");
    closing.reason = "declined";
    ReceiptMaker other = close;
    close.append(closing, text, maker.initial_state());
    EXPECT_EQ(broken(verify(close.receipt().write(), maker.trust())), "holds");
    closing.proposal = test::hash_of("another");
    other.append(closing, text, maker.initial_state());
    EXPECT_EQ(broken(verify(other.receipt().write(), maker.trust())), "message");
}

TEST_F(VerifyTest, TheTrustFileDecides) {
    maker.story();
    TrustFile trust = maker.trust();
    trust.allow_development = false;
    EXPECT_EQ(result(trust), "enclave ledger");
    trust = maker.trust();
    trust.ledgers.clear();
    EXPECT_EQ(result(trust), "ledger");
    trust = maker.trust();
    trust.measurements = {maker.world.measurement};
    EXPECT_EQ(result(trust), "ledger");
    trust.measurements = {maker.world.ledger_measurement};
    EXPECT_EQ(result(trust), "enclave");
    trust = maker.trust();
    trust.minimum_svn = 2;
    EXPECT_EQ(result(trust), "enclave ledger");
    trust = maker.trust();
    trust.development_roots.clear();
    EXPECT_EQ(result(trust), "enclave ledger");
    trust = maker.trust();
    trust.allow_asserted = {"clock"};
    EXPECT_EQ(result(trust), "rollback");
    trust.allow_asserted = {"rollback"};
    EXPECT_EQ(result(trust), "clock");
    trust = maker.trust();
    trust.parties = {{"did:web:buyer.example", {maker.world.buyer.public_key().thumbprint()}},
                     {"did:web:stranger", {}}};
    EXPECT_EQ(result(trust), "holds");
    trust.parties = {{"did:web:buyer.example", {maker.world.seller.public_key().thumbprint()}}};
    EXPECT_EQ(result(trust), "binding");
}

TEST_F(VerifyTest, AssertedLinesStillSaySo) {
    maker.story();
    const std::string text = render_text(verify(maker.receipt().write(), maker.trust()));
    EXPECT_NE(text.find("host's claim [asserted]"), std::string::npos) << text;
    EXPECT_NE(text.find("rolled back cannot be detected [asserted]"), std::string::npos);
    EXPECT_NE(text.find("development, not hardware-protected [attested]"), std::string::npos);
}

TEST_F(VerifyTest, AnUnflaggedLedgerHasNoRollbackLine) {
    maker.flags = 0;
    maker.story();
    TrustFile trust = maker.trust();
    trust.allow_asserted = {"clock"};
    EXPECT_EQ(result(trust), "holds");
    ReceiptMaker odd;
    odd.flags = 2;
    odd.story();
    EXPECT_EQ(broken(verify(odd.receipt().write(), odd.trust())), "ledger");
}

TEST_F(VerifyTest, NamesTheLayerOfASignersFault) {
    maker.use_enclave(maker.world.enclave);
    maker.bind();
    const ReceiptMaker bound = maker;
    const auto amended_by = [&](const auto&... keys) {
        ReceiptMaker one = bound;
        one.amend(test::next_document(*one.in_force), keys...);
        return broken(verify(one.receipt().write(), one.trust()));
    };
    EXPECT_EQ(amended_by(bound.world.buyer, bound.world.seller), "holds");
    // What rests on a version that does not hold does not hold either, and says so.
    EXPECT_NE(amended_by(bound.world.buyer).find("binding"), std::string::npos);

    const auto message_with = [&](auto&& change) {
        ReceiptMaker one = bound;
        contract::Message content = one.message();
        change(content);
        one.execute(content);
        return broken(verify(one.receipt().write(), one.trust()));
    };
    EXPECT_EQ(message_with([](auto&) {}), "holds");
    EXPECT_EQ(message_with([](auto& m) { m.version = test::hash_of("superseded"); }), "message");
    EXPECT_EQ(message_with([](auto& m) { m.binding = test::hash_of("other"); }), "message");
    EXPECT_EQ(message_with([](auto& m) { m.ledger = "ccl:00000000000000000000000000000000"; }), "message");
    EXPECT_EQ(message_with([](auto& m) { m.action = "settle"; }), "message");
    EXPECT_EQ(message_with([](auto& m) { m.number = 4; }), "message");
    EXPECT_EQ(message_with([](auto& m) { m.expires = test::start_time; }), "message");
}

TEST_F(VerifyTest, NamesTheLayerOfAnEnclavesFault) {
    maker.use_enclave(maker.world.enclave);
    maker.bind();
    const ReceiptMaker bound = maker;
    const auto entry_with = [&](auto&& change) {
        ReceiptMaker one = bound;
        const std::string text = crypto::sign_compact(bytes_of(contract::write_message(one.message())),
                                                      contract::message_typ, one.world.buyer);
        auto entry = one.execute_entry(one.world.buyer, "buyer", "did:web:buyer.example");
        change(entry);
        one.append(entry, text, one.later_state(), one.sealed_disclosures());
        return broken(verify(one.receipt().write(), one.trust()));
    };
    EXPECT_EQ(entry_with([](auto&) {}), "holds");
    EXPECT_EQ(entry_with([](auto& e) { e.previous = test::hash_of("x"); }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.sequence = 7; }), "holds");  // a gap: the receipt shows what it is about
    EXPECT_EQ(entry_with([](auto& e) { e.state_before = test::hash_of("x"); }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.version = test::hash_of("x"); }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.binding = test::hash_of("x"); }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.package = test::hash_of("x"); }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.ledger = "ccl:00000000000000000000000000000000"; }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.time = test::start_time - 1; }), "entries");
    EXPECT_EQ(entry_with([](auto& e) { e.sender_role = "seller"; }), "message");
}

TEST_F(VerifyTest, NamesTheLayerOfAWrongPlatform) {
    maker.story();
    const TrustFile trust = maker.trust();
    const Receipt good = maker.receipt();
    const auto changed = [&](auto&& change) {
        Receipt receipt = good;
        change(receipt);
        return result(receipt, trust);
    };
    const auto rogue = test::signing_key("rogue");
    const auto evidence = [&](const Hash256& measurement, const char* product, const crypto::PublicKey& key) {
        return maker.evidence(maker.world.root, measurement, product, 1,
                              test::key_report_data("concordat/enclave-key/1", key));
    };
    const auto& key = maker.world.enclave.public_key();
    const auto put = [&](const json::Value& value) {
        return changed([&](Receipt& r) { r.enclaves.begin()->second.evidence = value; });
    };
    EXPECT_EQ(put(evidence(maker.world.measurement, "concordat-enclave", key)), "holds");
    EXPECT_EQ(put(evidence(maker.world.measurement, "concordat-enclave", rogue.public_key())), "enclave");
    EXPECT_EQ(put(evidence(maker.world.measurement, "concordat-ledger", key)), "enclave");
    // Accepted by the trust file, but not by the binding.
    EXPECT_EQ(put(evidence(maker.world.ledger_measurement, "concordat-enclave", key)), "enclave");
    EXPECT_EQ(put(maker.ledger_evidence()), "enclave");
    EXPECT_EQ(changed([&](Receipt& r) {
                  r.enclaves.emplace(
                      rogue.public_key().kid(),
                      ReceiptEnclave{rogue.public_key().jwk(),
                                     evidence(maker.world.measurement, "concordat-enclave", rogue.public_key())});
              }),
              "enclave");
    EXPECT_EQ(changed([&](Receipt& r) { r.enclaves.clear(); }), "enclave");
    EXPECT_EQ(changed([&](Receipt& r) { r.ledger_evidence = good.enclaves.begin()->second.evidence; }), "ledger");
    EXPECT_EQ(changed([&](Receipt& r) {
                  r.ledger_identity = test::confidential::Identity::write(
                      rogue, maker.world.ledger_encryption.public_key(), test::start_time);
              }),
              "ledger");
    EXPECT_EQ(changed([](Receipt& r) { r.state["count"] = 2; }), "state");
    EXPECT_EQ(changed([](Receipt& r) { r.sealed.clear(); }), "disclosures");
    EXPECT_EQ(changed([](Receipt& r) { r.disclosures = {test::make_disclosure("price", "30.00")}; }), "disclosures");
    EXPECT_EQ(changed([](Receipt& r) { r.disclosures = {"x"}; }), "disclosures");
    EXPECT_EQ(changed([](Receipt& r) { std::swap(r.entries[1].receipt, r.entries[2].receipt); }), "ledger");
    EXPECT_EQ(changed([](Receipt& r) { std::swap(r.entries[1].claim, r.entries[2].claim); }), "enclave");
    EXPECT_NE(changed([](Receipt& r) { std::swap(r.entries[0], r.entries[1]); }), "holds");
    EXPECT_NE(changed([](Receipt& r) { r.bindings.pop_back(); }), "holds");
    EXPECT_NE(changed([](Receipt& r) { r.entries.erase(r.entries.begin() + 1); }), "holds");
    EXPECT_EQ(changed([](Receipt& r) { r.entries.pop_back(); }), "disclosures state");
    EXPECT_EQ(broken(verify("{}", trust)), "format");
    EXPECT_EQ(broken(verify("", trust)), "format");
    EXPECT_EQ(broken(verify(good.write() + "\n", trust)), "format");
}

TEST_F(VerifyTest, ReadersOpenTheirPartsAndShowSingleFields) {
    maker.story();
    const std::string text = maker.receipt().write();
    const auto seller = open_receipt(text, maker.world.seller_encryption);
    ASSERT_EQ(seller.size(), 1u);
    EXPECT_EQ(seller[0].at, "state");
    EXPECT_EQ(seller[0].audience, "buyer+seller");
    EXPECT_EQ(seller[0].name, "price");
    EXPECT_EQ(seller[0].value, json::Value("29.50"));
    const auto buyer = open_receipt(text, maker.world.buyer_encryption);
    ASSERT_EQ(buyer.size(), 3u);
    EXPECT_EQ(buyer[0].at, "terms");
    EXPECT_EQ(buyer[1].at, "message");
    EXPECT_TRUE(open_receipt(text, test::encryption_key("stranger")).empty());

    std::vector<std::string> shown;
    for (const Opened& one : buyer) shown.push_back(one.disclosure);
    const std::string open = disclose(text, shown);
    const Verdict verdict = verify(open, maker.trust());
    EXPECT_TRUE(verdict.holds) << render_text(verdict);
    EXPECT_NE(render_text(verdict).find("state: price = \"29.50\""), std::string::npos);
    EXPECT_NE(render_text(verdict).find("terms: strike = \"28.00\""), std::string::npos);
    EXPECT_EQ(disclose(open, shown), open);
    EXPECT_EQ(broken(verify(disclose(text, std::vector{test::make_disclosure("price", "1.00")}), maker.trust())),
              "disclosures");
}

TEST_F(VerifyTest, RendersForMachinesAndKeepsControlCharactersFromTerminals) {
    maker.story();
    const json::Value out = render_json(verify(maker.receipt().write(), maker.trust()));
    EXPECT_TRUE(out.at("holds").as_bool());
    EXPECT_EQ(out.at("lines").at(0).at("layer"), json::Value("format"));
    Verdict hostile{{{"format", "\x1b[2J", How::proved, false, "a\nb", {}}}, false};
    EXPECT_EQ(render_text(hostile).find('\x1b'), std::string::npos);
}

TEST(TrustFile, ReadsBackAndIsStrict) {
    ReceiptMaker maker;
    TrustFile trust = maker.trust();
    trust.parties = {{"did:web:buyer.example", {maker.world.buyer.public_key().thumbprint()}}};
    const std::string text = trust.write();
    EXPECT_EQ(TrustFile::parse(text).write(), text);
    const auto refused = [&](const char* member, json::Value value) {
        json::Object changed = json::parse(text, "t").as_object();
        changed[member] = std::move(value);
        try {
            TrustFile::parse(json::canonical(changed));
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused("extra", json::Value(1)), "/trust/extra");
    EXPECT_EQ(refused("allow_asserted", json::Value(json::Array{"everything"})), "/trust/allow_asserted");
    EXPECT_EQ(refused("allow_development", json::Value("yes")), "/trust/allow_development");
    EXPECT_EQ(refused("parties", json::Value(json::Object{{"a", json::Array{"b"}}})), "/trust/parties/a");
    EXPECT_EQ(refused("ledgers", json::Value(json::Array{json::Object{}})).substr(0, 16), "/trust/ledgers/0");
}

// Writes the vectors anew, on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(VerifyTest, WritesItsVectorsWhenAsked) {
    if (std::getenv("CONCORDAT_WRITE_VECTORS") == nullptr) GTEST_SKIP();
    maker.story();
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    const std::string text = maker.receipt().write();
    write_file_atomic(folder + "receipt.json", bytes_of(text));
    write_file_atomic(folder + "receipt_disclosed.json", bytes_of(disclose(text, std::vector{maker.price()})));
    write_file_atomic(folder + "trust.json", bytes_of(maker.trust().write() + "\n"));
    write_file_atomic(folder + "reader_key.json",
                      bytes_of(std::string(maker.world.buyer_encryption.jwk_text().expose()) + "\n"));
}

TEST_F(VerifyTest, ReplaysItsVectors) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    const TrustFile trust = TrustFile::parse(read_text_file(folder + "trust.json"));
    EXPECT_EQ(broken(verify(read_text_file(folder + "receipt.json"), trust)), "holds");
    EXPECT_EQ(broken(verify(read_text_file(folder + "receipt_disclosed.json"), trust)), "holds");
    const auto key =
        crypto::EncryptionPrivateKey::from_jwk(json::parse(read_text_file(folder + "reader_key.json"), "key"), "key");
    EXPECT_EQ(open_receipt(read_text_file(folder + "receipt.json"), key).size(), 3u);
}

}  // namespace
}  // namespace concordat::proof
