#include "recoverable.hpp"

#include <gtest/gtest.h>
#include <base/error.hpp>

#include "hash.hpp"

namespace concordat::crypto {
namespace {

SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

TEST(Recoverable, GivesBackTheSignersKey) {
    for (std::uint8_t i = 1; i < 40; ++i) {
        const SecretKey secret = secret_of(i);
        const Hash256 digest = sha256(std::to_string(i));
        const auto signature = sign_recoverable(secret, digest);
        EXPECT_EQ(recover(signature, digest), secp256k1_point(secret));
        EXPECT_NE(recover(signature, sha256("another")), secp256k1_point(secret));
    }
}

TEST(Recoverable, RefusesTheUpperHalfOfS) {
    // n − s with the other parity is a signature of the same key in every way but ours.
    const Bytes order = from_hex("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").value();
    auto signature = sign_recoverable(secret_of(7), sha256("message"));
    int borrow = 0;
    for (std::size_t i = 32; i-- > 0;) {
        const int digit = order[i] - signature.s[i] - borrow;
        borrow = digit < 0 ? 1 : 0;
        signature.s[i] = static_cast<std::uint8_t>(digit & 0xff);
    }
    signature.parity ^= 1;
    EXPECT_EQ(recover(signature, sha256("message")), std::nullopt);
}

TEST(Recoverable, RefusesWhatNoKeyMade) {
    const auto good = sign_recoverable(secret_of(7), sha256("message"));
    auto signature = good;
    signature.parity = 2;
    EXPECT_EQ(recover(signature, sha256("message")), std::nullopt);
    signature = good;
    signature.r.fill(0);
    EXPECT_EQ(recover(signature, sha256("message")), std::nullopt);
    signature = good;
    signature.s.fill(0);
    EXPECT_EQ(recover(signature, sha256("message")), std::nullopt);
    signature = good;
    signature.r.fill(0xff);
    EXPECT_EQ(recover(signature, sha256("message")), std::nullopt);
}

TEST(Recoverable, RefusesASecretOutsideTheGroup) {
    EXPECT_THROW(secp256k1_point(secret_of(0)), Error);
    EXPECT_THROW(sign_recoverable(secret_of(0), sha256("message")), Error);
    std::array<std::uint8_t, 32> all;
    all.fill(0xff);
    EXPECT_THROW(secp256k1_point(SecretKey(std::move(all))), Error);
}

}  // namespace
}  // namespace concordat::crypto
