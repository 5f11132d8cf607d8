// A package as the enclave and the verifier see it: manifest, contract (config) and module bytes (docs/formats.md §3).
#pragma once
#include <base/bytes.hpp>
#include <map>
#include <optional>
#include <schema/schema.hpp>
#include <string>
#include <vector>

#include "costs.hpp"

namespace concordat::contract {

struct Action {
    std::vector<std::string> from;         // roles, or the one source or ledger that drives it
    schema::Schema message;                // of the body
    std::optional<schema::Schema> when;    // the state must satisfy it
    std::optional<schema::Schema> result;  // absent: the action returns nothing
    std::vector<std::string> effects;
    bool early = false;  // its state holds from the prepare entry on, whatever becomes of the effect
};

// A ledger that the contract acts on: what it is; a binding says which one.
struct LedgerUse {
    std::string kind;
    json::Value interface;  // of what is called there, in the kind's form; null when there is none
};

// What a step of a transaction is to the others.
enum class EffectKind : std::uint8_t {
    compensatable,  // done first, and taken back if the transaction is aborted
    pivot,          // cannot be taken back: done after all that can, and the transaction's outcome is this call's
    retriable       // done once the transaction is committed, again and again until it succeeds
};
std::string_view effect_kind_name(EffectKind kind);
EffectKind effect_kind_from_name(std::string_view name, std::string_view field);  // throws Error(bad_format)

struct Effect {
    std::string ledger, call;
    EffectKind kind = EffectKind::pivot;
    // Of what is compensatable: the calls that make it hold, and that take it back. Empty: there is none, or the kind
    // of ledger has its own (ledger::Kind::prepares).
    std::string commit, undo;
    std::vector<std::string> after;  // effects that must have been called before it, where the same action has them
};

struct Contract {
    std::string name, version, description, language;
    std::vector<std::string> roles;  // sorted
    schema::Schema state, terms;
    std::map<std::string, Action, std::less<>> actions;
    std::map<std::string, schema::Schema, std::less<>> sources;  // observation schemas
    std::map<std::string, LedgerUse, std::less<>> ledgers;
    std::map<std::string, Effect, std::less<>> effects;
    std::optional<CostTerms> costs{};  // absent: nothing is metered

    // From the config blob's exact bytes. Throws Error(bad_package | bad_schema | bad_json …) naming the member. Checks
    // what one schema cannot: `from` names roles, or one source or ledger; each source drives exactly one action, a
    // ledger at most one and each that an action commits early on exactly one; audiences name
    // roles, a confidential field of a message is confidential to each role in `from`, observations hold no
    // confidential field, every effect that an action lists is declared, `ledgers`/`effects` are consistent, costs are
    // borne by roles.
    static Contract parse(ByteView config);
    const std::string& driven_by(std::string_view source) const;  // the action's name; throws not_found
    // The action that hears what became of effects on this ledger that were committed early; null where there is none.
    const std::string* outcomes_of(std::string_view ledger) const;
};

// What such an action's message is: the schema, and the message itself. `sequence` is the prepare entry's: the one that
// the logic saw when it asked for the effect.
const json::Value& outcome_schema();
json::Object outcome_message(const Hash256& transaction, std::int64_t sequence, std::string_view effect,
                             std::string_view ending);

// The OCI manifest: digests of the blobs. Throws Error(bad_package).
struct Manifest {
    Hash256 id;  // SHA-256 of the manifest's bytes
    Hash256 config, module, provenance;
    std::size_t config_bytes = 0, module_bytes = 0, provenance_bytes = 0;
    static Manifest parse(ByteView bytes);
    static Bytes write(ByteView config, ByteView module, ByteView provenance);
};

// A whole package in memory, checked: each blob has the digest that the manifest gives.
struct Package {
    Bytes manifest, config, module, provenance;
    Manifest parsed;
    Contract contract;
    static Package check(Bytes manifest, Bytes config, Bytes module, Bytes provenance);
    const Hash256& id() const { return parsed.id; }
};

}  // namespace concordat::contract
