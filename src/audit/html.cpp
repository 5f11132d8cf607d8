#include "html.hpp"

#include <array>
#include <cstdint>
#include <cstdio>

namespace concordat::audit {
namespace {

constexpr char32_t broken = 0xfffd;

struct Decoded {
    char32_t point = broken;
    std::size_t bytes = 1;
};

// The character at the beginning; U+FFFD and one byte for what is none (Unicode 15, §3.9, table 3-7).
Decoded decode(std::string_view text) {
    const auto byte = [&](std::size_t at) { return static_cast<std::uint8_t>(text[at]); };
    const std::uint8_t first = byte(0);
    if (first < 0x80) return {first, 1};
    const std::size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return {};
    char32_t point = first & (0x7fU >> length);
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0) != 0x80) return {};
        point = (point << 6) | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> least{0, 0, 0x80, 0x800, 0x10000};
    const bool surrogate = point >= 0xd800 && point <= 0xdfff;
    if (point < least[length] || point > 0x10ffff || surrogate) return {};
    return {point, length};
}

bool is_unseen(char32_t point) {
    const auto within = [&](char32_t first, char32_t last) { return point >= first && point <= last; };
    if (point == '\n' || point == '\t') return false;
    return point < 0x20 || within(0x7f, 0x9f) || point == 0xad || point == 0x61c || point == 0x180e ||
           point == 0x200b || within(0x200e, 0x200f) || within(0x2028, 0x202e) || within(0x2060, 0x206f) ||
           point == 0xfeff || within(0xfff9, 0xfffb) || within(0xe0000, 0xe007f);
}

void append_escaped(std::string& out, char32_t point, std::string_view bytes) {
    switch (point) {
        case '&':
            out += "&amp;";
            return;
        case '<':
            out += "&lt;";
            return;
        case '>':
            out += "&gt;";
            return;
        case '"':
            out += "&quot;";
            return;
        case '\'':
            out += "&#39;";
            return;
        default:
            break;
    }
    if (is_unseen(point)) {
        std::array<char, 16> number{};
        const int length = std::snprintf(number.data(), number.size(), "[U+%04X]", static_cast<unsigned>(point));
        out.append(number.data(), static_cast<std::size_t>(length));
    } else if (point == broken) {
        out += "\xef\xbf\xbd";
    } else {
        out += bytes;
    }
}

}  // namespace

std::string escaped(std::string_view outside) {
    std::string out;
    out.reserve(outside.size() + outside.size() / 8);
    while (!outside.empty()) {
        const auto [point, bytes] = decode(outside);
        append_escaped(out, point, outside.substr(0, bytes));
        outside.remove_prefix(bytes);
    }
    return out;
}

std::string cut(std::string_view text, std::size_t max_bytes) {
    if (text.size() <= max_bytes) return std::string(text);
    std::size_t end = max_bytes;
    while (end > 0 && (static_cast<std::uint8_t>(text[end]) & 0xc0) == 0x80) --end;
    return std::string(text.substr(0, end)) + "… (" + std::to_string(text.size()) + " bytes in all)";
}

}  // namespace concordat::audit
