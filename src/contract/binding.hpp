// Binding versions: the document, who must sign it, and whether they did (docs/formats.md §4).
#pragma once
#include <attest/evidence.hpp>
#include <base/clock.hpp>
#include <crypto/jwe.hpp>
#include <crypto/jws.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "places.hpp"

namespace concordat::contract {

inline constexpr std::string_view binding_typ = "concordat/binding/1";
inline constexpr std::string_view cipher_suite = "ECDH-ES+A256KW/A256GCM";
inline constexpr std::size_t max_binding_bytes = std::size_t{1} << 20;
inline constexpr std::size_t max_parties = 64;  // as many as a general JWS may have signatures
inline constexpr std::size_t max_keys = 16;     // of one party or source
inline constexpr std::size_t max_sources = 64;
inline constexpr std::size_t max_ledgers = 16;

struct Party {
    std::string role, id;
    std::vector<crypto::PublicKey> keys;
    std::vector<crypto::EncryptionPublicKey> encryption;
};

struct SourceOrigin {
    std::string name, id;
    std::vector<crypto::PublicKey> keys;
};

struct AmendmentRule {
    enum class Kind { all, m_of_n, roles } kind = Kind::all;
    std::int64_t m = 0;
    std::vector<std::string> roles;
    bool self = false;
    bool pause = true;
    std::int64_t deadline_hours = 72;
};

// Who signed: resolved from a key to a party or a source.
struct Sender {
    std::string role, id;  // for a source, role is the source's name
    bool is_source = false;
    crypto::PublicKey key;
};

struct Binding {
    std::int64_t number = 1;  // version number
    Hash256 hash;             // of the payload's exact bytes: the version hash
    Hash256 id;               // version 1's hash
    Hash256 previous;         // zero in version 1
    Hash256 package;
    std::string chain;  // record ledger
    crypto::PublicKey service_key;
    crypto::EncryptionPublicKey ledger_encryption_key;
    json::Value enclaves_json;  // as in the document; SHA-256 of its JCS binds sealed terms
    attest::Policy enclaves;
    bool dedicated = false;
    std::vector<Party> parties;
    std::vector<SourceOrigin> sources;
    LedgerPlaces ledgers;
    json::Object terms;         // redacted
    json::Object sealed_terms;  // audience → JWE
    AmendmentRule amendment;
    TimeMs expires = 0;
    json::Object document;  // as parsed, to compare versions

    // From exact payload bytes; strict; throws naming field and rule. Checks everything that the document alone can
    // show.
    static Binding parse(ByteView payload);
    Hash256 enclaves_hash() const;
    // The party or source whose key has this thumbprint; null when none.
    const Sender* sender(const Hash256& key_thumbprint) const;
    const Party* party(std::string_view id) const;
    // Where a transaction's steps on this ledger go; `route` is its choice, "" for none. Null: this version has not.
    const LedgerTarget* target(std::string_view ledger, std::string_view route) const;
    // Encryption keys of every party in the audience's roles ("buyer+seller").
    std::vector<crypto::EncryptionPublicKey> readers(std::string_view audience) const;

  private:
    std::map<Hash256, Sender> senders_;
};

// The ids of the parties whose signature on `jws` holds, by the keys in `binding`. A signature by a key that `binding`
// does not know, a second one by the same party, or one that does not hold: Error(not_a_party | bad_signature), naming
// which.
std::set<std::string> signers(const Binding& keys_of, const crypto::GeneralJws& jws, std::string_view typ);

// Whether `next` changes nothing but one party's own keys (and, as it must, the sealed terms that this party reads):
// that party's id, else empty.
std::string self_change(const Binding& current, const Binding& next);

// Which party ids must still sign, given those that have. Empty when the version may lock.
std::vector<std::string> missing_for_first(const Binding& first, const std::set<std::string>& signed_by);
// For a next version under the current version's rule: see docs/formats.md §4 (rule, added parties, self).
std::vector<std::string> missing_for_amendment(const Binding& current, const Binding& next,
                                               const std::set<std::string>& signed_by);
// With m-of-n short of its m, all who could still sign are named.
std::vector<std::string> missing_for_termination(const Binding& current, const std::set<std::string>& signed_by);
// The ids of the parties that sign: one that `current` has, by a key that `current` gives it; one that `next` adds, by
// a key that `next` gives it. A key that `next` gives a party of `current` signs for nobody: else whoever proposes an
// amendment could put in a key of their own and consent with it for that party.
std::set<std::string> amendment_signers(const Binding& current, const Binding& next, const crypto::GeneralJws& jws);

// Whole checks, as enclave and verifier do them; throw naming what fails. `jws` payload must be `binding`'s bytes.
void check_first(const Binding& first, const crypto::GeneralJws& jws);
void check_amendment(const Binding& current, const Binding& next, const crypto::GeneralJws& jws);
// `next` is a successor of `current` as far as the documents show: number, id, previous, the same record ledger.
void check_successor(const Binding& current, const Binding& next);
// `payload_binding` and `payload_version` are what the termination names.
void check_termination(const Binding& current, const Hash256& payload_binding, const Hash256& payload_version,
                       const crypto::GeneralJws& jws);
// The same of a resolution, which whoever satisfies the amendment rule signs too.
void check_resolution(const Binding& current, const Hash256& payload_binding, const Hash256& payload_version,
                      const crypto::GeneralJws& jws);

}  // namespace concordat::contract
