// That a contract on another chain recorded a root of the record ledger, so that the ledger cannot be put back behind
// it unseen (docs/formats.md §8, docs/ledger.md).
#pragma once
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/kind.hpp>
#include <string>
#include <vector>

namespace concordat::proof {

// As a node is given it. Parsed as far as the form goes; nothing is believed yet.
struct Anchor {
    std::string chain;     // CAIP-2
    std::string contract;  // as that chain writes it
    ledger::confidential::SignedRoot root;
    json::Value evidence;  // that the contract recorded it, in the form of the chain's kind

    static Anchor read(json::Reader& in);  // its four members; throws Error naming the one that is not of this form
    json::Object to_json() const;
    // Throws Error(bad_receipt) at "/root/…" below `field` unless this key's ledger signed the root, with entries below
    // it and no flag that is not known.
    void check_root(const crypto::PublicKey& service_key, const std::string& field) const;
    ledger::AnchorClaim claim(const crypto::PublicKey& service_key) const;
};

// As a receipt holds it.
struct ReceiptAnchor {
    Anchor anchor;
    std::vector<Hash256> consistency;  // from the tree that the last entry's ledger receipt shows to the anchored one
};

}  // namespace concordat::proof
