// Refusing a message. abort_with() ends the call: nothing the contract did in it takes effect, and the sender gets the
// code and the text. THE TEXT IS NOT CONFIDENTIAL: hosts and logs see it, so never put a value from state, terms or
// message into it; say which rule was broken, not with what.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>
#if !defined(__wasm__)
#include <string>
#endif

namespace concordat::cryptlet {

#if defined(__wasm__)

namespace detail {

// Fixed, so that an abort works when there is no memory left. The host reads it after the trap (cryptlet_aborted).
struct AbortRecord {
    char text[1600];
    std::size_t length;
};
inline AbortRecord abort_record{};

inline void append_abort(std::string_view text) {
    for (const char c : text) {
        if (abort_record.length < sizeof abort_record.text) abort_record.text[abort_record.length++] = c;
    }
}

// As a JSON string's content, cut to `most` bytes but not inside a UTF-8 sequence.
inline void append_abort_string(std::string_view text, std::size_t most) {
    if (text.size() > most) {
        while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
        text = text.substr(0, most);
    }
    for (const char c : text) {
        if (c == '"' || c == '\\') append_abort("\\");
        append_abort(static_cast<unsigned char>(c) < 0x20 ? std::string_view(" ") : std::string_view(&c, 1));
    }
}

}  // namespace detail

// `code`: [a-z][a-z0-9_]*, at most 64 bytes, stable, for programs. `text`: for people, cut to 512 bytes.
[[noreturn]] inline void abort_with(std::string_view code, std::string_view text) {
    detail::abort_record.length = 0;
    detail::append_abort("{\"abort\":{\"code\":\"");
    detail::append_abort_string(code, 64);
    detail::append_abort("\",\"text\":\"");
    detail::append_abort_string(text, 512);
    detail::append_abort("\"}}");
    __builtin_trap();
}

#else

// Built natively, for the contract's own unit tests, an abort is an exception that the test can look at.
struct Aborted {
    std::string code;
    std::string text;
};

[[noreturn]] inline void abort_with(std::string_view code, std::string_view text) {
    throw Aborted{std::string(code), std::string(text)};
}

#endif

// Aborts unless the condition holds: require(quantity > 0, "bad_quantity", "the quantity must be positive").
inline void require(bool condition, std::string_view code, std::string_view text) {
    if (!condition) abort_with(code, text);
}

}  // namespace concordat::cryptlet
