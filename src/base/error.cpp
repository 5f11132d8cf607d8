#include "error.hpp"

#include <array>
#include <cstdio>
#include <cstdlib>

namespace concordat {
namespace {

struct Row {
    std::string_view name;
    int status;
    std::string_view title;
};

constexpr std::array rows = {
#define X(code, status, title) Row{#code, status, title},
    CONCORDAT_ERRORS(X)
#undef X
};

const Row& row(Code code) {
    const auto index = static_cast<std::size_t>(code);
    if (index >= rows.size()) panic("an error code outside the table");
    return rows[index];
}

std::string describe(Code code, const std::string& field, const std::string& rule) {
    std::string text(code_name(code));
    if (!field.empty()) text += ": " + field;
    if (!rule.empty()) text += ": " + rule;
    return text;
}

}  // namespace

std::string_view code_name(Code code) { return row(code).name; }
int http_status(Code code) { return row(code).status; }
std::string_view title(Code code) { return row(code).title; }

Code code_from_name(std::string_view name) {
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (rows[i].name == name) return static_cast<Code>(i);
    }
    return Code::internal;
}

Error::Error(Code code, std::string field, std::string rule)
    : std::runtime_error(describe(code, field, rule)), code_(code), field_(std::move(field)), rule_(std::move(rule)) {}

void panic(std::string_view what) {
    std::fprintf(stderr, "panic: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

}  // namespace concordat
