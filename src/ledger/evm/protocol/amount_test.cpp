#include "amount.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

const U256 largest = (U256(1) << 255) - 1 + (U256(1) << 255);

U256 any_u256() {
    const auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(*rc::gen::inRange<std::size_t>(0, 33),
                                                                      rc::gen::arbitrary<std::uint8_t>());
    return from_word(bytes);
}

TEST(Amount, TextsAtTheEdges) {
    EXPECT_EQ(parse_u256("0", "a"), 0);
    EXPECT_EQ(decimal(largest), "115792089237316195423570985008687907853269984665640564039457584007913129639935");
    EXPECT_EQ(parse_u256(decimal(largest), "a"), largest);
    EXPECT_EQ(quantity(U256(0)), "0x0");
    EXPECT_EQ(quantity(U256(1024)), "0x400");
    EXPECT_EQ(parse_quantity("0xff", "q"), 255);
    EXPECT_EQ(parse_quantity_u64("0xffffffffffffffff", "q"), ~std::uint64_t{0});
}

TEST(Amount, RefusesOtherTexts) {
    for (const char* bad : {"", "01", "-1", "+1", "1.0", "1e3", "0x1", " 1", "1 ",
                            "115792089237316195423570985008687907853269984665640564039457584007913129639936"})
        EXPECT_THROW(parse_u256(bad, "a"), Error) << bad;
    for (const char* bad :
         {"-0", "--1", "-01", "-", "", "57896044618658097711785492504343953926634992332820282019728792003956564819968",
          "-57896044618658097711785492504343953926634992332820282019728792003956564819969"})
        EXPECT_THROW(parse_i256(bad, "a"), Error) << bad;
    for (const char* bad :
         {"", "0x", "0x00", "0x01", "0xA", "1", "0x10000000000000000000000000000000000000000000000000000000000000000"})
        EXPECT_THROW(parse_quantity(bad, "q"), Error) << bad;
    EXPECT_THROW(parse_quantity_u64("0x10000000000000000", "q"), Error);
    EXPECT_EQ(refusal([] { parse_0x("0xA0", "/data"); }), "/data: must be 0x and lower-case hex, two digits a byte");
    EXPECT_EQ(refusal([] { parse_0x("0x0011", "/data", 1); }), "/data: must have at most 1 bytes");
    EXPECT_THROW(parse_hash_0x("0x00", "h"), Error);
}

TEST(Amount, TwosComplement) {
    EXPECT_EQ(to_hex(to_twos_complement(I256(-1))), std::string(64, 'f'));
    EXPECT_EQ(to_hex(to_twos_complement(
                  parse_i256("-57896044618658097711785492504343953926634992332820282019728792003956564819968", "a"))),
              "8" + std::string(63, '0'));
    EXPECT_EQ(from_twos_complement(to_twos_complement(I256(-256))), -256);
    EXPECT_EQ(from_twos_complement(to_twos_complement(I256(77))), 77);
}

RC_GTEST_PROP(AmountProperty, RoundTrips, ()) {
    const U256 value = any_u256();
    RC_ASSERT(from_word(to_word(value)) == value);
    RC_ASSERT(from_word(minimal_big_endian(value)) == value);
    RC_ASSERT(parse_u256(decimal(value), "a") == value);
    RC_ASSERT(parse_quantity(quantity(value), "q") == value);
    const I256 number = from_twos_complement(to_word(value));
    RC_ASSERT(to_twos_complement(number) == to_word(value));
    RC_ASSERT(parse_i256(decimal(number), "a") == number);
}

}  // namespace
}  // namespace concordat::ledger::evm
