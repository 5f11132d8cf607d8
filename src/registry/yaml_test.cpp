#include "yaml.hpp"

#include <gtest/gtest.h>

namespace concordat::registry {
namespace {

json::Value read(std::string_view text) { return yaml_to_json(parse_yaml(text, "f.yaml"), "f.yaml"); }

Error refused(std::string_view text) {
    try {
        read(text);
    } catch (const Error& error) {
        return error;
    }
    ADD_FAILURE() << "accepted: " << text;
    return {Code::internal, "", ""};
}

TEST(Yaml, ReadsTheCoreSchema) {
    EXPECT_EQ(json::canonical(read("a: 1\nb: [true, null, ~, x, -5]\nc: {d: \"29.50\", e: 2009-03-01}\nf: '7'\ng:\n")),
              R"({"a":1,"b":[true,null,null,"x",-5],"c":{"d":"29.50","e":"2009-03-01"},"f":"7","g":null})");
    EXPECT_EQ(json::canonical(read("yes: no\nt: |\n  two\n  lines\n")), "{\"t\":\"two\\nlines\\n\",\"yes\":\"no\"}");
}

TEST(Yaml, NamesTheLineOfWhatItRefuses) {
    EXPECT_EQ(refused("a: 1\nb: 29.50\n").field(), "f.yaml:2");
    EXPECT_EQ(refused("a: 1\na: 2\n").field(), "f.yaml:2");
    EXPECT_EQ(refused("a:\n  - 1\n  - [").field().substr(0, 7), "f.yaml:");
}

TEST(Yaml, RefusesWhatExpandsOrHides) {
    for (const char* text : {"a: &x [1]\nb: *x\n",
                             "a: &x 1\n",
                             "&k a: 1\n",
                             "a: *nowhere\n",
                             "a: {<<: {b: 1}}\n",
                             "a: !!int 5\n",
                             "a: !python/object:x {}\n",
                             "--- 1\n--- 2\n",
                             "? [1, 2]\n: 3\n",
                             "a: \x01\n",
                             "a: \xff\n",
                             "\xff\xfe\x61",
                             "a: 1e5\n",
                             "a: 0x10\n",
                             "a: .5\n",
                             "a: +1\n",
                             "a: 007\n",
                             "a: -0\n",
                             "a: 9007199254740992\n",
                             "a: 99999999999999999999999\n",
                             "a: .inf\n",
                             "a: 1_000\n",
                             "{",
                             "[",
                             "a: b: c\n",
                             "\t- a\n"}) {
        EXPECT_EQ(refused(text).code(), Code::bad_format) << text;
    }
}

TEST(Yaml, RefusesAnAliasBombBeforeItGrows) {
    std::string bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n";
    for (char c = 'b'; c <= 'j'; ++c) {
        bomb +=
            std::string(1, c) + ": &" + c + " [*" + static_cast<char>(c - 1) + ",*" + static_cast<char>(c - 1) + "]\n";
    }
    EXPECT_EQ(refused(bomb).code(), Code::bad_format);
}

TEST(Yaml, HasBounds) {
    EXPECT_EQ(refused(std::string(100, '[') + std::string(100, ']')).code(), Code::too_large);
    EXPECT_EQ(refused(std::string(max_yaml_bytes + 1, ' ')).code(), Code::too_large);
    std::string many = "[";
    for (std::size_t i = 0; i <= max_yaml_nodes; ++i) many += "1,";
    EXPECT_EQ(refused(many + "]").code(), Code::too_large);
    EXPECT_NO_THROW(read(std::string(max_yaml_depth, '[') + std::string(max_yaml_depth, ']')));
}

TEST(Yaml, ReaderRefusesUnknownKeysByName) {
    const YamlNode node = parse_yaml("a: 1\nbee: 2\n", "f.yaml");
    YamlReader in(node, "f.yaml", "/x");
    in.text("a");
    try {
        in.finish("a");
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::unknown_field);
        EXPECT_EQ(error.field(), "f.yaml:2/x/bee");
    }
}

}  // namespace
}  // namespace concordat::registry
