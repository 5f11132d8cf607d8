#include "json.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <boost/json/monotonic_resource.hpp>

#include "json_text.hpp"

namespace concordat::json {
namespace {

Code code_of(std::string_view text, Limits limits = {}) {
    try {
        (void)parse(text, "doc", limits);
    } catch (const Error& error) {
        EXPECT_EQ(error.field(), "doc");
        EXPECT_FALSE(error.rule().empty());
        return error.code();
    }
    ADD_FAILURE() << "accepted: " << text;
    return Code::internal;
}

TEST(JsonParse, RefusesWhatSignedDocumentsMayNotHold) {
    for (const std::string_view text : {
             "",
             " ",
             "{",
             "[1,]",
             "{\"a\":1,}",
             "{a:1}",
             "'a'",
             "nul",
             "tru",
             "1 2",
             "{} {}",
             "{}x",
             "[1]]",
             "// c\n1",
             "/* c */1",
             "\xef\xbb\xbf{}",  // syntax
             "1.0",
             "1.5",
             "1e3",
             "1E3",
             "-1e-3",
             "0.0",
             "-0",
             "-0.0",
             "[-0]",  // fractions, exponents, -0
             "9007199254740992",
             "-9007199254740992",
             "9223372036854775808",
             "18446744073709551615",
             "99999999999999999999999999",
             "-99999999999999999999999999",  // range
             "01",
             "-01",
             "+1",
             ".5",
             "1.",
             "-",
             "NaN",
             "Infinity",
             "0x10",
             "\"\\ud800\"",
             "\"\\udc00\"",
             "\"\\ud800x\"",
             "\"\\ud800\\u0041\"",
             "\"\\udc00\\ud800\"",  // surrogates
             "\"\xff\"",
             "\"\xc0\x80\"",
             "\"\xed\xa0\x80\"",
             "\"\xf4\x90\x80\x80\"",
             "\"\xe2\x82\"",  // UTF-8
             "\"a\nb\"",
             "\"\t\"",
             "\"\\x\"",
             "\"\\u12\"",
             "\"open",
         }) {
        EXPECT_EQ(code_of(text), Code::bad_json) << text;
    }
}

TEST(JsonParse, RefusesARepeatedMemberAndNamesIt) {
    for (const std::string_view text :
         {"{\"a\":1,\"a\":1}", "[{\"x\":{\"b\":1,\"a\":2,\"b\":3}}]", "{\"a\":1,\"\\u0061\":2}",
          "{\"a\":{\"c\":1,\"c\":2},\"a\":3}", "{\"\":1,\"\":2}"}) {
        try {
            (void)parse(text, "doc");
            ADD_FAILURE() << text;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::bad_json);
            EXPECT_THAT(error.rule(), testing::HasSubstr("twice"));
        }
    }
    EXPECT_NO_THROW((void)parse("{\"a\":{\"a\":[{\"a\":1},{\"a\":2}]}}", "doc"));
}

TEST(JsonParse, KeepsItsBounds) {
    const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
    EXPECT_NO_THROW((void)parse(nested(32), "doc"));
    EXPECT_EQ(code_of(nested(33)), Code::too_large);
    EXPECT_EQ(code_of("[[]]", {.depth = 1}), Code::too_large);
    EXPECT_EQ(code_of(nested(100000), {.depth = 1000000}), Code::too_large);
    EXPECT_EQ(code_of("\"abc\"", {.bytes = 4}), Code::too_large);
    EXPECT_NO_THROW((void)parse("\"abc\"", "doc", {.bytes = 5}));
    std::string objects;
    for (int i = 0; i < 33; ++i) objects += "{\"a\":";
    EXPECT_EQ(code_of(objects), Code::too_large);
}

TEST(JsonParse, AcceptsStrictJson) {
    const Value value =
        parse(" {\"a\" : [0, -1, 9007199254740991, -9007199254740991, true, false, null, \"\"]}\n\t ", "doc");
    EXPECT_EQ(canonical(value), "{\"a\":[0,-1,9007199254740991,-9007199254740991,true,false,null,\"\"]}");
    EXPECT_EQ(canonical(parse("\"\\u0000\\ud83d\\ude00\\/\\u00e9\"", "doc")), "\"\\u0000\xf0\x9f\x98\x80/\xc3\xa9\"");
}

TEST(JsonParse, RecoversAfterEveryFailureAndUsesTheGivenStorage) {
    for (int i = 0; i < 3; ++i) {
        {
            boost::json::monotonic_resource memory;
            EXPECT_THROW((void)parse("[\"a long string that is on the heap, not inside the value\",{\"b\":[1,2,", "doc",
                                     {}, &memory),
                         Error);
        }
        boost::json::monotonic_resource memory;
        const Value value = parse("{\"a\":[1,\"two\"]}", "doc", {}, &memory);
        EXPECT_EQ(value.storage().get(), &memory);
        EXPECT_EQ(canonical(value), "{\"a\":[1,\"two\"]}");
    }
}

TEST(JsonCanonical, FollowsTheSamplesOfRfc8785) {
    // §3.2.2.2's string and literals sample, without the fractions that we refuse.
    const Value value = parse(
        "{\"string\":\"\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\\"\\/\",\"literals\":[null,true,false]}",
        "doc");
    EXPECT_EQ(canonical(value),
              "{\"literals\":[null,true,false],\"string\":\"\xe2\x82\xac$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}");
    // §3.2.3's sorting sample.
    const Value sorted = parse(
        "{\"\\u20ac\":\"Euro Sign\",\"\\r\":\"Carriage Return\",\"\\ufb33\":\"Hebrew Letter Dalet With Dagesh\","
        "\"1\":\"One\",\"\\ud83d\\ude00\":\"Emoji: Grinning Face\",\"\\u0080\":\"Control\","
        "\"\\u00f6\":\"Latin Small Letter O With Diaeresis\"}",
        "doc");
    EXPECT_EQ(canonical(sorted),
              "{\"\\r\":\"Carriage Return\",\"1\":\"One\",\"\xc2\x80\":\"Control\","
              "\"\xc3\xb6\":\"Latin Small Letter O With Diaeresis\",\"\xe2\x82\xac\":\"Euro Sign\","
              "\"\xf0\x9f\x98\x80\":\"Emoji: Grinning Face\",\"\xef\xac\xb3\":\"Hebrew Letter Dalet With Dagesh\"}");
}

TEST(JsonCanonical, AbortsOnWhatHasNoCanonicalForm) {
    EXPECT_DEATH((void)canonical(Value(1.5)), "fraction");
    EXPECT_DEATH((void)canonical(Value(max_integer + 1)), "integer");
}

Value any_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
        case 0:
            return nullptr;
        case 1:
            return *rc::gen::arbitrary<bool>();
        case 2:
            return *rc::gen::inRange(-max_integer, max_integer);
        case 3:
            return Value(to_valid_utf8(*rc::gen::arbitrary<std::string>()));
        case 4: {
            Array array;
            for (int n = *rc::gen::inRange(0, 5); n > 0; --n) array.push_back(any_value(depth - 1));
            return array;
        }
        default: {
            Object object;
            for (int n = *rc::gen::inRange(0, 5); n > 0; --n) {
                object[to_valid_utf8(*rc::gen::arbitrary<std::string>())] = any_value(depth - 1);
            }
            return object;
        }
    }
}

TEST(JsonCanonical, IsReadBackAsTheSameValue) {
    EXPECT_TRUE(rc::check([] {
        const Value value = any_value(4);
        const std::string text = canonical(value);
        const Value again = parse(text, "doc");
        RC_ASSERT(again == value);
        RC_ASSERT(canonical(again) == text);
    }));
}

// Reference: decode to UTF-16 code units and compare those.
std::u16string utf16(std::string_view text) {
    std::u16string out;
    for (std::size_t i = 0; i < text.size();) {
        const auto at = [&](std::size_t k) { return static_cast<std::uint8_t>(text[i + k]); };
        const unsigned lead = at(0);
        const unsigned n = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        char32_t c = n == 1 ? lead : lead & (0xffu >> (n + 1));
        for (std::size_t k = 1; k < n; ++k) c = (c << 6) | (at(k) & 0x3f);
        i += n;
        if (c < 0x10000) {
            out += static_cast<char16_t>(c);
        } else {
            out += static_cast<char16_t>(0xd800 + ((c - 0x10000) >> 10));
            out += static_cast<char16_t>(0xdc00 + ((c - 0x10000) & 0x3ff));
        }
    }
    return out;
}

TEST(JsonText, OrdersKeysAsUtf16) {
    const std::vector<std::string> pieces = {"",
                                             "a",
                                             "b",
                                             "\x7f",
                                             "\xc2\x80",
                                             "\xdf\xbf",
                                             "\xe0\xa0\x80",
                                             "\xed\x9f\xbf",
                                             "\xee\x80\x80",
                                             "\xef\xbf\xbf",
                                             "\xf0\x90\x80\x80",
                                             "\xf4\x8f\xbf\xbf"};
    std::vector<std::string> texts;
    for (const auto& a : pieces) {
        for (const auto& b : pieces) texts.push_back(a + b);
    }
    for (const auto& a : texts) {
        for (const auto& b : texts) ASSERT_EQ(utf16_less(a, b), utf16(a) < utf16(b)) << a << " " << b;
    }
}

TEST(JsonText, EscapesWhereverTheByteStands) {
    for (int byte = 0; byte < 0x80; ++byte) {
        for (std::size_t at = 0; at < 20; ++at) {
            std::string text(20, 'x');
            text[at] = static_cast<char>(byte);
            std::string out;
            append_string(out, text);
            const bool escaped = byte < 0x20 || byte == '"' || byte == '\\';
            ASSERT_EQ(out.size() > 22, escaped) << byte << " at " << at;
            ASSERT_EQ(std::string_view(parse(out, "doc").as_string()), text);
        }
    }
}

TEST(JsonText, RepairsBytesThatAreNotUtf8) {
    EXPECT_EQ(to_valid_utf8("a\xffz"), "a\xef\xbf\xbdz");
    EXPECT_EQ(to_valid_utf8("\xe2\x82"), "\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT_EQ(to_valid_utf8("\xf0\x9f\x98\x80"), "\xf0\x9f\x98\x80");
    EXPECT_TRUE(rc::check([](const std::string& bytes) {
        std::string text;
        append_string(text, to_valid_utf8(bytes));
        RC_ASSERT(std::string_view(parse(text, "doc").as_string()) == to_valid_utf8(bytes));
    }));
}

template <class F>
void expect_error(Code code, std::string_view field, F f) {
    try {
        f();
        ADD_FAILURE() << "nothing thrown for " << field;
    } catch (const Error& error) {
        EXPECT_EQ(code_name(error.code()), code_name(code));
        EXPECT_EQ(error.field(), field);
    }
}

TEST(JsonReader, ReadsMembersAndNamesWhatIsWrong) {
    const Value value = parse("{\"s\":\"text\",\"i\":7,\"b\":true,\"h\":\"sha256:" + std::string(64, 'a') +
                                  "\",\"d\":\"AQID\",\"l\":[1,2],\"o\":{},\"a/b~\":1,\"typ\":\"x/1\"}",
                              "doc");
    Reader in(value, "/entry");
    EXPECT_EQ(in.string("s"), "text");
    EXPECT_EQ(in.string_or("none", "other"), "other");
    EXPECT_EQ(in.integer("i"), 7);
    EXPECT_EQ(in.integer_or("none", 3), 3);
    EXPECT_TRUE(in.boolean_or("b", false));
    EXPECT_EQ(in.hash("h").bytes[0], 0xaa);
    EXPECT_EQ(in.base64url("d"), (Bytes{1, 2, 3}));
    EXPECT_EQ(in.array("l").size(), 2u);
    EXPECT_TRUE(in.object("o").empty());
    in.expect("typ", "x/1");
    expect_error(Code::unknown_field, "/entry/a~1b~0", [&] { in.finish(); });
    EXPECT_EQ(in.integer("a/b~"), 1);
    in.finish();
    Reader same(value.as_object(), "/same");
    EXPECT_EQ(same.string("s"), "text");
    expect_error(Code::unknown_field, "/same/i", [&] { same.finish(); });
    expect_error(Code::missing_field, "/entry/none", [&] { (void)in.any("none"); });
    expect_error(Code::bad_format, "/entry/i", [&] { (void)in.string("i"); });
    expect_error(Code::too_large, "/entry/s", [&] { (void)in.string("s", 3); });
    expect_error(Code::bad_format, "/entry/i", [&] { (void)in.integer("i", 8); });
    expect_error(Code::bad_format, "/entry/i", [&] { (void)in.integer("i", 0, 6); });
    expect_error(Code::bad_format, "/entry/s", [&] { (void)in.integer("s"); });
    expect_error(Code::bad_format, "/entry/i", [&] { (void)in.boolean_or("i", true); });
    expect_error(Code::bad_format, "/entry/s", [&] { (void)in.hash("s"); });
    expect_error(Code::bad_format, "/entry/i", [&] { (void)in.hash("i"); });
    expect_error(Code::bad_format, "/entry/h", [&] { (void)in.base64url("h"); });
    expect_error(Code::too_large, "/entry/d", [&] { (void)in.base64url("d", 2); });
    expect_error(Code::too_large, "/entry/l", [&] { (void)in.array("l", 1); });
    expect_error(Code::bad_format, "/entry/o", [&] { (void)in.array("o"); });
    expect_error(Code::bad_format, "/entry/l", [&] { (void)in.object("l"); });
    expect_error(Code::bad_format, "/entry/typ", [&] { in.expect("typ", "x/2"); });
    expect_error(Code::bad_format, "/top", [] {
        const Value number = 1;
        Reader(number, "/top");
    });
}

}  // namespace
}  // namespace concordat::json
