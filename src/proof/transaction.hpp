// The verifier's layer about calls on other ledgers (docs/formats.md §8): what was pinned, what became of it, and
// whether the transaction's entries follow from that. Internal to this module.
#pragma once
#include "verifier.hpp"

namespace concordat::proof {

// The parts of a receipt that it is judged from, each of which has lines of its own.
struct TransactionParts {
    struct Later {
        const contract::Entry& entry;
        const Bytes& input;
        const contract::Entry& before;  // in the receipt
    };
    const contract::Binding& binding;  // in force for the prepare entry
    const contract::Entry& locked;     // that put this version in force
    const contract::Entry& prepare;
    Bytes input;                    // the prepare entry's
    Hash256 id;                     // of the prepare entry
    const ReceiptPackage* package;  // null when missing
    std::vector<Later> later;       // the transaction's other entries, in order
};

std::vector<Line> judge_transaction(const TransactionParts& parts, const TrustFile& trust, ledger::Kinds kinds);

}  // namespace concordat::proof
