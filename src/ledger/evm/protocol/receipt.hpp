// Transaction receipts as they stand in a block's receipts trie: legacy and typed (EIP-2718), with a status (EIP-658)
// or, before Byzantium, the state's root.
#pragma once
#include <optional>
#include <vector>

#include "header.hpp"

namespace concordat::ledger::evm {

inline constexpr std::size_t max_receipt_bytes = std::size_t{1} << 22;
inline constexpr std::size_t max_logs = 16384;
inline constexpr std::size_t max_topics = 4;

struct Log {
    Address address;
    std::vector<Hash256> topics;
    Bytes data;
    bool operator==(const Log&) const = default;
};

struct Receipt {
    std::uint8_t type = 0;              // 0 legacy, else EIP-2718's, 1 … 0x7f
    std::optional<Hash256> state_root;  // before Byzantium, in place of the status
    bool succeeded = false;             // status 1
    std::uint64_t cumulative_gas = 0;   // of the block up to and with this transaction
    Bloom logs_bloom{};
    std::vector<Log> logs;
    bool operator==(const Receipt&) const = default;

    Bytes encode() const;
    // Throws Error(bad_format | too_large) at "<field>/<name>" with the names of JSON-RPC.
    static Receipt decode(ByteView encoded, std::string_view field);
};

Bloom bloom_of(const std::vector<Log>& logs);  // Yellow Paper §4.3.1
// The receipt object of eth_getTransactionReceipt and eth_getBlockReceipts; members of no meaning here are not looked
// at.
Receipt receipt_from_rpc(const json::Value& receipt, std::string_view field);

}  // namespace concordat::ledger::evm
