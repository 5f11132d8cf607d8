#include "statement.hpp"

#include <gtest/gtest.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <crypto/hash.hpp>
#include <crypto/merkle.hpp>

namespace concordat::ledger::confidential {
namespace {

// Made by another implementation of the layouts, of the trees and of ES256K.
struct Vectors {
    json::Value all =
        json::parse(read_text_file(CONCORDAT_SOURCE_DIR "/tests/vectors/ledger-statements.json"), "vectors");
    crypto::PrivateKey enclave = crypto::PrivateKey::from_jwk(all.at("keys").at("enclave"), "enclave");
    crypto::PrivateKey ledger = crypto::PrivateKey::from_jwk(all.at("keys").at("ledger"), "ledger");
    std::string chain = text(all.at("chain"));
    TimeMs time = parse_time(text(all.at("time")), "time");

    static std::string text(const json::Value& v) { return std::string(v.get_string()); }
    const json::Object& statement(std::size_t i) const { return all.at("statements").get_array().at(i).get_object(); }
    Hash256 hash(const json::Value& v) const { return Hash256::parse(text(v), "hash"); }
    std::vector<Hash256> hashes(std::string_view name) const {
        std::vector<Hash256> out;
        for (const auto& v : all.at(name).get_array()) out.push_back(hash(v));
        return out;
    }
};

void expect_statement(const json::Object& vector, const Bytes& layout, const crypto::PrivateKey& key) {
    EXPECT_EQ(to_hex(layout), Vectors::text(vector.at("layout")));
    EXPECT_EQ(crypto::sha256(layout).text(), Vectors::text(vector.at("digest")));
    EXPECT_EQ(to_base64url(key.sign(layout)), Vectors::text(vector.at("signature")));
}

TEST(Statement, LayoutsDigestsAndSignaturesAreThoseOfTheVectors) {
    const Vectors v;
    const Hash256 enclave = v.enclave.public_key().thumbprint(), ledger = v.ledger.public_key().thumbprint();
    EXPECT_EQ(chain_of(v.ledger.public_key()), v.chain);
    expect_statement(v.statement(0), enclave_root_statement(enclave, v.chain, 5, v.hash(v.statement(0).at("root"))),
                     v.enclave);
    expect_statement(v.statement(1), ledger_root_statement(ledger, 5, v.hash(v.statement(1).at("root")), v.time, 1),
                     v.ledger);
    HeadStatement head;
    head.binding = v.hash(v.statement(2).at("binding"));
    head.sequence = 7;
    head.entry_id = v.hash(v.statement(2).at("entry"));
    head.nonce = Hash256::from(*from_base64url(Vectors::text(v.statement(2).at("nonce"))));
    head.size = 5;
    head.root = v.hash(v.statement(2).at("root"));
    head.time = v.time;
    head.flags = 1;
    expect_statement(v.statement(2), head.statement(ledger), v.ledger);
    head.signature = v.ledger.sign(head.statement(ledger));
    EXPECT_TRUE(head.verify(v.ledger.public_key()));
    EXPECT_FALSE(head.verify(v.enclave.public_key()));
    EXPECT_EQ(HeadStatement::parse(head.to_json(), "/head").to_json(), head.to_json());
}

TEST(Statement, LeavesBindTheEnclaveKey) {
    const Vectors v;
    const auto ids = v.hashes("entry_ids"), leaves = v.hashes("ledger_leaves");
    for (std::size_t i = 0; i < ids.size(); ++i) {
        EXPECT_EQ(ledger_leaf(ids[i], v.enclave.public_key().thumbprint()), leaves[i]);
    }
}

TEST(Statement, ClaimsAndReceiptsOfTheVectorsHold) {
    const Vectors v;
    const auto ids = v.hashes("entry_ids"), leaves = v.hashes("ledger_leaves");
    for (std::size_t i = 0; i < ids.size(); ++i) {
        const json::Value& claim_json = v.all.at("claims").at(i);
        const Claim claim = Claim::parse(claim_json, "/claim");
        claim.verify(ids[i], v.enclave.public_key(), v.chain, "/claim");
        EXPECT_EQ(json::Value(claim.to_json()), claim_json);
        const json::Value& receipt_json = v.all.at("receipts").at(i);
        const LedgerReceipt receipt = LedgerReceipt::parse(receipt_json, "/receipt");
        receipt.verify(leaves[i], v.ledger.public_key(), "/receipt");
        EXPECT_EQ(json::Value(receipt.to_json()), receipt_json);
    }
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

TEST(Statement, AnythingChangedInAClaimIsRefused) {
    const Vectors v;
    const auto ids = v.hashes("entry_ids");
    const Claim good = Claim::parse(v.all.at("claims").at(3), "/claim");
    const auto refused = [&](const auto& change) {
        Claim claim = good;
        change(claim);
        EXPECT_EQ(code_of([&] { claim.verify(ids[3], v.enclave.public_key(), v.chain, "/claim"); }),
                  Code::bad_signature);
    };
    refused([](Claim& c) { c.kid[0] ^= 1; });
    refused([](Claim& c) { c.index = 2; });
    refused([](Claim& c) { c.index = 99; });
    refused([](Claim& c) { c.size = 6; });
    refused([](Claim& c) { c.size = 0; });
    refused([](Claim& c) { c.path.pop_back(); });
    refused([](Claim& c) { c.path.emplace_back(); });
    refused([](Claim& c) { c.path[0].bytes[0] ^= 1; });
    refused([](Claim& c) { c.signature[63] ^= 1; });
    EXPECT_EQ(code_of([&] { good.verify(ids[2], v.enclave.public_key(), v.chain, "/claim"); }), Code::bad_signature);
    EXPECT_EQ(code_of([&] { good.verify(ids[3], v.ledger.public_key(), v.chain, "/claim"); }), Code::bad_signature);
    EXPECT_EQ(code_of([&] { good.verify(ids[3], v.enclave.public_key(), "ccl:0", "/claim"); }), Code::bad_signature);
    EXPECT_EQ(code_of([&] { good.verify(ids[3], {}, v.chain, "/claim"); }), Code::bad_signature);
}

TEST(Statement, AnythingChangedInAReceiptIsRefused) {
    const Vectors v;
    const auto leaves = v.hashes("ledger_leaves");
    const LedgerReceipt good = LedgerReceipt::parse(v.all.at("receipts").at(4), "/receipt");
    const auto refused = [&](const auto& change) {
        LedgerReceipt receipt = good;
        change(receipt);
        EXPECT_EQ(code_of([&] { receipt.verify(leaves[4], v.ledger.public_key(), "/receipt"); }), Code::bad_receipt);
    };
    refused([](LedgerReceipt& r) { r.index = 3; });
    refused([](LedgerReceipt& r) { r.size = 8; });
    refused([](LedgerReceipt& r) { r.path.clear(); });
    refused([](LedgerReceipt& r) { ++r.time; });
    refused([](LedgerReceipt& r) { r.flags = 0; });
    refused([](LedgerReceipt& r) { r.signature[0] ^= 1; });
}

// Every index of every small tree, against the tree's own proofs.
TEST(Statement, RootsFollowFromPathsOfEveryTree) {
    crypto::MerkleTree tree;
    for (std::uint64_t size = 1; size <= 40; ++size) {
        tree.append(crypto::sha256(std::to_string(size)));
        for (std::uint64_t i = 0; i < size; ++i) {
            LedgerReceipt receipt{i, size, tree.inclusion(i, size), 0, 0, {}};
            EXPECT_EQ(receipt.root_from(tree.leaf(i), "/receipt"), tree.root());
            receipt.path.emplace_back();
            EXPECT_EQ(code_of([&] { receipt.root_from(tree.leaf(i), "/receipt"); }), Code::bad_receipt);
        }
    }
}

TEST(Statement, IdentityIsSelfSigned) {
    SystemRandom random;
    const auto service = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    const auto encryption = crypto::EncryptionPrivateKey::generate(random);
    const std::string text = Identity::write(service, encryption.public_key(), 1767225600123);
    const Identity identity = Identity::parse(text);
    EXPECT_EQ(identity.chain, chain_of(service.public_key()));
    EXPECT_TRUE(identity.service_key == service.public_key());
    EXPECT_EQ(identity.encryption_key.kid(), encryption.public_key().kid());
    EXPECT_EQ(identity.created, 1767225600123);
    for (std::size_t i = 0; i < text.size(); i += 7) {
        std::string changed = text;
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        EXPECT_THROW(Identity::parse(changed), Error);
        EXPECT_THROW(Identity::parse(std::string_view(text).substr(0, i)), Error);
    }
}

}  // namespace
}  // namespace concordat::ledger::confidential
