// Nothing in a valid receipt can be changed: bytes and JSON values, one at a time. Every byte when CONCORDAT_EVERY_BYTE
// is set (half a minute), else every third, which still meets every kind of place.
#include <gtest/gtest.h>

#include "../../tests/support/receipt_fixture.hpp"
#include "open.hpp"
#include "verify.hpp"

namespace concordat::proof {
namespace {

class MutationTest : public ::testing::Test {
  protected:
    void SetUp() override {
        maker_.story();
        text_ = disclose(maker_.receipt().write(), std::vector{maker_.price()});
        trust_ = maker_.trust();
        ASSERT_TRUE(verify(text_, trust_).holds);
    }
    bool holds(const std::string& text) const { return verify(text, trust_).holds; }

    test::ReceiptMaker maker_;
    std::string text_;
    TrustFile trust_;
};

// Another character of the same kind, so that the change gets as deep as it can.
char another(char c) {
    if (c >= '0' && c <= '8') return static_cast<char>(c + 1);
    if (c == '9') return '0';
    if (c == 'z') return 'y';
    if (c == 'Z') return 'Y';
    if ((c >= 'a' && c < 'z') || (c >= 'A' && c < 'Z')) return static_cast<char>(c + 1);
    if (c == '-') return '_';
    if (c == '_') return '-';
    return static_cast<char>(c ^ 1);
}

TEST_F(MutationTest, NoByteCanBeChanged) {
    const std::size_t step = std::getenv("CONCORDAT_EVERY_BYTE") != nullptr ? 1 : 3;
    for (std::size_t i = 0; i < text_.size(); i += step) {
        std::string changed = text_;
        changed[i] = another(changed[i]);
        ASSERT_FALSE(holds(changed)) << "at " << i << " in …" << text_.substr(i < 40 ? 0 : i - 40, 60);
    }
}

TEST_F(MutationTest, NoByteCanBeRemovedOrAdded) {
    for (std::size_t i = 0; i < text_.size(); i += 17) {
        std::string removed = text_, added = text_;
        removed.erase(i, 1);
        added.insert(i, 1, text_[i]);
        ASSERT_FALSE(holds(removed)) << "at " << i;
        ASSERT_FALSE(holds(added)) << "at " << i;
    }
}

// Calls `visit` with the whole document once for each way of changing each value in it.
void each_change(json::Value& root, json::Value& here, const std::function<void(const json::Value&)>& visit) {
    const json::Value kept = here;
    const auto with = [&](json::Value value) {
        here = std::move(value);
        visit(root);
        here = kept;
    };
    with(nullptr);
    if (const auto* text = kept.if_string()) {
        with("");
        with(json::Value(std::string(*text) + "A"));
    } else if (kept.is_int64()) {
        with(kept.get_int64() + 1);
        with(-1);
        with(json::max_integer);
    } else if (kept.is_array()) {
        with(json::Array{});
        json::Array twice = kept.get_array();
        if (!twice.empty()) twice.push_back(twice.back());
        if (!twice.empty()) with(twice);
        for (std::size_t i = 0; i < kept.get_array().size(); ++i) {
            json::Array less = kept.get_array();
            less.erase(less.begin() + static_cast<std::ptrdiff_t>(i));
            with(less);
            each_change(root, here.get_array()[i], visit);
        }
    } else if (kept.is_object()) {
        json::Object more = kept.get_object();
        more["zz"] = 1;
        with(more);
        for (const auto& member : kept.get_object()) {
            json::Object less = kept.get_object();
            less.erase(member.key());
            with(less);
            each_change(root, here.get_object().at(member.key()), visit);
        }
    }
}

TEST_F(MutationTest, NoValueCanBeChanged) {
    json::Value root = json::parse(text_, "receipt", {.bytes = max_receipt_bytes});
    std::size_t count = 0;
    each_change(root, root, [&](const json::Value& changed) {
        const std::string text = json::canonical(changed);
        if (text == text_) return;
        ++count;
        // The one choice that a holder has: which disclosures to show.
        if (changed.is_object() && changed.get_object().contains("disclosures")) {
            json::Value again = changed;
            again.get_object()["disclosures"] = json::parse(text_, "r", {.bytes = max_receipt_bytes}).at("disclosures");
            if (json::canonical(again) == text_ && holds(text)) {
                EXPECT_TRUE(changed.at("disclosures").as_array().empty());
                return;
            }
        }
        EXPECT_FALSE(holds(text));
    });
    EXPECT_GT(count, 300u);
}

}  // namespace
}  // namespace concordat::proof
