// Attestation evidence: a statement by a root of trust about what code runs, and 32 bytes that this code chose.
// It travels as JSON {"kind": …, …}; each kind (technology) is one file here and one row in the table in evidence.cpp.
// Checking evidence says what is claimed and that the root named in the claims vouches for it; whether that is enough
// is the policy's business.
#pragma once
#include <base/bytes.hpp>
#include <base/clock.hpp>
#include <base/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::attest {

struct Claims {
    std::string kind;       // "development", …
    Hash256 measurement;    // of the code that runs
    std::string product;    // which of our programs: "concordat-enclave", "concordat-ledger"
    std::int64_t svn = 0;   // security version number: rises with each security fix
    Hash256 report_data;    // chosen by the code that runs; binds the evidence to a use
    Hash256 root;           // thumbprint of the key that vouches
    bool hardware = false;  // whether hardware protects what runs
    TimeMs issued = 0;
};

// Makes evidence about the process that calls it.
class EvidenceProvider {
  public:
    virtual ~EvidenceProvider() = default;
    virtual json::Value make(const Hash256& report_data) = 0;
    virtual std::string_view kind() const = 0;
};

// Cryptographically checked claims. Throws Error(bad_evidence) naming the member below `field` (a JSON Pointer) that
// does not hold; a kind that this build cannot check is refused by name.
Claims verify_evidence(const json::Value& evidence, std::string_view field);

// Which evidence a binding accepts. Part of the binding document:
// {"evidence": ["development"], "development_roots": ["sha256:…"], "measurements": ["sha256:…"], "minimum_svn": 1}
struct Policy {
    std::vector<std::string> evidence;       // kinds; one that this build does not know may be another's to check
    std::vector<Hash256> development_roots;  // thumbprints; needed exactly when "development" is listed
    std::vector<Hash256> measurements;       // at least one: accepting any code accepts no promise
    std::int64_t minimum_svn = 0;

    // Strict. At most 16 kinds and 256 of each hash, none twice. Throws Error with the member's pointer below `path`.
    static Policy parse(const json::Value& value, std::string path);
    json::Object to_json() const;

    // Throws Error(bad_evidence) whose field is the policy's member that the claims fail ("evidence", "product",
    // "development_roots", "measurements", "minimum_svn").
    void require(const Claims& claims, std::string_view product) const;
};

}  // namespace concordat::attest
