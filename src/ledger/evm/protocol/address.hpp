// Ethereum addresses (EIP-55 text), and the CAIP-2 and CAIP-10 names of chains and accounts in namespace eip155.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <compare>
#include <crypto/key.hpp>
#include <crypto/recoverable.hpp>
#include <string>
#include <string_view>

#include "amount.hpp"

namespace concordat::ledger::evm {

struct Address {
    std::array<std::uint8_t, 20> bytes{};
    auto operator<=>(const Address&) const = default;
    ByteView view() const { return bytes; }
    bool is_zero() const { return *this == Address{}; }
    std::string text() const;   // EIP-55
    std::string lower() const;  // 0x and lower-case hex
    // 0x and 40 hex digits, in lower case or with EIP-55's. Throws Error(bad_format) naming `field`.
    static Address parse(std::string_view text, std::string_view field);
    static Address from(ByteView twenty_bytes);  // aborts on another size
};

Address address_of(const crypto::Secp256k1Point& public_key);
Address address_of(const crypto::PublicKey& key, std::string_view field);  // throws bad_format unless ES256K
// Where a contract comes to be: created by a transaction of `sender`, or by CREATE2 (EIP-1014).
Address created_address(const Address& sender, std::uint64_t nonce);
Address created_address(const Address& sender, const Hash256& salt, const Hash256& init_code_hash);

// "eip155:<decimal>", 1 … 2^63−1 (what wallets and nodes can hold).
struct ChainId {
    std::uint64_t value = 0;
    auto operator<=>(const ChainId&) const = default;
    std::string text() const;
    static ChainId parse(std::string_view text, std::string_view field);
};

// "eip155:<decimal>:0x…"
struct Account {
    ChainId chain;
    Address address;
    auto operator<=>(const Account&) const = default;
    std::string text() const;
    static Account parse(std::string_view text, std::string_view field);
};

}  // namespace concordat::ledger::evm
