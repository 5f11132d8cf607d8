// Transactions across ledgers, as far as the node has a part in them: it starts the driver (transaction/driver) on
// every journal that is not settled, asks enclave and record ledger for what the driver wants, and tells who waits.
// What is recorded is all that counts: a node that starts anew goes on from the ledger's entries. Loop thread only.
#pragma once
#include <base/asio_timeline.hpp>
#include <boost/container/flat_map.hpp>
#include <boost/container/flat_set.hpp>
#include <transaction/driver/driver.hpp>
#include <transaction/saga.hpp>

#include "balances.hpp"
#include "chronicle.hpp"
#include "lanes.hpp"
#include "ledgers.hpp"
#include "routing.hpp"

namespace concordat::node {

// One of a transaction's calls on another ledger.
struct CallView {
    transaction::Call call;
    std::string effect, ledger;  // the contract's names
    std::string waits_for;       // empty when all goes its way, or nothing is under way
    TimeMs waits_since = 0;      // since when nothing has moved; 0 when nothing is under way
    std::string submission;      // its id on the other ledger, where this node knows it

    std::string_view status() const;  // "pinned" "cancelling" "given_up" "called" "failed" "disputed"
};

struct TransactionView {
    TransactionRow row;
    Hash256 binding;
    std::uint64_t sequence = 0, last_sequence = 0;  // of the prepare entry and of the newest
    TimeMs deadline = 0;
    std::string_view decision;  // "commit" "abort"; empty while there is none
    std::vector<CallView> calls;
    std::vector<std::uint32_t> given_up;  // of them, those that people gave up and that did not happen

    std::string_view status()
        const;  // "prepared" "cancelling" "committing" "aborting" "committed" "aborted" "disputed"
};

class Transactions : private transaction::Recorder {
  public:
    Transactions(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Lanes& lanes, Ledgers& ledgers,
                 Routing& routing, transaction::Policy policy);
    ~Transactions() override;

    // Once the index knows what the ledger holds.
    void start();
    void stop() { driver_.reset(); }

    // Error(not_found) where this node knows no such transaction.
    void view(const Hash256& transaction, Then<TransactionView> then);
    // Comes when the transaction has its outcome, or after that time.
    void await_ending(const Hash256& transaction, TimeMs at_most, std::function<void()> then);
    std::size_t size() const { return known_.size(); }
    std::size_t low_accounts() const { return balances_.low(); }

  private:
    using Targets = contract::LedgerPlaces;
    using Steps = std::vector<contract::Step>;
    // A transaction that is driven, or would be if its ledgers were known.
    struct Known {
        Hash256 binding;
        TransactionRow row;  // as the index has it, or will
        bool early = false;  // its outcome changes the state
        std::uint64_t first_sequence = 0, last_sequence = 0;
        std::shared_ptr<const Steps> steps;  // without what calls are made of: most transactions have the same
        std::shared_ptr<const Targets> targets;
        transaction::Saga saga;
        boost::container::flat_map<std::size_t, std::uint64_t> reached{};  // of calls that have ended
        // Of those whose ledger is not known, so that nothing could be told from it.
        boost::container::flat_map<std::size_t, std::string> evidence{};
        boost::container::flat_set<std::size_t> forgotten{}, wrong_genesis{};
        std::vector<Routing::Token> holds{};
        // Throws Error(bad_format) where the version has no such ledger.
        const contract::LedgerTarget& target_of(const contract::Step& step) const;
        const contract::LedgerTarget& target_of(std::size_t call) const {
            return target_of((*steps)[saga.call(call).what.step]);
        }
    };
    struct CallPlace {
        Hash256 transaction;
        std::size_t call = 0;
    };
    struct Waiter {
        Hash256 transaction;
        std::function<void()> then;
    };

    using Advanced = std::function<void(std::optional<transaction::Journal>)>;
    void sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
              std::function<void(std::optional<Bytes>)> then) override;
    void append(const Hash256& call, contract::EntryType type, std::optional<json::Value> evidence,
                Advanced then) override;

    void on_entry(const CommitPtr& commit, const contract::Entry& parsed);
    using Rows = std::vector<TransactionRow>;
    void take_up(const std::shared_ptr<const Rows>& rows, std::size_t from);
    void rest();
    void know_all(std::span<const TransactionRow> rows, const std::vector<CommitPtr>& entries);
    void take_up(const TransactionRow& row);
    void take_up_later(const Hash256& transaction);
    void take_up_again(const Hash256& transaction);
    void append_entries(const TransactionRow& row, std::vector<EntryRow>& rows);
    void entries_of(const TransactionRow& row, Then<std::vector<CommitPtr>> then);
    // What a binding's version says of its ledgers; null where this node does not know it.
    std::shared_ptr<const Steps> shared(Steps&& steps);
    std::shared_ptr<const Targets> targets_of(const Hash256& binding, const Hash256& version);
    // Nothing where the entries are not understood.
    std::optional<Known> make_known(const std::vector<CommitPtr>& entries);
    void know(const Hash256& transaction, const std::vector<CommitPtr>& entries);
    void take(Known& known, const Commit& commit, const contract::Entry& entry);
    void learn_reached(Known& known) const;
    void hold_ledgers(Known& known);
    void tell_routing(const Known& known, const contract::Entry& entry);
    void drive(const Hash256& transaction);
    void drive(const Hash256& transaction, std::size_t call);
    void ask_genesis(const CallPlace& call, const std::string& chain, ledger::Ledger& ledger);
    void check_balance(const Known& known, std::size_t call, ledger::Ledger& ledger);
    void forgotten(const Hash256& call);
    void make_driver();
    void end_waiting(const Hash256& transaction);
    void submit(const Hash256& call, std::shared_ptr<Work> work, Advanced then);
    void add_private_state(const std::shared_ptr<Work>& work, std::function<void(bool)> then);
    const CallPlace* place_of(const Hash256& call) const;
    std::optional<transaction::Journal> journal_of(const Hash256& call) const;
    TransactionView view(const Known& known) const;
    CallView view(const Hash256& transaction, const Known& known, std::size_t call) const;

    boost::asio::io_context& loop_;
    AsioTimeline timeline_;
    Chronicle& chronicle_;
    Lanes& lanes_;
    Ledgers& ledgers_;
    Routing& routing_;
    transaction::Policy policy_;
    Balances balances_;
    std::unordered_map<Hash256, Known, Hash256Hasher> known_;
    std::unordered_map<Hash256, CallPlace, Hash256Hasher> places_;   // by the call's name
    std::map<std::string, std::shared_ptr<const Steps>> steps_;      // by their text
    std::map<Hash256, std::shared_ptr<const Targets>> targets_;      // by the version
    std::map<std::string, std::vector<CallPlace>> without_genesis_;  // yet, by the chain, which is being asked
    std::unique_ptr<transaction::Driver> driver_;
    std::map<std::uint64_t, Waiter> waiters_;
    std::uint64_t next_waiter_ = 1, signatures_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::node
