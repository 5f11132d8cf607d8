#include "source.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <base/file.hpp>

#include "command.hpp"
#include "scaffold.hpp"

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

class SourceTest : public testing::Test {
  protected:
    void SetUp() override { folder_ = scaffold_package(scratch_.path(), "order"); }

    void write(const std::string& path, std::string_view text) { write_file_atomic(folder_ / path, bytes_of(text)); }
    // Replaces the first `from` in contract.yaml.
    void change(const std::string& from, const std::string& to) {
        std::string text = read_text_file(folder_ / "contract.yaml");
        const std::size_t at = text.find(from);
        ASSERT_NE(at, std::string::npos) << from;
        write("contract.yaml", text.replace(at, from.size(), to));
    }
    Error refused() {
        try {
            read_source(folder_);
        } catch (const Error& error) {
            return error;
        }
        ADD_FAILURE() << "accepted";
        return {Code::internal, "", ""};
    }

    ScratchFolder scratch_;
    fs::path folder_;
};

TEST_F(SourceTest, BecomesTheConfigOfTheFormat) {
    const Source source = read_source(folder_);
    const json::Value config = json::parse(source.config, "config");
    EXPECT_EQ(json::canonical(config), source.config);
    EXPECT_EQ(config.at("typ"), "concordat/contract/1");
    EXPECT_EQ(config.at("name"), "order");
    EXPECT_EQ(json::canonical(config.at("roles")), R"(["buyer","seller"])");
    EXPECT_EQ(config.at("language"), "c++");
    EXPECT_TRUE(config.at("effects").as_object().empty());
    // Without a schema an action takes an empty message.
    EXPECT_EQ(json::canonical(config.at("actions").at("accept").at("message")),
              R"({"additionalProperties":false,"properties":{},"type":"object"})");
    EXPECT_EQ(source.logic.size(), 1U);
    EXPECT_EQ(source.texts.size(), 7U);
}

TEST_F(SourceTest, ConditionsNameOnlyWhatTheyAskAbout) {
    const json::Value config = json::parse(read_source(folder_).config, "config");
    const json::Value& when = config.at("actions").at("accept").at("when");
    EXPECT_EQ(json::canonical(when.at("properties").at("status")), R"({"const":"offered"})");
    EXPECT_EQ(json::canonical(when.at("required")), R"(["status"])");
    EXPECT_TRUE(when.at("properties").as_object().contains("owed"));
    EXPECT_FALSE(when.at("properties").at("owed").as_object().contains("x-confidential"));
}

TEST_F(SourceTest, RolesMayBeAList) {
    const std::string before = read_source(folder_).config;
    change("roles:\n  buyer: {}\n  seller: {}", "roles: [seller, buyer]");
    EXPECT_EQ(read_source(folder_).config, before);
}

TEST_F(SourceTest, CostsAreSharedAsTheContractSays) {
    change("description:",
           "costs:\n  split: { buyer: 2, seller: 1 }\n  rates: { currency: EUR, bytes: \"0.5\" }\ndescription:");
    const json::Value config = json::parse(read_source(folder_).config, "config");
    EXPECT_EQ(json::canonical(config.at("costs")),
              R"({"rates":{"bytes":"0.5","currency":"EUR"},"split":{"buyer":2,"seller":1}})");
    change("seller: 1 }", "banker: 1 }");
    EXPECT_EQ(refused().field(), "/contract/costs/split/banker");
    change("banker: 1 }", "seller: 0 }");
    EXPECT_EQ(refused().field(), "/contract/costs/split/seller");
    change("  split: { buyer: 2, seller: 0 }\n", "");
    EXPECT_EQ(refused().code(), Code::missing_field);
}

TEST_F(SourceTest, UnknownKeysAreNamedWithTheirLine) {
    change("description:", "colour: red\ndescription:");
    const Error top = refused();
    EXPECT_EQ(top.code(), Code::unknown_field);
    EXPECT_EQ(top.field(), "contract.yaml:4/colour");
    change("colour: red\n", "");
    change("    when: schemas/is-offered.json", "    unless: x\n    when: schemas/is-offered.json");
    EXPECT_EQ(refused().field(), "contract.yaml:13/actions/accept/unless");
}

TEST_F(SourceTest, RefusesPathsThatLeadOut) {
    write_file_atomic(scratch_.path() / "outside.json", bytes_of("{}"));
    fs::create_symlink(scratch_.path() / "outside.json", folder_ / "link.json");
    fs::create_directory_symlink(scratch_.path(), folder_ / "linked");
    fs::create_directory(folder_ / "folder");
    ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
    const std::string key = "terms: schemas/terms.json";
    std::string now = key;
    for (const char* path :
         {"../outside.json", "/etc/passwd", "schemas/../../outside.json", "link.json", "linked/outside.json",
          "./schemas/terms.json", "schemas//terms.json", "folder", "pipe", ".hidden", "a\\\\b", "a/b/c/d/e/f/g/h/i"}) {
        const std::string next = std::string("terms: \"") + path + "\"";
        change(now, next);
        now = next;
        EXPECT_EQ(refused().code(), Code::bad_format) << path;
    }
    change(now, "terms: schemas/none.json");
    EXPECT_EQ(refused().code(), Code::not_found);
}

TEST_F(SourceTest, RefusesBadContent) {
    struct Case {
        const char* from;
        const char* to;
        Code code;
    };
    for (const Case& one :
         {Case{"concordat/v1", "concordat/v2", Code::bad_format}, Case{"name: order", "name: Order", Code::bad_format},
          Case{"name: order", "name: &n order", Code::bad_format}, Case{"name: order\n", "", Code::missing_field},
          Case{"version: 0.1.0", "version: 1.0", Code::bad_format},
          Case{"version: 0.1.0", "version: 01.0.0", Code::bad_format},
          Case{"language: c++", "language: cobol", Code::bad_format}, Case{"[logic.cpp]", "[]", Code::bad_format},
          Case{"[logic.cpp]", "[logic.cpp, logic.cpp]", Code::bad_format},
          Case{"[logic.cpp]", "[contract.yaml]", Code::bad_format},
          Case{"buyer: {}", "buyer: {key: 1}", Code::bad_format},
          Case{"from: [buyer]", "from: [broker]", Code::bad_package},
          Case{"from: [buyer]", "from: buyer", Code::bad_format},
          Case{"    from: [seller]", "    effects: [pay]\n    from: [seller]", Code::bad_package}}) {
        change(one.from, one.to);
        const Error error = refused();
        EXPECT_EQ(error.code(), one.code) << one.to << ": " << error.what();
        if (*one.to == '\0') {
            change("version:", std::string(one.from) + "version:");
        } else {
            change(one.to, one.from);
        }
    }
    EXPECT_NO_THROW(read_source(folder_));
}

TEST_F(SourceTest, RefusesHostileSchemas) {
    write("schemas/terms.json", R"({"type":"object","type":"object"})");
    EXPECT_EQ(refused().code(), Code::bad_json);
    EXPECT_NE(refused().field().find("schemas/terms.json"), std::string::npos);
    write("schemas/terms.json", R"({"type":"object","$ref":"https://example.org/x"})");
    EXPECT_EQ(refused().code(), Code::bad_schema);
    write("schemas/terms.json", R"({"type":"array","items":{"type":"string"}})");
    EXPECT_EQ(refused().code(), Code::bad_schema);
    write("schemas/terms.json", std::string(max_source_file_bytes + 1, ' '));
    EXPECT_EQ(refused().code(), Code::too_large);
}

}  // namespace
}  // namespace concordat::registry
