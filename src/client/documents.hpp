// What a party's own software makes and opens: bindings with sealed terms, messages with sealed fields, audience keys
// (docs/formats.md §4–§6). The plain values never leave the caller's process.
#pragma once
#include <base/clock.hpp>
#include <contract/binding.hpp>
#include <contract/input.hpp>
#include <functional>
#include <map>
#include <schema/schema.hpp>
#include <string>

namespace concordat::client {

using AudienceKeys = std::map<std::string, SecretKey, std::less<>>;

// The audience keys that this reader may open, from a bind or amend entry's `audiences`.
AudienceKeys open_audience_keys(const json::Object& audiences, const crypto::EncryptionPrivateKey& reader);

// Fills in "terms" and "sealed_terms" of a binding document that has everything else ("parties", "record", "enclaves"):
// confidential terms are redacted and sealed to their readers and to the record ledger.
// Throws Error(schema_mismatch) when the terms do not fit the schema, Error(missing_field) when an audience has no
// reader.
void seal_terms(json::Object& document, const schema::Schema& schema, const json::Value& plain_terms, Random& random);

// For a next version whose terms stay: seals the very disclosures of `current` again, where its readers or its enclaves
// change, so that the redacted terms stay as they are (a party that changes only its own keys must not change them).
// Throws Error(forbidden) naming an audience that must be sealed again and that `reader` cannot open.
void reseal_terms(json::Object& document, const contract::Binding& current, const crypto::EncryptionPrivateKey& reader,
                  Random& random);

// Opens the terms that this reader may read; what it may not stays a digest.
json::Value open_terms(const contract::Binding& binding, const crypto::EncryptionPrivateKey& reader);

// The signed compact JWS of a message whose plain body fits `schema`. `message.body` and `.sealed` are filled in.
// Throws Error(forbidden) when `keys` lacks an audience that the body needs.
std::string make_message(contract::Message message, const schema::Schema& schema, const json::Value& plain_body,
                         const AudienceKeys& keys, const crypto::PrivateKey& signer, Random& random);

std::string make_observation(const contract::Observation& observation, const crypto::PrivateKey& signer);

struct Opened {
    std::string at;    // "state", "result"
    std::string text;  // of the disclosure
    std::string name;
    json::Value value;
};
// The disclosures sealed beside an entry (JCS of audience → {iv, ciphertext}) that `keys` open.
std::vector<Opened> open_disclosures(const json::Object& sealed, const Hash256& binding, const AudienceKeys& keys);

}  // namespace concordat::client
