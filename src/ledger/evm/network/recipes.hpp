// How each kind of network is made: the files in its folder and the commands of its nodes.
#pragma once
#include "network.hpp"

namespace concordat::ledger::evm {

std::array<std::uint8_t, 32> random_key();  // of secp256k1

// Writes keys, genesis and configuration into the folder. Nodes are not started yet; the genesis is not known.
NetworkDescription prepare(const NetworkOptions& options, const Address& account);

// Once the nodes answer: sees to it that the account has money.
void fund(NetworkDescription& description, PlainClient& client);

}  // namespace concordat::ledger::evm
