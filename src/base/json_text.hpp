// The text of JSON strings: RFC 8785 escapes, UTF-16 order of keys, and repair of bytes that are not UTF-8.
#pragma once
#include <string>
#include <string_view>

namespace concordat::json {

// Appends `text` (valid UTF-8) with quotes and the minimal escapes of RFC 8785 §3.2.2.2.
void append_string(std::string& out, std::string_view text);
// RFC 8785 §3.2.3: whether a comes before b when both are compared as UTF-16 code units.
bool utf16_less(std::string_view a, std::string_view b);
// Replaces each byte that is not part of well-formed UTF-8 by U+FFFD.
std::string to_valid_utf8(std::string_view text);

}  // namespace concordat::json
