// A binding as a party may believe it: what the node shows, checked against the binding's id alone before anything is
// signed or shown. The id is the hash of version 1; its signatures name the ledger's key and the code of the enclaves;
// they vouch for every later version and entry (docs/formats.md §8).
#pragma once
#include <client/documents.hpp>
#include <contract/binding.hpp>
#include <contract/entry.hpp>
#include <contract/package.hpp>
#include <proof/receipt.hpp>

#include "session.hpp"

namespace concordat::cli {

struct Current {
    Hash256 id;
    std::string receipt_text;
    proof::Receipt receipt;
    contract::Binding binding;  // the version in force
    contract::Entry head;
    Hash256 head_id;
    std::int64_t sequence = 0;

    // The keys that this reader may open in the version in force.
    client::AudienceKeys audience_keys(const crypto::EncryptionPrivateKey& reader) const;
};

// Asks the ledger itself for the head, with a nonce, so that the node cannot show an old one. Throws Error(bad_receipt)
// naming the layer when the receipt of that head does not hold, Error(rolled_back) when it is not of that head.
Current fetch_current(Session& session, const Hash256& binding);

// A package by its id: what comes is what the id says.
contract::Package fetch_package(Session& session, const Hash256& id);

// A version out of its general JWS; its signatures are not checked here.
contract::Binding parse_version(const json::Value& jws);

}  // namespace concordat::cli
