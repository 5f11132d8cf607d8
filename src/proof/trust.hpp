// What a verifier trusts, written by that verifier (docs/formats.md §8).
#pragma once
#include <attest/evidence.hpp>
#include <crypto/key.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace concordat::proof {

struct TrustedLedger {
    std::string chain;
    crypto::PublicKey service_key;
};

// How a verifier lets it be shown that a chain (CAIP-2) will not go back on a block: "host", the word of whoever runs
// the node; or a witness that proves it, by the verifier's own parameters: "clique" with the signers it knows.
struct TrustedChain {
    std::string witness;
    json::Object parameters{};  // of the witness, in the form that bindings have
};

struct TrustFile {
    std::vector<TrustedLedger> ledgers;
    std::vector<Hash256> development_roots, measurements;
    std::int64_t minimum_svn = 0;
    std::map<std::string, std::set<Hash256>> parties;  // id → thumbprints; who is not listed goes by the binding's word
    std::map<std::string, TrustedChain, std::less<>>
        chains;  // one that is not listed must prove it as the binding asks
    // The contracts, each by chain and address, whose records of a ledger's roots count, if `chains` says how its
    // chain's blocks are final.
    std::set<std::pair<std::string, std::string>> anchors;
    bool allow_development = false;
    std::set<std::string> allow_asserted;  // "clock", "rollback"

    // Strict. Throws Error naming field and rule.
    static TrustFile parse(std::string_view text);
    std::string write() const;  // JCS

    // Throws Error(bad_evidence) whose rule says what this file does not accept.
    void require(const attest::Claims& claims, std::string_view product) const;
};

}  // namespace concordat::proof
