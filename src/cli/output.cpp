#include "output.hpp"

#include <algorithm>
#include <base/file.hpp>
#include <iostream>

namespace concordat::cli {

namespace {

constexpr std::size_t line_width = 100;

std::size_t width(const std::string& text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void append_pretty(std::string& out, const json::Value& value, std::size_t indent) {
    const std::string flat = json::canonical(value);
    const bool holds =
        (value.is_object() && !value.get_object().empty()) || (value.is_array() && !value.get_array().empty());
    if (!holds || indent + flat.size() <= line_width - 20) {
        out += flat;
        return;
    }
    const std::string pad(indent + 2, ' ');
    const auto item = [&](std::string_view name, const json::Value& one, bool first) {
        out += first ? "\n" : ",\n";
        out += pad;
        if (!name.empty()) out += json::canonical(json::Value(name)) + ": ";
        append_pretty(out, one, indent + 2);
    };
    bool first = true;
    out += value.is_object() ? '{' : '[';
    if (value.is_object()) {
        for (const auto& member : value.get_object()) item(member.key(), member.value(), std::exchange(first, false));
    } else {
        for (const json::Value& one : value.get_array()) item("", one, std::exchange(first, false));
    }
    out += '\n' + std::string(indent, ' ') + (value.is_object() ? '}' : ']');
}

}  // namespace

std::string Table::text() const {
    std::vector<std::size_t> widths(rows_.front().size());
    for (const auto& row : rows_) {
        for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
    }
    std::string out;
    for (const auto& row : rows_) {
        std::string line;
        for (std::size_t i = 0; i < row.size(); ++i) {
            line += row[i];
            if (i + 1 < row.size()) line += std::string(widths[i] - width(row[i]) + 2, ' ');
        }
        line.erase(line.find_last_not_of(' ') + 1);
        out += line + '\n';
    }
    return out;
}

std::string pretty(const json::Value& value) {
    std::string out;
    append_pretty(out, value, 0);
    return out + '\n';
}

std::string text_of_value(const json::Value& value) {
    return value.is_string() ? std::string(value.get_string()) : json::canonical(value);
}

std::string text_at(const json::Value& object, std::string_view name) {
    const json::Value* found = object.is_object() ? object.get_object().if_contains(name) : nullptr;
    return found == nullptr ? std::string() : text_of_value(*found);
}

std::string shortened(const std::string& digest) {
    constexpr std::size_t prefix = 7, digits = 12;  // "sha256:"
    return digest.size() > prefix + digits ? digest.substr(prefix, digits) + "…" : digest;
}

std::string joined(const std::vector<std::string>& all, std::string_view separator) {
    std::string out;
    for (const std::string& one : all) {
        if (!out.empty()) out += separator;
        out += one;
    }
    return out;
}

void print(const std::string& text) { std::cout << text; }

void print_json(const json::Value& value) { std::cout << json::canonical(value) << '\n'; }

void note(const std::string& text) { std::cerr << text << '\n'; }

void write_result(const std::string& file, const std::string& content) {
    if (file.empty() || file == "-") {
        std::cout << content << '\n';
        return;
    }
    write_file_atomic(file, bytes_of(content));
}

}  // namespace concordat::cli
