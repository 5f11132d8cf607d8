#include "block.hpp"

#include <algorithm>
#include <ledger/evm/protocol/receipt.hpp>
#include <ledger/evm/protocol/rpc.hpp>
#include <ledger/evm/protocol/transaction.hpp>
#include <ledger/evm/protocol/trie.hpp>

namespace concordat::ledger::evm {

using boost::asio::awaitable;

namespace {

// Nodes that leave out members, or know types that we do not, must give the bytes themselves.
awaitable<void> read_transactions(Endpoint& endpoint, const json::Array& listed, Block& block, Deadline deadline) {
    std::vector<std::size_t> missing;
    std::vector<Request> requests;
    for (const json::Value& item : listed) {
        block.hashes.push_back(rpc::Members(item, "transaction").hash("hash"));
        try {
            block.transactions.push_back(raw_transaction_from_rpc(item, "transaction"));
        } catch (const Error&) {
            missing.push_back(block.transactions.size());
            block.transactions.emplace_back();
            requests.push_back({"eth_getRawTransactionByHash", {to_0x(block.hashes.back().view())}});
        }
    }
    if (missing.empty()) co_return;
    const std::vector<Reply> replies = co_await endpoint.ask(std::move(requests), deadline);
    for (std::size_t i = 0; i < missing.size(); ++i) {
        const json::Value& raw = result_of(replies[i], "eth_getRawTransactionByHash");
        if (!raw.is_string()) throw Error(Code::bad_format, "transaction", "must be a string");
        block.transactions[missing[i]] = parse_0x(raw.get_string(), "transaction");
    }
}

// A reorganisation between the questions: what is asked next sees it.
void take_receipt(const json::Value& listed, const Hash256& block_hash, Block& block) {
    if (rpc::Members(listed, "receipt").hash("blockHash") != block_hash) {
        throw Error(Code::not_found, "receipt", "is of another block");
    }
    const Receipt receipt = receipt_from_rpc(listed, "receipt");
    block.receipts.push_back(receipt.encode());
    block.succeeded.push_back(receipt.succeeded);
}

// `together` is eth_getBlockReceipts' answer; from an older node, one by one.
awaitable<void> read_receipts(Endpoint& endpoint, const Reply& together, Hash256 block_hash, Block& block,
                              Deadline deadline) {
    if (!together.error && together.result.is_array()) {
        for (const json::Value& receipt : together.result.get_array()) take_receipt(receipt, block_hash, block);
        co_return;
    }
    std::vector<Request> requests;
    for (const Hash256& hash : block.hashes) requests.push_back({"eth_getTransactionReceipt", {to_0x(hash.view())}});
    if (requests.empty()) co_return;
    const std::vector<Reply> replies = co_await endpoint.ask(std::move(requests), deadline);
    for (const Reply& reply : replies) take_receipt(result_of(reply, "eth_getTransactionReceipt"), block_hash, block);
}

}  // namespace

std::size_t Block::index_of(const Hash256& transaction) const {
    const auto at = std::ranges::find(hashes, transaction);
    if (at == hashes.end()) throw Error(Code::not_found, "transaction", "has left its block");
    return static_cast<std::size_t>(at - hashes.begin());
}

awaitable<BlockPtr> read_block(Endpoint& endpoint, std::uint64_t number, json::Value listed, Deadline deadline) {
    std::vector<Request> requests;
    requests.push_back({"eth_getBlockReceipts", {quantity(number)}});
    if (listed.is_null()) requests.push_back({"eth_getBlockByNumber", {quantity(number), true}});
    const std::vector<Reply> replies = co_await endpoint.ask(std::move(requests), deadline);
    if (listed.is_null()) listed = result_of(replies[1], "eth_getBlockByNumber");
    if (listed.is_null()) throw Error(Code::not_found, "block", "has left the chain");
    const auto block = std::make_shared<Block>();
    block->header = header_from_rpc(listed, "block");
    const rpc::Members in(listed, "block");
    co_await read_transactions(endpoint, in.array("transactions", trie::max_items), *block, deadline);
    co_await read_receipts(endpoint, replies[0], in.hash("hash"), *block, deadline);
    if (block->receipts.size() != block->hashes.size()) {
        throw Error(Code::protocol, "eth_getBlockReceipts", "must be one for each transaction");
    }
    co_return block;
}

}  // namespace concordat::ledger::evm
