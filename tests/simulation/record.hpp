// The record ledger: one sequence for each binding, compare-and-swap on (binding, sequence, previous), and the slots of
// each account given out one after the other. Its disk may be full, and may have lost what it acknowledged.
#pragma once
#include <memory>
#include <transaction/saga.hpp>

namespace concordat::simulation {

using contract::EntryType;

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Entry {
    EntryType type{};
    Hash256 transaction;  // its prepare entry
    std::size_t message = 0;
    transaction::Saga saga;                // after this entry
    std::size_t first_pin = 0;             // of the saga's calls, those from here on are pinned by this entry
    std::vector<std::uint64_t> reached{};  // of each call that has ended, as its evidence says
    TimeMs time = 0;                       // as the host claims it and the enclave lets it through
    contract::EntryRecord record{};        // what the host sees of it, where the binding has something confidential

    std::span<const transaction::Call> pins() const { return std::span(saga.calls()).subspan(first_pin); }
};
using EntryPtr = std::shared_ptr<const Entry>;  // which entry it is: two that say the same are two
using History = std::vector<EntryPtr>;          // of one binding, from its first entry on

// The transaction's newest entry; null: there is none.
EntryPtr last_of(const History& history, const Hash256& transaction);
// The newest entry of the transaction without an outcome; null: there is none.
EntryPtr open_of(const History& history);
// A disputed outcome halts its binding: what is open ends, nothing new begins.
bool halted(const History& history);

// What keeps two enclaves from forking a binding. Without the one or the other some history must break an invariant.
struct Fences {
    bool compare = true;  // an append names the entry that it follows
    bool newest = true;   // a signature waits for the word that its head is the newest
};

class Record {
  public:
    enum class Answer : std::uint8_t { appended, conflict, no_space };
    Record(std::size_t bindings, Fences fences) : fences_(fences), sequences_(bindings) {}

    const History& entries(std::size_t binding) const { return sequences_[binding].entries; }
    // Those that were there by then.
    std::size_t size_at(std::size_t binding, TimeMs time) const;
    // `previous`: the `sequence` entries before it end with that one.
    Answer append(std::size_t binding, std::size_t sequence, const EntryPtr& previous, const EntryPtr& entry,
                  bool on_disk, TimeMs now);
    bool is_newest(std::size_t binding, const EntryPtr& head) const;
    std::uint64_t next_slot(const std::string& chain, const std::string& account) const;
    void set_full(bool full) { full_ = full; }
    // Restarts from what the disk holds.
    void crash();

  private:
    using Account = std::pair<std::string, std::string>;  // chain, account
    struct Sequence {
        History entries;
        std::vector<TimeMs> at;
        std::vector<bool> on_disk;
    };
    void give_slots(const Entry& entry);

    Fences fences_;
    std::vector<Sequence> sequences_;
    std::map<Account, std::uint64_t> slots_;
    bool full_ = false;
};

}  // namespace concordat::simulation
