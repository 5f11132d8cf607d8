#include "jwe.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <base/file.hpp>

namespace concordat::crypto {
namespace {

constexpr std::string_view typ = "concordat/test";

SecretKey key_of(std::string_view hex) {
    SecretKey key;
    const Bytes bytes = from_hex(hex).value();
    std::copy(bytes.begin(), bytes.end(), key.expose().begin());
    return key;
}

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

TEST(KeyWrap, FollowsRfc3394Section46) {
    const SecretKey kek = key_of("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
    const SecretKey key = key_of("00112233445566778899aabbccddeeff000102030405060708090a0b0c0d0e0f");
    const Bytes wrapped = wrap_key(kek, key);
    EXPECT_EQ(to_hex(wrapped), "28c9f404c4b810f4cbccb35cfb87f8263f5786e2d80ed326cbc7f0e71a99f43bfb988b9b7a02dd21");
    EXPECT_EQ(unwrap_key(kek, wrapped)->expose(), key.expose());
    for (std::size_t i = 0; i < wrapped.size(); ++i) {
        Bytes changed = wrapped;
        changed[i] ^= 1;
        EXPECT_FALSE(unwrap_key(kek, changed)) << i;
    }
    EXPECT_FALSE(unwrap_key(kek, ByteView(wrapped).first(32)));
    EXPECT_FALSE(unwrap_key(key, wrapped));
}

TEST(Seal, OpensOnlyWhatWasSealed) {
    EXPECT_TRUE(rc::check([](const Bytes& aad, const Bytes& plaintext) {
        SystemRandom random;
        SecretKey key;
        Nonce nonce;
        random.fill(key.expose());
        random.fill(nonce);
        Bytes sealed = seal(key, nonce, aad, plaintext);
        RC_ASSERT(sealed.size() == plaintext.size() + 16);
        RC_ASSERT(open(key, nonce, aad, sealed) == plaintext);
        Bytes other_aad = aad;
        other_aad.push_back(0);
        RC_ASSERT(!open(key, nonce, other_aad, sealed));
        sealed[*rc::gen::inRange<std::size_t>(0, sealed.size())] ^= 0x80;
        RC_ASSERT(!open(key, nonce, aad, sealed));
    }));
    EXPECT_FALSE(open(SecretKey(), Nonce{}, {}, Bytes(15, 0)));
}

TEST(Jwe, OpensWhatAnotherImplementationMade) {
    const json::Value vector =
        json::parse(read_text_file(std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/jose/jwe.json"), "jwe.json");
    const Bytes plaintext = from_base64url(vector.at("plaintext").as_string()).value();
    for (const json::Value& jwk : vector.at("keys").as_array()) {
        const auto key = EncryptionPrivateKey::from_jwk(jwk, "key");
        EXPECT_EQ(decrypt_jwe(vector.at("jwe"), typ, key, "jwe").expose(), plaintext);
        const SecretKey content_key = unwrap_content_key(vector.at("jwe"), key, "jwe");
        EXPECT_EQ(to_base64url(content_key.expose()), std::string_view(vector.at("content_key").as_string()));
        EXPECT_EQ(open_content(vector.at("jwe"), typ, content_key, "jwe").expose(), plaintext);
    }
}

class JweTest : public testing::Test {
  protected:
    SystemRandom random_;
    EncryptionPrivateKey a_ = EncryptionPrivateKey::generate(random_);
    EncryptionPrivateKey b_ = EncryptionPrivateKey::generate(random_);
    EncryptionPrivateKey stranger_ = EncryptionPrivateKey::generate(random_);
    json::Object jwe_ = encrypt_jwe(bytes_of("secret"), typ, {a_.public_key(), b_.public_key()}, random_);
};

TEST_F(JweTest, EachReaderOpensAndNobodyElse) {
    for (const auto* key : {&a_, &b_}) EXPECT_EQ(text_of(decrypt_jwe(jwe_, typ, *key, "jwe").expose()), "secret");
    expect_error(Code::forbidden, "jwe/recipients", [&] { (void)decrypt_jwe(jwe_, typ, stranger_, "jwe"); });
    expect_error(Code::bad_format, "jwe/protected/typ", [&] { (void)decrypt_jwe(jwe_, "other", a_, "jwe"); });
    EXPECT_THROW((void)encrypt_jwe({}, typ, {}, random_), Error);
    const json::Object empty = encrypt_jwe({}, typ, {a_.public_key()}, random_);
    EXPECT_TRUE(decrypt_jwe(empty, typ, a_, "jwe").expose().empty());
}

TEST_F(JweTest, RefusesEveryChange) {
    const std::string text = json::canonical(jwe_);
    for (std::size_t i = 0; i < text.size(); ++i) {
        std::string changed = text;
        changed[i] = changed[i] == 'B' ? 'C' : 'B';
        try {
            const json::Value value = json::parse(changed, "jwe");
            const auto opened_a = decrypt_jwe(value, typ, a_, "jwe");
            // Only the other reader's wrapping may differ without a's noticing.
            EXPECT_THROW((void)decrypt_jwe(value, typ, b_, "jwe"), Error) << i << changed;
        } catch (const Error&) {
        }
    }
}

TEST_F(JweTest, RefusesUnknownMembersAndOtherAlgorithms) {
    const auto refuse = [&](Code code, std::string_view field, auto change) {
        json::Object changed = jwe_;
        change(changed);
        expect_error(code, field, [&] { (void)decrypt_jwe(changed, typ, a_, "jwe"); });
    };
    const auto header = [](json::Object& o) -> json::Object& {
        return o["recipients"].as_array()[0].as_object()["header"].as_object();
    };
    refuse(Code::unknown_field, "jwe/aad", [](auto& o) { o["aad"] = "AA"; });
    refuse(Code::unknown_field, "jwe/unprotected", [](auto& o) { o["unprotected"] = json::Object{}; });
    refuse(Code::missing_field, "jwe/tag", [](auto& o) { o.erase("tag"); });
    refuse(Code::bad_format, "jwe/tag", [](auto& o) { o["tag"] = "AA"; });
    refuse(Code::bad_format, "jwe/iv", [](auto& o) { o["iv"] = "AA"; });
    refuse(Code::bad_signature, "jwe/ciphertext", [](auto& o) { o["iv"] = to_base64url(Bytes(12, 0)); });
    refuse(Code::bad_format, "jwe/recipients/0/header/alg", [&](auto& o) { header(o)["alg"] = "ECDH-ES"; });
    refuse(Code::unknown_field, "jwe/recipients/0/header/apu", [&](auto& o) { header(o)["apu"] = "AA"; });
    refuse(Code::bad_format, "jwe/recipients/0/header/epk/x",
           [&](auto& o) { header(o)["epk"].as_object()["x"] = to_base64url(Bytes(32, 1)); });
    refuse(Code::bad_signature, "jwe/recipients", [&](auto& o) { header(o)["epk"] = stranger_.public_key().jwk(); });
    refuse(Code::unknown_field, "jwe/protected/zip", [](auto& o) {
        o["protected"] = to_base64url(bytes_of("{\"enc\":\"A256GCM\",\"typ\":\"concordat/test\",\"zip\":\"DEF\"}"));
    });
    refuse(Code::bad_format, "jwe/protected/enc", [](auto& o) {
        o["protected"] = to_base64url(bytes_of("{\"enc\":\"A128GCM\",\"typ\":\"concordat/test\"}"));
    });
}

}  // namespace
}  // namespace concordat::crypto
