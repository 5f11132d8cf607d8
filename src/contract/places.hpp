// Where the contract's effects on its ledgers go: a ledger that the binding names, or candidates among which each
// transaction's is chosen (docs/formats.md §4).
#pragma once
#include <ledger/kind.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace concordat::contract {

inline constexpr std::size_t max_candidates = 8;  // of one ledger

// A ledger, and under which conditions it is called.
struct LedgerTarget {
    std::string chain, genesis;  // CAIP-2, and the first block as that kind of chain writes it
    std::string address;         // what is called there
    std::string account;         // the name of the enclaves' account that calls
    // Whose account it is: the thumbprint of a key that has signed, and so shared by the bindings that this key signed.
    // Else it is the binding's own.
    std::optional<Hash256> owner{};
    std::uint64_t work = 0;     // the most that one call may use: gas on Ethereum
    ledger::Price ceiling = 0;  // the most that is paid for one unit of it
    ledger::Finality finality;
    std::optional<std::int64_t> finality_seconds{};  // that finality takes at most, as the parties expect
    std::int64_t deadline_minutes = 60;              // from then on a call that did not get in is given up
    // Of a candidate, what it offers as the parties say: the asset that is paid with (CAIP-19, empty where not said),
    // and whether what stands there is seen by its members alone.
    std::string asset{};
    bool is_private = false;
};

// What every candidate must offer.
struct LedgerNeeds {
    std::optional<std::int64_t> finality_seconds;
    std::map<std::string, std::uint64_t, std::less<>> assets;  // to the most that one call may cost; empty: any asset
    bool is_private = false;

    // Strict; throws naming the member under `path`.
    static LedgerNeeds parse(const json::Value& value, const std::string& path);
    // Throws Error naming the member of the candidate, under `path`, that does not meet them.
    void check(const LedgerTarget& candidate, const std::string& path) const;
};

struct LedgerPlace {
    std::vector<LedgerTarget>
        candidates;  // the one that there is; with needs, those to choose from, on distinct chains
    std::optional<LedgerNeeds> needs;

    bool is_routed() const { return needs.has_value(); }
    // The candidate of this chain; where nothing is routed the one that there is, and `chain` is empty. Else null.
    const LedgerTarget* on(std::string_view chain) const;
};

using LedgerPlaces = std::map<std::string, LedgerPlace, std::less<>>;  // by the contract's names

// One ledger's part of a binding's document. Throws naming the member under `path`.
LedgerPlace read_place(const json::Value& value, const std::string& path);
// A candidate, or what may become one, alone.
LedgerTarget read_candidate(const json::Value& value, const std::string& path);

}  // namespace concordat::contract
