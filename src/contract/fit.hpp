// Whether what a binding says of its ledgers fits its contract.
#pragma once
#include "binding.hpp"
#include "package.hpp"

namespace concordat::contract {

// It has the contract's ledgers and no others, and their times leave room for what the contract does there. What is
// compensatable, and the pivot after it, must have succeeded until a transaction's deadline: the longest
// `deadline_minutes` of its ledgers. So whatever of an action's effects the logic may ask for, what comes one after the
// other may take no longer, with each ledger's `finality.seconds` (where that is not said nothing is known, and nothing
// refused). And what a kind of ledger keeps open for `hold_minutes` at the least is kept open until the latest deadline
// of the actions that use it. Throws Error(missing_field | unknown_field | bad_format) naming the member at /ledgers.
void check_ledgers(const Binding& binding, const Contract& contract);

}  // namespace concordat::contract
