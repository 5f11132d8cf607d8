#include "kinds.hpp"

#include <array>
#include <ledger/evm/kind/kind.hpp>

namespace concordat::cli {

ledger::Kinds known_kinds() {
    static const ledger::evm::EvmKind evm;
    static const std::array<const ledger::Kind*, 1> kinds{&evm};
    return kinds;
}

}  // namespace concordat::cli
