// Nothing in a valid receipt can be changed: bytes and JSON values, one at a time. Every byte when CONCORDAT_EVERY_BYTE
// is set (two minutes), else every third or seventh, which still meets every kind of place.
#include <gtest/gtest.h>

#include <array>

#include "../../tests/support/anchor_fixture.hpp"
#include "open.hpp"
#include "verify.hpp"

namespace concordat::proof {
namespace {

const ledger::evm::EvmKind evm;
const std::array<const ledger::Kind*, 1> kinds{&evm};

struct Sample {
    std::string text;
    TrustFile trust;
};

// An execution with a disclosed field, a payment on another ledger that came to an end, and an execution with an
// anchor.
const Sample& sample(std::string_view name) {
    static const Sample execution = [] {
        test::ReceiptMaker maker;
        maker.story();
        return Sample{disclose(maker.receipt().write(), std::vector{maker.price()}), maker.trust()};
    }();
    static const Sample payment = [] {
        test::TransactionMaker maker;
        maker.paid();
        return Sample{disclose(maker.receipt().write(), std::vector{maker.price()}), maker.trust()};
    }();
    static const Sample anchored = [] {
        test::AnchorMaker maker;
        maker.story();
        maker.grow(5);
        return Sample{maker.anchored().write(), maker.trust_signers()};
    }();
    return name == "execution" ? execution : name == "payment" ? payment : anchored;
}

class MutationTest : public ::testing::TestWithParam<const char*> {
  protected:
    void SetUp() override { ASSERT_TRUE(verify(text_, trust_, kinds).holds); }
    bool holds(const std::string& text) const { return verify(text, trust_, kinds).holds; }

    const std::string& text_ = sample(GetParam()).text;
    const TrustFile& trust_ = sample(GetParam()).trust;
};
INSTANTIATE_TEST_SUITE_P(Receipts, MutationTest, ::testing::Values("execution", "payment", "anchored"),
                         [](const auto& one) { return std::string(one.param); });

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

TEST_P(MutationTest, NoByteCanBeChanged) {
    const bool quick = std::getenv("CONCORDAT_EVERY_BYTE") == nullptr;
    const std::size_t step = !quick ? 1 : GetParam() == std::string_view("execution") ? 3 : 7;
    for (std::size_t i = 0; i < text_.size(); i += step) {
        std::string changed = text_;
        changed[i] = another(changed[i]);
        ASSERT_FALSE(holds(changed)) << "at " << i << " in …" << text_.substr(i < 40 ? 0 : i - 40, 60);
    }
}

TEST_P(MutationTest, NoByteCanBeRemovedOrAdded) {
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

TEST_P(MutationTest, NoValueCanBeChanged) {
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
