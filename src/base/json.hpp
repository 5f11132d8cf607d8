// Strict JSON for everything that is signed or comes from outside, and its canonical form (RFC 8785).
// Refused: duplicate keys, fractions and exponents, integers beyond ±(2^53−1), -0, invalid UTF-8, lone surrogates,
// trailing text, depth or size over the limits.
#pragma once
#include <array>
#include <boost/json.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "bytes.hpp"
#include "error.hpp"

namespace concordat::json {

using Value = boost::json::value;
using Object = boost::json::object;
using Array = boost::json::array;

inline constexpr std::int64_t max_integer = (std::int64_t{1} << 53) - 1;

struct Limits {
    std::size_t bytes = 1 << 20;
    std::size_t depth = 32;
};

// Throws Error(bad_json | too_large); `what` names the document in the error's field.
Value parse(std::string_view text, std::string_view what, Limits limits = {}, boost::json::storage_ptr storage = {});

// Memory for a value that is read and left behind: from the stack while it is small, and given back all at once. The
// value must not outlive it, nor a copy that was constructed from a part of it: Boost.JSON lets that have the same
// memory. What is assigned to an object that is there keeps that one's.
class Scratch {
  public:
    Scratch() = default;
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;
    boost::json::storage_ptr storage() { return &resource_; }

  private:
    std::array<unsigned char, 6144> first_;
    boost::json::monotonic_resource resource_{first_.data(), first_.size()};
};

// RFC 8785: keys sorted by UTF-16 code units, minimal escapes, no white space. Strings must be valid UTF-8. Aborts on a
// double or an integer beyond ±max_integer (never made here).
std::string canonical(const Value& value);
void append_canonical(std::string& out, const Value& value);
std::string canonical(const Object& object);
std::string canonical(const Array& array);

// Reads an object's members by name with errors that name the field; finish() refuses members nobody asked for.
// `path` is a JSON Pointer prefix ("/entry"). Errors: bad_format, missing_field, too_large, unknown_field. The value
// must outlive the reader and what it returned by view or reference.
class Reader {
  public:
    Reader(const Value& value, std::string path);
    Reader(const Object& object, std::string path);
    Reader(const Object&&, std::string) = delete;
    Reader(const Value&&, std::string) = delete;  // reads the caller's value, so that must outlive it
    const Value& any(std::string_view name);      // throws missing_field
    const Value* find(std::string_view name);     // null when absent
    std::string_view string(std::string_view name, std::size_t max_bytes = 65536);
    std::string_view string_or(std::string_view name, std::string_view otherwise);
    std::int64_t integer(std::string_view name, std::int64_t min = 0, std::int64_t max = max_integer);
    std::int64_t integer_or(std::string_view name, std::int64_t otherwise, std::int64_t min = 0,
                            std::int64_t max = max_integer);
    bool boolean_or(std::string_view name, bool otherwise);
    Hash256 hash(std::string_view name);
    Bytes base64url(std::string_view name, std::size_t max_bytes = 1 << 24);
    const Array& array(std::string_view name, std::size_t max_items = 4096);
    const Object& object(std::string_view name);
    void expect(std::string_view name, std::string_view value);             // a constant such as "typ"
    std::string at(std::string_view name) const;                            // this member's pointer
    [[noreturn]] void fail(std::string_view name, std::string rule) const;  // bad_format at the member
    void finish() const;                                                    // throws unknown_field

  private:
    [[noreturn]] void too_large(std::string_view name, std::size_t max, std::string_view unit) const;

    const Object* object_;
    std::string path_;
    std::vector<bool> asked_;  // by position in the object
};

}  // namespace concordat::json
