#include "hash.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace concordat::crypto {
namespace {

Bytes hex(std::string_view text) { return from_hex(text).value(); }

Bytes counting(int from, int to) {
    Bytes out;
    for (int i = from; i <= to; ++i) out.push_back(static_cast<std::uint8_t>(i));
    return out;
}

TEST(Sha256, GivesTheDigestsOfFips180) {
    EXPECT_EQ(sha256("").hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc").hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq").hex(),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Sha256, OfPartsIsOfTheirConcatenation) {
    EXPECT_TRUE(rc::check([](const Bytes& a, const Bytes& b) {
        Bytes both = a;
        both.insert(both.end(), b.begin(), b.end());
        RC_ASSERT(sha256({a, b}) == sha256(ByteView(both)));
    }));
}

TEST(Hmac, GivesTheTagsOfRfc4231) {
    EXPECT_EQ(hmac_sha256(Bytes(20, 0x0b), {bytes_of("Hi "), bytes_of("There")}).hex(),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(hmac_sha256(bytes_of("Jefe"), {bytes_of("what do ya want for nothing?")}).hex(),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(hmac_sha256(Bytes(131, 0xaa), {bytes_of("Test Using Larger Than Block-Size Key - Hash Key First")}).hex(),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

TEST(Hkdf, GivesTheKeysOfRfc5869) {  // the first 32 bytes of each OKM
    EXPECT_EQ(to_hex(hkdf_sha256(counting(0x00, 0x0c), Bytes(22, 0x0b), {counting(0xf0, 0xf9)}).expose()),
              "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf");
    EXPECT_EQ(to_hex(hkdf_sha256(counting(0x60, 0xaf), counting(0x00, 0x4f), {counting(0xb0, 0xff)}).expose()),
              "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c");
    EXPECT_EQ(to_hex(hkdf_sha256({}, Bytes(22, 0x0b), {}).expose()),
              "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d");
}

TEST(DeriveKey, SeparatesTheInfoParts) {
    const Bytes secret(32, 7);
    EXPECT_EQ(derive_key(secret, {bytes_of("ab"), bytes_of("c")}).expose(),
              hkdf_sha256({}, secret, {hex("00000002"), bytes_of("ab"), hex("00000001"), bytes_of("c")}).expose());
    EXPECT_NE(derive_key(secret, {bytes_of("ab"), bytes_of("c")}).expose(),
              derive_key(secret, {bytes_of("a"), bytes_of("bc")}).expose());
}

}  // namespace
}  // namespace concordat::crypto
