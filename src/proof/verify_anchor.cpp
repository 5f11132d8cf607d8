// The layer about rollbacks: what an anchor on another chain proves of a ledger that cannot tell by itself.
#include <algorithm>
#include <contract/names.hpp>
#include <crypto/merkle.hpp>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

constexpr std::string_view single_node_text =
    "the ledger is a single node: a disk that was rolled back cannot be detected";

// The evidence alone, the blocks' standing left open.
ledger::Finality host_word() { return {.blocks = 1, .witness = std::string(ledger::host_witness), .parameters = {}}; }

}  // namespace

Hash256 Verifier::last_tree() const {
    const ReceiptEntry& entry = receipt_.entries.back();
    const Hash256 enclave = contract::thumbprint_of(entry.claim.kid, "/receipt/entries/claim/key");
    return entry.receipt.root_from(ledger::confidential::ledger_leaf(last().id, enclave),
                                   "/receipt/entries/" + std::to_string(last_index()) + "/receipt");
}

Line Verifier::anchored_root() const {
    const Anchor& anchor = receipt_.anchor->anchor;
    const std::string text = "the ledger signed a root of " + std::to_string(anchor.root.size) + " entries, " +
                             format_time(anchor.root.time);
    return check("anchor", text, How::proved,
                 [&] { anchor.check_root(in_force().binding.service_key, "/receipt/anchor"); });
}

Line Verifier::anchored_beginning() const {
    const ReceiptAnchor& anchor = *receipt_.anchor;
    const std::uint64_t size = receipt_.entries.back().receipt.size;
    const std::string text =
        "they begin with the " + std::to_string(size) + " entries of which this receipt's last entry is one";
    return check("anchor", text, How::proved, [&] {
        const auto& root = anchor.anchor.root;
        if (!crypto::verify_consistency(size, last_tree(), root.size, root.root, anchor.consistency)) {
            throw Error(Code::bad_receipt, "/receipt/anchor/consistency",
                        "must show that the anchored tree begins with the one that the last entry's receipt leads to");
        }
    });
}

// That the contract recorded it, if the blocks of the evidence are on the chain; and whether they are there for good.
// `witness`: the trust file's, null where it does not rely on this anchor. Fills in `block` with where it was recorded.
std::vector<Line> Verifier::anchored_on_chain(const TrustedChain* witness, std::string& block) const {
    const Anchor& anchor = receipt_.anchor->anchor;
    const ledger::Kind* kind = ledger::kind_of_chain(kinds_, anchor.chain);
    const How how = witness != nullptr && witness->witness != ledger::host_witness ? How::proved : How::asserted;
    const auto judge = [&](const ledger::Finality& finality) {
        if (kind == nullptr) {
            throw Error(Code::bad_receipt, "/receipt/anchor/chain", "is of a kind of ledger that is not known here");
        }
        return kind->recorded(anchor.claim(in_force().binding.service_key), finality, anchor.evidence);
    };
    std::string text = anchor.contract + " on " + anchor.chain + " recorded this root";
    Line recorded = check("anchor", "", how, [&] {
        const ledger::Recorded found = judge(host_word());
        block = ", block " + std::to_string(found.block);
        text += " in transaction " + found.transaction + block;
    });
    recorded.text = text;
    if (witness == nullptr) return {std::move(recorded)};
    if (how == How::asserted) {
        return {std::move(recorded),
                check("finality", "that the block is on the chain is the host's word", how, [] {})};
    }
    return {std::move(recorded), check("finality", "by the trust file's witness " + witness->witness, how, [&] {
                ledger::Finality asked{.blocks = 1, .witness = witness->witness, .parameters = witness->parameters};
                if (!judge(asked).proved) {
                    throw Error(Code::bad_receipt, "/trust/chains/" + anchor.chain,
                                "has a witness that proves nothing");
                }
            })};
}

bool Verifier::single_node() const {
    return std::ranges::any_of(receipt_.entries, [](const ReceiptEntry& entry) {
        return (entry.receipt.flags & ledger::confidential::flag_single_node) != 0;
    });
}

Line Verifier::rollback() const {
    if (!receipt_.anchor) return asserted("rollback", std::string(single_node_text));
    const Anchor& anchor = receipt_.anchor->anchor;
    const bool relied = trust_.anchors.contains({anchor.chain, anchor.contract});
    const auto chain = trust_.chains.find(anchor.chain);
    const TrustedChain* witness = relied && chain != trust_.chains.end() ? &chain->second : nullptr;
    std::vector<Line> below{anchored_root(), anchored_beginning()};
    std::string block;
    for (Line& line : anchored_on_chain(witness, block)) below.push_back(std::move(line));
    const How how = below.back().how;
    if (witness != nullptr) {
        return group("rollback",
                     "the ledger's first " + std::to_string(anchor.root.size) + " entries are anchored on " +
                         anchor.chain + block + ": it cannot have been rolled back behind them",
                     how, std::move(below));
    }
    const std::string text = "there is an anchor at " + anchor.contract + " on " + anchor.chain + ", " +
                             (relied ? "but the trust file has no witness for that chain" : "not in the trust file");
    if (!single_node()) return group("rollback", text, how, std::move(below));
    Line line = asserted("rollback", std::string(single_node_text) + "; " + text);
    if (!line.ok) {
        line.problem += relied
                            ? "; /trust/chains: must list " + anchor.chain + " with a witness for the anchor to count"
                            : "; /trust/anchors: must list the anchor's contract for it to count";
    }
    line.below = std::move(below);
    return line;
}

}  // namespace concordat::proof
