// Bindings whose messages pay on an Ethereum chain (tests/faults/contracts/tokens), one party each.
#pragma once
#include <ledger/evm/network/network.hpp>

#include "agreement.hpp"

namespace concordat::bench {

const contract::Package& payment_package();  // built once for the process

struct Payer {
    crypto::PrivateKey key;
    crypto::EncryptionPrivateKey encryption;
    Payer();
};

// Pays from the account of that name; calls go to where no code is, so that they all succeed.
Agreement make_payment_agreement(const Platform& platform, const Payer& payer,
                                 const ledger::evm::NetworkDescription& network, const std::string& account);
// A signed message: `pay` waits for its outcome, `pay_soon` does not hold the binding.
std::string make_payment(Agreement& agreement, const std::string& chain, const Payer& payer,
                         const std::string& action = "pay");
// That a node reaches the network; the body of PUT /v1/ledgers/{chain}.
std::string ledger_settings(const ledger::evm::NetworkDescription& network);

}  // namespace concordat::bench
