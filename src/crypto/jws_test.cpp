#include "jws.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace concordat::crypto {
namespace {

constexpr std::string_view typ = "concordat/test/1";

std::string part(std::string_view text) { return to_base64url(bytes_of(text)); }

Code code_of(std::string_view text) {
    try {
        (void)parse_compact(text, "jws");
    } catch (const Error& error) {
        EXPECT_TRUE(error.field().starts_with("jws"));
        return error.code();
    }
    return Code::internal;
}

class JwsTest : public testing::TestWithParam<Alg> {
  protected:
    SystemRandom random_;
    PrivateKey key_ = PrivateKey::generate(GetParam(), random_);
};

TEST_P(JwsTest, CompactGoesThere) {
    const std::string text = sign_compact(bytes_of("{\"a\":1}"), typ, key_);
    const Jws jws = parse_compact(text, "jws");
    jws.verify(key_.public_key(), "jws");
    EXPECT_EQ(text_of(jws.payload), "{\"a\":1}");
    EXPECT_EQ(jws.header.typ, typ);
    EXPECT_EQ(jws.header.kid, key_.public_key().kid());
    const auto header = from_base64url(text.substr(0, text.find('.'))).value();
    EXPECT_EQ(json::canonical(json::parse(text_of(header), "header")), text_of(header));
}

TEST_P(JwsTest, CompactRefusesAnyOtherByte) {
    const std::string text = sign_compact(bytes_of("payload"), typ, key_);
    for (std::size_t i = 0; i < text.size(); ++i) {
        for (const char c : {'A', 'B', '.', '=', '\n'}) {
            if (text[i] == c) continue;
            std::string changed = text;
            changed[i] = c;
            EXPECT_THROW(parse_compact(changed, "jws").verify(key_.public_key(), "jws"), Error) << i << c;
        }
    }
}

TEST_P(JwsTest, VerifyRefusesAnotherKeyAndAnotherAlgorithm) {
    const std::string text = sign_compact(bytes_of("payload"), typ, key_);
    const Jws jws = parse_compact(text, "jws");
    for (const Alg alg : {Alg::es256k, Alg::es256, Alg::eddsa}) {
        const auto stranger = PrivateKey::generate(alg, random_);
        EXPECT_THROW(jws.verify(stranger.public_key(), "jws"), Error);
    }
    EXPECT_THROW(jws.verify(PublicKey(), "jws"), Error);
}

TEST_P(JwsTest, GeneralGoesThereWithSeveralSignatures) {
    const auto second = PrivateKey::generate(Alg::eddsa, random_);
    GeneralJws jws = GeneralJws::of(bytes_of("{}"));
    jws.add(typ, key_);
    jws.add("other/1", second);
    const GeneralJws again = GeneralJws::parse(json::parse(json::canonical(jws.to_json()), "jws"), "jws");
    EXPECT_EQ(text_of(again.payload), "{}");
    ASSERT_EQ(again.signatures.size(), 2u);
    EXPECT_EQ(again.signatures[1].header.typ, "other/1");
    EXPECT_TRUE(again.verify(0, key_.public_key()));
    EXPECT_TRUE(again.verify(1, second.public_key()));
    EXPECT_FALSE(again.verify(1, key_.public_key()));
    EXPECT_FALSE(again.verify(2, key_.public_key()));
    GeneralJws changed = again;
    changed.payload_text = to_base64url(bytes_of("[]"));
    EXPECT_FALSE(changed.verify(0, key_.public_key()));
}

INSTANTIATE_TEST_SUITE_P(Algs, JwsTest, testing::Values(Alg::es256k, Alg::es256, Alg::eddsa));

TEST(Jws, RefusesHeadersBeyondAlgKidTyp) {
    const std::string tail = "." + part("x") + "." + to_base64url(Bytes(64, 1));
    EXPECT_NO_THROW((void)parse_compact(part("{\"alg\":\"ES256K\",\"kid\":\"k\",\"typ\":\"t\"}") + tail, "jws"));
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"crit\":[],\"kid\":\"k\",\"typ\":\"t\"}") + tail),
              Code::unknown_field);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"jwk\":{},\"kid\":\"k\",\"typ\":\"t\"}") + tail), Code::unknown_field);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"b64\":false,\"kid\":\"k\",\"typ\":\"t\"}") + tail),
              Code::unknown_field);
    EXPECT_EQ(code_of(part("{\"alg\":\"none\",\"kid\":\"k\",\"typ\":\"t\"}") + tail), Code::bad_format);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"typ\":\"t\"}") + tail), Code::missing_field);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"kid\":\"k\"}") + tail), Code::missing_field);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"alg\":\"EdDSA\",\"kid\":\"k\",\"typ\":\"t\"}") + tail),
              Code::bad_json);
    EXPECT_EQ(code_of(part("[]") + tail), Code::bad_format);
    EXPECT_EQ(code_of(part("{\"alg\":\"ES256K\",\"kid\":\"" + std::string(2000, 'k') + "\",\"typ\":\"t\"}") + tail),
              Code::too_large);
}

TEST(Jws, RefusesOtherShapes) {
    const std::string head = part("{\"alg\":\"ES256K\",\"kid\":\"k\",\"typ\":\"t\"}");
    const std::string signature = to_base64url(Bytes(64, 1));
    for (const std::string& text :
         {std::string(), std::string("."), std::string(".."), head, head + ".eA",
          head + ".eA." + to_base64url(Bytes(63, 1)), head + ".eA." + to_base64url(Bytes(65, 1)),
          head + ".eA." + signature + ".", head + ".eA==." + signature, head + ".eB." + signature,
          head + ". eA." + signature}) {
        EXPECT_EQ(code_of(text), Code::bad_format) << text;
    }
    EXPECT_THROW((void)parse_compact(head + ".eA." + signature, "jws", 10), Error);
}

TEST(Jws, AnyTextIsParsedOrRefused) {
    EXPECT_TRUE(rc::check([](const std::string& text) {
        try {
            (void)parse_compact(text, "jws");
        } catch (const Error&) {
        }
    }));
}

TEST(GeneralJws, RefusesOtherShapes) {
    const std::string one = "{\"protected\":\"" + part("{\"alg\":\"ES256K\",\"kid\":\"k\",\"typ\":\"t\"}") +
                            "\",\"signature\":\"" + to_base64url(Bytes(64, 1)) + "\"}";
    const auto refuse = [](Code code, const std::string& field, const std::string& text) {
        try {
            (void)GeneralJws::parse(json::parse(text, "jws"), "/jws");
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(code_name(error.code()), code_name(code)) << error.what();
            EXPECT_EQ(error.field(), field);
        }
    };
    EXPECT_NO_THROW((void)GeneralJws::parse(json::parse("{\"payload\":\"\",\"signatures\":[" + one + "]}", "jws"), ""));
    refuse(Code::bad_format, "/jws", "[]");
    refuse(Code::missing_field, "/jws/payload", "{\"signatures\":[]}");
    refuse(Code::bad_format, "/jws/payload", "{\"payload\":\"A\",\"signatures\":[]}");
    refuse(Code::unknown_field, "/jws/x", "{\"payload\":\"\",\"signatures\":[],\"x\":1}");
    refuse(Code::missing_field, "/jws/signatures/1/protected", "{\"payload\":\"\",\"signatures\":[" + one + ",{}]}");
    refuse(Code::unknown_field, "/jws/signatures/0/header",
           "{\"payload\":\"\",\"signatures\":[{\"header\":{}," + one.substr(1) + "]}");
    std::string many = one;
    for (std::size_t i = 0; i < max_signatures; ++i) many += "," + one;
    refuse(Code::too_large, "/jws/signatures", "{\"payload\":\"\",\"signatures\":[" + many + "]}");
}

}  // namespace
}  // namespace concordat::crypto
