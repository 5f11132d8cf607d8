// The version of a binding that is in force, with the accounts that its entry names.
#pragma once
#include <contract/binding.hpp>

#include "chronicle.hpp"

namespace concordat::node {

struct InForce {
    contract::Binding binding;
    json::Object accounts;  // as the entry has them

    // Of one of a ledger's candidates, or of the ledger that there is.
    std::string account(const std::string& ledger, const contract::LedgerTarget& target) const;
};
void find_in_force(Chronicle& chronicle, const Hash256& binding, Then<InForce> then);  // Error(not_found)

}  // namespace concordat::node
