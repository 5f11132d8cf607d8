#include <algorithm>

#include "jwk.hpp"
#include "key.hpp"
#include "p256.hpp"

namespace concordat::crypto {
namespace {

std::string_view alg_of_curve(std::string_view crv) { return crv == "P-256" ? "ECDH-ES+A256KW" : ""; }

jwk::Public jwk_of(ByteView point) {
    jwk::Public key{.crv = "P-256"};
    std::copy_n(point.begin() + 1, 32, key.x.begin());
    std::copy_n(point.begin() + 33, 32, key.y.begin());
    return key;
}

p256::Point to_point(const jwk::Public& key) {
    p256::Point point;
    point[0] = 0x04;
    std::copy(key.x.begin(), key.x.end(), point.begin() + 1);
    std::copy(key.y.begin(), key.y.end(), point.begin() + 33);
    return point;
}

p256::Point copy_point(ByteView bytes) {
    p256::Point point;
    std::copy_n(bytes.begin(), point.size(), point.begin());
    return point;
}

p256::Point public_or_throw(const SecretKey& secret) {
    if (const auto point = p256::public_of(secret.expose())) return *point;
    throw Error(Code::bad_format, "d", "must be a scalar between zero and the curve's order");
}

}  // namespace

EncryptionPublicKey::EncryptionPublicKey(const std::array<std::uint8_t, 65>& point)
    : point_(point), thumbprint_(jwk::thumbprint(jwk_of(point))) {}

EncryptionPublicKey EncryptionPublicKey::from_jwk(const json::Value& value, std::string_view field) {
    const jwk::Parsed parsed = jwk::parse(value, field, alg_of_curve, "enc", false);
    const p256::Point point = to_point(parsed.key);
    if (!p256::on_curve(point)) {
        throw Error(Code::bad_format, std::string(field) + "/x", "must give a point on the curve");
    }
    return EncryptionPublicKey(point);
}

json::Object EncryptionPublicKey::jwk() const { return jwk::to_json(jwk_of(point_)); }
std::string EncryptionPublicKey::kid() const { return to_base64url(thumbprint_.view()); }

EncryptionPrivateKey::EncryptionPrivateKey(SecretKey secret)
    : public_(public_or_throw(secret)), secret_(std::move(secret)) {}

EncryptionPrivateKey EncryptionPrivateKey::generate(Random& random) {
    for (;;) {
        SecretKey secret;
        random.fill(secret.expose());
        if (p256::public_of(secret.expose())) return EncryptionPrivateKey(std::move(secret));
    }
}

EncryptionPrivateKey EncryptionPrivateKey::from_jwk(const json::Value& value, std::string_view field) {
    jwk::Parsed parsed = jwk::parse(value, field, alg_of_curve, "enc", true);
    const auto own = p256::public_of(parsed.d->expose());
    if (!own || *own != to_point(parsed.key)) {
        throw Error(Code::bad_format, std::string(field) + "/d", "must be the private key of x and y");
    }
    return EncryptionPrivateKey(std::move(*parsed.d));
}

Secret<std::string> EncryptionPrivateKey::jwk_text() const {
    return jwk::to_private_text(jwk_of(public_.point()), secret_);
}

SecretKey EncryptionPrivateKey::ecdh(const EncryptionPublicKey& peer) const {
    if (peer.point()[0] != 0x04) panic("an empty encryption key was used");
    const auto own = p256::make_pkey(copy_point(public_.point()), secret_.expose());
    return SecretKey(p256::ecdh(own, p256::make_pkey(copy_point(peer.point()), {})));
}

}  // namespace concordat::crypto
