#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <base/json.hpp>

#include <concordat/json.hpp>

namespace {

using concordat::cryptlet::Aborted;
using concordat::cryptlet::Array;
using concordat::cryptlet::dump_json;
using concordat::cryptlet::Object;
using concordat::cryptlet::parse_json;
using concordat::cryptlet::Value;

std::string code_of(auto&& action) {
    try {
        action();
    } catch (const Aborted& aborted) {
        return aborted.code;
    }
    return "none";
}

std::string random_text() {
    static const std::vector<std::string> pieces = {"a", "\"",         "\\",     "\n", "\x01", "é",
                                                    "€", "\U0001F600", "\uFFFD", "z",  "0"};
    std::string out;
    for (int i = *rc::gen::inRange(0, 6); i > 0; --i) out += *rc::gen::elementOf(pieces);
    return out;
}

Value random_value(int depth) {
    switch (*rc::gen::inRange(0, depth > 0 ? 6 : 4)) {
        case 0:
            return Value();
        case 1:
            return Value(*rc::gen::arbitrary<bool>());
        case 2:
            return Value(*rc::gen::inRange<std::int64_t>(-(1LL << 53) + 1, 1LL << 53));
        case 3:
            return Value(random_text());
        case 4: {
            Array items;
            for (int i = *rc::gen::inRange(0, 4); i > 0; --i) items.push_back(random_value(depth - 1));
            return Value(std::move(items));
        }
        default: {
            Object members;
            for (int i = *rc::gen::inRange(0, 5); i > 0; --i) members[random_text()] = random_value(depth - 1);
            return Value(std::move(members));
        }
    }
}

TEST(Json, RoundTripsAndAgreesWithThePlatform) {
    EXPECT_TRUE(rc::check("dump is canonical, parse undoes it", [] {
        const Value value = random_value(3);
        const std::string text = dump_json(value);
        RC_ASSERT(parse_json(text) == value);
        RC_ASSERT(concordat::json::canonical(concordat::json::parse(text, "test")) == text);
    }));
}

TEST(Json, AcceptsSpaceAndEscapes) {
    EXPECT_EQ(dump_json(parse_json(" { \"b\" : [ 1 , -2 ] , \"a\" : \"\\u0041\\ud83d\\ude00\\/\\b\" } ")),
              "{\"a\":\"A\U0001F600/\\b\",\"b\":[1,-2]}");
    EXPECT_EQ(dump_json(parse_json("[9007199254740991,-9007199254740991,0]")),
              "[9007199254740991,-9007199254740991,0]");
}

TEST(Json, RefusesWhatIsNotStrict) {
    for (const char* text : {"",
                             " ",
                             "{",
                             "[1,]",
                             "{\"a\":1,}",
                             "{\"a\":1,\"a\":2}",
                             "01",
                             "-0",
                             "1.0",
                             "1e2",
                             "-",
                             "+1",
                             "9007199254740992",
                             "\"\n\"",
                             "\"\\x\"",
                             "\"\\ud800\"",
                             "\"\\ud800\\u0041\"",
                             "\"\\udc00\"",
                             "\"\\u00g0\"",
                             "nul",
                             "truee",
                             "[1] 2",
                             "'a'",
                             "{a:1}",
                             "{\"a\"}",
                             "\"a",
                             "\"\\",
                             "\"\\u12"}) {
        EXPECT_EQ(code_of([&] { (void)parse_json(text); }), "bad_json") << text;
    }
    EXPECT_EQ(code_of([&] { (void)parse_json(std::string(100'000, '[')); }), "bad_json");
    EXPECT_EQ(code_of([&] { (void)dump_json(Value(1LL << 53)); }), "integer_too_large");
}

TEST(Json, KeysAreOrderedByUtf16) {
    Object object;
    object["\uFB33"] = 1;
    object["\U0001F600"] = 2;
    object["\u20AC"] = 3;
    object["a"] = 4;
    EXPECT_EQ(dump_json(Value(object)), "{\"a\":4,\"\u20AC\":3,\"\U0001F600\":2,\"\uFB33\":1}");
}

TEST(Json, AccessNamesWhatIsWrong) {
    Value value = Value::object({{"a", 1}, {"b", Value::array({"x", true, nullptr})}});
    EXPECT_EQ(value["b"].as_array().size(), 3U);
    EXPECT_EQ(code_of([&] { (void)std::as_const(value)["c"]; }), "missing_field");
    EXPECT_EQ(code_of([&] { (void)value["a"].as_string(); }), "wrong_type");
    EXPECT_EQ(code_of([&] { (void)value["a"]["b"]; }), "wrong_type");
    value["c"]["d"] = "new";
    EXPECT_TRUE(value.as_object().erase("a"));
    EXPECT_FALSE(value.as_object().erase("a"));
    EXPECT_FALSE(value.as_object().insert("b", 1));
    EXPECT_EQ(dump_json(value), R"({"b":["x",true,null],"c":{"d":"new"}})");
}

}  // namespace
