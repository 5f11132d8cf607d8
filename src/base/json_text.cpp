#include "json_text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

namespace concordat::json {
namespace {

constexpr auto needs_escape = [] {
    std::array<bool, 256> table{};
    for (std::size_t i = 0; i < 0x20; ++i) table[i] = true;
    table['"'] = table['\\'] = true;
    return table;
}();

void append_escape(std::string& out, char c) {
    constexpr std::string_view hex = "0123456789abcdef";
    switch (c) {
        case '"':
            out += "\\\"";
            return;
        case '\\':
            out += "\\\\";
            return;
        case '\b':
            out += "\\b";
            return;
        case '\t':
            out += "\\t";
            return;
        case '\n':
            out += "\\n";
            return;
        case '\f':
            out += "\\f";
            return;
        case '\r':
            out += "\\r";
            return;
        default:
            break;
    }
    out += "\\u00";
    out += hex[static_cast<std::uint8_t>(c) >> 4];
    out += hex[static_cast<std::uint8_t>(c) & 15];
}

// How many bytes from `at` on need no escape, looked at eight at a time: most strings need none.
std::size_t plain_run(std::string_view text, std::size_t at) {
    constexpr std::uint64_t ones = 0x0101010101010101, highs = ones << 7;
    const auto has_zero_byte = [](std::uint64_t x) { return (x - ones) & ~x & highs; };
    std::size_t i = at;
    for (; i + 8 <= text.size(); i += 8) {
        std::uint64_t word;
        std::memcpy(&word, text.data() + i, 8);
        const std::uint64_t control = (word - ones * 0x20) & ~word & highs;
        if ((control | has_zero_byte(word ^ (ones * '"')) | has_zero_byte(word ^ (ones * '\\'))) != 0) break;
    }
    while (i < text.size() && !needs_escape[static_cast<std::uint8_t>(text[i])]) ++i;
    return i - at;
}

// The size of the well-formed sequence that text starts with (Unicode 15, table 3-7), or 0.
std::size_t sequence_size(std::string_view text) {
    const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<std::uint8_t>(text[i]) : 0u; };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0u) == 0x80u; };
    const unsigned lead = byte(0);
    if (lead < 0x80) return 1;
    if (lead >= 0xc2 && lead <= 0xdf) return tail(1) ? 2 : 0;
    if (lead >= 0xe0 && lead <= 0xef) {
        if (!tail(1) || !tail(2)) return 0;
        if (lead == 0xe0 && byte(1) < 0xa0) return 0;
        return lead == 0xed && byte(1) > 0x9f ? 0 : 3;
    }
    if (lead >= 0xf0 && lead <= 0xf4) {
        if (!tail(1) || !tail(2) || !tail(3)) return 0;
        if (lead == 0xf0 && byte(1) < 0x90) return 0;
        return lead == 0xf4 && byte(1) > 0x8f ? 0 : 4;
    }
    return 0;
}

}  // namespace

void append_string(std::string& out, std::string_view text) {
    out += '"';
    for (std::size_t i = 0;;) {
        const std::size_t plain = plain_run(text, i);
        out.append(text, i, plain);
        i += plain;
        if (i == text.size()) break;
        append_escape(out, text[i++]);
    }
    out += '"';
}

bool utf16_less(std::string_view a, std::string_view b) {
    const std::size_t common = std::min(a.size(), b.size());
    std::size_t i = 0;
    while (i < common && a[i] == b[i]) ++i;
    if (i == common) return a.size() < b.size();
    const auto x = static_cast<std::uint8_t>(a[i]);
    const auto y = static_cast<std::uint8_t>(b[i]);
    // UTF-8 sorts by code point. UTF-16 differs in one case only: a surrogate pair (lead byte 0xf0 and above) comes
    // before U+E000…U+FFFF (lead bytes 0xee and 0xef).
    if (x >= 0xf0 && (y == 0xee || y == 0xef)) return true;
    if (y >= 0xf0 && (x == 0xee || x == 0xef)) return false;
    return x < y;
}

std::string to_valid_utf8(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    while (!text.empty()) {
        const std::size_t size = sequence_size(text);
        if (size == 0) {
            out += "\xef\xbf\xbd";
            text.remove_prefix(1);
        } else {
            out.append(text, 0, size);
            text.remove_prefix(size);
        }
    }
    return out;
}

}  // namespace concordat::json
