// What a binding used, in metered units, and who bears it (docs/costs.md, docs/formats.md §6).
#pragma once
#include <base/json.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

namespace concordat::contract {

struct Entry;

// Metered units: of one entry, or in a binding so far. In documents every figure is text, as it may exceed 2^53.
struct Usage {
    std::uint64_t bytes = 0, fuel = 0, signatures = 0;
    std::map<std::string, std::string> fees{};  // by CAIP-2 chain, in its smallest unit: decimal, not 0, below 2^256

    bool operator==(const Usage&) const = default;
    json::Object to_json() const;
    // The members that to_json() makes. Throws naming the member.
    static Usage read(json::Reader& reader);
    // Adds to what is there. Throw Error(too_large) at "/costs/…" beyond 2^64 or 2^256.
    void add(const Usage& other);
    void add_fee(const std::string& chain, const std::string& fee);  // "" and "0" add nothing
    // What was used between. Throws Error(bad_format) at "<field>/…" where a figure is below the earlier one.
    Usage since(const Usage& earlier, const std::string& field) const;
};

// What a unit costs, for statements: by kind ("bytes", "fuel", "signatures") a positive decimal.
struct Rates {
    std::string currency;
    std::map<std::string, std::string, std::less<>> prices{};
    bool operator==(const Rates&) const = default;
};

// A contract's `costs`: who bears which part of what its bindings use.
struct CostTerms {
    std::map<std::string, std::int64_t, std::less<>> split{};  // by role, its weight; roles left out bear nothing
    std::optional<Rates> rates{};

    bool operator==(const CostTerms&) const = default;
    json::Object to_json() const;
    // The members that to_json() makes. Throws naming the member.
    static CostTerms read(json::Reader& reader);
};

inline constexpr std::int64_t max_weight = 1'000'000;
inline constexpr std::size_t max_fee_chains = 256;  // in the life of a binding
// How large an entry's `costs` may become, beside its terms: what is checked before the last of it is known.
inline constexpr std::size_t max_usage_bytes = 256 + max_fee_chains * 160;
// Sizes are rounded up to a multiple of this: how long a confidential text is, or that one changed, shows as little as
// its sealed form shows anyway.
inline constexpr std::uint64_t byte_step = 1024;

// Whole numbers as documents have them: "0" or digits that begin with another. Throws Error(bad_format) naming `field`
// unless below 2^256.
void check_amount(std::string_view text, const std::string& field);

// Before a binding pays on these chains: an outcome must not be what finds that there is no room for one more. Throws
// Error(too_large) at "/ledgers".
void check_fee_chains(const Usage& so_far, std::set<std::string> chains);

// What an entry used by itself: all but what other ledgers charged, which is in its evidence. `input` is the entry's,
// `sealed_bytes` the size of its sealed disclosures.
Usage used_by(const Entry& entry, ByteView input, std::size_t sealed_bytes);

}  // namespace concordat::contract
