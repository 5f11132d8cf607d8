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

struct TrustFile {
    std::vector<TrustedLedger> ledgers;
    std::vector<Hash256> development_roots, measurements;
    std::int64_t minimum_svn = 0;
    std::map<std::string, std::set<Hash256>> parties;  // id → thumbprints; who is not listed goes by the binding's word
    bool allow_development = false;
    std::set<std::string> allow_asserted;  // "clock", "rollback"

    // Strict. Throws Error naming field and rule.
    static TrustFile parse(std::string_view text);
    std::string write() const;  // JCS

    // Throws Error(bad_evidence) whose rule says what this file does not accept.
    void require(const attest::Claims& claims, std::string_view product) const;
};

}  // namespace concordat::proof
