// What the enclave holds of a running binding: its version in force, its keys, and its head. A cache: the record
// ledger's compare-and-swap decides whether what is built on it exists.
#pragma once
#include <boost/container/flat_map.hpp>
#include <contract/binding.hpp>
#include <contract/entry.hpp>
#include <contract/package.hpp>
#include <deque>
#include <enclave/runtime/runtime.hpp>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <transaction/saga.hpp>
#include <unordered_map>

namespace concordat::enclave {

// A checked package with its compiled logic.
struct LoadedPackage {
    Hash256 id;
    contract::Contract contract;
    runtime::Module logic;
    std::set<std::string> audiences;  // of every confidential field of state, terms, messages and results
    LoadedPackage(contract::Package&& package, const runtime::Engine& engine);
};

// The keys of one binding, and those that follow from them for one version.
class Keychain {
  public:
    explicit Keychain(SecretKey&& binding_key);
    // Called when a version comes into force; the audience keys are those of that version.
    void use_version(const Hash256& version, const std::set<std::string>& audiences);
    const SecretKey& audience(std::string_view name) const;  // aborts on a name not given to use_version
    const SecretKey& state() const { return state_; }
    const SecretKey& salt() const { return salt_; }
    Hash256 seed(std::uint64_t sequence, const Hash256& input) const;

  private:
    SecretKey binding_, state_, salt_, seed_;
    std::map<std::string, SecretKey, std::less<>> audiences_;
};

using Salt = std::array<std::uint8_t, 16>;

struct LastNumber {
    std::int64_t number = 0;
    Hash256 input;
};

struct Proposal {
    Hash256 version;
    TimeMs deadline = 0;
    TimeMs expires = 0;  // of the document: after it nobody can propose it again
    bool pause = false;
    std::set<std::string> proposers;  // parties who had signed when it was proposed: they may withdraw it
    std::string own;  // the party whose own keys, and nothing else, it changes: who else declines it stops nothing
};

// A proposal of the version in force that came to nothing. Remembered until it has expired, on account of one of those
// who had signed it.
struct ClosedProposal {
    Hash256 version;
    TimeMs expires = 0;
    std::string account;
};

// What the contract keeps, at a head. It stays what it is: the heads that have it share it.
struct State {
    std::string text{};                   // JCS of the plain state
    std::map<std::string, Salt> salts{};  // by state path, joined with '/'
    // What follows from these.
    json::Object plain{};
    std::string redacted{};  // JCS of the redacted state
    Hash256 root{};          // of the redacted state
};
using SharedState = std::shared_ptr<const State>;
SharedState state_of(json::Object&& plain, std::map<std::string, Salt>&& salts, const json::Object& redacted);

// The steps of a transaction. They stay what they are: the heads that have it share them.
class Steps {
  public:
    Steps() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it is that list
    Steps(std::vector<contract::Step> list);
    const std::vector<contract::Step>& list() const { return shared_->list; }
    const contract::Step& operator[](std::size_t i) const { return list()[i]; }
    const std::string& text() const { return shared_->text; }  // as a prepare entry has them, in JCS

  private:
    struct Shared {
        std::vector<contract::Step> list;
        std::string text;
    };
    static const std::shared_ptr<const Shared>& none();
    std::shared_ptr<const Shared> shared_ = none();
};

// Calls on other ledgers, and what the binding goes back to if they come to nothing.
struct Transaction {
    Hash256 id;  // of its prepare entry; in that entry's own private state, which the id follows from, zero
    std::int64_t sequence = 0;  // of its prepare entry
    Steps steps;
    transaction::Saga saga;
    bool early = false;    // its state holds already: the binding goes on, and the contract hears of the outcome
    SharedState before{};  // its text and salts; null once its state holds or is taken back

    bool ended() const { return saga.ending().has_value(); }
    // Whether an abort would take the binding's state back.
    bool holds() const { return !early && !ended() && saga.decision() != transaction::Decision::commit; }
    const std::string& ledger_of(const transaction::Call& call) const { return steps[call.what.step].ledger; }
    std::size_t size() const;  // in a head's private state
};

// One that has its outcome. A ledger may still go back on it, which is rare: the private state of the entry that ended
// it has it whole, and the later ones say where that is. One that is disputed is in all of them.
struct EndedTransaction {
    Hash256 id;
    bool early = false;
    std::int64_t sequence = 0;  // of the entry that ended it
    Hash256 private_state;      // that entry's digest of its private state
    bool disputed = false;
    std::shared_ptr<const Bytes> whole;  // null where the other entry's is enough

    static EndedTransaction of(const Transaction& transaction);
    Transaction read() const;  // of a whole one
};

// Everything that changes from entry to entry. It travels sealed in each entry's private state, so an enclave can go on
// from any head.
struct Head {
    std::int64_t sequence = -1;
    Hash256 id;  // of the entry
    TimeMs time = 0;
    Hash256 version;
    SharedState state;                                        // never null in a binding's head
    std::shared_ptr<const std::string> terms;                 // JCS of the plain terms
    boost::container::flat_map<Hash256, LastNumber> senders;  // by key thumbprint
    std::optional<Proposal> proposal;
    std::vector<ClosedProposal> closed;
    bool terminated = false;
    // The open ones, oldest first: only the last may hold the binding.
    std::vector<Transaction> transactions;
    std::vector<EndedTransaction> ended;   // oldest first
    bool disputed = false;                 // a ledger did: nothing runs until the parties amend
    std::optional<contract::Usage> costs;  // of the binding so far, where the version in force has them metered

    // What the next entry takes over as it is: all but its id, time, state and what follows from the state.
    Head next() const;
    // The open transaction that the binding's messages wait for.
    const Transaction* holding() const {
        if (transactions.empty()) return nullptr;
        return transactions.back().holds() ? &transactions.back() : nullptr;
    }
    const Transaction* open() const;  // the first open one, of either sort
    std::size_t open_count() const;
    void keep_ended();    // moves what has its outcome to the others that have
    void forget_ended();  // what is more than is kept; the oldest go first
    // What ended with an entry is in that one's private state: from then on a reference is enough.
    void leave_ended(const contract::Entry& entry);
    bool paused_at(TimeMs now) const { return proposal && proposal->pause && now <= proposal->deadline; }
};

// Head → plaintext of an entry's private state and back. The entry's own id, sequence, time, root and costs are not
// inside: they come from the entry document. The version is: else a host could show its own document beside a genuine
// state.
Bytes write_private(const Head& head);
Head read_private(ByteView plaintext);
Bytes private_aad(const Hash256& binding, std::int64_t sequence);

// What an enclave needs to act on one of the contract's ledgers.
struct Account {
    const ledger::Kind* kind = nullptr;
    SecretKey key;
    std::string address;  // as that chain writes it
};

// By the contract's ledger and the chain: the one that there is, or the candidate's.
using Accounts = std::map<std::pair<std::string, std::string>, Account>;
// The kinds of ledgers that this enclave knows.
using Kinds = std::span<const ledger::Kind* const>;

struct Context {
    contract::Binding binding;                     // in force
    std::shared_ptr<const LoadedPackage> package;  // shared by all bindings of the package
    Keychain keys;
    Accounts accounts;
    Head head;
    std::deque<Hash256> recent;    // ids of the last entries, oldest first, the head's last
    std::size_t in_flight = 0;     // entries not yet answered by the ledger
    std::uint64_t generation = 0;  // tells a reloaded context from the one it replaces

    bool knows(const Hash256& entry_id) const;
    void advance(Head&& next);
};

inline constexpr std::size_t recent_entries = 64;
// Of one party; and of all, with the 65 on nobody's account that format 1 may have left.
inline constexpr std::size_t max_closed_of_one = 16;
inline constexpr std::size_t max_closed_proposals = contract::max_parties * max_closed_of_one + 65;
// With an outcome. Of those that were committed early as many more as may be open at once: each can still be disputed.
// An entry that grew too large for the ledger could not even have an outcome: of large disputed ones fewer are kept.
inline constexpr std::size_t kept_transactions = 8;
inline constexpr std::size_t kept_early_transactions = transaction::max_open_early + kept_transactions;
inline constexpr std::size_t max_transactions_bytes = 1 << 20;  // of those kept, and of those open
// Of one transaction. What has to succeed is pinned again until it does, and each try is kept: after these people
// decide. What is due for the first time is pinned in any case.
inline constexpr std::size_t max_calls = 256;

// What an entry's private state holds of a head. Throws Error(bad_signature | bad_format) where it is not of this
// binding's entry.
Head open_private(ByteView sealed, const Hash256& binding, std::int64_t sequence, const Keychain& keys,
                  const std::string& field);
// Opens the head record of a running binding. Throws Error(bad_format | bad_signature | …) when the parts do not fit.
Head open_head(const contract::EntryRecord& record, const Hash256& binding, const Keychain& keys);

}  // namespace concordat::enclave
