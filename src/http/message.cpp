#include "message.hpp"

#include <algorithm>
#include <base/json.hpp>
#include <charconv>

namespace concordat::http {

std::string_view method_name(Method method) {
    static constexpr std::string_view names[] = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"};
    return names[static_cast<std::size_t>(method)];
}

bool equal_ignoring_case(std::string_view a, std::string_view b) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; };
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [&](char x, char y) { return lower(x) == lower(y); });
}

void Headers::add(std::string_view name, std::string_view value) {
    spans_.push_back({static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())});
    text_ += name;
    text_ += value;
}

std::string_view Headers::name(std::size_t index) const {
    const Span& span = spans_[index];
    return std::string_view(text_).substr(span.begin, span.name_size);
}

std::string_view Headers::value(std::size_t index) const {
    const Span& span = spans_[index];
    return std::string_view(text_).substr(span.begin + span.name_size, span.value_size);
}

std::string_view Headers::operator[](std::string_view wanted) const {
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        if (equal_ignoring_case(name(i), wanted)) return value(i);
    }
    return {};
}

bool Headers::contains(std::string_view wanted) const {
    for (std::size_t i = 0; i < spans_.size(); ++i) {
        if (equal_ignoring_case(name(i), wanted)) return true;
    }
    return false;
}

const std::string& Request::param(std::string_view name) const {
    for (const auto& [key, value] : params) {
        if (key == name) return value;
    }
    panic("http: a handler asked for a path parameter that its pattern does not have");
}

std::optional<std::string_view> Request::query_value(std::string_view name) const {
    for (const auto& [key, value] : query) {
        if (key == name) return value;
    }
    return std::nullopt;
}

std::int64_t Request::query_integer(std::string_view name, std::int64_t otherwise, std::int64_t min,
                                    std::int64_t max) const {
    const auto text = query_value(name);
    if (!text) return otherwise;
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() || value < min || value > max)
        throw Error(Code::bad_format, "query." + std::string(name),
                    "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return value;
}

Response problem(const Error& error, std::string_view trace) {
    return problem(http_status(error.code()), error, trace);
}

Response problem(int status, const Error& error, std::string_view trace) {
    json::Object body;
    body["type"] = "urn:concordat:error:" + std::string(code_name(error.code()));
    body["title"] = title(error.code());
    body["status"] = status;
    body["detail"] = error.field().empty() ? error.rule() : error.field() + ": " + error.rule();
    body["code"] = code_name(error.code());
    body["field"] = error.field();
    body["rule"] = error.rule();
    body["trace"] = trace;
    return {status, "application/problem+json", {}, boost::json::serialize(body)};
}

}  // namespace concordat::http
