// One execution as a pure function: (context, input, claimed time) → the next entry and head. Nothing here talks to
// anybody.
#pragma once
#include <contract/input.hpp>

#include "context.hpp"

namespace concordat::enclave {

// The next link of a binding's sequence and the head that holds once the ledger has appended it.
struct Link {
    contract::EntryRecord record;
    Head head;
};

// Checks the input against the binding and its head (version, ledger, order, expiry, signature, rights, schema,
// `when`), runs the logic, checks and seals what it returns. Throws Error and changes nothing. `text` is what `input`
// was parsed from, `ancestry` as in Execute.
Link execute(const Context& context, std::string_view text, const contract::Input& input, TimeMs time,
             std::span<const Bytes> ancestry, const runtime::Limits& limits);

// What bind and amend share with execute: take a new plain state into the head, redacted and rooted, and collect what
// it discloses to whom. `fresh_salts` re-salts everything (a new version has new readers).
struct SealedParts {
    std::map<std::string, json::Array, std::less<>> by_audience;  // audience → [{"at","disclosure"}]
};
void take_state(Head& head, json::Object&& state, const schema::Schema& schema, const Keychain& keys,
                const Hash256& input, bool fresh_salts, SealedParts& parts);

// Seals disclosures and private state and makes the record; sets head.id. `entry` holds everything but the digests.
contract::EntryRecord finish_entry(contract::Entry& entry, Head& head, Bytes&& input, const SealedParts& parts,
                                   const Keychain& keys);

// Runs the logic on a request ("call" is init, handle or migrate) whose members are JCS texts. Only effects that
// `action` declares are let through; init and migrate have none.
struct LogicOutput {
    json::Object state;
    std::optional<json::Object> result;
    json::Array effects, events;
    std::uint64_t fuel = 0;  // rounded up
};
LogicOutput run_logic(const LoadedPackage& package, const contract::Action* action,
                      const std::map<std::string_view, std::string>& request, const runtime::Limits& limits);

}  // namespace concordat::enclave
