// The verifier: everything that a receipt claims, checked with nothing but the receipt and the verifier's own trust
// file (docs/formats.md §7, §8).
#pragma once
#include "receipt.hpp"
#include "trust.hpp"
#include "verdict.hpp"

namespace concordat::proof {

// Never throws for a bad receipt: each layer that breaks has a line that says so, and the other layers are still
// checked.
Verdict verify(std::string_view receipt_text, const TrustFile& trust);

}  // namespace concordat::proof
