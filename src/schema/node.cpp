#include "node.hpp"

#include <base/clock.hpp>

#include <algorithm>
#include <chrono>

namespace concordat::schema {
namespace {

void append_escaped(std::string& out, std::string_view name) {
    for (char c : name) {
        if (c == '~')
            out += "~0";
        else if (c == '/')
            out += "~1";
        else
            out += c;
    }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

const char* check_date(std::string_view text) {
    constexpr const char* rule = "must be a real date written YYYY-MM-DD";
    if (text.size() != 10 || text[4] != '-' || text[7] != '-') return rule;
    int parts[3] = {0, 0, 0};
    int part = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (i == 4 || i == 7) {
            ++part;
            continue;
        }
        if (!is_digit(text[i])) return rule;
        parts[part] = parts[part] * 10 + (text[i] - '0');
    }
    const std::chrono::year_month_day date{std::chrono::year(parts[0]),
                                           std::chrono::month(static_cast<unsigned>(parts[1])),
                                           std::chrono::day(static_cast<unsigned>(parts[2]))};
    return date.ok() ? nullptr : rule;
}

const char* check_date_time(std::string_view text) {
    try {
        parse_time(text, "");
        return nullptr;
    } catch (const Error&) {
        return "must be a real time written YYYY-MM-DDThh:mm:ss.mmmZ";
    }
}

const char* check_decimal(std::string_view text, int scale) {
    constexpr const char* rule = "must be a decimal -?(0|[1-9][0-9]*)(\\.[0-9]+)?";
    if (text.size() > max_decimal_chars) return "must have at most 100 characters, as every decimal";
    const bool negative = text.starts_with('-');
    if (negative) text.remove_prefix(1);
    const auto whole = std::min(text.find('.'), text.size());
    if (whole == 0 || (whole > 1 && text[0] == '0')) return rule;
    if (!std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(whole), is_digit)) return rule;
    if (whole < text.size()) {
        const auto fraction = text.substr(whole + 1);
        if (fraction.empty() || !std::all_of(fraction.begin(), fraction.end(), is_digit)) return rule;
        if (scale >= 0 && fraction.size() > static_cast<std::size_t>(scale))
            return "must not have more digits after the point than x-scale says";
    }
    if (negative && text.find_first_not_of("0.") == std::string_view::npos) return "must not be a negative zero";
    return nullptr;
}

const char* check_sha256(std::string_view text) {
    constexpr std::string_view prefix = "sha256:";
    const auto is_hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
    const bool good = text.size() == prefix.size() + 64 && text.starts_with(prefix) &&
                      std::all_of(text.begin() + prefix.size(), text.end(), is_hex);
    return good ? nullptr : "must be sha256: and 64 lower-case hexadecimal digits";
}

}  // namespace

std::string At::pointer(std::string_view what) const {
    if (up == nullptr) return std::string(what);
    std::string out = up->pointer(what);
    out += '/';
    if (is_index)
        out += std::to_string(index);
    else
        append_escaped(out, name);
    return out;
}

bool Choices::contains(const json::Value& value) const {
    switch (value.kind()) {
        case boost::json::kind::null:
            return null;
        case boost::json::kind::bool_:
            return value.get_bool() ? yes : no;
        case boost::json::kind::string:
            return std::binary_search(strings.begin(), strings.end(), std::string_view(value.get_string()),
                                      [](std::string_view a, std::string_view b) { return a < b; });
        case boost::json::kind::int64:
        case boost::json::kind::uint64: {
            const auto number = integer_of(value);
            return number && std::binary_search(integers.begin(), integers.end(), *number);
        }
        default:
            return false;
    }
}

const Property* Node::find(std::string_view name) const {
    const auto at = std::lower_bound(properties.begin(), properties.end(), name,
                                     [](const Property& p, std::string_view n) { return p.name < n; });
    return at != properties.end() && at->name == name ? &*at : nullptr;
}

std::optional<std::int64_t> integer_of(const json::Value& value) {
    if (const auto* number = value.if_int64()) return *number;
    if (const auto* number = value.if_uint64(); number != nullptr && *number <= std::uint64_t{INT64_MAX})
        return static_cast<std::int64_t>(*number);
    return std::nullopt;
}

std::size_t code_points(std::string_view utf8) {
    return static_cast<std::size_t>(std::count_if(utf8.begin(), utf8.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

const char* check_format(Format format, std::string_view text, int scale) {
    switch (format) {
        case Format::none:
            return nullptr;
        case Format::date:
            return check_date(text);
        case Format::date_time:
            return check_date_time(text);
        case Format::decimal:
            return check_decimal(text, scale);
        case Format::sha256:
            return check_sha256(text);
    }
    return nullptr;
}

}  // namespace concordat::schema
