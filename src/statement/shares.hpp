// Who bears what of that which a binding used: exact, so that anybody computes the same (docs/costs.md).
#pragma once
#include <contract/binding.hpp>
#include <contract/entry.hpp>
#include <proof/receipt.hpp>
#include <span>

namespace concordat::statement {

// Of one party: its part of each kind of unit, and what that comes to where the contract has rates.
struct Share {
    std::string party;
    contract::Usage used;
    std::map<std::string, std::string> amounts{};  // by currency: a decimal without zeros at its end
};

// What was used while one version was in force; the entry that ends a version belongs to it.
struct Part {
    Hash256 version;
    std::int64_t last = 0;  // sequence of its last entry
    contract::CostTerms terms;
    std::vector<contract::Party> parties;
    contract::Usage used;
};

// What was used after the entry `opening` (null: from the beginning) up to the one that the receipt is about, by
// version; versions without costs are left out. The receipt's figures are believed: verify it first. Throws
// Error(bad_format) where they fall, or where a version's document cannot be read.
std::vector<Part> parts_of(const proof::Receipt& closing, const contract::Entry* opening);

// Every unit of a role is shared equally by its parties. What does not divide goes, one unit each, to those whose
// fraction is largest, of equal ones to the party whose id comes first: the shares of each kind add up to all of it.
// Of each party of these parts, by id.
std::vector<Share> shares_of(std::span<const Part> parts);

contract::Usage sum_of(std::span<const Part> parts);

}  // namespace concordat::statement
