// Receipts with an anchor: when a rollback of the ledger is excluded, and what does not exclude it.
#include <gtest/gtest.h>

#include <array>
#include <base/file.hpp>

#include "../../tests/support/anchor_fixture.hpp"
#include "open.hpp"
#include "verify.hpp"

namespace concordat::proof {
namespace {

using test::AnchorMaker;

const ledger::evm::EvmKind evm;
const std::array<const ledger::Kind*, 1> kinds{&evm};

void collect(const std::vector<Line>& lines, std::string& out) {
    for (const Line& line : lines) {
        if (!line.ok && line.problem != "see below") out += (out.empty() ? "" : "; ") + line.layer + " " + line.problem;
        collect(line.below, out);
    }
}

std::string broken(const Verdict& verdict) {
    std::string out;
    collect(verdict.lines, out);
    EXPECT_EQ(verdict.holds, out.empty()) << render_text(verdict);
    return out.empty() ? "holds" : out;
}

class AnchoredReceipt : public ::testing::Test {
  protected:
    void SetUp() override {
        maker.story();
        maker.grow(5);
        receipt = maker.anchored();
    }
    Anchor& anchor() { return receipt.anchor->anchor; }
    Verdict verdict(const TrustFile& trust) const { return verify(receipt.write(), trust, kinds); }
    std::string result(const TrustFile& trust) const { return broken(verdict(trust)); }
    std::string result() const { return result(maker.trust_signers()); }
    Line rollback(const TrustFile& trust) const {
        const Verdict out = verdict(trust);
        EXPECT_EQ(out.lines.back().layer, "rollback");
        return out.lines.back();
    }
    TrustFile trust_host() const {
        TrustFile out = maker.trust();
        out.allow_asserted = {"clock"};
        out.chains[AnchorMaker::chain_name] = {.witness = "host"};
        return out;
    }

    AnchorMaker maker;
    Receipt receipt;
};

TEST_F(AnchoredReceipt, SealedBlocksProveThatTheLedgerWasNotRolledBack) {
    ASSERT_EQ(result(), "holds");
    const Line line = rollback(maker.trust_signers());
    EXPECT_EQ(line.how, How::proved);
    EXPECT_EQ(line.text,
              "the ledger's first 14 entries are anchored on eip155:31337, block 40: it cannot have been rolled back "
              "behind them");
    ASSERT_EQ(line.below.size(), 4u);
    EXPECT_EQ(line.below[1].text, "they begin with the 9 entries of which this receipt's last entry is one");
    EXPECT_NE(line.below[2].text.find(", block 40"), std::string::npos) << line.below[2].text;
    EXPECT_EQ(line.below[3].layer, "finality");
    for (const Line& one : line.below) EXPECT_EQ(one.how, How::proved);
    EXPECT_EQ(Receipt::parse(receipt.write()).write(), receipt.write());
    EXPECT_TRUE(Receipt::parse(disclose(receipt.write(), std::vector{maker.price()})).anchor.has_value());
}

TEST_F(AnchoredReceipt, TheTreeOfTheLastEntryMayBeTheAnchoredOne) {
    AnchorMaker same;
    same.story();
    receipt = same.anchored();
    EXPECT_TRUE(receipt.anchor->consistency.empty());
    EXPECT_EQ(result(same.trust_signers()), "holds");
}

TEST_F(AnchoredReceipt, TheHostsWordOnTheChainIsTakenWhereTheTrustFileTakesIt) {
    EXPECT_EQ(result(trust_host()), "holds");
    EXPECT_EQ(rollback(trust_host()).how, How::asserted);
    // Other signers, or more than have sealed.
    TrustFile other = maker.trust_signers();
    other.chains[AnchorMaker::chain_name].parameters = {{"signers", json::Array{AnchorMaker::contract}}};
    EXPECT_EQ(result(other).substr(0, 40), "finality /evidence/inclusion/headers/0/e");
    other.chains[AnchorMaker::chain_name].witness = "oracle";
    EXPECT_EQ(result(other), "finality /finality/witness: must be host or clique");
}

TEST_F(AnchoredReceipt, CountsOnlyWhereTheTrustFileReliesOnIt) {
    TrustFile trust = maker.trust_signers();
    trust.anchors.clear();
    EXPECT_EQ(result(trust),
              "rollback /trust/allow_asserted: does not list \"rollback\"; /trust/anchors: must list the anchor's "
              "contract for it to count");
    trust.allow_asserted = {"clock", "rollback"};
    EXPECT_EQ(result(trust), "holds");
    EXPECT_EQ(rollback(trust).how, How::asserted);
    EXPECT_NE(rollback(trust).text.find("at 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed on eip155:31337, not in"),
              std::string::npos);
    // The same address elsewhere, another one there.
    trust.allow_asserted = {"clock"};
    trust.anchors = {{"eip155:1", AnchorMaker::contract},
                     {AnchorMaker::chain_name, "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}};
    EXPECT_EQ(result(trust).substr(0, 8), "rollback");
    // Nobody says which of the chain's blocks stand.
    trust = maker.trust();
    EXPECT_EQ(result(trust), "holds");
    trust.allow_asserted = {"clock"};
    EXPECT_EQ(
        result(trust),
        "rollback /trust/allow_asserted: does not list \"rollback\"; /trust/chains: must list eip155:31337 with a "
        "witness for the anchor to count");
}

// Whatever the trust file says.
TEST_F(AnchoredReceipt, AFalseAnchorNeverHolds) {
    const Receipt good = receipt;
    TrustFile unlisted = maker.trust_signers();
    unlisted.anchors.clear();
    unlisted.allow_asserted = {"clock", "rollback"};
    const auto refused = [&](auto edit) {
        receipt = good;
        edit(anchor());
        EXPECT_NE(result(unlisted), "holds");
        EXPECT_NE(result(trust_host()), "holds");
        return result();
    };
    EXPECT_EQ(refused([](Anchor& a) { a.root.time += 1; }).substr(0, 45),
              "anchor /receipt/anchor/root/signature: must b");
    EXPECT_EQ(refused([](Anchor& a) { a.root.flags = 3; }).substr(0, 33), "anchor /receipt/anchor/root/flags");
    EXPECT_EQ(refused([](Anchor& a) { a.root.size = 0; }).substr(0, 32), "anchor /receipt/anchor/root/size");
    EXPECT_EQ(refused([](Anchor& a) { a.root.signature[3] ^= 1; }).substr(0, 37),
              "anchor /receipt/anchor/root/signature");
    // Recorded by another contract, of another ledger, another root, undone, or not at all.
    const std::string not_recorded = "anchor /evidence/inclusion/receipt_proof: must show that 0x";
    const auto evidence = [&](std::vector<ledger::evm::Log> logs, bool succeeded = true) {
        return refused([&](Anchor& a) { a.evidence = maker.evidence(std::move(logs), succeeded); })
            .substr(0, not_recorded.size());
    };
    ledger::AnchorClaim claim = maker.claim();
    EXPECT_EQ(evidence({}), not_recorded);
    EXPECT_EQ(evidence({ledger::evm::anchored_log(claim)}, false), not_recorded);
    claim.contract = "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf";
    EXPECT_EQ(evidence({ledger::evm::anchored_log(claim)}), not_recorded);
    claim = maker.claim();
    claim.ledger = test::hash_of("another ledger");
    EXPECT_EQ(evidence({ledger::evm::anchored_log(claim)}), not_recorded);
    claim = maker.claim();
    ++claim.size;
    EXPECT_EQ(evidence({ledger::evm::anchored_log(claim)}), not_recorded);
    EXPECT_EQ(refused([](Anchor& a) { a.evidence = nullptr; }).substr(0, 16), "anchor /evidence");
}

TEST_F(AnchoredReceipt, AnotherHistoryIsNotAnchored) {
    const Receipt good = receipt;
    receipt.anchor->consistency.pop_back();
    EXPECT_EQ(result().substr(0, 35), "anchor /receipt/anchor/consistency:");
    // The same ledger, put back and gone on differently: what it signed then does not begin with the receipt's tree.
    AnchorMaker back;
    back.story();
    back.appended.pop_back();
    back.observe();
    back.grow(5);
    receipt = good;
    receipt.anchor = back.anchor();
    EXPECT_EQ(result().substr(0, 35), "anchor /receipt/anchor/consistency:");
    // An anchor from before the entry says nothing about it.
    AnchorMaker early;
    early.use_enclave(early.world.enclave);
    early.bind();
    receipt = good;
    receipt.anchor = early.anchor();
    EXPECT_EQ(result().substr(0, 35), "anchor /receipt/anchor/consistency:");
}

// Even where nothing relies on it: what cannot be checked could be anything.
TEST_F(AnchoredReceipt, AChainOfAKindThatIsNotKnownDoesNotHold) {
    anchor().chain = "fake:1";
    const std::string unknown = "anchor /receipt/anchor/chain: is of a kind of ledger that is not known here";
    EXPECT_EQ(result(maker.trust()), unknown);
    TrustFile trust = maker.trust();
    trust.anchors = {{"fake:1", AnchorMaker::contract}};
    trust.chains["fake:1"] = {.witness = "host"};
    EXPECT_EQ(result(trust), unknown);
    anchor().chain = "eip155:1";
    EXPECT_EQ(result(maker.trust()), "anchor /evidence/inclusion/transaction: must be of eip155:1");
}

TEST_F(AnchoredReceipt, IsReadStrictly) {
    const json::Object whole = json::parse(receipt.write(), "r", {.bytes = max_receipt_bytes}).as_object();
    const auto refused = [&](auto edit) {
        json::Object changed = whole;
        edit(changed.at("anchor").as_object());
        try {
            Receipt::parse(json::canonical(changed));
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused([](json::Object&) {}), "accepted");
    EXPECT_EQ(refused([](json::Object& a) { a["more"] = 1; }), "/receipt/anchor/more");
    for (const char* name : {"chain", "contract", "root", "consistency", "evidence"})
        EXPECT_EQ(refused([&](json::Object& a) { a.erase(name); }), std::string("/receipt/anchor/") + name);
    EXPECT_EQ(refused([](json::Object& a) { a["root"].as_object()["size"] = -1; }), "/receipt/anchor/root/size");
    EXPECT_EQ(refused([](json::Object& a) { a["root"].as_object()["more"] = 1; }), "/receipt/anchor/root/more");
    EXPECT_EQ(refused([](json::Object& a) { a["consistency"] = json::Array{"AA"}; }), "/receipt/anchor/consistency");
    EXPECT_EQ(refused([](json::Object& a) { a["contract"] = std::string(129, 'a'); }), "/receipt/anchor/contract");
}

TEST(TrustFile, ReadsAnchors) {
    const AnchorMaker maker;
    const std::string text = maker.trust_signers().write();
    EXPECT_EQ(TrustFile::parse(text).write(), text);
    const auto refused = [&](const char* anchors) {
        json::Object changed = json::parse(text, "t").as_object();
        changed["anchors"] = json::parse(anchors, "a");
        try {
            TrustFile::parse(json::canonical(changed));
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused(R"([{"chain":"eip155:1","contract":"0x1"}])"), "accepted");
    EXPECT_EQ(refused(R"([{"chain":"eip155","contract":"0x1"}])"), "/trust/anchors/0/chain");
    EXPECT_EQ(refused(R"([{"chain":"eip155:1"}])"), "/trust/anchors/0/contract");
    EXPECT_EQ(refused(R"([{"chain":"eip155:1","contract":"0x1","more":1}])"), "/trust/anchors/0/more");
    EXPECT_EQ(refused(R"([{"chain":"eip155:1","contract":"a"},{"chain":"eip155:1","contract":"a"}])"),
              "/trust/anchors");
    EXPECT_EQ(refused("{}"), "/trust/anchors");
}

// Written anew on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(AnchoredReceipt, ReplaysItsVectors) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) {
        write_file_atomic(folder + "receipt_anchored.json", bytes_of(receipt.write()));
        write_file_atomic(folder + "trust_anchor.json", bytes_of(maker.trust_signers().write() + "\n"));
    }
    const std::string text = read_text_file(folder + "receipt_anchored.json");
    const auto trust = TrustFile::parse(read_text_file(folder + "trust_anchor.json"));
    EXPECT_EQ(broken(verify(text, trust, kinds)), "holds");
    TrustFile without = trust;
    without.anchors.clear();
    EXPECT_EQ(broken(verify(text, without, kinds)).substr(0, 8), "rollback");
}

}  // namespace
}  // namespace concordat::proof
