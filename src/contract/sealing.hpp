// Deterministic, repeat-safe sealing under an audience's key (docs/formats.md §6): the iv is a MAC of what is sealed.
#pragma once
#include <base/json.hpp>
#include <crypto/jwe.hpp>

namespace concordat::contract {

struct Sealed {
    Hash256 iv;
    Bytes ciphertext;
    json::Object to_json() const;
    static Sealed parse(const json::Value& value, std::string_view field);
};

Sealed seal(const SecretKey& audience_key, ByteView aad, ByteView plaintext);
// Throws Error(bad_signature) naming `field` when it does not open.
SecretBytes open(const SecretKey& audience_key, ByteView aad, const Sealed& sealed, std::string_view field);

Bytes message_aad(const Hash256& binding, std::string_view audience);
Bytes entry_aad(const Hash256& binding, std::string_view audience);

// binding key → audience key of one binding version; binding key → the enclave's own state key.
SecretKey audience_key(const SecretKey& binding_key, const Hash256& version, std::string_view audience);
SecretKey state_key(const SecretKey& binding_key);

}  // namespace concordat::contract
