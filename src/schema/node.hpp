// The compiled form of a schema, internal to this module.
#pragma once
#include <re2/re2.h>

#include <limits>

#include "schema.hpp"

namespace concordat::schema {

// Where we are in a document: a chain on the stack, turned into a JSON Pointer (RFC 6901) only when something is wrong.
struct At {
    const At* up = nullptr;
    std::string_view name{};
    std::size_t index = 0;
    bool is_index = false;

    At member(std::string_view key) const { return {this, key, 0, false}; }
    At item(std::size_t i) const { return {this, {}, i, true}; }
    std::string pointer(std::string_view what) const;
};

enum class Type : std::uint8_t { object, array, string, integer, boolean, null, scalar };
enum class Format : std::uint8_t { none, date, date_time, decimal, sha256 };
using NodeIndex = std::uint32_t;

struct Property {
    std::string name;
    NodeIndex node = 0;
    bool required = false;
    std::vector<std::string> roles{};  // not empty: confidential
    std::string audience{};
    bool confidential() const { return !roles.empty(); }
};

// The values of enum and const.
struct Choices {
    bool present = false;
    bool null = false, yes = false, no = false;
    std::vector<std::string> strings;    // sorted
    std::vector<std::int64_t> integers;  // sorted
    bool contains(const json::Value& value) const;
};

struct Node {
    Type type = Type::scalar;
    Format format = Format::none;
    bool has_confidential = false;  // here or anywhere below
    std::uint32_t height = 1;
    std::uint32_t required_count = 0;
    NodeIndex items = 0;
    int scale = -1;
    std::int64_t min = std::numeric_limits<std::int64_t>::min();  // of the integer, the items or the code points
    std::int64_t max = std::numeric_limits<std::int64_t>::max();
    std::vector<Property> properties;  // sorted by name
    std::unique_ptr<re2::RE2> pattern;
    Choices choices;
    const Property* find(std::string_view name) const;
};

struct Compiled {
    std::vector<Node> nodes;
    NodeIndex root = 0;
    std::vector<ConfidentialField> confidential;
};

// "_sd" and "..." have a meaning of their own in redacted documents (RFC 9901), so no property may be called so.
inline bool is_reserved_name(std::string_view name) { return name == "_sd" || name == "..."; }

// The integer, whichever way Boost.JSON keeps it; empty when it is not one (or beyond int64).
std::optional<std::int64_t> integer_of(const json::Value& value);
std::size_t code_points(std::string_view utf8);
// The rule that the text breaks, or null when it has the format. `scale` < 0: any number of digits after the point.
const char* check_format(Format format, std::string_view text, int scale);

}  // namespace concordat::schema
