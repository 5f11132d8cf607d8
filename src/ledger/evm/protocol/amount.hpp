// 256-bit integers as Ethereum has them, and their texts: decimal in our documents, 0x-hex in JSON-RPC. Arithmetic is
// checked: it throws std::overflow_error or std::range_error, so a caller bounds what it adds before it adds.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <base/error.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <string>
#include <string_view>

namespace concordat::ledger::evm {

using U256 = boost::multiprecision::checked_uint256_t;
using I256 = boost::multiprecision::checked_int256_t;  // sign and magnitude; callers keep it within two's complement
using Word = std::array<std::uint8_t, 32>;             // big-endian

Word to_word(const U256& value);
U256 from_word(ByteView big_endian);          // at most 32 bytes; aborts on more
Bytes minimal_big_endian(const U256& value);  // no leading zero byte; empty for 0
Word to_twos_complement(const I256& value);   // aborts outside −2^255 … 2^255−1
I256 from_twos_complement(const Word& word);

// Decimal: "0" or no leading zero, "-" only for a signed value below 0. Throw Error(bad_format) naming `field`.
U256 parse_u256(std::string_view text, std::string_view field);
I256 parse_i256(std::string_view text, std::string_view field);
std::string decimal(const U256& value);
std::string decimal(const I256& value);

// The texts of the Ethereum JSON-RPC specification: byte strings "0x" and lower-case hex, two digits a byte;
// quantities "0x0" or "0x" and hex without a leading zero.
std::string to_0x(ByteView bytes);
Bytes parse_0x(std::string_view text, std::string_view field, std::size_t max_bytes = 1 << 22);  // or too_large
Hash256 parse_hash_0x(std::string_view text, std::string_view field);
std::string quantity(const U256& value);
U256 parse_quantity(std::string_view text, std::string_view field);
std::uint64_t parse_quantity_u64(std::string_view text, std::string_view field);

}  // namespace concordat::ledger::evm
