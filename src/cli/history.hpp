// What is confidential in a binding's state, for a reader. An entry seals only what it changed, so the rest lies in
// earlier entries, back to the one that put the version in force, which seals everything anew.
#pragma once
#include <proof/open.hpp>

#include "current.hpp"

namespace concordat::cli {

// The digests of fields that `redacted` does not show.
std::vector<std::string> hidden_digests(const json::Value& redacted);

// The state's fields in a receipt that this key opens, wherever they were sealed. The node is asked for the earlier
// entries; what it gives counts only where its digest stands in the receipt's state.
std::vector<proof::Opened> open_state(Session& session, const proof::Receipt& receipt,
                                      const crypto::EncryptionPrivateKey& key);

// The binding's id and its last entry, as the receipt has them.
contract::Entry last_entry(const proof::Receipt& receipt);

}  // namespace concordat::cli
