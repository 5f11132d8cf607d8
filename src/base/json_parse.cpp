// The strict parser: Boost.JSON's tokeniser, and a handler that refuses what signed documents may not hold. This is the
// only translation unit that instantiates the tokeniser.
#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>
#include <set>

#include "json.hpp"

namespace concordat::json {
namespace {

using boost::json::error_code;
using View = boost::json::string_view;

// What every handler needs besides the values: the bounds, and which rule was broken.
struct Rules {
    static constexpr std::size_t max_object_size = std::size_t{1} << 24;
    static constexpr std::size_t max_array_size = std::size_t{1} << 24;
    static constexpr std::size_t max_key_size = std::size_t{1} << 28;
    static constexpr std::size_t max_string_size = std::size_t{1} << 28;

    std::size_t depth = 0;
    std::size_t max_depth = 0;
    Code code = Code::bad_json;
    std::string rule;

    bool refuse(error_code& ec, Code with, std::string why) {
        code = with;
        rule = std::move(why);
        ec = boost::json::error::syntax;
        return false;
    }
    bool enter(error_code& ec) {
        if (++depth <= max_depth) return true;
        return refuse(ec, Code::too_large, "must nest at most " + std::to_string(max_depth) + " levels deep");
    }
    bool refuse_number(error_code& ec) {
        return refuse(ec, Code::bad_json, "numbers must be integers within ±(2^53−1), without fraction or exponent");
    }
    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }
    bool on_number_part(View, error_code&) { return true; }
    bool on_double(double, View, error_code& ec) { return refuse_number(ec); }
    bool on_comment_part(View, error_code&) { return true; }
    bool on_comment(View, error_code&) { return true; }
};

struct Builder : Rules {
    boost::json::value_stack stack;
    std::size_t members = 0;

    bool on_object_begin(error_code& ec) { return enter(ec); }
    bool on_object_end(std::size_t n, error_code&) {
        --depth;
        members += n;
        stack.push_object(n);
        return true;
    }
    bool on_array_begin(error_code& ec) { return enter(ec); }
    bool on_array_end(std::size_t n, error_code&) {
        --depth;
        stack.push_array(n);
        return true;
    }
    bool on_key_part(View s, std::size_t, error_code&) {
        stack.push_chars(s);
        return true;
    }
    bool on_key(View s, std::size_t, error_code&) {
        stack.push_key(s);
        return true;
    }
    bool on_string_part(View s, std::size_t, error_code&) {
        stack.push_chars(s);
        return true;
    }
    bool on_string(View s, std::size_t, error_code&) {
        stack.push_string(s);
        return true;
    }
    bool on_int64(std::int64_t i, View text, error_code& ec) {
        // The tokeniser reads "-0" as the integer 0, which would not be the bytes that were signed.
        if (i > max_integer || i < -max_integer || (i == 0 && text.starts_with('-'))) return refuse_number(ec);
        stack.push_int64(i);
        return true;
    }
    bool on_uint64(std::uint64_t, View, error_code& ec) { return refuse_number(ec); }
    bool on_bool(bool b, error_code&) {
        stack.push_bool(b);
        return true;
    }
    bool on_null(error_code&) {
        stack.push_null();
        return true;
    }
};

// Runs only once a document is known to repeat a member, to say which.
struct DuplicateFinder : Rules {
    std::vector<std::set<std::string>> open;
    std::string part;

    bool on_object_begin(error_code&) {
        open.emplace_back();
        return true;
    }
    bool on_object_end(std::size_t, error_code&) {
        open.pop_back();
        return true;
    }
    bool on_array_begin(error_code&) { return true; }
    bool on_array_end(std::size_t, error_code&) { return true; }
    bool on_key_part(View s, std::size_t, error_code&) {
        part.append(s.data(), s.size());
        return true;
    }
    bool on_key(View s, std::size_t, error_code& ec) {
        part.append(s.data(), s.size());
        const auto [key, is_new] = open.back().insert(std::exchange(part, {}));
        if (is_new) return true;
        return refuse(ec, Code::bad_json, "member \"" + key->substr(0, 100) + "\" must not appear twice");
    }
    bool on_string_part(View, std::size_t, error_code&) { return true; }
    bool on_string(View, std::size_t, error_code&) { return true; }
    bool on_int64(std::int64_t, View, error_code&) { return true; }
    bool on_uint64(std::uint64_t, View, error_code&) { return true; }
    bool on_bool(bool, error_code&) { return true; }
    bool on_null(error_code&) { return true; }
};

boost::json::parse_options options() {
    boost::json::parse_options strict;
    strict.max_depth = 1024;  // the handler keeps the real bound; this one only protects the stack
    return strict;
}

template <class Parser>
void run(Parser& parser, std::string_view text, std::string_view what) {
    error_code ec;
    const std::size_t used = parser.write_some(false, text.data(), text.size(), ec);
    const Rules& rules = parser.handler();
    if (!rules.rule.empty()) throw Error(rules.code, std::string(what), rules.rule);
    if (!ec && used < text.size()) ec = boost::json::error::extra_data;
    if (!ec) return;
    throw Error(Code::bad_json, std::string(what),
                "must be strict JSON: " + ec.message() + " at byte " + std::to_string(used));
}

std::size_t count_members(const Value& value) {
    std::size_t n = 0;
    if (const auto* object = value.if_object()) {
        n = object->size();
        for (const auto& member : *object) n += count_members(member.value());
    } else if (const auto* array = value.if_array()) {
        for (const auto& item : *array) n += count_members(item);
    }
    return n;
}

[[noreturn]] void report_duplicate(std::string_view text, std::string_view what) {
    boost::json::basic_parser<DuplicateFinder> parser(options());
    run(parser, text, what);
    panic("a repeated member that cannot be found again");
}

}  // namespace

Value parse(std::string_view text, std::string_view what, Limits limits, boost::json::storage_ptr storage) {
    if (text.size() > limits.bytes) {
        throw Error(Code::too_large, std::string(what), "must be at most " + std::to_string(limits.bytes) + " bytes");
    }
    // Kept per thread so that the value stack's buffer is allocated once.
    thread_local boost::json::basic_parser<Builder> parser(options());
    parser.reset();
    Builder& builder = parser.handler();
    builder.depth = builder.members = 0;
    builder.max_depth = std::min(limits.depth, std::size_t{512});
    builder.rule.clear();
    builder.stack.reset(std::move(storage));
    struct Drop {  // values half built in the caller's storage must not outlive it
        Builder& builder;
        ~Drop() { builder.stack.reset(); }
    } drop{builder};
    run(parser, text, what);
    Value value = builder.stack.release();
    // The stack keeps the last of two members with one name, so a repeated name shows as a member that is missing.
    if (count_members(value) != builder.members) report_duplicate(text, what);
    return value;
}

}  // namespace concordat::json
