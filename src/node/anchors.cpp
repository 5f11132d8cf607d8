#include "anchors.hpp"

#include <base/log.hpp>
#include <crypto/merkle.hpp>

namespace concordat::node {

namespace {

using ledger::confidential::SignedRoot;
using process::Outcome;

[[noreturn]] void report_rollback(const AnchorRow& row, std::string rule) {
    log::error("anchor_contradicts_ledger",
               {{"chain", row.chain}, {"contract", row.contract}, {"size", row.root.size}});
    throw Error(Code::rolled_back, "/root", std::move(rule));
}

}  // namespace

Anchors::Anchors(Journal& journal, ledger::confidential::Ledger& record, Ledgers& ledgers, Clock& clock)
    : journal_(journal), record_(record), ledgers_(ledgers), clock_(clock) {}

void Anchors::put(proof::Anchor anchor, process::Then<AnchorRow> then) {
    anchor.check_root(service_key_, "");
    const ledger::Ledger* known = ledgers_.find(anchor.chain);
    if (known == nullptr) {
        throw Error(Code::not_found, "/chain", "this node does not know that ledger: concordat ledger add");
    }
    const ledger::Finality word{.blocks = 1, .witness = std::string(ledger::host_witness), .parameters = {}};
    const ledger::Recorded recorded = known->kind().recorded(anchor.claim(service_key_), word, anchor.evidence);
    if (journal_.anchor_places(anchor.chain, anchor.contract) >= max_anchor_places) {
        throw Error(Code::too_large, "/contract", "a node keeps the anchors of at most 16 contracts");
    }
    AnchorRow row{.chain = std::move(anchor.chain),
                  .contract = std::move(anchor.contract),
                  .root = anchor.root,
                  .evidence = json::canonical(anchor.evidence),
                  .transaction = recorded.transaction,
                  .block = recorded.block,
                  .kept = clock_.now()};
    record_.root([this, row = std::move(row), then = std::move(then)](Outcome<SignedRoot> root) {
        root.ok() ? compare(row, root.get(), then) : then(root.error());
    });
}

// A root that this ledger signed and that its entries do not lead to is what a rollback leaves behind.
void Anchors::compare(const AnchorRow& row, const SignedRoot& root, process::Then<AnchorRow> then) {
    const auto fail = [then](const Outcome<process::Nothing>& done) {
        if (!done.ok()) then(done.error());
    };
    if (root.size < row.root.size) {
        return process::complete<process::Nothing>(fail, [&]() -> process::Nothing {
            report_rollback(row, "is of " + std::to_string(row.root.size) +
                                     " entries that this record ledger signed, and it has " +
                                     std::to_string(root.size) + ": it was rolled back");
        });
    }
    record_.consistency(row.root.size, root.size, [this, row, root, then, fail](Outcome<std::vector<Hash256>> path) {
        process::complete<process::Nothing>(fail, [&] {
            if (!crypto::verify_consistency(row.root.size, row.root.root, root.size, root.root, path.get())) {
                report_rollback(row, "is of another history of this record ledger: it was rolled back");
            }
            journal_.put_anchor(row, max_anchors,
                                [row, then](const std::optional<Error>& error) { error ? then(*error) : then(row); });
            return process::Nothing{};
        });
    });
}

std::vector<AnchorRow> Anchors::list() { return journal_.anchors(max_anchors * max_anchor_places); }

void Anchors::add_to(proof::Receipt receipt, process::Then<proof::Receipt> then) {
    const std::uint64_t size = receipt.entries.back().receipt.size;
    const std::optional<AnchorRow> row = journal_.anchor_above(size);
    if (!row) return then(std::move(receipt));
    receipt.anchor = {
        .anchor = {.chain = row->chain,
                   .contract = row->contract,
                   .root = row->root,
                   .evidence = json::parse(row->evidence, "/anchor/evidence", {.bytes = max_anchor_bytes})},
        .consistency = {}};
    if (row->root.size == size) return then(std::move(receipt));
    auto made = std::make_shared<proof::Receipt>(std::move(receipt));
    record_.consistency(size, row->root.size, [made, then = std::move(then)](Outcome<std::vector<Hash256>> path) {
        if (!path.ok()) return then(path.error());
        made->anchor->consistency = std::move(path.get());
        then(std::move(*made));
    });
}

}  // namespace concordat::node
