// Anchors: the record ledger's roots that contracts on other chains have recorded, kept in the journal and added to
// receipts. Whoever anchors hands them in; nothing here has to be trusted, since a receipt's reader checks it all. Loop
// thread only.
#pragma once
#include <ledger/confidential/host/client.hpp>
#include <proof/receipt.hpp>

#include "journal.hpp"
#include "ledgers.hpp"

namespace concordat::node {

inline constexpr std::size_t max_anchors = 16;        // kept of one contract: the newest
inline constexpr std::size_t max_anchor_places = 16;  // contracts

class Anchors {
  public:
    Anchors(Journal& journal, ledger::confidential::Ledger& record, Ledgers& ledgers, Clock& clock);
    void set_service_key(const crypto::PublicKey& key) { service_key_ = key; }

    // Keeps it. Throws, or ends with, an Error naming the member ("/root/…", "/chain", "/contract", "/evidence/…") when
    // the record ledger did not sign the root, this node does not reach the chain, or the evidence does not show that
    // the contract recorded it; Error(rolled_back) when the record ledger's entries are not those below the root.
    void put(proof::Anchor anchor, process::Then<AnchorRow> then);
    // The newest first, without evidence.
    std::vector<AnchorRow> list();
    // With the smallest anchor that covers the last entry's tree, where there is one.
    void add_to(proof::Receipt receipt, process::Then<proof::Receipt> then);

  private:
    void compare(const AnchorRow& row, const ledger::confidential::SignedRoot& root, process::Then<AnchorRow> then);

    Journal& journal_;
    ledger::confidential::Ledger& record_;
    Ledgers& ledgers_;
    Clock& clock_;
    crypto::PublicKey service_key_;
};

}  // namespace concordat::node
