#include "bytes.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "error.hpp"
#include "secret.hpp"

namespace concordat {
namespace {

TEST(Base64url, FollowsRfc4648) {
    const std::pair<const char*, const char*> vectors[] = {
        {"", ""},           {"f", "Zg"},          {"fo", "Zm8"},         {"foo", "Zm9v"},
        {"foob", "Zm9vYg"}, {"fooba", "Zm9vYmE"}, {"foobar", "Zm9vYmFy"}};
    for (const auto& [text, encoded] : vectors) {
        EXPECT_EQ(to_base64url(bytes_of(text)), encoded);
        EXPECT_EQ(text_of(from_base64url(encoded).value()), text);
    }
    EXPECT_EQ(to_base64url(Bytes{0xfb, 0xff, 0xfe}), "-__-");
}

TEST(Base64url, RefusesEveryOtherText) {
    for (const char* text :
         {"A", "AAAAA", "Zg==", "Zg=", "Zh", "Zm9", "Zm8 ", " Zm8", "Zm9v\n", "Zm+v", "Zm/v", "Zm.v", "\xc3\xa9"}) {
        EXPECT_FALSE(from_base64url(text)) << text;
    }
    EXPECT_TRUE(rc::check([](const std::string& text) {
        const auto bytes = from_base64url(text);
        if (bytes) RC_ASSERT(to_base64url(*bytes) == text);
    }));
    // Texts of the alphabet only, so that the trailing bits are what decides.
    EXPECT_TRUE(rc::check([] {
        const auto text = *rc::gen::container<std::string>(rc::gen::element('A', 'Q', 'g', 'w', '-', '_', '9', 'z'));
        const auto bytes = from_base64url(text);
        if (bytes) RC_ASSERT(to_base64url(*bytes) == text);
    }));
}

TEST(Encodings, GoThereAndBack) {
    EXPECT_TRUE(rc::check([](const Bytes& bytes) {
        RC_ASSERT(from_base64url(to_base64url(bytes)) == bytes);
        RC_ASSERT(from_hex(to_hex(bytes)) == bytes);
    }));
}

TEST(Hex, IsLowerCaseAndWhole) {
    EXPECT_EQ(to_hex(Bytes{0x00, 0xaf, 0xff}), "00afff");
    for (const char* text : {"0", "0g", "AF", "0x00", " 00"}) EXPECT_FALSE(from_hex(text)) << text;
}

TEST(Hash256, ParsesExactlyOneText) {
    const std::string text = "sha256:" + std::string(62, '0') + "ff";
    EXPECT_EQ(Hash256::parse(text, "f").text(), text);
    EXPECT_EQ(Hash256::parse(text, "f").bytes[31], 0xff);
    EXPECT_EQ(Hash256::parse(text, "f").hex(), text.substr(7));
    for (const std::string& bad :
         {std::string(), text.substr(7), text + "0", text.substr(0, 70), "SHA256:" + text.substr(7),
          "sha256:" + std::string(64, 'G'), "sha256:" + std::string(64, 'A')}) {
        try {
            (void)Hash256::parse(bad, "/entry");
            ADD_FAILURE() << bad;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::bad_format);
            EXPECT_EQ(error.field(), "/entry");
        }
    }
    EXPECT_DEATH((void)Hash256::from(Bytes(31)), "32 bytes");
}

TEST(EqualConstantTime, ComparesContentAndSize) {
    EXPECT_TRUE(equal_constant_time(Bytes{1, 2}, Bytes{1, 2}));
    EXPECT_TRUE(equal_constant_time({}, {}));
    EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1, 3}));
    EXPECT_FALSE(equal_constant_time(Bytes{1, 2}, Bytes{1}));
}

// NOLINTBEGIN(bugprone-use-after-move): what a move leaves behind is what is tested
TEST(Secret, MovesAwayAndLeavesNothing) {
    std::array<std::uint8_t, 32> bytes;
    bytes.fill(7);
    SecretKey a(std::move(bytes));
    EXPECT_EQ(bytes[0], 0);  // the source of the move is wiped
    SecretKey b(std::move(a));
    EXPECT_EQ(a.expose()[31], 0);
    EXPECT_EQ(b.expose()[31], 7);
    std::string text = "short";
    Secret<std::string> s(std::move(text));
    Secret<std::string> t(std::move(s));
    EXPECT_EQ(t.expose(), "short");
    EXPECT_EQ(std::string_view(s.expose().data(), 5), std::string_view("\0\0\0\0\0", 5));
    EXPECT_EQ(t.copy().expose(), "short");
    EXPECT_EQ(t.expose(), "short");
}
// NOLINTEND(bugprone-use-after-move)

TEST(Error, TableIsConsistent) {
    for (int i = 0; i <= static_cast<int>(Code::internal); ++i) {
        const auto code = static_cast<Code>(i);
        EXPECT_EQ(code_from_name(code_name(code)), code);
        EXPECT_GE(http_status(code), 400);
        EXPECT_LT(http_status(code), 600);
        EXPECT_FALSE(title(code).empty());
    }
    EXPECT_EQ(code_from_name("no such code"), Code::internal);
    const Error error(Code::expired, "/until", "must lie ahead");
    EXPECT_STREQ(error.what(), "expired: /until: must lie ahead");
}

}  // namespace
}  // namespace concordat
