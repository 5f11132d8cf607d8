// The members that JWKs (RFC 7517, 7518 §6, 8037) share, read once for signature and encryption keys.
#pragma once
#include <base/json.hpp>
#include <base/secret.hpp>
#include <string_view>

namespace concordat::crypto::jwk {

using Coordinate = std::array<std::uint8_t, 32>;

struct Public {
    std::string_view crv;  // "secp256k1" "P-256" "Ed25519"
    Coordinate x{};
    Coordinate y{};  // EC only
    bool is_ec() const { return crv != "Ed25519"; }
};

struct Parsed {
    Public key;
    std::string kid;  // as given; "" when absent
    std::optional<SecretKey> d;
};

// `alg` gives the name that an "alg" member must have for a curve, or "" where the curve does not serve; `use`
// likewise. "d" is asked for or refused. Throws Error(bad_format | missing_field | unknown_field) naming the member.
using AlgOfCurve = std::string_view (*)(std::string_view crv);
Parsed parse(const json::Value& value, std::string_view field, AlgOfCurve alg, std::string_view use, bool is_private);

json::Object to_json(const Public& key);
Hash256 thumbprint(const Public& key);  // RFC 7638
Secret<std::string> to_private_text(const Public& key, const SecretKey& d);

}  // namespace concordat::crypto::jwk
