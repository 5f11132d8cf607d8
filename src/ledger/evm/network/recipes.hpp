// How each kind of network is made: the files in its folder and the commands of its nodes.
#pragma once
#include "network.hpp"

namespace concordat::ledger::evm {

std::array<std::uint8_t, 32> random_key();  // of secp256k1

// Writes keys, genesis and configuration into the folder. Nodes are not started yet; the genesis is not known.
NetworkDescription prepare(const NetworkOptions& options, const Address& account);

// Before nodes that do not run are started again. Throws Error(tampered) where their state was not written whole.
void mend(const NetworkDescription& description, const std::filesystem::path& folder);

// Once the nodes answer: sees to it that the account has money.
void fund(NetworkDescription& description, PlainClient& client);

}  // namespace concordat::ledger::evm
