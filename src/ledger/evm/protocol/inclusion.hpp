// That a transaction is in a block of a chain, and what came of it: a pure function of a proof that anyone may have
// made, shared by enclave and offline verifier. It says nothing about the block's standing: whoever calls it decides
// whether the chain's identity and finality are proved (clique.hpp) or taken from somebody's word.
//
// As JSON (docs/evm.md), all bytes 0x-hex:
//   { "typ": "concordat/evm-inclusion/1",
//     "header": RLP of the block's header,
//     "descendants": [RLP of the headers that follow it, each the child of the one before],
//     "index": the transaction's place in the block,
//     "transaction": the signed transaction,
//     "transaction_proof": [nodes of the transactions' trie from the root to it],
//     "receipt_proof": [nodes of the receipts' trie from the root to its receipt],
//     "previous_receipt_proof": [the same for the receipt before it, from which its gas follows; not at index 0] }
#pragma once
#include "header.hpp"
#include "receipt.hpp"
#include "transaction.hpp"
#include "trie.hpp"

namespace concordat::ledger::evm {

inline constexpr std::size_t max_descendants = 1024;

struct InclusionProof {
    Bytes header;
    std::vector<Bytes> descendants;
    std::uint64_t index = 0;  // below trie::max_items
    Bytes transaction;
    trie::Proof transaction_proof;
    trie::Proof receipt_proof;
    trie::Proof previous_receipt_proof;
    bool operator==(const InclusionProof&) const = default;

    json::Object to_json() const;
    // Throws Error(bad_format | missing_field | unknown_field | too_large) at the JSON Pointer below `field`.
    static InclusionProof parse(const json::Value& value, std::string_view field);
};

struct Inclusion {
    std::vector<Header> chain;  // the block, then its descendants
    Hash256 block_hash;
    Hash256 head_hash;  // of the last descendant
    Hash256 transaction_hash;
    bool succeeded = false;
    std::uint64_t gas_used = 0;  // by this transaction
    std::vector<Log> logs;       // of this transaction, in order
    std::size_t confirmations() const { return chain.size() - 1; }
};

// Throws Error(bad_receipt | bad_format | too_large) at "<field>/<member>…" unless everything that is returned follows.
Inclusion check_inclusion(const InclusionProof& proof, std::string_view field);

// What a transaction cost its sender for being executed: the gas that its receipt and the one before it show, at the
// price that EIP-1559 makes of the transaction and its block's base fee. All of it is as proved as the inclusion is.
// Not in it: what a rollup takes besides for its data on another chain, which no receipt's bytes show.
struct Cost {
    std::uint64_t gas = 0;
    U256 price = 0;  // wei
    U256 wei = 0;
};
// Nothing where no chain could have charged it: above 2^128 wei, or a dynamic fee in a block without a base fee.
std::optional<Cost> cost_of(const Inclusion& inclusion, const Transaction& transaction);

// Makes the proof from a block's whole content: encoded headers, signed transactions and encoded receipts, in order.
// Throws Error(bad_receipt) at "<field>/transactions" or "<field>/receipts" when they do not make the header's roots.
InclusionProof prove_inclusion(const Header& header, std::span<const Header> descendants,
                               std::vector<Bytes> transactions, std::vector<Bytes> receipts, std::size_t index,
                               std::string_view field);

}  // namespace concordat::ledger::evm
