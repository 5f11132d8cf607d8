// What a node keeps of anchors, what it refuses, and which one a receipt gets. The record ledger is a tree in memory.
#include "anchors.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <ledger/evm/kind/kind.hpp>
#include <proof/verify.hpp>

#include "../../tests/support/anchor_fixture.hpp"

namespace concordat::node {
namespace {

namespace ccl = ledger::confidential;
namespace fs = std::filesystem;
using process::Then;
using test::AnchorMaker;

class TreeLedger final : public ccl::Ledger {
  public:
    TreeLedger(boost::asio::io_context& loop, const AnchorMaker*& maker) : loop_(loop), maker_(maker) {}
    void read(std::uint64_t, std::uint32_t, Then<ccl::ReadReply> then) override { refuse(then); }
    void head(const Hash256&, const Hash256&, Then<ccl::HeadStatement> then) override { refuse(then); }
    void root(Then<ccl::SignedRoot> then) override {
        boost::asio::post(loop_, [then, root = maker_->signed_root()] { then(root); });
    }
    void consistency(std::uint64_t from, std::uint64_t to, Then<std::vector<Hash256>> then) override {
        boost::asio::post(loop_, [then, path = maker_->consistency(from, to)] { then(path); });
    }

  private:
    template <class T>
    void refuse(Then<T> then) {
        boost::asio::post(loop_, [then] { then(Error(Code::internal, "", "is not asked here")); });
    }
    boost::asio::io_context& loop_;
    const AnchorMaker*& maker_;
};

class AnchorsTest : public ::testing::Test {
  protected:
    AnchorsTest() {
        std::string pattern = (fs::temp_directory_path() / "concordat-anchors-XXXXXX").string();
        folder_ = ::mkdtemp(pattern.data());
        open();
        maker.story();
        ledgers_->on_change([] {}, [] {});
        const json::Object settings{{"kind", "evm"}, {"endpoints", json::Array{"http://127.0.0.1:1"}}};
        wait<process::Nothing>([&](auto then) { ledgers_->put(AnchorMaker::chain_name, settings, then); });
    }
    ~AnchorsTest() override {
        journal_->finish();
        std::error_code ignored;
        fs::remove_all(folder_, ignored);
    }
    void open() {
        if (journal_) journal_->finish();
        anchors_.reset();
        ledgers_.reset();
        journal_ = std::make_unique<Journal>(loop_, folder_ / "node.db");
        ledgers_ = std::make_unique<Ledgers>(loop_, *journal_);
        anchors_ = std::make_unique<Anchors>(*journal_, record_, *ledgers_, clock_);
        anchors_->set_service_key(maker.world.ledger.public_key());
    }
    // Throws what the call ends with.
    template <class T, class Start>
    T wait(Start start) {
        std::optional<process::Outcome<T>> done;
        start(Then<T>([&](process::Outcome<T> outcome) { done.emplace(std::move(outcome)); }));
        while (!done) loop_.run_one();
        return std::move(done->get());
    }
    AnchorRow put(const proof::Anchor& anchor) {
        return wait<AnchorRow>([&](auto then) { anchors_->put(anchor, then); });
    }
    std::string refusal(const proof::Anchor& anchor) {
        const std::size_t before = anchors_->list().size();
        try {
            put(anchor);
        } catch (const Error& error) {
            EXPECT_EQ(anchors_->list().size(), before);
            return std::string(code_name(error.code())) + " " + error.field();
        }
        return "kept";
    }
    proof::Receipt receipt() {
        return wait<proof::Receipt>([&](auto then) { anchors_->add_to(maker.receipt(), then); });
    }

    AnchorMaker maker;
    const AnchorMaker* tree_ = &maker;  // what the record ledger has
    boost::asio::io_context loop_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{loop_.get_executor()};
    ManualClock clock_{test::start_time};
    fs::path folder_;
    TreeLedger record_{loop_, tree_};
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<Ledgers> ledgers_;
    std::unique_ptr<Anchors> anchors_;
};

TEST_F(AnchorsTest, KeepsWhatIsTrueAndAddsItToReceipts) {
    EXPECT_FALSE(receipt().anchor);
    maker.grow(3);
    const proof::Anchor anchor = maker.anchor().anchor;
    maker.grow(2);  // others went on meanwhile
    const AnchorRow kept = put(anchor);
    EXPECT_EQ(kept.block, 40u);
    EXPECT_EQ(kept.kept, test::start_time);
    open();
    ASSERT_EQ(anchors_->list().size(), 1u);
    EXPECT_EQ(anchors_->list()[0].root, anchor.root);
    EXPECT_EQ(anchors_->list()[0].transaction, kept.transaction);
    const proof::Receipt made = receipt();
    ASSERT_TRUE(made.anchor);
    EXPECT_EQ(made.anchor->anchor.root.size, 12u);
    const ledger::evm::EvmKind evm;
    const std::array<const ledger::Kind*, 1> kinds{&evm};
    const proof::Verdict verdict = proof::verify(made.write(), maker.trust_signers(), kinds);
    EXPECT_TRUE(verdict.holds) << proof::render_text(verdict);
    EXPECT_EQ(verdict.lines.back().how, proof::How::proved);
}

TEST_F(AnchorsTest, RefusesWhatIsNotTrue) {
    maker.grow(3);
    const proof::Anchor good = maker.anchor().anchor;
    const auto changed = [&](auto edit) {
        proof::Anchor anchor = good;
        edit(anchor);
        return refusal(anchor);
    };
    EXPECT_EQ(changed([](auto& a) { a.root.signature[5] ^= 1; }), "bad_receipt /root/signature");
    EXPECT_EQ(changed([](auto& a) { a.root.flags = 4; }), "bad_receipt /root/flags");
    EXPECT_EQ(changed([](auto& a) { a.chain = "eip155:1"; }), "not_found /chain");
    EXPECT_EQ(changed([](auto& a) { a.contract = "0x12"; }), "bad_format /contract");
    EXPECT_EQ(changed([](auto& a) { a.contract = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"; }),
              "bad_receipt /evidence/inclusion/receipt_proof");
    EXPECT_EQ(changed([](auto& a) { a.evidence = json::Object{}; }), "missing_field /evidence/inclusion");
    EXPECT_EQ(refusal(good), "kept");
    EXPECT_EQ(refusal(good), "kept");  // again: the same
    EXPECT_EQ(anchors_->list().size(), 1u);
}

TEST_F(AnchorsTest, ARecordLedgerThatWasPutBackIsFound) {
    AnchorMaker shorter;
    shorter.story();
    maker.grow(3);
    const proof::Anchor anchor = maker.anchor().anchor;
    tree_ = &shorter;
    EXPECT_EQ(refusal(anchor), "rolled_back /root");
    AnchorMaker other;
    other.story();
    other.append(other.next(contract::EntryType::close), "", other.initial_state());
    other.grow(9);
    tree_ = &other;
    EXPECT_EQ(refusal(anchor), "rolled_back /root");
    tree_ = &maker;
    EXPECT_EQ(refusal(anchor), "kept");
}

TEST_F(AnchorsTest, AReceiptGetsTheSmallestThatCoversIt) {
    std::vector<proof::Anchor> all{maker.anchor().anchor};
    for (std::size_t i = 0; i < max_anchors + 2; ++i) {
        maker.grow(1);
        all.push_back(maker.anchor().anchor);
    }
    put(all[4]);
    EXPECT_EQ(receipt().anchor->anchor.root.size, 13u);
    put(all[0]);
    EXPECT_EQ(receipt().anchor->anchor.root.size, 9u);
    EXPECT_TRUE(receipt().anchor->consistency.empty());
    for (const proof::Anchor& one : all) put(one);
    EXPECT_EQ(anchors_->list().size(), max_anchors);
    EXPECT_EQ(anchors_->list().front().root.size, all.back().root.size);
    EXPECT_EQ(receipt().anchor->anchor.root.size, 12u);  // the oldest that is left
    maker.execute(maker.message());                      // younger than all of them
    EXPECT_FALSE(receipt().anchor);
}

TEST_F(AnchorsTest, TheContractsAreBounded) {
    maker.grow(1);
    const auto at = [&](std::size_t number) {
        std::array<std::uint8_t, 20> bytes{};
        bytes[19] = static_cast<std::uint8_t>(number + 1);
        return maker.anchor(ledger::evm::Address::from(bytes).text()).anchor;
    };
    for (std::size_t i = 0; i < max_anchor_places; ++i) EXPECT_EQ(refusal(at(i)), "kept");
    EXPECT_EQ(refusal(at(max_anchor_places)), "too_large /contract");
    EXPECT_EQ(refusal(at(0)), "kept");
    EXPECT_EQ(anchors_->list().size(), max_anchor_places);
}

}  // namespace
}  // namespace concordat::node
