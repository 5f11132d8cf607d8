// Block headers of every Ethereum fork: the fifteen fields of the Yellow Paper, then, by fork, the base fee (EIP-1559),
// the withdrawals' root (EIP-4895), blob gas (EIP-4844), the parent beacon block's root (EIP-4788) and the requests'
// hash (EIP-7685). Fields beyond these are kept as they stand, so that the hash of a later fork's header stays right.
#pragma once
#include <optional>
#include <vector>

#include <base/json.hpp>

#include "address.hpp"
#include "rlp.hpp"

namespace concordat::ledger::evm {

inline constexpr std::size_t max_header_bytes = 1 << 16;  // a clique checkpoint lists its signers
inline constexpr std::size_t max_extra_bytes = 1 << 15;
inline constexpr std::size_t max_further_fields = 16;

using Bloom = std::array<std::uint8_t, 256>;

struct Header {
    Hash256 parent_hash;
    Hash256 uncles_hash;
    Address beneficiary;
    Hash256 state_root;
    Hash256 transactions_root;
    Hash256 receipts_root;
    Bloom logs_bloom{};
    U256 difficulty = 0;
    std::uint64_t number = 0;
    std::uint64_t gas_limit = 0;
    std::uint64_t gas_used = 0;
    std::uint64_t timestamp = 0;  // seconds
    Bytes extra_data;
    Hash256 mix_hash;
    std::array<std::uint8_t, 8> nonce{};
    // Each only where all before it are.
    std::optional<U256> base_fee;
    std::optional<Hash256> withdrawals_root;
    std::optional<std::uint64_t> blob_gas_used;
    std::optional<std::uint64_t> excess_blob_gas;
    std::optional<Hash256> parent_beacon_root;
    std::optional<Hash256> requests_hash;
    std::vector<Bytes> further;  // the RLP items after these, as they stand
    bool operator==(const Header&) const = default;

    Bytes encode() const;  // aborts when a field is there and one before it is not
    Hash256 hash() const;  // keccak256 of that: the block's hash
    // Throws Error(bad_format | too_large) at "<field>/<name>" with the names of JSON-RPC.
    static Header decode(ByteView encoded, std::string_view field);
};

// The block object of eth_getBlockBy…: its header's fields; other members are not looked at. Throws Error(bad_format |
// missing_field) at "<field>/<name>", at "<field>/hash" when the fields do not make the hash that the object gives.
Header header_from_rpc(const json::Value& block, std::string_view field);

}  // namespace concordat::ledger::evm
