#include "amount.hpp"

#include <algorithm>

namespace concordat::ledger::evm {
namespace {

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

bool is_decimal(std::string_view text) {
    if (text.empty() || (text.size() > 1 && text[0] == '0')) return false;
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

const U256& sign_bit() {
    static const U256 bit = U256(1) << 255;
    return bit;
}

// Whether a decimal of at most 78 digits is not above 2^256−1. Compared as text, since checked arithmetic would throw.
bool fits_256_bits(std::string_view digits) {
    constexpr std::string_view largest =
        "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    return digits.size() < largest.size() || (digits.size() == largest.size() && digits <= largest);
}

std::string_view after_0x(std::string_view text, std::string_view field) {
    if (!text.starts_with("0x")) refuse(field, "must start with 0x");
    return text.substr(2);
}

}  // namespace

Word to_word(const U256& value) {
    Word out{};
    const Bytes minimal = minimal_big_endian(value);
    std::copy(minimal.begin(), minimal.end(), out.end() - static_cast<std::ptrdiff_t>(minimal.size()));
    return out;
}

U256 from_word(ByteView big_endian) {
    if (big_endian.size() > 32) panic("more than 32 bytes for a 256-bit integer");
    U256 out;
    if (!big_endian.empty()) import_bits(out, big_endian.begin(), big_endian.end());
    return out;
}

Bytes minimal_big_endian(const U256& value) {
    Bytes out;
    if (value != 0) export_bits(value, std::back_inserter(out), 8);
    return out;
}

Word to_twos_complement(const I256& value) {
    if (value >= 0) {
        const U256 magnitude(value);
        if (magnitude >= sign_bit()) panic("an integer above 2^255−1");
        return to_word(magnitude);
    }
    const U256 magnitude(I256(-value));
    if (magnitude > sign_bit()) panic("an integer below −2^255");
    Word out = to_word(U256(magnitude - 1));  // −m is the complement of m−1
    for (auto& byte : out) byte = static_cast<std::uint8_t>(~byte);
    return out;
}

I256 from_twos_complement(const Word& word) {
    if (word[0] < 0x80) return I256(from_word(word));
    Word complement = word;
    for (auto& byte : complement) byte = static_cast<std::uint8_t>(~byte);
    return I256(-I256(from_word(complement)) - 1);
}

U256 parse_u256(std::string_view text, std::string_view field) {
    if (!is_decimal(text) || !fits_256_bits(text)) refuse(field, "must be a decimal integer from 0 to 2^256−1");
    return U256(std::string(text));
}

I256 parse_i256(std::string_view text, std::string_view field) {
    const bool negative = text.starts_with('-');
    const std::string_view digits = negative ? text.substr(1) : text;
    constexpr std::string_view rule = "must be a decimal integer from −2^255 to 2^255−1";
    if (!is_decimal(digits) || !fits_256_bits(digits) || (negative && digits == "0")) refuse(field, std::string(rule));
    const U256 magnitude{std::string(digits)};
    if (magnitude > sign_bit() || (!negative && magnitude == sign_bit())) refuse(field, std::string(rule));
    const I256 value(magnitude);
    return negative ? I256(-value) : value;
}

std::string decimal(const U256& value) { return value.str(); }
std::string decimal(const I256& value) { return value.str(); }

std::string to_0x(ByteView bytes) { return "0x" + to_hex(bytes); }

Bytes parse_0x(std::string_view text, std::string_view field, std::size_t max_bytes) {
    const auto digits = after_0x(text, field);
    if (digits.size() / 2 > max_bytes)
        throw Error(Code::too_large, std::string(field), "must have at most " + std::to_string(max_bytes) + " bytes");
    auto bytes = from_hex(digits);
    if (!bytes) refuse(field, "must be 0x and lower-case hex, two digits a byte");
    return std::move(*bytes);
}

Hash256 parse_hash_0x(std::string_view text, std::string_view field) {
    const auto bytes = text.size() == 66 ? from_hex(after_0x(text, field)) : std::nullopt;
    if (!bytes) refuse(field, "must be 0x and 64 lower-case hex digits");
    return Hash256::from(*bytes);
}

std::string quantity(const U256& value) {
    const std::string digits = to_hex(minimal_big_endian(value));
    if (digits.empty()) return "0x0";
    return "0x" + (digits[0] == '0' ? digits.substr(1) : digits);
}

U256 parse_quantity(std::string_view text, std::string_view field) {
    std::string digits(after_0x(text, field));
    const bool minimal = !digits.empty() && digits.size() <= 64 && (digits[0] != '0' || digits.size() == 1);
    if (digits.size() % 2 == 1) digits.insert(digits.begin(), '0');
    const auto bytes = minimal ? from_hex(digits) : std::nullopt;
    if (!bytes) refuse(field, "must be 0x and a hex integer of at most 256 bits without leading zeros");
    return from_word(*bytes);
}

std::uint64_t parse_quantity_u64(std::string_view text, std::string_view field) {
    const U256 value = parse_quantity(text, field);
    if (value > std::numeric_limits<std::uint64_t>::max()) refuse(field, "must be below 2^64");
    return static_cast<std::uint64_t>(value);
}

}  // namespace concordat::ledger::evm
