// Runs every kept Wycheproof test (tests/vectors/wycheproof/README.md).
#include <gtest/gtest.h>
#include <base/file.hpp>

#include "jwe.hpp"
#include "key.hpp"
#include "p256.hpp"

namespace concordat::crypto {
namespace {

struct Case {
    const json::Object& group;
    const json::Object& test;
    std::string_view text(const char* name) const { return test.at(name).as_string(); }
    Bytes hex(const char* name) const { return from_hex(text(name)).value(); }
    std::string id() const {
        return "tcId " + std::to_string(test.at("tcId").as_int64()) + " " + std::string(text("comment"));
    }
    bool has(std::string_view result) const { return text("result") == result; }
};

template <class Run>
int for_each_case(std::string_view file, Run run) {
    const std::string path = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/wycheproof/" + std::string(file);
    const json::Value document = json::parse(read_text_file(path), file);
    int n = 0;
    for (const auto& group : document.at("testGroups").as_array()) {
        for (const auto& test : group.at("tests").as_array()) {
            run(Case{group.as_object(), test.as_object()});
            ++n;
        }
    }
    return n;
}

json::Object ec_jwk(std::string_view crv, ByteView point) {
    return {{"kty", "EC"},
            {"crv", crv},
            {"x", to_base64url(point.subspan(1, 32))},
            {"y", to_base64url(point.subspan(33, 32))}};
}

Bytes minus(ByteView a, ByteView b) {
    Bytes out(a.size());
    int borrow = 0;
    for (std::size_t i = a.size(); i-- > 0;) {
        const int digit = a[i] - b[i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        out[i] = static_cast<std::uint8_t>(digit & 0xff);
    }
    return out;
}

struct Totals {
    int accepted = 0, refused = 0, high_s = 0;
};

// A signature holds for us if it is valid and s lies in the lower half; a valid one with s in the upper half must be
// refused for that reason only, so n - s in its place must hold.
void check_ecdsa(const Case& c, std::string_view crv, const Bytes& order, Totals& totals) {
    const Bytes point = from_hex(std::string_view(c.group.at("publicKey").at("uncompressed").as_string())).value();
    const PublicKey key = PublicKey::from_jwk(ec_jwk(crv, point), "key");
    const Bytes message = c.hex("msg");
    Bytes signature = c.hex("sig");
    const bool holds = key.verify(message, signature);
    if (!c.has("valid")) {
        EXPECT_FALSE(holds) << c.id();
        ++totals.refused;
        return;
    }
    const Bytes s(signature.begin() + 32, signature.end());
    const Bytes negated = minus(order, s);
    if (s <= negated) {
        EXPECT_TRUE(holds) << c.id();
        ++totals.accepted;
        return;
    }
    EXPECT_FALSE(holds) << c.id();
    std::copy(negated.begin(), negated.end(), signature.begin() + 32);
    EXPECT_TRUE(key.verify(message, signature)) << c.id();
    ++totals.high_s;
}

TEST(Wycheproof, Es256k) {
    const Bytes order = from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();
    Totals totals;
    EXPECT_EQ(for_each_case("ecdsa_secp256k1_sha256_p1363_test.json",
                            [&](const Case& c) { check_ecdsa(c, "secp256k1", order, totals); }),
              252);
    EXPECT_EQ(totals.refused, 85);
    EXPECT_EQ(totals.accepted + totals.high_s, 167);
    EXPECT_GT(totals.accepted, 0);
    EXPECT_GT(totals.high_s, 0);
}

TEST(Wycheproof, Es256) {
    const Bytes order = from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").value();
    Totals totals;
    EXPECT_EQ(for_each_case("ecdsa_secp256r1_sha256_p1363_test.json",
                            [&](const Case& c) { check_ecdsa(c, "P-256", order, totals); }),
              262);
    EXPECT_EQ(totals.refused, 89);
    EXPECT_EQ(totals.accepted + totals.high_s, 173);
    EXPECT_GT(totals.accepted, 0);
    EXPECT_GT(totals.high_s, 0);
}

TEST(Wycheproof, EdDsa) {
    const auto run = [](const Case& c) {
        const Bytes x = from_hex(std::string_view(c.group.at("publicKey").at("pk").as_string())).value();
        const json::Object jwk{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", to_base64url(x)}};
        EXPECT_EQ(PublicKey::from_jwk(jwk, "key").verify(c.hex("msg"), c.hex("sig")), c.has("valid")) << c.id();
    };
    EXPECT_EQ(for_each_case("ed25519_test.json", run), 151);
}

EncryptionPrivateKey private_key(const Bytes& number) {
    Bytes scalar(32, 0);
    const std::size_t size = std::min<std::size_t>(number.size(), 32);  // some carry a leading zero byte
    std::copy(number.end() - static_cast<std::ptrdiff_t>(size), number.end(),
              scalar.end() - static_cast<std::ptrdiff_t>(size));
    json::Object jwk = ec_jwk("P-256", p256::public_of(scalar).value());
    jwk["d"] = to_base64url(scalar);
    return EncryptionPrivateKey::from_jwk(jwk, "key");
}

TEST(Wycheproof, EcdhEs) {
    const auto run = [](const Case& c) {
        const Bytes point = c.hex("public");
        if (point.size() != 65) {  // compressed or of another curve: has no JWK
            EXPECT_FALSE(c.has("valid")) << c.id();
            return;
        }
        const json::Object jwk = ec_jwk("P-256", point);
        if (!c.has("valid")) {
            EXPECT_THROW((void)EncryptionPublicKey::from_jwk(jwk, "key"), Error) << c.id();
            return;
        }
        const SecretKey shared = private_key(c.hex("private")).ecdh(EncryptionPublicKey::from_jwk(jwk, "key"));
        EXPECT_EQ(to_hex(shared.expose()), c.text("shared")) << c.id();
    };
    EXPECT_EQ(for_each_case("ecdh_secp256r1_ecpoint_test.json", run), 355);
}

SecretKey key_of(const Bytes& bytes) {
    SecretKey key;
    std::copy(bytes.begin(), bytes.end(), key.expose().begin());
    return key;
}

TEST(Wycheproof, Aes256Gcm) {
    const auto run = [](const Case& c) {
        const SecretKey key = key_of(c.hex("key"));
        Nonce nonce;
        const Bytes iv = c.hex("iv");
        std::copy(iv.begin(), iv.end(), nonce.begin());
        Bytes sealed = c.hex("ct");
        const Bytes tag = c.hex("tag");
        sealed.insert(sealed.end(), tag.begin(), tag.end());
        const auto opened = open(key, nonce, c.hex("aad"), sealed);
        EXPECT_EQ(opened.has_value(), c.has("valid")) << c.id();
        EXPECT_EQ(seal(key, nonce, c.hex("aad"), c.hex("msg")) == sealed, c.has("valid")) << c.id();
        EXPECT_EQ(opened.value_or(c.hex("msg")), c.hex("msg")) << c.id();
    };
    EXPECT_EQ(for_each_case("aes_gcm_test.json", run), 66);
}

TEST(Wycheproof, Aes256KeyWrap) {
    int accepted = 0;
    const auto run = [&](const Case& c) {
        const SecretKey kek = key_of(c.hex("key"));
        const auto key = unwrap_key(kek, c.hex("ct"));
        const bool ours = c.hex("msg").size() == 32;  // we wrap keys of 32 bytes only
        EXPECT_EQ(key.has_value(), c.has("valid") && ours) << c.id();
        if (!key) return;
        ++accepted;
        EXPECT_EQ(to_hex(key->expose()), c.text("msg")) << c.id();
        EXPECT_EQ(wrap_key(kek, *key), c.hex("ct")) << c.id();
    };
    EXPECT_EQ(for_each_case("aes_wrap_test.json", run), 68);
    EXPECT_GT(accepted, 0);
}

}  // namespace
}  // namespace concordat::crypto
