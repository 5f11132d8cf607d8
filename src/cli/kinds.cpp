#include "kinds.hpp"

#include <array>
#include <ledger/evm/kind/kind.hpp>
#include <ledger/http/kind/kind.hpp>

namespace concordat::cli {

ledger::Kinds known_kinds() {
    static const ledger::evm::EvmKind evm;
    static const ledger::http::HttpKind http;
    static const std::array<const ledger::Kind*, 2> kinds{&evm, &http};
    return kinds;
}

}  // namespace concordat::cli
