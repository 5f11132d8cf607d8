#include "recoverable.hpp"

#include <secp256k1.h>
#include <secp256k1_recovery.h>
#include <algorithm>
#include <base/error.hpp>
#include <base/id.hpp>

namespace concordat::crypto {
namespace {

// Blinded once, so that signing leaks less about the secret through timing and power.
const secp256k1_context* blinded_context() {
    static const secp256k1_context* const context = [] {
        secp256k1_context* made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        std::array<std::uint8_t, 32> blind;
        SystemRandom().fill(blind);
        if (secp256k1_context_randomize(made, blind.data()) != 1) panic("secp256k1_context_randomize failed");
        return made;
    }();
    return context;
}

Secp256k1Point serialize(const secp256k1_pubkey& key) {
    Secp256k1Point point;
    std::size_t size = point.size();
    secp256k1_ec_pubkey_serialize(secp256k1_context_static, point.data(), &size, &key, SECP256K1_EC_UNCOMPRESSED);
    return point;
}

[[noreturn]] void refuse_secret() {
    throw Error(Code::bad_format, "secret", "must be a scalar from 1 to the order of secp256k1 less 1");
}

bool is_high_s(const secp256k1_ecdsa_recoverable_signature& signature) {
    secp256k1_ecdsa_signature plain;
    secp256k1_ecdsa_recoverable_signature_convert(secp256k1_context_static, &plain, &signature);
    return secp256k1_ecdsa_signature_normalize(secp256k1_context_static, nullptr, &plain) == 1;
}

}  // namespace

Secp256k1Point secp256k1_point(const SecretKey& secret) {
    secp256k1_pubkey key;
    if (secp256k1_ec_pubkey_create(blinded_context(), &key, secret.expose().data()) != 1) refuse_secret();
    return serialize(key);
}

RecoverableSignature sign_recoverable(const SecretKey& secret, const Hash256& digest) {
    secp256k1_ecdsa_recoverable_signature made;
    if (secp256k1_ecdsa_sign_recoverable(blinded_context(), &made, digest.bytes.data(), secret.expose().data(), nullptr,
                                         nullptr) != 1)
        refuse_secret();
    std::array<std::uint8_t, 64> compact;
    int id = 0;
    secp256k1_ecdsa_recoverable_signature_serialize_compact(secp256k1_context_static, compact.data(), &id, &made);
    // An id of 2 or 3 (r above n) has a chance of 2^-127 and no place in the formats that use this.
    if (id > 1) panic("a signature whose R lies above the group's order");
    RecoverableSignature out;
    std::copy_n(compact.begin(), 32, out.r.begin());
    std::copy_n(compact.begin() + 32, 32, out.s.begin());
    out.parity = static_cast<std::uint8_t>(id);
    return out;
}

std::optional<Secp256k1Point> recover(const RecoverableSignature& signature, const Hash256& digest) {
    if (signature.parity > 1) return std::nullopt;
    std::array<std::uint8_t, 64> compact;
    std::copy(signature.r.begin(), signature.r.end(), compact.begin());
    std::copy(signature.s.begin(), signature.s.end(), compact.begin() + 32);
    secp256k1_ecdsa_recoverable_signature parsed;
    const auto* context = secp256k1_context_static;
    if (secp256k1_ecdsa_recoverable_signature_parse_compact(context, &parsed, compact.data(), signature.parity) != 1)
        return std::nullopt;
    if (is_high_s(parsed)) return std::nullopt;
    secp256k1_pubkey key;
    if (secp256k1_ecdsa_recover(context, &key, &parsed, digest.bytes.data()) != 1) return std::nullopt;
    return serialize(key);
}

}  // namespace concordat::crypto
