// JSON's text: a strict parser and the canonical writer (RFC 8785). Included by json.hpp.
#pragma once
#include "json.hpp"

namespace concordat::cryptlet {
namespace detail {

// Refuses what canonical JSON cannot hold: fractions, exponents, integers beyond ±(2^53−1), -0, duplicate keys, raw
// control characters, lone surrogates, nesting deeper than 32. Input comes from the enclave, which has checked that it
// is UTF-8; the checks here keep a native test or another host honest.
class Parser {
  public:
    explicit Parser(std::string_view text) : next_(text.data()), end_(text.data() + text.size()) {}

    Value document() {
        Value value = any(0);
        skip_space();
        if (next_ != end_) fail();
        return value;
    }

  private:
    [[noreturn]] static void fail() { abort_with("bad_json", "the text is not strict JSON"); }

    char peek() const { return next_ == end_ ? '\0' : *next_; }
    void expect(char c) {
        if (peek() != c || next_ == end_) fail();
        ++next_;
    }
    void expect(std::string_view word) {
        for (const char c : word) expect(c);
    }
    void skip_space() {
        while (next_ != end_ && (*next_ == ' ' || *next_ == '\n' || *next_ == '\t' || *next_ == '\r')) ++next_;
    }

    Value any(int depth) {
        if (depth > 32) fail();
        skip_space();
        switch (peek()) {
            case '{':
                return object(depth);
            case '[':
                return array(depth);
            case '"':
                return Value(string());
            case 't':
                expect("true");
                return Value(true);
            case 'f':
                expect("false");
                return Value(false);
            case 'n':
                expect("null");
                return Value();
            default:
                return Value(integer());
        }
    }

    Value object(int depth) {
        Object object;
        expect('{');
        skip_space();
        if (peek() == '}') {
            ++next_;
            return Value(std::move(object));
        }
        object.reserve(4);
        while (true) {
            skip_space();
            std::string key = string();
            skip_space();
            expect(':');
            if (!object.insert(std::move(key), any(depth + 1))) fail();
            skip_space();
            if (peek() != ',') break;
            ++next_;
        }
        expect('}');
        return Value(std::move(object));
    }

    Value array(int depth) {
        Array array;
        expect('[');
        skip_space();
        if (peek() == ']') {
            ++next_;
            return Value(std::move(array));
        }
        while (true) {
            array.push_back(any(depth + 1));
            skip_space();
            if (peek() != ',') break;
            ++next_;
        }
        expect(']');
        return Value(std::move(array));
    }

    std::int64_t integer() {
        const bool negative = peek() == '-';
        if (negative) ++next_;
        const char* first = next_;
        std::int64_t value = 0;
        while (next_ != end_ && *next_ >= '0' && *next_ <= '9') {
            value = value * 10 + (*next_++ - '0');
            if (value > max_json_integer) fail();
        }
        const auto digits = next_ - first;
        if (digits == 0 || (digits > 1 && *first == '0') || (negative && value == 0)) fail();
        const char c = peek();
        if (c == '.' || c == 'e' || c == 'E') fail();
        return negative ? -value : value;
    }

    // Behind the characters from here on that stand for themselves.
    const char* plain() const {
        const char* run = next_;
        while (run != end_ && *run != '"' && *run != '\\' && static_cast<unsigned char>(*run) >= 0x20) ++run;
        return run;
    }

    std::string string() {
        expect('"');
        const char* run = plain();
        if (run != end_ && *run == '"') {  // nearly always: one piece
            std::string whole(next_, static_cast<std::size_t>(run - next_));
            next_ = run + 1;
            return whole;
        }
        std::string out;
        while (true) {
            run = plain();
            out.append(next_, static_cast<std::size_t>(run - next_));
            next_ = run;
            if (peek() == '"') break;
            expect('\\');
            escape(out);
        }
        ++next_;
        return out;
    }

    void escape(std::string& out) {
        if (next_ == end_) fail();
        switch (*next_++) {
            case '"':
                out += '"';
                return;
            case '\\':
                out += '\\';
                return;
            case '/':
                out += '/';
                return;
            case 'b':
                out += '\b';
                return;
            case 'f':
                out += '\f';
                return;
            case 'n':
                out += '\n';
                return;
            case 'r':
                out += '\r';
                return;
            case 't':
                out += '\t';
                return;
            case 'u':
                append_utf8(out, code_point());
                return;
            default:
                fail();
        }
    }

    std::uint32_t code_point() {
        const std::uint32_t first = hex4();
        if (first < 0xd800 || first > 0xdfff) return first;
        if (first > 0xdbff) fail();
        expect("\\u");
        const std::uint32_t second = hex4();
        if (second < 0xdc00 || second > 0xdfff) fail();
        return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
    }

    std::uint32_t hex4() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i) {
            const char c = peek();
            std::uint32_t digit = 0;
            if (c >= '0' && c <= '9') {
                digit = static_cast<std::uint32_t>(c - '0');
            } else if (c >= 'a' && c <= 'f') {
                digit = static_cast<std::uint32_t>(c - 'a' + 10);
            } else if (c >= 'A' && c <= 'F') {
                digit = static_cast<std::uint32_t>(c - 'A' + 10);
            } else {
                fail();
            }
            value = value << 4 | digit;
            ++next_;
        }
        return value;
    }

    static void append_utf8(std::string& out, std::uint32_t c) {
        const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
        if (c < 0x80) {
            put(c);
        } else if (c < 0x800) {
            put(0xc0 | c >> 6), put(0x80 | (c & 0x3f));
        } else if (c < 0x10000) {
            put(0xe0 | c >> 12), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
        } else {
            put(0xf0 | c >> 18), put(0x80 | (c >> 12 & 0x3f)), put(0x80 | (c >> 6 & 0x3f)), put(0x80 | (c & 0x3f));
        }
    }

    const char* next_;
    const char* end_;
};

inline void write(std::string& out, const Value& value);

inline void write_string(std::string& out, std::string_view text) {
    out += '"';
    std::size_t plain = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto c = static_cast<unsigned char>(text[i]);
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        out.append(text, plain, i - plain);
        plain = i + 1;
        constexpr std::string_view named = "btn?fr";  // 0x08 … 0x0d, without 0x0b
        constexpr std::string_view hex = "0123456789abcdef";
        out += '\\';
        if (c == '"' || c == '\\') {
            out += static_cast<char>(c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            out += named[c - 8U];
        } else {
            out += "u00";
            out += hex[c >> 4];
            out += hex[c & 15];
        }
    }
    out.append(text, plain, text.size() - plain);
    out += '"';
}

inline void write_integer(std::string& out, std::int64_t value) {
    if (value > max_json_integer || value < -max_json_integer) {
        abort_with("integer_too_large", "JSON holds integers up to 2^53-1; use a decimal string");
    }
    char digits[20];
    std::size_t count = 0;
    auto rest = static_cast<std::uint64_t>(value < 0 ? -value : value);
    do {
        digits[count++] = static_cast<char>('0' + rest % 10);
        rest /= 10;
    } while (rest != 0);
    if (value < 0) out += '-';
    while (count > 0) out += digits[--count];
}

inline void write_object(std::string& out, const Object& object) {
    out += '{';
    bool first = true;
    for (const Member& member : object) {
        if (!first) out += ',';
        first = false;
        write_string(out, member.key);
        out += ':';
        write(out, member.value);
    }
    out += '}';
}

inline void write_array(std::string& out, const Array& array) {
    out += '[';
    bool first = true;
    for (const Value& item : array) {
        if (!first) out += ',';
        first = false;
        write(out, item);
    }
    out += ']';
}

inline void write(std::string& out, const Value& value) {
    if (value.is_null()) {
        out += "null";
    } else if (value.is_bool()) {
        out += value.as_bool() ? "true" : "false";
    } else if (value.is_int()) {
        write_integer(out, value.as_int());
    } else if (value.is_string()) {
        write_string(out, value.as_string());
    } else if (value.is_array()) {
        write_array(out, value.as_array());
    } else {
        write_object(out, value.as_object());
    }
}

}  // namespace detail

// Aborts with `bad_json` unless the text is one strict JSON value.
inline Value parse_json(std::string_view text) { return detail::Parser(text).document(); }

// Canonical JSON (RFC 8785).
inline std::string dump_json(const Value& value) {
    std::string out;
    out.reserve(512);
    detail::write(out, value);
    return out;
}

}  // namespace concordat::cryptlet
