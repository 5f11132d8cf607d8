#include "key.hpp"

#include <secp256k1.h>
#include <sodium.h>

#include "hash.hpp"
#include "jwk.hpp"
#include "p256.hpp"

namespace concordat::crypto {
namespace {

constexpr std::string_view alg_names[] = {"ES256K", "ES256", "EdDSA"};
constexpr std::string_view curve_names[] = {"secp256k1", "P-256", "Ed25519"};

std::size_t index_of(Alg alg) { return static_cast<std::size_t>(alg) - 1; }

std::string_view alg_of_curve(std::string_view crv) {
    for (std::size_t i = 0; i < 3; ++i) {
        if (crv == curve_names[i]) return alg_names[i];
    }
    return "";
}

Alg alg_of_known_curve(std::string_view crv) { return alg_from_name(alg_of_curve(crv), "crv"); }

void must(int result, std::string_view what) {
    if (result != 1) panic(what);
}

// Signing needs a context of its own; it is blinded once against side channels and then only read.
const secp256k1_context* signing_context() {
    static const secp256k1_context* const context = [] {
        secp256k1_context* made = secp256k1_context_create(SECP256K1_CONTEXT_NONE);
        std::array<std::uint8_t, 32> blind;
        SystemRandom().fill(blind);
        must(secp256k1_context_randomize(made, blind.data()), "secp256k1_context_randomize");
        return made;
    }();
    return context;
}

p256::Point uncompressed(const jwk::Public& key) {
    p256::Point point;
    point[0] = 0x04;
    std::copy(key.x.begin(), key.x.end(), point.begin() + 1);
    std::copy(key.y.begin(), key.y.end(), point.begin() + 33);
    return point;
}

jwk::Public of_point(std::string_view crv, const p256::Point& point) {
    jwk::Public key{.crv = crv};
    std::copy(point.begin() + 1, point.begin() + 33, key.x.begin());
    std::copy(point.begin() + 33, point.end(), key.y.begin());
    return key;
}

std::optional<jwk::Public> secp256k1_public_of(const SecretKey& secret) {
    secp256k1_pubkey parsed;
    if (secp256k1_ec_pubkey_create(signing_context(), &parsed, secret.expose().data()) != 1) return std::nullopt;
    p256::Point point;
    std::size_t size = point.size();
    secp256k1_ec_pubkey_serialize(secp256k1_context_static, point.data(), &size, &parsed, SECP256K1_EC_UNCOMPRESSED);
    return of_point("secp256k1", point);
}

jwk::Public ed25519_public_of(const SecretKey& seed) {
    jwk::Public key{.crv = "Ed25519"};
    Secret<std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES>> expanded;
    crypto_sign_seed_keypair(key.x.data(), expanded.expose().data(), seed.expose().data());
    return key;
}

// Empty when the secret is not a valid scalar for the curve.
std::optional<jwk::Public> public_of(Alg alg, const SecretKey& secret) {
    if (alg == Alg::es256k) return secp256k1_public_of(secret);
    if (alg == Alg::eddsa) return ed25519_public_of(secret);
    const auto point = p256::public_of(secret.expose());
    if (!point) return std::nullopt;
    return of_point("P-256", *point);
}

}  // namespace

std::string_view alg_name(Alg alg) {
    if (index_of(alg) >= 3) panic("an algorithm outside the table");
    return alg_names[index_of(alg)];
}

Alg alg_from_name(std::string_view name, std::string_view field) {
    for (std::size_t i = 0; i < 3; ++i) {
        if (alg_names[i] == name) return static_cast<Alg>(i + 1);
    }
    throw Error(Code::bad_format, std::string(field), "must be ES256K, ES256 or EdDSA");
}

struct PublicKey::Impl {
    Alg alg;
    jwk::Public jwk;
    Hash256 thumbprint;
    std::string kid;
    std::string did_url;  // the JWK's own kid, where that is a DID URL
    secp256k1_pubkey secp256k1{};
    p256::Pkey p256;

    // Throws unless the point is one that a key may have.
    Impl(const jwk::Public& key, std::string_view field)
        : alg(alg_of_known_curve(key.crv)),
          jwk(key),
          thumbprint(jwk::thumbprint(key)),
          kid(to_base64url(thumbprint.view())) {
        if (!load()) throw Error(Code::bad_format, std::string(field) + "/x", "must give a point on the curve");
    }

    bool load() {
        if (alg == Alg::eddsa) return crypto_core_ed25519_is_valid_point(jwk.x.data()) == 1;
        const p256::Point point = uncompressed(jwk);
        if (alg == Alg::es256k) {
            return secp256k1_ec_pubkey_parse(secp256k1_context_static, &secp256k1, point.data(), point.size()) == 1;
        }
        if (!p256::on_curve(point)) return false;
        p256 = p256::make_pkey(point, {});
        return true;
    }

    bool verify_secp256k1(ByteView message, ByteView signature) const {
        secp256k1_ecdsa_signature parsed;
        const auto* context = secp256k1_context_static;
        if (secp256k1_ecdsa_signature_parse_compact(context, &parsed, signature.data()) != 1) return false;
        // The library accepts only the lower half of s, which is our rule too.
        return secp256k1_ecdsa_verify(context, &parsed, sha256(message).bytes.data(), &secp256k1) == 1;
    }

    bool verify(ByteView message, ByteView signature) const {
        switch (alg) {
            case Alg::es256k:
                return verify_secp256k1(message, signature);
            case Alg::es256:
                return p256::verify(p256, sha256(message), signature);
            case Alg::eddsa:
                return crypto_sign_verify_detached(signature.data(), message.data(), message.size(), jwk.x.data()) == 0;
        }
        return false;
    }
};

namespace {

const PublicKey::Impl& loaded(const std::shared_ptr<const PublicKey::Impl>& impl) {
    if (impl == nullptr) panic("an empty public key was asked for its content");
    return *impl;
}

}  // namespace

PublicKey PublicKey::from_jwk(const json::Value& value, std::string_view field) {
    const jwk::Parsed parsed = jwk::parse(value, field, alg_of_curve, "sig", false);
    auto impl = std::make_shared<Impl>(parsed.key, field);
    if (parsed.kid != impl->kid) impl->did_url = parsed.kid;
    PublicKey key;
    key.impl_ = std::move(impl);
    return key;
}

json::Object PublicKey::jwk() const { return jwk::to_json(loaded(impl_).jwk); }
Alg PublicKey::alg() const { return loaded(impl_).alg; }
const Hash256& PublicKey::thumbprint() const { return loaded(impl_).thumbprint; }
std::string PublicKey::kid() const { return loaded(impl_).kid; }

bool PublicKey::answers_to(std::string_view kid) const {
    if (impl_ == nullptr || kid.empty()) return false;
    return kid == impl_->kid || kid == impl_->did_url;
}

bool PublicKey::verify(ByteView message, ByteView signature) const {
    return impl_ != nullptr && signature.size() == 64 && impl_->verify(message, signature);
}

bool PublicKey::operator==(const PublicKey& other) const {
    if (impl_ == nullptr || other.impl_ == nullptr) return impl_ == other.impl_;
    return impl_->thumbprint == other.impl_->thumbprint;
}

PrivateKey::PrivateKey(Alg alg, SecretKey secret) : secret_(std::move(secret)) {
    const auto key = crypto::public_of(alg, secret_);
    if (!key) throw Error(Code::bad_format, "d", "must be a scalar between zero and the curve's order");
    public_.impl_ = std::make_shared<PublicKey::Impl>(*key, "d");
    if (alg == Alg::es256) p256_ = p256::make_pkey(uncompressed(*key), secret_.expose());
}

PrivateKey PrivateKey::generate(Alg alg, Random& random) {
    for (;;) {
        SecretKey secret;
        random.fill(secret.expose());
        if (crypto::public_of(alg, secret)) return PrivateKey(alg, std::move(secret));
    }
}

PrivateKey PrivateKey::from_jwk(const json::Value& value, std::string_view field) {
    jwk::Parsed parsed = jwk::parse(value, field, alg_of_curve, "sig", true);
    const Alg alg = alg_of_known_curve(parsed.key.crv);
    const auto own = crypto::public_of(alg, *parsed.d);
    if (!own || own->x != parsed.key.x || own->y != parsed.key.y) {
        throw Error(Code::bad_format, std::string(field) + "/d", "must be the private key of x and y");
    }
    return PrivateKey(alg, std::move(*parsed.d));
}

PrivateKey PrivateKey::from_secret(Alg alg, const SecretKey& secret) { return {alg, secret.copy()}; }

Secret<std::string> PrivateKey::jwk_text() const { return jwk::to_private_text(loaded(public_.impl_).jwk, secret_); }

Signature PrivateKey::sign(ByteView message) const {
    const PublicKey::Impl& impl = loaded(public_.impl_);
    Signature out;
    if (impl.alg == Alg::es256) return p256::sign(p256_, sha256(message));
    if (impl.alg == Alg::es256k) {
        secp256k1_ecdsa_signature signature;
        const Hash256 digest = sha256(message);
        must(secp256k1_ecdsa_sign(signing_context(), &signature, digest.bytes.data(), secret_.expose().data(), nullptr,
                                  nullptr),
             "secp256k1_ecdsa_sign");
        secp256k1_ecdsa_signature_serialize_compact(secp256k1_context_static, out.data(), &signature);
        return out;
    }
    Secret<std::array<std::uint8_t, crypto_sign_SECRETKEYBYTES>> expanded;  // seed ‖ public key
    std::copy(secret_.expose().begin(), secret_.expose().end(), expanded.expose().begin());
    std::copy(impl.jwk.x.begin(), impl.jwk.x.end(), expanded.expose().begin() + 32);
    crypto_sign_detached(out.data(), nullptr, message.data(), message.size(), expanded.expose().data());
    return out;
}

}  // namespace concordat::crypto
