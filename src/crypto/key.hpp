// Signature keys as JWKs (RFC 7517): ES256K (RFC 8812, secp256k1), ES256 (P-256), EdDSA (RFC 8037, Ed25519).
// Signatures are JWS-raw: 64 bytes r‖s or Ed25519's; high-S ES256K/ES256 signatures are refused. ES256K and ES256 sign
// SHA-256 of the message. Key ids are RFC 7638 thumbprints.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <base/id.hpp>
#include <base/json.hpp>
#include <base/secret.hpp>
#include <memory>
#include <string>

struct evp_pkey_st;  // OpenSSL's EVP_PKEY

namespace concordat::crypto {

enum class Alg : std::uint8_t { es256k = 1, es256 = 2, eddsa = 3 };
std::string_view alg_name(Alg alg);  // "ES256K" "ES256" "EdDSA"
Alg alg_from_name(std::string_view name, std::string_view field);

using Signature = std::array<std::uint8_t, 64>;

// Cheap to copy (shares the parsed key). A default-constructed one verifies nothing.
class PublicKey {
  public:
    PublicKey() = default;
    // Throws Error(bad_format) naming the member; refuses private members, points off the curve, unknown members.
    // Accepted members: kty crv x y, and optional alg, kid (must be the thumbprint or a DID URL), use ("sig").
    static PublicKey from_jwk(const json::Value& jwk, std::string_view field);
    json::Object jwk() const;  // only the required members
    Alg alg() const;
    const Hash256& thumbprint() const;            // RFC 7638, SHA-256
    std::string kid() const;                      // base64url of the thumbprint
    bool answers_to(std::string_view kid) const;  // the thumbprint, or the DID URL that the JWK itself gave as kid
    bool verify(ByteView message, ByteView signature) const;
    explicit operator bool() const { return impl_ != nullptr; }
    bool operator==(const PublicKey& other) const;

    struct Impl;  // in key.cpp

  private:
    friend class PrivateKey;
    std::shared_ptr<const Impl> impl_;
};

class PrivateKey {
  public:
    PrivateKey() = default;  // empty: may only be assigned to
    static PrivateKey generate(Alg alg, Random& random);
    static PrivateKey from_jwk(const json::Value& jwk, std::string_view field);
    // Throws Error(bad_format) at "d" unless the secret is a scalar of the curve.
    static PrivateKey from_secret(Alg alg, const SecretKey& secret);
    Secret<std::string> jwk_text() const;  // with "d"
    const PublicKey& public_key() const { return public_; }
    // Low-S. ES256K (RFC 6979) and EdDSA (RFC 8032) are deterministic; ES256 is randomised by OpenSSL.
    Signature sign(ByteView message) const;

  private:
    PrivateKey(Alg alg, SecretKey secret);  // throws Error(bad_format) unless the secret is a valid scalar

    PublicKey public_;
    SecretKey secret_;
    std::shared_ptr<evp_pkey_st> p256_;  // ES256 only: OpenSSL's form of the secret, costly to make
};

// A P-256 key pair for ECDH-ES (RFC 7518 §4.6). As JWK: kty crv x y (d), and optional alg ("ECDH-ES+A256KW"), kid, use
// ("enc"); errors as for PublicKey.
class EncryptionPublicKey {
  public:
    EncryptionPublicKey() = default;
    static EncryptionPublicKey from_jwk(const json::Value& jwk, std::string_view field);
    json::Object jwk() const;
    const Hash256& thumbprint() const { return thumbprint_; }
    std::string kid() const;
    ByteView point() const { return point_; }  // 65 bytes, uncompressed

  private:
    friend class EncryptionPrivateKey;
    explicit EncryptionPublicKey(const std::array<std::uint8_t, 65>& point);

    std::array<std::uint8_t, 65> point_{};
    Hash256 thumbprint_;
};

class EncryptionPrivateKey {
  public:
    EncryptionPrivateKey() = default;  // empty: may only be assigned to
    static EncryptionPrivateKey generate(Random& random);
    static EncryptionPrivateKey from_jwk(const json::Value& jwk, std::string_view field);
    Secret<std::string> jwk_text() const;
    const EncryptionPublicKey& public_key() const { return public_; }
    SecretKey ecdh(const EncryptionPublicKey& peer) const;  // the x coordinate

  private:
    explicit EncryptionPrivateKey(SecretKey secret);

    EncryptionPublicKey public_;
    SecretKey secret_;
};

}  // namespace concordat::crypto
