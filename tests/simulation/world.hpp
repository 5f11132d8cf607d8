// The simulated world: clients with messages, a node that crashes, an enclave that keeps the rules, a record ledger
// whose disk may lose what it acknowledged, and fake chains in all their moods. Each message is a transaction of
// several steps on them. The driver, the coordinator, the rules of saga and journal and the chains' judgement are the
// production ones.
#pragma once
#include <ledger/fake/fake.hpp>
#include <set>
#include <transaction/driver/driver.hpp>
#include <transaction/saga.hpp>

#include "loop.hpp"

namespace concordat::simulation {

using contract::EntryType;

struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};

struct Options {
    std::uint64_t seed = 1;
    std::optional<EntryType> skip;  // writes of this kind are acknowledged and now and then not made
    bool trace = false;
};

struct Counts {
    std::size_t committed = 0, aborted = 0, disputed = 0, node_crashes = 0, ledger_crashes = 0, reorgs = 0;
};

struct Message {
    std::size_t binding = 0, number = 0;
    std::vector<contract::Step> steps;  // their `ledger` is a chain, their arguments are calls
    std::string tag() const { return std::to_string(binding) + "/" + std::to_string(number); }
};

struct Entry {
    EntryType type{};
    Hash256 transaction;  // its prepare entry
    std::size_t message = 0;
    transaction::Saga saga;     // after this entry
    std::size_t call = 0;       // step, outcome, disputed
    std::size_t first_pin = 0;  // of the saga's calls, those from here on are pinned by this entry
    bool on_disk = true;

    std::span<const transaction::Call> pins() const { return std::span(saga.calls()).subspan(first_pin); }
};

// The record ledger: one sequence for each binding, compare-and-swap on its length, and the slots of each account given
// out one after the other.
class Record {
  public:
    struct Sequence {
        std::vector<Entry> entries;
    };
    explicit Record(std::size_t bindings) : sequences_(bindings) {}
    const std::vector<Entry>& entries(std::size_t binding) const { return sequences_[binding].entries; }
    bool append(std::size_t binding, std::size_t expected_length, Entry entry);
    std::uint64_t next_slot(const std::string& chain, const std::string& account) const;
    // Restarts from what the disk holds.
    void crash();

  private:
    std::vector<Sequence> sequences_;
};

class World final : public transaction::Recorder {
  public:
    explicit World(const Options& options);
    // Runs the whole history; throws Violation.
    Counts run();

  private:
    struct Client {  // one binding's messages, in order, each sent until it is answered
        std::vector<Message> messages;
        std::size_t next = 0;
        std::map<std::size_t, transaction::Ending> answered;
    };

    // Recorder: the enclave.
    void sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
              std::function<void(std::optional<Bytes>)> then) override;
    void append(const Hash256& call, EntryType type, std::optional<json::Value> evidence,
                std::function<void(std::optional<transaction::Journal>)> then) override;

    std::uint64_t pick(std::uint64_t below) { return random_() % below; }
    bool chance(unsigned per_thousand) { return faulty_ && random_() % 1000 < per_thousand; }
    void trace(const std::string& what);

    struct CallPlace {
        Hash256 transaction;
        std::size_t binding = 0, call = 0;
    };
    const Entry* entry_of(const Hash256& call, CallPlace& place) const;  // the transaction's newest; null: it is gone
    ledger::fake::FakeLedger& chain(const std::string& name) { return *chains_.at(name); }
    std::vector<contract::Step> any_steps(const std::string& tag);
    void pin_due(const Message& message, Entry& entry);
    void drive(std::size_t binding, const Entry& entry);
    const Entry* last_of(std::size_t binding, const Hash256& transaction) const;
    const Entry* open_of(std::size_t binding) const;
    bool record(std::size_t binding, std::size_t expected_length, Entry entry);
    void prepare(std::size_t binding);
    void serve(std::size_t binding);
    void answer(std::size_t binding);

    void start_node();
    void crash_node();
    void crash_ledger();
    void next_fault();
    void silence(const std::string& name);
    void outsider();
    bool finished() const;
    bool halted(std::size_t binding) const;

    void check_end() const;
    void count();
    void check_transaction(std::size_t binding, const Entry& last,
                           const std::map<std::string, std::size_t>& effects) const;
    void check_slots() const;

    Options options_;
    std::mt19937_64 random_;
    Loop loop_;
    bool deep_ = false;  // reorganisations beyond finality happen
    bool faulty_ = true;
    std::vector<SecretKey> keys_;
    std::vector<std::string> accounts_;
    ledger::Finality finality_;
    std::map<std::string, std::unique_ptr<ledger::fake::FakeLedger>> chains_;
    Record record_;
    std::vector<Client> clients_;
    std::unique_ptr<transaction::Driver> driver_;
    std::uint64_t life_ = 0;               // of the node: what an earlier one asked for finds nobody
    std::map<Hash256, CallPlace> places_;  // of every call that was ever pinned, by its name
    using Slot = std::tuple<std::string, std::string, std::uint64_t>;  // chain, account, number
    std::set<Slot> outside_;
    Counts counts_;
};

}  // namespace concordat::simulation
