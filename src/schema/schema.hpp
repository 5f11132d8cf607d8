// The profile of JSON Schema 2020-12 that contracts use: compiled once, then checked in time linear in the value.
//
// Keywords: $schema (2020-12 only), $defs and "$ref": "#/$defs/<name>" without recursion, type (one of object array
// string integer boolean null), properties, required, additionalProperties (false; objects are always closed), items,
// minItems, maxItems, enum and const (scalars), minimum, maximum (integers), minLength, maxLength (code points),
// pattern (RE2 syntax, searched for, as JSON Schema says), format ("date", "date-time" as concordat::parse_time reads
// it, "decimal", "sha256"), and the annotations title description examples default $comment. A keyword that would do
// nothing where it stands is refused, and so is everything else.
//   format "decimal"    a string -?(0|[1-9][0-9]*)(\.[0-9]+)? of at most 100 characters, never a negative zero
//   x-scale: n          with format "decimal": at most n digits after the point (0 to 30)
//   x-confidential      a non-empty list of roles on an object's property: the property is sealed to them
//   (disclosure.hpp).
//                       Not inside items, and not below another confidential property.
// Source: JSON Schema 2020-12 core and validation.
#pragma once
#include <base/json.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::schema {

inline constexpr std::size_t max_text_bytes = 64 * 1024;  // of the schema's canonical form
inline constexpr std::size_t max_depth = 16;              // nested schemas, references followed
inline constexpr std::size_t max_nodes = 1000;
inline constexpr std::size_t max_choices = 256;  // values of one enum
inline constexpr std::size_t max_patterns = 64;
inline constexpr std::size_t max_pattern_bytes = 1024;
inline constexpr int max_pattern_program = 2000;      // RE2 instructions
inline constexpr std::size_t max_confidential = 256;  // fields
inline constexpr std::size_t max_decimal_chars = 100;

struct ConfidentialField {
    std::vector<std::string> path;   // property names from the root, the field's own last
    std::vector<std::string> roles;  // sorted
    std::string audience;            // the roles joined with "+"
};

struct Compiled;  // node.hpp

// Cheap to copy, safe to use from several threads. A default-constructed one must not be used.
class Schema {
  public:
    Schema() = default;
    // Throws Error(bad_schema); its field is `what` followed by the JSON Pointer of what is wrong in the schema.
    static Schema compile(const json::Value& document, std::string_view what);
    // Throws Error(schema_mismatch); its field is `what` followed by the JSON Pointer of what does not match.
    void validate(const json::Value& value, std::string_view what) const;
    const std::vector<ConfidentialField>& confidential() const;
    const Compiled& compiled() const;
    explicit operator bool() const { return compiled_ != nullptr; }

  private:
    std::shared_ptr<const Compiled> compiled_;  // shared because every execution of a contract reads the same one
};

}  // namespace concordat::schema
