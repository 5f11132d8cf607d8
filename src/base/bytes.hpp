// Bytes and their text encodings. Decoders are strict: exactly one text stands for each byte string.
#pragma once
#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace concordat {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

inline ByteView bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}
inline std::string_view text_of(ByteView bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
inline Bytes to_bytes(ByteView view) { return {view.begin(), view.end()}; }

// A 32-byte digest. Text form is "sha256:<64 lower-case hex digits>".
struct Hash256 {
    std::array<std::uint8_t, 32> bytes{};
    auto operator<=>(const Hash256&) const = default;
    ByteView view() const { return bytes; }
    bool is_zero() const { return *this == Hash256{}; }
    // Throws Error(bad_format) naming `field` unless text is exactly "sha256:" and 64 lower-case hex digits.
    static Hash256 parse(std::string_view text, std::string_view field);
    static Hash256 from(ByteView thirty_two_bytes);  // aborts on another size
    std::string text() const;                        // "sha256:…"
    std::string hex() const;
};

struct Hash256Hasher {
    std::size_t operator()(const Hash256& hash) const {
        std::size_t value;
        std::memcpy(&value, hash.bytes.data(), sizeof value);
        return value;
    }
};

std::string to_hex(ByteView bytes);
std::optional<Bytes> from_hex(std::string_view text);  // lower case only
// RFC 4648 §5 without padding; decoding refuses padding, other alphabets and non-zero trailing bits.
std::string to_base64url(ByteView bytes);
std::optional<Bytes> from_base64url(std::string_view text);
bool equal_constant_time(ByteView a, ByteView b);  // false when sizes differ

}  // namespace concordat
