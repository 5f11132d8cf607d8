// A chain of Ethereum headers of our own making, with the evidence that a transaction is in it.
#pragma once
#include <algorithm>
#include <ledger/evm/kind/kind.hpp>
#include <vector>

namespace concordat::ledger::evm::test {

inline SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

inline Receipt receipt_of(ByteView transaction, bool succeeded, std::uint64_t cumulative_gas,
                          std::vector<Log> logs = {}) {
    Receipt out;
    out.type = transaction[0] < 0xc0 ? transaction[0] : std::uint8_t{0};
    out.succeeded = succeeded;
    out.cumulative_gas = cumulative_gas;
    out.logs_bloom = bloom_of(logs);
    out.logs = std::move(logs);
    return out;
}

// The transactions are in its first block.
struct Chain {
    std::vector<Bytes> transactions;
    std::vector<Bytes> receipts;
    std::vector<Header> headers;
    std::vector<std::pair<Address, std::uint8_t>> sealers;  // none: not clique

    void add(Bytes transaction, bool succeeded = true, std::vector<Log> logs = {}) {
        const std::uint64_t gas = 21000 * (receipts.size() + 1);
        receipts.push_back(receipt_of(transaction, succeeded, gas, std::move(logs)).encode());
        transactions.push_back(std::move(transaction));
    }
    void seal_with(std::size_t count) {
        for (std::size_t i = 1; i <= count; ++i) {
            const auto secret = static_cast<std::uint8_t>(100 + i);
            sealers.emplace_back(address_of(crypto::secp256k1_point(secret_of(secret))), secret);
        }
        std::sort(sealers.begin(), sealers.end());
    }
    void build(std::size_t depth) {
        headers.clear();
        for (std::size_t i = 0; i < depth; ++i) {
            Header header;
            header.number = 40 + i;
            header.gas_used = i == 0 ? 1'000'000 : 0;
            header.base_fee = 7;
            header.uncles_hash = keccak256(Bytes{0xc0});
            header.transactions_root = i == 0 ? trie::IndexTrie(transactions, "t").root() : trie::empty_root();
            header.receipts_root = i == 0 ? trie::IndexTrie(receipts, "r").root() : trie::empty_root();
            if (i > 0) header.parent_hash = headers.back().hash();
            if (!sealers.empty()) {
                header.difficulty = 2;  // each seals in turn
                header.extra_data.resize(97);
                clique::seal(header, secret_of(sealers[header.number % sealers.size()].second));
            }
            headers.push_back(header);
        }
    }
    json::Value evidence(std::size_t index) const {
        return json::Object{{"inclusion", prove_inclusion(headers.front(), std::span(headers).subspan(1), transactions,
                                                          receipts, index, "/block")
                                              .to_json()}};
    }
};

}  // namespace concordat::ledger::evm::test
