// What evidence shows of a call beside its fate. What it cost on an Ethereum chain: the receipt's gas and the price
// that EIP-1559 makes of the transaction and its block's base fee. Not in it: what a rollup takes for its data on
// another chain.
#pragma once
#include "facts.hpp"

namespace concordat::audit {

struct Shown {
    std::string transaction;
    std::optional<std::uint64_t> block;
    std::optional<Cost> cost;
    std::string detail{};  // what a participant said for people
};

// Of the evidence (JCS) of a step or outcome entry about a call on this chain. Says nothing about the block's standing.
// Nothing is shown where the evidence does not hold, or is of a kind that has no price.
Shown shown_by(std::string_view chain, std::string_view evidence);

// Of wei in the chain's own coin, with 18 decimals and no zeros at the end.
std::string coins(const U256& wei);

}  // namespace concordat::audit
