// The verifier: everything that a receipt claims, checked with nothing but the receipt and the verifier's own trust
// file (docs/formats.md §7, §8).
#pragma once
#include <ledger/kind.hpp>

#include "receipt.hpp"
#include "trust.hpp"
#include "verdict.hpp"

namespace concordat::proof {

// Never throws for a bad receipt: each layer that breaks has a line that says so, and the other layers are still
// checked. `kinds` are the ledgers whose evidence can be judged: a transaction on any other does not hold.
Verdict verify(std::string_view receipt_text, const TrustFile& trust, ledger::Kinds kinds);

}  // namespace concordat::proof
