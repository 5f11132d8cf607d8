// ECDSA on secp256k1 (SEC 1 §4.1) over a digest that the caller made, with the bit that lets the signer's key be
// recovered (SEC 1 §4.1.6). Signing is deterministic (RFC 6979) and low-S; recovery refuses high-S.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <base/secret.hpp>
#include <optional>

namespace concordat::crypto {

struct RecoverableSignature {
    std::array<std::uint8_t, 32> r{};
    std::array<std::uint8_t, 32> s{};
    std::uint8_t parity = 0;  // 0 or 1: whether the y coordinate of R is odd
    bool operator==(const RecoverableSignature&) const = default;
};

using Secp256k1Point = std::array<std::uint8_t, 65>;  // 0x04 ‖ x ‖ y

// Throws Error(bad_format) unless the secret is a valid scalar (1 … n−1).
Secp256k1Point secp256k1_point(const SecretKey& secret);
RecoverableSignature sign_recoverable(const SecretKey& secret, const Hash256& digest);
// Empty when no key made this signature: r or s zero or not below n, s in the upper half, parity over 1, no such point.
std::optional<Secp256k1Point> recover(const RecoverableSignature& signature, const Hash256& digest);

}  // namespace concordat::crypto
