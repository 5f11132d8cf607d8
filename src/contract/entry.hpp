// Entries: the links of a binding's sequence, their ids and state roots (docs/formats.md §2, §6).
#pragma once
#include <base/clock.hpp>
#include <base/json.hpp>
#include <base/wire.hpp>
#include <optional>
#include <string>

#include "costs.hpp"
#include "steps.hpp"

namespace concordat::contract {

enum class EntryType : std::uint8_t {
    bind = 1,
    amend = 2,
    execute = 3,
    prepare = 4,
    cancelling = 5,
    outcome = 6,
    terminate = 7,
    disputed = 8,
    propose = 9,
    close = 10,
    step = 11,
    resolve = 12
};
std::string_view entry_type_name(EntryType type);
EntryType entry_type_from_name(std::string_view name, std::string_view field);

// The entry document. Optional members are absent when empty / zero as docs/formats.md §6 says.
struct Entry {
    EntryType type{};
    std::string ledger;
    Hash256 binding, version;
    std::int64_t sequence = 0;
    Hash256 previous;
    TimeMs time = 0;
    Hash256 input, state_before, state_after;
    std::string sender_role, sender_id, sender_key;  // execute
    std::string action;
    std::optional<Hash256> package;
    std::int64_t number = 0;
    std::optional<json::Object> result;  // redacted
    json::Array effects, events;
    std::uint64_t fuel = 0;
    std::string meter;
    json::Object audiences;
    // bind, amend: by ledger of the contract, the account that calls there; with candidates, an object of them by chain
    json::Object accounts;
    std::optional<Hash256> proposal;
    TimeMs deadline = 0;
    bool early = false;                  // prepare: its state holds whatever the outcome (`"commit":"early"`)
    std::optional<Hash256> transaction;  // cancelling, step, outcome, disputed, resolve: the id of the prepare entry
    // step, outcome, disputed, resolve: which of the transaction's calls, in the order of their pins
    std::uint32_t call = 0;
    std::optional<ledger::Fate> fate;     // step, and an outcome after one: what became of that call
    std::string decision;                 // prepare, cancelling, step: commit or abort, once that is certain
    std::string ending;                   // outcome: committed or aborted
    std::vector<std::uint32_t> given_up;  // outcome: the calls that people gave up and that did not happen, ascending
    std::string reason;
    std::optional<Usage> costs;           // of the binding so far, this entry's own with it
    std::optional<CostTerms> cost_terms;  // bind, amend: of the version's contract, where it has them
    Hash256 disclosures, private_state;

    std::string write() const;              // JCS
    static Entry parse(ByteView document);  // strict
    // Of a prepare entry: what the transaction is to do.
    std::vector<Step> steps() const;
    // The calls on other ledgers that a prepare, cancelling or step entry pins, in order.
    std::vector<PinnedCall> pinned() const;
    Hash256 id(ByteView document) const;  // docs/formats.md §2; `document` is this entry's exact bytes
};

// Everything the record ledger stores for one entry and gives back.
struct EntryRecord {
    Bytes document;            // JCS entry
    Bytes input;               // exact bytes of the input (may be empty for close)
    Bytes state;               // JCS of the redacted state after the entry
    Bytes disclosures;         // JCS of the sealed disclosures
    Bytes private_state;       // ciphertext for enclaves that hold the binding's key
    std::size_t size() const;  // bytes of all parts
    void write(wire::Writer& out) const;
    static EntryRecord read(wire::Reader& in);
    // Parses the document and checks that every other part has the digest it names (state against the state root).
    Entry check() const;
};

Hash256 state_root(const json::Object& redacted_state);
// The other parts of a record, strict and in RFC 8785 form. Throw naming `field`.
json::Object parse_state(ByteView bytes, std::string_view field);
json::Object parse_sealed_disclosures(ByteView bytes, std::string_view field);  // audience → {iv, ciphertext}

}  // namespace concordat::contract
