// A whole block, as the evidence for one of its transactions needs it. One thread, the endpoint's.
#pragma once
#include <algorithm>
#include <ledger/evm/protocol/header.hpp>
#include <memory>

#include "endpoint.hpp"

namespace concordat::ledger::evm {

struct Block {
    Header header;
    std::vector<Hash256> hashes;      // of its transactions, in their order, as the node lists them
    std::vector<Bytes> transactions;  // signed
    std::vector<Bytes> receipts;      // encoded
    std::vector<bool> succeeded;
    bool has(const Hash256& transaction) const { return std::ranges::find(hashes, transaction) != hashes.end(); }
    // Throws Error(not_found) where it is not in this block.
    std::size_t index_of(const Hash256& transaction) const;
};
using BlockPtr = std::shared_ptr<const Block>;

// `listed`: the block as eth_getBlockByNumber gives it, with whole transactions; null where it is to be asked for.
// Nothing is checked against the header here. Throws Error(not_found) where the endpoint has no such block, else as
// Endpoint::ask and the protocol's parsers do.
boost::asio::awaitable<BlockPtr> read_block(Endpoint& endpoint, std::uint64_t number, json::Value listed,
                                            Deadline deadline);

}  // namespace concordat::ledger::evm
