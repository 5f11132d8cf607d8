// Proof-of-authority by clique (EIP-225): who sealed a header, and whether a block is buried under the seals of a
// majority. The signers are the ones that a trust file or a binding names; headers cannot change them. A vote that
// changes the set shows as a signer outside it or as another list in a checkpoint, and is refused until the trust file
// names the new set.
#pragma once
#include <span>
#include <vector>

#include "header.hpp"

namespace concordat::ledger::evm::clique {

inline constexpr std::size_t max_signers = 512;
inline constexpr std::uint64_t default_epoch = 30000;

struct Signers {
    std::vector<Address> addresses;       // ascending, each once
    std::uint64_t epoch = default_epoch;  // blocks between checkpoints
    std::size_t majority() const { return addresses.size() / 2 + 1; }
    // Sorts. Throws Error(bad_format | too_large) at `field` when there are none, twice the same, or more than
    // max_signers.
    static Signers make(std::vector<Address> addresses, std::uint64_t epoch, std::string_view field);
};

// What is signed: the header's RLP without the 65 bytes of the seal. Throws bad_receipt at "<field>/extraData".
Hash256 seal_hash(const Header& header, std::string_view field);
// Throws Error(bad_receipt) at "<field>/extraData" when no key made the seal.
Address signer_of(const Header& header, std::string_view field);
// Puts the seal of `secret` in place of the last 65 bytes of extra_data, for tests and local networks.
void seal(Header& header, const SecretKey& secret);

struct Finality {
    std::vector<Address> sealers;  // of each block of the chain
    std::size_t distinct = 0;
    std::size_t needed = 0;  // the majority
    // With seals of a majority on the block or behind it, another chain without it would need one signer of that
    // majority to seal against its own seal.
    bool proved() const { return distinct >= needed; }
};

// `chain`: a block and its descendants, each already known to be the child of the one before (check_inclusion). Checks
// each seal and EIP-225's rules that show in these headers: authorised, not again within the majority's window, the
// difficulty of its turn, no uncles, no mix hash, votes and checkpoints well-formed. Throws Error(bad_receipt) at
// "<field>/<index>/<name>".
Finality check_finality(const Signers& signers, std::span<const Header> chain, std::string_view field);

}  // namespace concordat::ledger::evm::clique
