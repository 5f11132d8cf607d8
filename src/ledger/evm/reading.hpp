// What a node's answers mean: pure functions of JSON. Errors are Error(bad_format | missing_field | too_large) below
// `field`: a node that answers so is not believed.
#pragma once
#include <ledger/evm/kind/kind.hpp>
#include <ledger/ledger.hpp>

#include "json_rpc.hpp"

namespace concordat::ledger::evm {

struct Head {
    std::uint64_t number = 0;
    Hash256 hash, parent;
    std::uint64_t gas_limit = 0;
    std::optional<U256> base_fee;  // nothing before London
};
Head head_of(const json::Value& block, std::string_view field);

// A transaction as nodes list it. What it says is the node's word.
struct Listed {
    Hash256 hash;
    Address sender;
    std::uint64_t nonce = 0;
    Call call;
    Price price = 0;                     // the fee cap; the largest Price where it is above
    std::optional<std::uint64_t> block;  // nothing while it waits
};
Listed listed_of(const json::Value& transaction, std::string_view field);
Listed listed_of(ByteView transaction);  // a signed one; throws as decode_transaction

// What eth_sendRawTransaction's refusal means. The texts are geth's and anvil's; one that is not known here is
// `unknown`: looking shows what became of it.
Submission refusal_of(const RpcError& error);

// What gets a transaction into one of the next blocks: room for two full blocks above the base fee, and the tip that
// others paid of late (eth_feeHistory with one percentile) or the node advises, the higher one.
struct FeeAnswers {
    std::optional<U256> base_fee;
    U256 gas_price = 0;      // eth_gasPrice: what counts before London
    U256 advised_tip = 0;    // eth_maxPriorityFeePerGas
    std::vector<U256> paid;  // medians of blocks
};
Price price_of(const FeeAnswers& answers);
// The rewards of eth_feeHistory; empty when the answer has none.
std::vector<U256> paid_tips(const json::Value& history);

// A gas limit for what was estimated: a quarter more where code runs, as other transactions come before; at most the
// block's.
std::uint64_t gas_with_margin(std::uint64_t estimate, std::uint64_t block_limit);

// Why a call would fail, for people: a revert's decoded reason, else the node's words.
std::string problem_of(const RpcError& error);

// The unsigned call as eth_estimateGas takes it.
json::Object call_object(const Address& from, const Call& call);

// A filter is { "address": address | [address…], "topics": [null | 0x-hash | [0x-hash…], …] }, both optional. Throws
// unless `filter` is of that form; gives what eth_getLogs takes, without the range.
json::Object log_filter(const json::Object& filter);
Event event_of(const json::Value& log, std::string_view field);

// The block that a log names; a log that a reorganisation removed has none.
struct LogPlace {
    std::uint64_t number = 0;
    Hash256 hash;
    bool removed = false;
};
LogPlace place_of(const json::Value& log, std::string_view field);

}  // namespace concordat::ledger::evm
