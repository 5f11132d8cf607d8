// The kinds of ledgers whose evidence this program judges.
#pragma once
#include <ledger/kind.hpp>

namespace concordat::cli {

ledger::Kinds known_kinds();

}  // namespace concordat::cli
