#include "inclusion.hpp"

#include <algorithm>

#include "keccak.hpp"

namespace concordat::ledger::evm {
namespace {

constexpr std::string_view typ = "concordat/evm-inclusion/1";

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

std::string below(std::string_view field, std::string_view name) {
    return std::string(field) + "/" + std::string(name);
}

json::Array hex_array(const std::vector<Bytes>& items) {
    json::Array out;
    for (const auto& item : items) out.emplace_back(to_0x(item));
    return out;
}

std::vector<Bytes> read_array(json::Reader& in, std::string_view name, std::size_t max_items, std::size_t max_bytes) {
    std::vector<Bytes> out;
    for (const auto& item : in.array(name, max_items)) {
        const std::string at = in.at(name) + "/" + std::to_string(out.size());
        if (!item.is_string()) throw Error(Code::bad_format, at, "must be a string");
        out.push_back(parse_0x(item.get_string(), at, max_bytes));
    }
    return out;
}

Bytes read_bytes(json::Reader& in, std::string_view name, std::size_t max_bytes) {
    return parse_0x(in.string(name, 2 + 2 * max_bytes), in.at(name), max_bytes);
}

std::vector<Header> read_chain(const InclusionProof& proof, std::string_view field, Inclusion& out) {
    std::vector<Header> chain;
    chain.push_back(Header::decode(proof.header, below(field, "header")));
    out.block_hash = keccak256(proof.header);
    Hash256 parent = out.block_hash;
    if (proof.descendants.size() > max_descendants)
        throw Error(Code::too_large, below(field, "descendants"), "must be at most 1024");
    for (const auto& encoded : proof.descendants) {
        const std::string at = below(field, "descendants/" + std::to_string(chain.size() - 1));
        Header next = Header::decode(encoded, at);
        if (next.parent_hash != parent) refuse(at + "/parentHash", "must be the hash of the header before it");
        if (next.number != chain.back().number + 1) refuse(at + "/number", "must be one above the header before it");
        if (next.timestamp < chain.back().timestamp)
            refuse(at + "/timestamp", "must not be before the header before it");
        parent = keccak256(encoded);
        chain.push_back(std::move(next));
    }
    out.head_hash = parent;
    return chain;
}

Receipt read_receipt(const Header& header, std::uint64_t index, const trie::Proof& proof, const std::string& field) {
    const auto encoded = trie::verify(header.receipts_root, trie::index_key(index), proof, field);
    if (!encoded) refuse(field, "must show a receipt in the block");
    return Receipt::decode(*encoded, field);
}

void check_transaction(const InclusionProof& proof, const Header& header, std::string_view field) {
    const auto found = trie::verify(header.transactions_root, trie::index_key(proof.index), proof.transaction_proof,
                                    below(field, "transaction_proof"));
    if (!found) refuse(below(field, "transaction_proof"), "must show a transaction in the block");
    if (*found != proof.transaction) refuse(below(field, "transaction"), "must be the one that the proof shows");
}

std::uint8_t envelope_type(const Bytes& transaction) { return transaction[0] < 0xc0 ? transaction[0] : 0; }

// Gas is counted up over a block, so that one transaction's is the difference to the receipt before it.
std::uint64_t own_gas(const InclusionProof& proof, const Header& header, const Receipt& receipt,
                      std::string_view field) {
    std::uint64_t before = 0;
    if (proof.index == 0) {
        if (!proof.previous_receipt_proof.empty())
            refuse(below(field, "previous_receipt_proof"), "must not be there for a block's first transaction");
    } else {
        before =
            read_receipt(header, proof.index - 1, proof.previous_receipt_proof, below(field, "previous_receipt_proof"))
                .cumulative_gas;
    }
    if (receipt.cumulative_gas < before || receipt.cumulative_gas > header.gas_used)
        refuse(below(field, "receipt_proof"), "must count gas that grows within the block's");
    return receipt.cumulative_gas - before;
}

}  // namespace

json::Object InclusionProof::to_json() const {
    json::Object out{{"typ", typ},
                     {"header", to_0x(header)},
                     {"descendants", hex_array(descendants)},
                     {"index", static_cast<std::int64_t>(index)},
                     {"transaction", to_0x(transaction)},
                     {"transaction_proof", hex_array(transaction_proof)},
                     {"receipt_proof", hex_array(receipt_proof)}};
    if (index > 0) out.emplace("previous_receipt_proof", hex_array(previous_receipt_proof));
    return out;
}

InclusionProof InclusionProof::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    InclusionProof out;
    in.expect("typ", typ);
    out.header = read_bytes(in, "header", max_header_bytes);
    out.descendants = read_array(in, "descendants", max_descendants, max_header_bytes);
    out.index = static_cast<std::uint64_t>(in.integer("index", 0, static_cast<std::int64_t>(trie::max_items) - 1));
    out.transaction = read_bytes(in, "transaction", max_transaction_bytes);
    out.transaction_proof = read_array(in, "transaction_proof", trie::max_proof_nodes, trie::max_node_bytes);
    out.receipt_proof = read_array(in, "receipt_proof", trie::max_proof_nodes, trie::max_node_bytes);
    if (out.index > 0)
        out.previous_receipt_proof =
            read_array(in, "previous_receipt_proof", trie::max_proof_nodes, trie::max_node_bytes);
    in.finish();
    return out;
}

Inclusion check_inclusion(const InclusionProof& proof, std::string_view field) {
    Inclusion out;
    out.chain = read_chain(proof, field, out);
    const Header& header = out.chain.front();
    check_transaction(proof, header, field);
    const std::string receipt_field = below(field, "receipt_proof");
    Receipt receipt = read_receipt(header, proof.index, proof.receipt_proof, receipt_field);
    if (receipt.type != envelope_type(proof.transaction)) refuse(receipt_field, "must be of the transaction's type");
    if (receipt.state_root) refuse(receipt_field, "must give a status (EIP-658)");
    out.gas_used = own_gas(proof, header, receipt, field);
    out.transaction_hash = keccak256(proof.transaction);
    out.succeeded = receipt.succeeded;
    out.logs = std::move(receipt.logs);
    return out;
}

std::optional<Cost> cost_of(const Inclusion& inclusion, const Transaction& transaction) {
    static const U256 limit = U256(1) << 128;
    const std::optional<U256>& base = inclusion.chain.front().base_fee;
    const bool dynamic = transaction.type == Transaction::Type::dynamic_fee;
    if (transaction.gas_price >= limit || (dynamic && (!base || *base >= limit))) return std::nullopt;
    Cost out{.gas = inclusion.gas_used, .price = transaction.gas_price, .wei = 0};
    if (dynamic) out.price = std::min(transaction.gas_price, U256(*base + transaction.max_priority_fee));
    out.wei = out.price * out.gas;
    return out.wei < limit ? std::optional(out) : std::nullopt;
}

InclusionProof prove_inclusion(const Header& header, std::span<const Header> descendants,
                               std::vector<Bytes> transactions, std::vector<Bytes> receipts, std::size_t index,
                               std::string_view field) {
    if (index >= transactions.size())
        refuse(below(field, "index"), "must be below the number of the block's transactions");
    InclusionProof out;
    out.header = header.encode();
    for (const auto& next : descendants) out.descendants.push_back(next.encode());
    out.index = index;
    out.transaction = transactions[index];
    const trie::IndexTrie transaction_trie(std::move(transactions), below(field, "transactions"));
    if (transaction_trie.root() != header.transactions_root)
        refuse(below(field, "transactions"), "must make the header's transactionsRoot");
    const trie::IndexTrie receipt_trie(std::move(receipts), below(field, "receipts"));
    if (receipt_trie.root() != header.receipts_root)
        refuse(below(field, "receipts"), "must make the header's receiptsRoot");
    out.transaction_proof = transaction_trie.proof(index);
    out.receipt_proof = receipt_trie.proof(index);
    if (index > 0) out.previous_receipt_proof = receipt_trie.proof(index - 1);
    return out;
}

}  // namespace concordat::ledger::evm
