#include "bytes.hpp"

#include "error.hpp"

namespace concordat {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view base64url_digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t not_a_digit = 0xff;

constexpr std::array<std::uint8_t, 256> inverse(std::string_view digits) {
    std::array<std::uint8_t, 256> table{};
    table.fill(not_a_digit);
    for (std::size_t i = 0; i < digits.size(); ++i) {
        table[static_cast<std::uint8_t>(digits[i])] = static_cast<std::uint8_t>(i);
    }
    return table;
}

constexpr auto hex_values = inverse(hex_digits);
constexpr auto base64url_values = inverse(base64url_digits);

void write_hex(char* out, ByteView bytes) {
    for (const std::uint8_t byte : bytes) {
        *out++ = hex_digits[byte >> 4];
        *out++ = hex_digits[byte & 15];
    }
}

bool read_hex(std::string_view text, std::uint8_t* out) {
    std::uint8_t bad = 0;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        const std::uint8_t high = hex_values[static_cast<std::uint8_t>(text[i])];
        const std::uint8_t low = hex_values[static_cast<std::uint8_t>(text[i + 1])];
        bad = static_cast<std::uint8_t>(bad | high | low);
        *out++ = static_cast<std::uint8_t>((high << 4) | (low & 15));
    }
    return text.size() % 2 == 0 && (bad & 0x80) == 0;
}

constexpr std::string_view digest_prefix = "sha256:";

}  // namespace

std::string to_hex(ByteView bytes) {
    std::string out(bytes.size() * 2, '\0');
    write_hex(out.data(), bytes);
    return out;
}

std::optional<Bytes> from_hex(std::string_view text) {
    Bytes out(text.size() / 2);
    if (!read_hex(text, out.data())) return std::nullopt;
    return out;
}

Hash256 Hash256::parse(std::string_view text, std::string_view field) {
    Hash256 hash;
    const bool shaped = text.size() == digest_prefix.size() + 64 && text.starts_with(digest_prefix);
    if (!shaped || !read_hex(text.substr(digest_prefix.size()), hash.bytes.data())) {
        throw Error(Code::bad_format, std::string(field), "must be \"sha256:\" and 64 lower-case hex digits");
    }
    return hash;
}

Hash256 Hash256::from(ByteView thirty_two_bytes) {
    Hash256 hash;
    if (thirty_two_bytes.size() != hash.bytes.size()) panic("a digest of another size than 32 bytes");
    std::memcpy(hash.bytes.data(), thirty_two_bytes.data(), hash.bytes.size());
    return hash;
}

std::string Hash256::text() const {
    std::string out(digest_prefix.size() + 64, '\0');
    digest_prefix.copy(out.data(), digest_prefix.size());
    write_hex(out.data() + digest_prefix.size(), bytes);
    return out;
}

std::string Hash256::hex() const { return to_hex(bytes); }

std::string to_base64url(ByteView bytes) {
    std::string out((bytes.size() * 4 + 2) / 3, '\0');
    char* to = out.data();
    const std::uint8_t* from = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 3; left -= 3, from += 3, to += 4) {
        const std::uint32_t group = (std::uint32_t{from[0]} << 16) | (std::uint32_t{from[1]} << 8) | from[2];
        to[0] = base64url_digits[group >> 18];
        to[1] = base64url_digits[(group >> 12) & 63];
        to[2] = base64url_digits[(group >> 6) & 63];
        to[3] = base64url_digits[group & 63];
    }
    if (left == 0) return out;
    const std::uint32_t group = (std::uint32_t{from[0]} << 16) | (left == 2 ? std::uint32_t{from[1]} << 8 : 0u);
    to[0] = base64url_digits[group >> 18];
    to[1] = base64url_digits[(group >> 12) & 63];
    if (left == 2) to[2] = base64url_digits[(group >> 6) & 63];
    return out;
}

std::optional<Bytes> from_base64url(std::string_view text) {
    const std::size_t tail = text.size() % 4;
    if (tail == 1) return std::nullopt;
    Bytes out(text.size() / 4 * 3 + (tail == 0 ? 0 : tail - 1));
    std::uint8_t* to = out.data();
    std::uint8_t bad = 0;
    const auto digit = [&](std::size_t i) {
        const std::uint8_t value = base64url_values[static_cast<std::uint8_t>(text[i])];
        bad = static_cast<std::uint8_t>(bad | value);
        return std::uint32_t{value};
    };
    std::size_t i = 0;
    for (; i + 4 <= text.size(); i += 4, to += 3) {
        const std::uint32_t group = (digit(i) << 18) | (digit(i + 1) << 12) | (digit(i + 2) << 6) | digit(i + 3);
        to[0] = static_cast<std::uint8_t>(group >> 16);
        to[1] = static_cast<std::uint8_t>(group >> 8);
        to[2] = static_cast<std::uint8_t>(group);
    }
    std::uint32_t unused_bits = 0;
    if (tail != 0) {
        const std::uint32_t group = (digit(i) << 18) | (digit(i + 1) << 12) | (tail == 3 ? digit(i + 2) << 6 : 0u);
        to[0] = static_cast<std::uint8_t>(group >> 16);
        if (tail == 3) to[1] = static_cast<std::uint8_t>(group >> 8);
        unused_bits = tail == 3 ? group & 0xff : group & 0xffff;
    }
    if ((bad & 0x80) != 0 || unused_bits != 0) return std::nullopt;
    return out;
}

bool equal_constant_time(ByteView a, ByteView b) {
    if (a.size() != b.size()) return false;
    volatile std::uint8_t difference = 0;  // volatile: the loop must not end at the first difference
    for (std::size_t i = 0; i < a.size(); ++i) difference = static_cast<std::uint8_t>(difference | (a[i] ^ b[i]));
    return difference == 0;
}

}  // namespace concordat
