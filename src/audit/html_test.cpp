#include "html.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include <base/json.hpp>
#include <sstream>

namespace concordat::audit {
namespace {

template <class F>
std::string written(F&& write) {
    std::ostringstream out;
    Html html(out);
    write(html);
    return out.str();
}

TEST(Html, ElementsCloseThemselvesAndWhatIsInThemIsEscaped) {
    const std::string out = written([](Html& html) {
        const auto list = html.in("ul", {{"class", "a\"b"}, {"id", ""}});
        html.put("li", "<script>alert('x')</script> & more", {{"title", "\"><img src=x onerror=alert(1)>"}});
        html.empty("br");
        html.text("</ul>");
    });
    EXPECT_EQ(out,
              "<ul class=\"a&quot;b\"><li title=\"&quot;&gt;&lt;img src=x onerror=alert(1)&gt;\">"
              "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; more</li><br/>&lt;/ul&gt;</ul>");
}

TEST(Html, APieceIsAddedAsItWasWritten) {
    Piece piece;
    piece.html().put("text", "<b>", {{"x", "1"}});
    EXPECT_EQ(written([&](Html& html) { html.add(piece); }), "<text x=\"1\">&lt;b&gt;</text>");
    piece.clear();
    EXPECT_EQ(written([&](Html& html) { html.add(piece); }), "");
}

TEST(Escaped, LettersOfEveryScriptStay) {
    for (const char* text : {"", "plain", "Zürich – 日本 🙂", "a\tb\nc", "e\xcc\x81", "क\xe2\x80\x8dष"})
        EXPECT_EQ(escaped(text), text);
}

TEST(Escaped, WhatNoReaderSeesIsShown) {
    EXPECT_EQ(escaped("pay \xe2\x80\xae"
                      "001"),
              "pay [U+202E]001");
    EXPECT_EQ(escaped("a\xe2\x81\xa6"
                      "b"),
              "a[U+2066]b");
    EXPECT_EQ(escaped("\xe2\x80\x8b\xef\xbb\xbf"), "[U+200B][U+FEFF]");
    EXPECT_EQ(escaped(std::string_view("\0\x1b\x7f", 3)), "[U+0000][U+001B][U+007F]");
    EXPECT_EQ(escaped("\xc2\x85"), "[U+0085]");
    EXPECT_EQ(escaped("\xf3\xa0\x80\xa1"), "[U+E0021]");
}

TEST(Escaped, WhatIsNotUtf8BecomesTheReplacementCharacter) {
    const std::string one = "\xef\xbf\xbd";
    EXPECT_EQ(escaped("a\xff"
                      "b"),
              "a" + one + "b");
    EXPECT_EQ(escaped("\xc0\xaf"), one + one);            // overlong
    EXPECT_EQ(escaped("\xed\xa0\x80"), one + one + one);  // a surrogate
    EXPECT_EQ(escaped("\xf4\x90\x80\x80"), one + one + one + one);
    EXPECT_EQ(escaped("x\xe2\x82"), "x" + one + one);  // cut short
    EXPECT_EQ(escaped("\xe2<\x82"), one + "&lt;" + one);
}

RC_GTEST_PROP(Escaped, LeavesNothingThatCouldBeMarkup, (const std::string& text)) {
    const std::string out = escaped(text);
    RC_ASSERT(out.find_first_of("<>\"'") == std::string::npos);
    for (std::size_t at = out.find('&'); at != std::string::npos; at = out.find('&', at + 1)) {
        bool known = false;
        for (const char* entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&#39;"})
            known = known || out.compare(at, std::string_view(entity).size(), entity) == 0;
        RC_ASSERT(known);
    }
    // It is UTF-8: the strict parser takes it as a string.
    RC_ASSERT_FALSE(json::parse(json::canonical(json::Value(out)), "text", {.bytes = std::size_t{1} << 22}).is_null());
    RC_ASSERT(escaped(out).find('<') == std::string::npos);
}

TEST(Cut, KeepsCharactersWholeAndSaysHowMuchThereWas) {
    EXPECT_EQ(cut("short", 5), "short");
    EXPECT_EQ(cut("abcdef", 3), "abc… (6 bytes in all)");
    EXPECT_EQ(cut("aü", 2), "a… (3 bytes in all)");
    EXPECT_EQ(cut("日本", 4), "日… (6 bytes in all)");
}

}  // namespace
}  // namespace concordat::audit
