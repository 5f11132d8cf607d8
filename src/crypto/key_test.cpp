#include "key.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "hash.hpp"
#include "p256.hpp"

namespace concordat::crypto {
namespace {

constexpr Alg all_algs[] = {Alg::es256k, Alg::es256, Alg::eddsa};

json::Value jwk(std::string_view text) { return json::parse(text, "jwk"); }

template <class F>
void expect_error(Code code, std::string_view field, F f) {
    try {
        f();
        ADD_FAILURE() << "nothing thrown for " << field;
    } catch (const Error& error) {
        EXPECT_EQ(code_name(error.code()), code_name(code)) << error.what();
        EXPECT_EQ(error.field(), field) << error.what();
    }
}

TEST(Key, FollowsRfc8037AppendixA) {
    const auto value =
        jwk("{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"d\":\"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A\","
            "\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}");
    const PrivateKey key = PrivateKey::from_jwk(value, "key");
    EXPECT_EQ(key.public_key().kid(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    const Signature signature = key.sign(bytes_of("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc"));
    EXPECT_EQ(to_base64url(signature),
              "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg");
}

const char* rfc7515_key =
    "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
    "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"d\":\"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI\"}";

TEST(Key, FollowsRfc7515AppendixA3ExceptForItsHighS) {
    const PrivateKey key = PrivateKey::from_jwk(jwk(rfc7515_key), "key");
    const auto input = bytes_of(
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0"
        "cnVlfQ");
    Bytes signature =
        from_base64url("DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q")
            .value();
    EXPECT_FALSE(key.public_key().verify(input, signature));  // its s lies in the upper half
    const Bytes order = from_hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").value();
    int borrow = 0;
    for (std::size_t i = 32; i-- > 0;) {
        const int digit = order[i] - signature[32 + i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        signature[32 + i] = static_cast<std::uint8_t>(digit & 0xff);
    }
    EXPECT_TRUE(key.public_key().verify(input, signature));
}

TEST(Key, SignsEs256kDeterministically) {
    // Widely used RFC 6979 vector for secp256k1: private key 1, "Satoshi Nakamoto".
    const auto value = jwk(
        "{\"kty\":\"EC\",\"crv\":\"secp256k1\",\"d\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAE\","
        "\"x\":\"eb5mfvncu6xVoGKVzocLBwKb_NstzijZWfKBWxb4F5g\",\"y\":\"SDradyajxGVdpPv8DhEIqP0XtEimhVQZnEfQj_sQ1Lg\"}");
    EXPECT_EQ(to_hex(PrivateKey::from_jwk(value, "key").sign(bytes_of("Satoshi Nakamoto"))),
              "934b1ea10a4b3c1757e2b0c017d0b6143ce3c9a7e6a4a49860d7a6ab210ee3d8"
              "2442ce9d2b916064108014783e923ec36b49743e2ffa1c4496f01a512aafd9e5");
}

TEST(Key, FollowsRfc7518AppendixC) {
    const auto alice = EncryptionPrivateKey::from_jwk(
        jwk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"gI0GAILBdu7T53akrFmMyGcsF3n5dO7MmwNBHKW5SV0\","
            "\"y\":\"SLW_xSffzlPWrHEVI30DHM_4egVwt3NQqeUD7nMFpps\",\"d\":\"0_NxaRPUMQoAJt50Gz8YiTr8gRTwyEaCumd-"
            "MToTmIo\"}"),
        "alice");
    const auto bob = EncryptionPrivateKey::from_jwk(
        jwk("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"weNJy2HscCSM6AEDTDg04biOvhFhyyWvOHQfeF_PxMQ\","
            "\"y\":\"e8lnCO-AlStT-NJVX-crhB7QRYhiix03illJOVAOyck\",\"d\":"
            "\"VEmDZpDXXK8p8N0Cndsxs924q6nS1RXFASRl6BfUqdw\"}"),
        "bob");
    const std::array<std::uint8_t, 32> z = {158, 86,  217, 29,  129, 113, 53,  211, 114, 131, 66,
                                            131, 191, 132, 38,  156, 251, 49,  110, 163, 218, 128,
                                            106, 72,  246, 218, 167, 121, 140, 254, 144, 196};
    EXPECT_EQ(alice.ecdh(bob.public_key()).expose(), z);
    EXPECT_EQ(bob.ecdh(alice.public_key()).expose(), z);
}

TEST(Key, SignsAndRefusesEveryChange) {
    SystemRandom random;
    for (const Alg alg : all_algs) {
        const PrivateKey key = PrivateKey::generate(alg, random);
        const PrivateKey stranger = PrivateKey::generate(alg, random);
        const Bytes message = to_bytes(bytes_of("a message"));
        for (int round = 0; round < 20; ++round) {  // ES256 would show a high s in half of the rounds
            EXPECT_TRUE(key.public_key().verify(message, key.sign(message)));
        }
        Signature signature = key.sign(message);
        EXPECT_FALSE(stranger.public_key().verify(message, signature));
        EXPECT_FALSE(key.public_key().verify(bytes_of("a massage"), signature));
        EXPECT_FALSE(key.public_key().verify(message, ByteView(signature).first(63)));
        EXPECT_FALSE(key.public_key().verify(message, {}));
        EXPECT_FALSE(key.public_key().verify(message, Bytes(64, 0)));
        EXPECT_FALSE(key.public_key().verify(message, Bytes(64, 0xff)));
        EXPECT_FALSE(PublicKey().verify(message, signature));
        for (auto& byte : signature) {
            byte ^= 1;
            EXPECT_FALSE(key.public_key().verify(message, signature));
            byte ^= 1;
        }
    }
}

TEST(Key, GoesThroughJwkAndBack) {
    SystemRandom random;
    for (const Alg alg : all_algs) {
        const PrivateKey key = PrivateKey::generate(alg, random);
        const auto text = key.jwk_text();
        EXPECT_EQ(json::canonical(json::parse(text.expose(), "jwk")), text.expose());
        const PrivateKey again = PrivateKey::from_jwk(json::parse(text.expose(), "jwk"), "key");
        EXPECT_EQ(again.public_key(), key.public_key());
        EXPECT_TRUE(key.public_key().verify(bytes_of("x"), again.sign(bytes_of("x"))));
        const PublicKey public_again = PublicKey::from_jwk(key.public_key().jwk(), "key");
        EXPECT_EQ(public_again, key.public_key());
        EXPECT_EQ(public_again.alg(), alg);
        EXPECT_EQ(sha256(json::canonical(key.public_key().jwk())), public_again.thumbprint());
    }
    const auto key = EncryptionPrivateKey::generate(random);
    const auto text = key.jwk_text();
    const auto again = EncryptionPrivateKey::from_jwk(json::parse(text.expose(), "jwk"), "key");
    EXPECT_EQ(again.public_key().kid(), key.public_key().kid());
    EXPECT_EQ(EncryptionPublicKey::from_jwk(key.public_key().jwk(), "key").thumbprint(), key.public_key().thumbprint());
}

TEST(Key, RefusesBadJwksAndNamesTheMember) {
    SystemRandom random;
    for (const Alg alg : all_algs) {
        const PrivateKey key = PrivateKey::generate(alg, random);
        const json::Object good = key.public_key().jwk();
        const auto with = [&](const char* name, std::string_view value) {
            json::Object changed = good;
            changed[name] = value;
            return json::Value(changed);
        };
        const auto refuse = [&](Code code, const char* name, std::string_view value) {
            expect_error(code, "/k/" + std::string(name), [&] { (void)PublicKey::from_jwk(with(name, value), "/k"); });
        };
        refuse(Code::bad_format, "crv", "P-384");
        refuse(Code::bad_format, "kty", "RSA");
        refuse(Code::bad_format, "x", "AA");
        refuse(Code::bad_format, "x", std::string(good.at("x").as_string()) + "=");
        refuse(Code::bad_format, "x", to_base64url(Bytes(32, 0xff)));
        refuse(Code::bad_format, "alg", "none");
        refuse(Code::bad_format, "use", "enc");
        refuse(Code::bad_format, "kid", "my key");
        refuse(Code::unknown_field, "d", to_base64url(Bytes(32, 1)));
        refuse(Code::unknown_field, "key_ops", "sign");
        EXPECT_NO_THROW((void)PublicKey::from_jwk(with("alg", alg_name(alg)), "/k"));
        EXPECT_NO_THROW((void)PublicKey::from_jwk(with("use", "sig"), "/k"));
        EXPECT_NO_THROW((void)PublicKey::from_jwk(with("kid", key.public_key().kid()), "/k"));
        const PublicKey named = PublicKey::from_jwk(with("kid", "did:web:bank-a.example#1"), "/k");
        EXPECT_TRUE(named.answers_to("did:web:bank-a.example#1"));
        EXPECT_TRUE(named.answers_to(key.public_key().kid()));
        EXPECT_FALSE(named.answers_to(""));
        EXPECT_FALSE(key.public_key().answers_to("did:web:bank-a.example#1"));
        json::Object other_d = good;
        other_d["d"] = to_base64url(Bytes(32, 1));
        expect_error(Code::bad_format, "/k/d", [&] { (void)PrivateKey::from_jwk(other_d, "/k"); });
        expect_error(Code::missing_field, "/k/d", [&] { (void)PrivateKey::from_jwk(good, "/k"); });
    }
}

TEST(Key, RefusesPointsOfSmallOrder) {
    // The neutral element, and y = 0 of order 4.
    Bytes neutral(32, 0);
    neutral[0] = 1;
    for (const Bytes& x : {neutral, Bytes(32, 0)}) {
        const json::Object value{{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", to_base64url(x)}};
        expect_error(Code::bad_format, "/k/x", [&] { (void)PublicKey::from_jwk(value, "/k"); });
    }
}

TEST(P256, TellsTheUpperHalf) {
    const auto at = [](const char* hex) { return p256::high_s(from_hex(hex).value()); };
    EXPECT_FALSE(at("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8"));
    EXPECT_TRUE(at("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a9"));
    EXPECT_FALSE(p256::public_of(Bytes(32, 0)));
    EXPECT_FALSE(p256::public_of(Bytes(32, 0xff)));
}

TEST(Alg, NamesAreStable) {
    for (const Alg alg : all_algs) EXPECT_EQ(alg_from_name(alg_name(alg), "alg"), alg);
    expect_error(Code::bad_format, "f", [] { (void)alg_from_name("none", "f"); });
}

}  // namespace
}  // namespace concordat::crypto
