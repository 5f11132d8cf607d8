// All kinds of ledgers that there are: what an enclave signs for, and whose evidence a verifier judges.
#pragma once
#include <ledger/kind.hpp>

namespace concordat::ledger {

Kinds all_kinds();

}  // namespace concordat::ledger
