// What evidence shows of a call beside its fate, and what it cost (ledger/evm/protocol/inclusion.hpp says what is in
// that).
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
