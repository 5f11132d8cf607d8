#include "json.hpp"

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <charconv>

#include "json_text.hpp"

namespace concordat::json {
namespace {

// JCS is recursive; what is built here is never near this depth, and what is parsed is bounded by Limits.
constexpr int max_canonical_depth = 256;

constexpr std::size_t first_capacity = 512;  // spares most documents the string's first growths

void append_integer(std::string& out, std::int64_t integer) {
    if (integer > max_integer || integer < -max_integer) panic("canonical JSON of an integer beyond 2^53-1");
    std::array<char, 24> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), integer).ptr;
    out.append(text.data(), end);
}

void append_value(std::string& out, const Value& value, int depth);

void append_object(std::string& out, const Object& object, int depth) {
    using Member = const boost::json::key_value_pair*;
    boost::container::small_vector<Member, 32> members;
    members.reserve(object.size());
    for (const auto& member : object) members.push_back(&member);
    const auto before = [](Member a, Member b) { return utf16_less(a->key(), b->key()); };
    // Most objects arrive or are built in order; checking is cheaper than sorting.
    if (!std::is_sorted(members.begin(), members.end(), before)) std::sort(members.begin(), members.end(), before);
    char separator = '{';
    for (const Member member : members) {
        out += separator;
        separator = ',';
        append_string(out, member->key());
        out += ':';
        append_value(out, member->value(), depth + 1);
    }
    out += members.empty() ? "{}" : "}";
}

void append_array(std::string& out, const Array& array, int depth) {
    char separator = '[';
    for (const Value& item : array) {
        out += separator;
        separator = ',';
        append_value(out, item, depth + 1);
    }
    out += array.empty() ? "[]" : "]";
}

void append_value(std::string& out, const Value& value, int depth) {
    if (depth > max_canonical_depth) panic("canonical JSON of a value nested too deeply");
    switch (value.kind()) {
        case boost::json::kind::null:
            out += "null";
            return;
        case boost::json::kind::bool_:
            out += value.get_bool() ? "true" : "false";
            return;
        case boost::json::kind::int64:
            return append_integer(out, value.get_int64());
        case boost::json::kind::uint64:
            if (value.get_uint64() > std::uint64_t{max_integer}) panic("canonical JSON of an integer beyond 2^53-1");
            return append_integer(out, static_cast<std::int64_t>(value.get_uint64()));
        case boost::json::kind::double_:
            panic("canonical JSON of a fraction");
        case boost::json::kind::string:
            return append_string(out, value.get_string());
        case boost::json::kind::array:
            return append_array(out, value.get_array(), depth);
        case boost::json::kind::object:
            return append_object(out, value.get_object(), depth);
    }
}

}  // namespace

void append_canonical(std::string& out, const Value& value) { append_value(out, value, 0); }

std::string canonical(const Value& value) {
    std::string out;
    out.reserve(first_capacity);
    append_value(out, value, 0);
    return out;
}

std::string canonical(const Object& object) {
    std::string out;
    out.reserve(first_capacity);
    append_object(out, object, 0);
    return out;
}

std::string canonical(const Array& array) {
    std::string out;
    out.reserve(first_capacity);
    append_array(out, array, 0);
    return out;
}

}  // namespace concordat::json
