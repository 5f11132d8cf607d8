// The verifier's layer about a call on another ledger (docs/formats.md §8): what was pinned, and what filled the slot.
// Internal to this module.
#pragma once
#include "verifier.hpp"

namespace concordat::proof {

// The parts of a receipt that it is judged from, each of which has lines of its own.
struct TransactionParts {
    const contract::Binding& binding;  // in force for the prepare entry
    const contract::Entry& locked;     // that put this version in force
    const contract::Entry& prepare;
    Hash256 id;                           // of the prepare entry
    const ReceiptPackage* package;        // null when missing
    const contract::Entry* cancelling;    // null where there is none, as the two below
    const contract::Entry* outcome;       //
    const contract::Entry* disputed;      //
    const Bytes* evidence;                // of the outcome
    std::vector<const Bytes*> no_inputs;  // of the steps that come of nothing but the host's asking
};

std::vector<Line> judge_transaction(const TransactionParts& parts, const TrustFile& trust, ledger::Kinds kinds);

}  // namespace concordat::proof
