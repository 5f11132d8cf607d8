#include "inclusion.hpp"

#include "keccak.hpp"
#include "transaction.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

struct Block {
    json::Value recorded = read_vectors("blocks.json").at("full");
    Header header = header_from_rpc(recorded.at("block"), "/block");
    std::vector<Header> descendants;
    std::vector<Bytes> transactions, receipts;

    Block() {
        for (const auto& block : recorded.at("descendants").as_array())
            descendants.push_back(header_from_rpc(block, "/block"));
        for (const auto& item : recorded.at("transactions").as_array()) transactions.push_back(hex_of(item));
        for (const auto& item : recorded.at("receipts").as_array())
            receipts.push_back(receipt_from_rpc(item, "/receipt").encode());
    }

    InclusionProof proof(std::size_t index) const {
        return prove_inclusion(header, descendants, transactions, receipts, index, "/block");
    }
};

TEST(Inclusion, EveryTransactionOfARecordedBlock) {
    const Block block;
    ASSERT_GT(block.transactions.size(), 16u);
    std::size_t succeeded = 0;
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
        const InclusionProof made = block.proof(i);
        const json::Value text = json::parse(json::canonical(made.to_json()), "proof");
        const InclusionProof proof = InclusionProof::parse(text, "/proof");
        EXPECT_EQ(proof, made);
        const Inclusion found = check_inclusion(proof, "/proof");
        const auto& receipt = block.recorded.at("receipts").at(i);
        EXPECT_EQ(to_0x(found.block_hash.view()), std::string_view(block.recorded.at("block").at("hash").as_string()));
        EXPECT_EQ(found.head_hash, block.descendants.back().hash());
        EXPECT_EQ(found.confirmations(), 2u);
        EXPECT_EQ(to_0x(found.transaction_hash.view()),
                  std::string_view(block.recorded.at("hashes").at(i).as_string()));
        EXPECT_EQ(found.succeeded, receipt.at("status") == "0x1");
        EXPECT_EQ(quantity(U256(found.gas_used)), std::string_view(receipt.at("gasUsed").as_string()));
        EXPECT_EQ(found.logs.size(), receipt.at("logs").as_array().size());
        const SignedTransaction tx = decode_transaction(proof.transaction);
        EXPECT_EQ(encode(tx), proof.transaction);
        EXPECT_NO_THROW(sender(tx));
        if (!tx.transaction.to) {
            EXPECT_EQ(created_address(sender(tx), tx.transaction.nonce).lower(),
                      std::string_view(receipt.at("contractAddress").as_string()));
        }
        succeeded += found.succeeded ? 1 : 0;
    }
    EXPECT_EQ(succeeded, 13u);  // of 19: six calls revert
}

std::string check_refusal(const InclusionProof& proof) {
    return refusal([&] { check_inclusion(proof, "/proof"); });
}

TEST(Inclusion, RefusesEveryChangedByte) {
    const InclusionProof good = Block().proof(5);
    const auto expect_refused = [](const InclusionProof& proof, std::size_t at) {
        EXPECT_THROW(check_inclusion(proof, "/proof"), Error) << at;
    };
    for (std::size_t i = 0; i < good.transaction.size(); ++i) {
        InclusionProof changed = good;
        changed.transaction[i] ^= 1;
        expect_refused(changed, i);
    }
    for (const auto member : {&InclusionProof::transaction_proof, &InclusionProof::receipt_proof,
                              &InclusionProof::previous_receipt_proof}) {
        for (std::size_t node = 0; node < (good.*member).size(); ++node) {
            for (std::size_t i = 0; i < (good.*member)[node].size(); ++i) {
                InclusionProof changed = good;
                (changed.*member)[node][i] ^= 1;
                expect_refused(changed, i);
            }
        }
    }
    // A changed header is another block's: the roots it keeps still hold, but its child no longer names it.
    for (std::size_t i = 0; i < good.header.size(); ++i) {
        InclusionProof changed = good;
        changed.header[i] ^= 1;
        expect_refused(changed, i);
    }
    for (std::size_t i = 0; i < good.descendants[0].size(); ++i) {
        InclusionProof changed = good;
        changed.descendants[0][i] ^= 1;
        expect_refused(changed, i);
    }
}

TEST(Inclusion, NamesWhatDoesNotHold) {
    const Block block;
    const InclusionProof good = block.proof(5);
    InclusionProof changed = good;
    changed.transaction = block.transactions[6];
    EXPECT_EQ(check_refusal(changed), "/proof/transaction: must be the one that the proof shows");
    changed = good;
    changed.index = 6;
    EXPECT_EQ(check_refusal(changed).substr(0, 24), "/proof/transaction_proof");
    changed = good;
    changed.receipt_proof = block.proof(6).receipt_proof;
    EXPECT_EQ(check_refusal(changed).substr(0, 20), "/proof/receipt_proof");
    changed = good;
    changed.previous_receipt_proof = good.receipt_proof;
    EXPECT_EQ(check_refusal(changed).substr(0, 29), "/proof/previous_receipt_proof");
    changed = block.proof(0);
    EXPECT_EQ(check_refusal(changed), "was accepted");
    changed.previous_receipt_proof = good.receipt_proof;
    EXPECT_EQ(check_refusal(changed),
              "/proof/previous_receipt_proof: must not be there for a block's first transaction");
    changed = good;
    changed.descendants.pop_back();
    EXPECT_EQ(check_inclusion(changed, "/proof").confirmations(), 1u);
    changed = good;
    std::swap(changed.descendants[0], changed.descendants[1]);
    EXPECT_EQ(check_refusal(changed), "/proof/descendants/0/parentHash: must be the hash of the header before it");
    changed = good;
    changed.descendants.assign(max_descendants + 1, good.descendants[0]);
    EXPECT_EQ(check_refusal(changed), "/proof/descendants: must be at most 1024");
}

// A proof of absence is a good proof, but not of this.
TEST(Inclusion, AnAbsentTransactionIsNotIncluded) {
    const Block block;
    const std::size_t count = block.transactions.size();
    InclusionProof proof = block.proof(count - 1);
    proof.index = count;
    proof.transaction_proof = trie::IndexTrie(block.transactions, "t").proof(count);
    EXPECT_EQ(check_refusal(proof), "/proof/transaction_proof: must show a transaction in the block");
}

// Blocks of our own making: what no honest chain has, but a liar's header may commit to.
TEST(Inclusion, RefusesBlocksThatContradictThemselves) {
    const Block block;
    const auto forged = [&](auto edit) {
        std::vector<Receipt> receipts;
        for (const auto& item : block.receipts) receipts.push_back(Receipt::decode(item, "r"));
        Header header = block.header;
        edit(header, receipts);
        std::vector<Bytes> encoded;
        for (const auto& item : receipts) encoded.push_back(item.encode());
        header.receipts_root = trie::IndexTrie(encoded, "r").root();
        return check_refusal(prove_inclusion(header, {}, block.transactions, encoded, 5, "/block"));
    };
    EXPECT_EQ(forged([](Header&, auto&) {}), "was accepted");
    EXPECT_EQ(forged([](Header&, auto& receipts) { receipts[5].type = 1; }),
              "/proof/receipt_proof: must be of the transaction's type");
    EXPECT_EQ(forged([](Header&, auto& receipts) { receipts[5].state_root = Hash256{}; }),
              "/proof/receipt_proof: must give a status (EIP-658)");
    EXPECT_EQ(forged([](Header&, auto& receipts) { receipts[4].cumulative_gas = ~std::uint64_t{0}; }),
              "/proof/receipt_proof: must count gas that grows within the block's");
    EXPECT_EQ(forged([](Header& header, auto&) { header.gas_used = 1; }),
              "/proof/receipt_proof: must count gas that grows within the block's");
}

TEST(Inclusion, ProvingRefusesOtherContent) {
    const Block block;
    auto transactions = block.transactions;
    transactions.pop_back();
    EXPECT_EQ(refusal([&] { prove_inclusion(block.header, {}, transactions, block.receipts, 0, "/block"); }),
              "/block/transactions: must make the header's transactionsRoot");
    auto receipts = block.receipts;
    std::swap(receipts[0], receipts[1]);
    EXPECT_EQ(refusal([&] { prove_inclusion(block.header, {}, block.transactions, receipts, 0, "/block"); }),
              "/block/receipts: must make the header's receiptsRoot");
    EXPECT_EQ(refusal([&] { prove_inclusion(block.header, {}, block.transactions, receipts, 19, "/block"); }),
              "/block/index: must be below the number of the block's transactions");
}

TEST(Inclusion, ReadsOneFormOnly) {
    const json::Object good = Block().proof(5).to_json();
    const auto rule = [&](auto edit) {
        json::Value changed = good;
        edit(changed.as_object());
        return refusal([&] { InclusionProof::parse(changed, "/proof"); });
    };
    EXPECT_EQ(rule([](json::Object&) {}), "was accepted");
    EXPECT_EQ(rule([](json::Object& o) { o["index"] = 0; }).substr(0, 29), "/proof/previous_receipt_proof");
    EXPECT_EQ(rule([](json::Object& o) { o["index"] = 65536; }).substr(0, 12), "/proof/index");
    EXPECT_EQ(rule([](json::Object& o) { o["more"] = 1; }).substr(0, 11), "/proof/more");
    EXPECT_EQ(rule([](json::Object& o) { o["header"] = "00"; }), "/proof/header: must start with 0x");
    EXPECT_EQ(rule([](json::Object& o) { o["receipt_proof"].as_array()[0] = 1; }),
              "/proof/receipt_proof/0: must be a string");
    EXPECT_EQ(rule([](json::Object& o) { o["descendants"] = json::Array(1025, "0x"); }).substr(0, 18),
              "/proof/descendants");
    for (const char* name : {"typ", "header", "descendants", "index", "transaction", "transaction_proof",
                             "receipt_proof", "previous_receipt_proof"})
        EXPECT_EQ(rule([&](json::Object& o) { o.erase(name); }).substr(0, 7 + std::string_view(name).size()),
                  "/proof/" + std::string(name));
}

}  // namespace
}  // namespace concordat::ledger::evm
