#include "kinds.hpp"

#include <array>
#include <ledger/binding/kind/kind.hpp>
#include <ledger/evm/kind/kind.hpp>
#include <ledger/http/kind/kind.hpp>

namespace concordat::ledger {

Kinds all_kinds() {
    static const evm::EvmKind evm;
    static const http::HttpKind http;
    static const std::array<const Kind*, 2> others{&evm, &http};
    static const binding::BindingKind binding(others);
    static const std::array<const Kind*, 3> all{&evm, &http, &binding};
    return all;
}

}  // namespace concordat::ledger
