// One execution as a pure function: (context, input, claimed time) → the next entry and head. Nothing here talks to
// anybody.
#pragma once
#include <contract/input.hpp>
#include <contract/output.hpp>
#include <enclave/protocol/protocol.hpp>
#include <optional>

#include "context.hpp"
#include "slots.hpp"

namespace concordat::enclave {

// The next link of a binding's sequence and the head that holds once the ledger has appended it.
struct Link {
    contract::EntryRecord record;
    Head head;
    HeldSlots slots{};  // that it pins, held until it has its place
};

// An input with all that is known about it without the head: whose it is, whether its signature holds, what it asks
// for, its plain body. Most of an execution's work, and what several inputs of one binding can have done at the same
// time.
struct Prepared {
    contract::Input input;
    const contract::Sender* sender = nullptr;  // in the context's binding
    const std::string* action = nullptr;       // in the context's package
    std::string body;                          // plain, JCS
    // The first of these that is set stands for all that could not be found out after it.
    std::optional<Error> bad_signature, bad_action, bad_body;
};

// `storage` is for the parsed input and must outlive what is returned, as must `text` and the context's version.
// Throws Error where there is no input at all.
Prepared prepare(const Context& context, std::string_view text, boost::json::storage_ptr storage);

// Checks the input against the binding and its head (version, ledger, order, expiry, signature, rights, schema,
// `when`), runs the logic, checks and seals what it returns. Throws Error and changes nothing; another binding's call
// that cannot be done is recorded as failed instead, and one that is cancelled as cancelled. `prepared` comes from
// `text` and from this context, which may have advanced since but is still at the same version; `ancestry` and
// `routes` as in Execute.
Link execute(const Context& context, std::string_view text, const Prepared& prepared, TimeMs time,
             std::span<const Bytes> ancestry, const Routes& routes, const runtime::Limits& limits, Slots& slots);

// What bind and amend share with execute: take a new plain state into the head, redacted and rooted, and collect what
// it discloses to whom; `before` is the state before. `fresh_salts` re-salts everything (a new version
// has new readers).
struct SealedParts {
    std::map<std::string, json::Array, std::less<>> by_audience;  // audience → [{"at","disclosure"}]
};
void take_state(Head& head, const State& before, json::Object&& state, const schema::Schema& schema,
                const Keychain& keys, const Hash256& input, bool fresh_salts, SealedParts& parts);

// Seals disclosures and private state and makes the record; sets head.id. `entry` holds everything but the digests.
contract::EntryRecord finish_entry(contract::Entry& entry, Head& head, Bytes&& input, const SealedParts& parts,
                                   const Keychain& keys);

inline constexpr std::size_t max_document_bytes = 1 << 20;  // of an entry, as its readers have it

// Runs the logic on a request ("call" is init, handle or migrate) whose members are JCS texts. Only effects that
// `action` declares are let through; init and migrate have none.
struct LogicOutput : contract::Output {
    std::uint64_t fuel = 0;  // rounded up
};
LogicOutput run_logic(const LoadedPackage& package, const contract::Action* action,
                      const std::map<std::string_view, std::string>& request, const runtime::Limits& limits);
// How long a run takes, and what room there is for it, is in the host's hands: where failing decides something, it must
// not decide it so.
bool is_the_hosts(Code code);
// One of its actions, on the context's head: `input` is the digest of what the next entry comes of. `message`: JCS.
struct Actor {
    std::string_view id, role;
};
LogicOutput run_action(const Context& context, const std::string& action, const std::string& message,
                       const Actor& actor, const Hash256& input, TimeMs time, const runtime::Limits& limits);

}  // namespace concordat::enclave
