// What an audit found: everything that the report says, in bounded memory. Made by Gatherer, written by write_report().
#pragma once
#include <contract/binding.hpp>
#include <contract/entry.hpp>
#include <deque>
#include <ledger/evm/protocol/inclusion.hpp>
#include <map>
#include <optional>
#include <proof/anchor.hpp>
#include <proof/verdict.hpp>
#include <statement/shares.hpp>
#include <string>
#include <vector>

namespace concordat::audit {

using ledger::evm::Cost;
using ledger::evm::U256;

// What the verifier said: nothing without a trust file.
enum class Standing : std::uint8_t { unchecked, holds, fails };

// A member of a document, for people. Confidential ones that the reader's key did not open are `sealed`.
struct Field {
    std::string name, value;
    bool sealed = false;
    bool opened = false;  // was sealed, and the reader's key opened it
};

struct Problem {
    std::optional<std::int64_t> sequence;
    std::string layer, what, problem;
};

struct EntryRow {
    std::int64_t sequence = 0;
    contract::EntryType type{};
    TimeMs time = 0;
    Hash256 id;
    std::string sender_role, sender_id, action, note;
    Standing standing{};
    std::vector<Field> said;    // the message's body or the observation's
    std::vector<Field> result;  // what the logic answered
};

// Entries that are not listed one by one.
struct EntryBlock {
    std::int64_t first = 0, last = 0;
    TimeMs begin = 0, end = 0;
    Hash256 first_id, last_id;
    std::map<contract::EntryType, std::size_t> types;
    std::size_t entries = 0, failing = 0;
};

struct CallFact {
    std::size_t step = 0;
    ledger::Role role{};
    std::string chain, account, function;
    std::uint64_t slot = 0;
    ledger::Price ceiling = 0;
    std::vector<Field> arguments;
    std::int64_t pinned = 0;             // by the entry with this sequence
    std::optional<std::int64_t> ended;   // the entry that says what filled its slot
    std::optional<ledger::Fate> fate{};  // absent where the entry says no more than `effective`
    bool effective = false;              // the pinned call, and it succeeded
    std::optional<std::int64_t> disputed;
    std::optional<std::int64_t> given_up{};  // by the entry with this sequence
    std::string given_up_why{};
    std::string transaction;  // on that ledger, as the evidence shows it; "" where it shows none
    std::optional<std::uint64_t> block;
    std::optional<Cost> cost;
    std::string detail;              // what a participant said of it, for people
    std::vector<proof::Line> lines;  // the verifier's, about this call
};

struct StepFact {
    std::string effect, ledger;
    contract::EffectKind kind{};
    std::vector<std::size_t> after;
    std::string route{};  // where the ledger was chosen: which one, and the node's word on why
};

struct TransactionEntry {
    std::int64_t sequence = 0;
    contract::EntryType type{};
    TimeMs time = 0;
    std::optional<std::size_t> call;  // what it says the fate of, or disputes
    std::vector<std::size_t> pins;    // the calls that it pins
    std::string decision, ending, action, reason;
};

struct TransactionFact {
    Hash256 id;
    std::int64_t sequence = 0;  // of the prepare entry
    std::string action, sender_role, sender_id;
    TimeMs time = 0, deadline = 0;
    bool early = false;
    std::vector<StepFact> steps;
    std::vector<CallFact> calls;
    std::vector<TransactionEntry> entries;
    std::string decision, ending;  // "" while there is none
    bool disputed = false;
    Standing standing{};             // of the receipt that this is read from
    std::vector<proof::Line> lines;  // the verifier's about all of it
};

struct TransactionTotals {
    std::size_t committed = 0, aborted = 0, open = 0, disputed = 0;  // disputed ones count as they ended, too
    std::size_t total() const { return committed + aborted + open; }
};

// What calls on one chain cost, as the evidence in receipts shows it.
struct ChainTotals {
    std::size_t calls = 0, ended = 0, priced = 0;
    std::size_t proved = 0, asserted = 0, refused = 0;  // of those that ended, by the verifier's word
    U256 gas = 0, wei = 0;
};

struct Signature {
    std::string party, role, algorithm, kid;
    bool holds = false;
};

struct VersionFact {
    contract::Binding binding;
    std::vector<Signature> signatures;
    std::int64_t sequence = 0;  // of the entry that put it in force
    TimeMs time = 0;
    Hash256 entry;
    json::Object accounts;  // by ledger of the contract
    std::vector<Field> terms;
    std::string line, problem;  // the verifier's word; "" where there is none
    Standing standing{};
};

struct ContractName {
    std::string name, version, description;
    std::map<std::string, std::string> kinds{};  // by ledger
};

struct EnclaveFact {
    std::string kid, product, kind, problem;
    Hash256 measurement, root;
    std::int64_t svn = 0;
    bool hardware = false;
    std::size_t entries = 0;
    std::int64_t first = 0, last = 0;  // sequences that it claimed, of those read
    Standing standing{};
};

struct RecordLedgerFact {
    std::string chain, service_key, product, kind, problem;
    Hash256 measurement, root;
    bool hardware = false, single_node = false;
    std::int64_t svn = 0;
    Standing standing{};
};

struct AnchorFact {
    proof::Anchor anchor;
    std::size_t entries = 0;  // whose receipts have it
    std::vector<proof::Line> lines;
};

// What the record ledger said its last entry is, when it was asked with a nonce.
struct HeadFact {
    std::int64_t sequence = 0;
    Hash256 entry;
    TimeMs time = 0;
    bool reached = false;  // the last entry read is that one
};

// What somebody says and nobody can check, and of how many receipts.
struct Reliance {
    std::string text;  // the newest
    std::size_t receipts = 0, refused = 0;
};

struct Facts {
    Hash256 binding;
    std::optional<Hash256> trust;  // digest of the trust file
    bool key_used = false;
    std::map<std::string, bool> trusted_parties;  // ids for which the trust file has keys
    std::vector<VersionFact> versions;
    std::map<Hash256, ContractName> packages;
    std::map<std::string, EnclaveFact> enclaves;  // by kid
    std::optional<RecordLedgerFact> ledger;
    std::optional<HeadFact> head;
    std::vector<AnchorFact> anchors;
    std::vector<Field> state;

    std::int64_t first = 0, last = 0;  // sequences of what was read
    TimeMs begin = 0, end = 0;
    std::size_t receipts = 0, held = 0, failing = 0, missing = 0;
    std::size_t gaps = 0;  // entries between the first and the last that were not read
    std::map<contract::EntryType, std::size_t> types;
    std::vector<EntryBlock> blocks;            // older
    std::deque<EntryRow> rows;                 // newer, in order
    std::deque<TransactionFact> transactions;  // those shown in full, the oldest first
    std::size_t transactions_left_out = 0;
    std::vector<TransactionFact> disputes;  // all, as far as there is room
    TransactionTotals totals;
    std::map<std::string, ChainTotals> chains;
    // Who bears what the binding used, from its beginning up to the last entry; empty where no contract shares costs.
    std::vector<statement::Share> shares;
    std::map<std::string, Reliance> asserted;  // by layer
    std::size_t sealed_fields = 0, opened_fields = 0;
    std::vector<proof::Line> verdict;  // of the last receipt
    std::vector<Problem> problems;
    std::size_t problems_left_out = 0;

    bool holds() const { return problems.empty() && failing == 0 && missing == 0; }
};

}  // namespace concordat::audit
