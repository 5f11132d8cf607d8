// Ethereum transactions that an account signs with a secp256k1 key: legacy (EIP-155, or without a chain as before it),
// access-list (EIP-2930, type 1) and dynamic-fee (EIP-1559, type 2). Amounts are wei, gas in its unit. Signatures are
// low-S (EIP-2). Decoding is strict: what is accepted encodes to the same bytes.
#pragma once
#include <base/json.hpp>
#include <optional>
#include <vector>

#include "address.hpp"
#include "keccak.hpp"

namespace concordat::ledger::evm {

inline constexpr std::size_t max_transaction_bytes = 1 << 18;  // twice what nodes relay
inline constexpr std::size_t max_access_entries = 4096;        // addresses and keys together

struct AccessEntry {
    Address address;
    std::vector<Hash256> storage_keys;
    bool operator==(const AccessEntry&) const = default;
};

struct Transaction {
    enum class Type : std::uint8_t { legacy = 0, access_list = 1, dynamic_fee = 2 };
    Type type = Type::dynamic_fee;
    std::uint64_t chain_id = 0;  // 1 … 2^63−1; 0 only for a legacy one that any chain takes
    std::uint64_t nonce = 0;
    U256 gas_price = 0;         // dynamic_fee: max_fee_per_gas
    U256 max_priority_fee = 0;  // dynamic_fee only; at most gas_price
    std::uint64_t gas_limit = 0;
    std::optional<Address> to;  // empty: creates a contract from `data`
    U256 value = 0;
    Bytes data;
    std::vector<AccessEntry> access_list;  // not for legacy
    bool operator==(const Transaction&) const = default;
};

struct SignedTransaction {
    Transaction transaction;
    crypto::RecoverableSignature signature;
    bool operator==(const SignedTransaction&) const = default;
};

// Throws Error(bad_format | too_large) at "/transaction/…" when a member has no place in the type or is out of bounds.
void check(const Transaction& transaction);
Bytes signing_payload(const Transaction& transaction);  // what is hashed for signing; checked first
Hash256 signing_hash(const Transaction& transaction);
SignedTransaction sign(const Transaction& transaction, const SecretKey& secret);
Bytes encode(const SignedTransaction& signed_transaction);  // what eth_sendRawTransaction takes
SignedTransaction decode_transaction(ByteView encoded);     // errors name "/transaction/…"
// The signed bytes of a transaction object of eth_getTransactionBy… or of a full block: also of types 3 (EIP-4844, in
// the form that blocks hold) and 4 (EIP-7702), which stand beside ours in a block. Throws Error(bad_format |
// missing_field | too_large) at "<field>/<name>", at "<field>/hash" when the members do not make the hash that the
// object gives.
Bytes raw_transaction_from_rpc(const json::Value& transaction, std::string_view field);
Address sender(const SignedTransaction& signed_transaction);  // throws bad_signature at /transaction/signature
inline Hash256 transaction_hash(ByteView encoded) { return keccak256(encoded); }

}  // namespace concordat::ledger::evm
