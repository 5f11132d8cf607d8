// Transactions across ledgers, as far as the node has a part in them: it starts the driver (transaction/driver) on
// every journal that is not settled, asks enclave and record ledger for what the driver wants, and tells who waits.
// What is recorded is all that counts: a node that starts anew goes on from the ledger's entries. Loop thread only.
#pragma once
#include <base/asio_timeline.hpp>
#include <transaction/driver/driver.hpp>

#include "balances.hpp"
#include "chronicle.hpp"
#include "lanes.hpp"
#include "ledgers.hpp"

namespace concordat::node {

struct TransactionView {
    TransactionRow row;
    Hash256 binding;
    std::uint64_t sequence = 0, last_sequence = 0;  // of the prepare entry and of the newest
    std::string ledger;                             // the contract's name for it
    ledger::Pin pin;
    TimeMs deadline = 0;
    std::string waits_for;   // empty when all goes its way, or nothing is under way
    std::string submission;  // its id on the other ledger, where this node knows it

    std::string_view status() const;  // "prepared" "cancelling" "committed" "aborted" "disputed"
};

class Transactions : private transaction::Recorder {
  public:
    Transactions(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Lanes& lanes, Ledgers& ledgers,
                 transaction::Policy policy);
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
    // A journal that is driven, or would be if its ledger were known.
    struct Known {
        Hash256 binding;
        std::string genesis;  // as the binding names it
        transaction::Journal journal;
        std::uint64_t reached = 0;
        std::string evidence{};                 // of the outcome, until a ledger of its kind has told `reached` from it
        boost::multiprecision::cpp_int most{};  // that the call may cost
        bool wrong_genesis = false;
    };
    struct Waiter {
        Hash256 transaction;
        std::function<void()> then;
    };

    void sign(const Hash256& transaction, ledger::Purpose purpose, ledger::Price price,
              std::function<void(std::optional<Bytes>)> then) override;
    void append(const Hash256& transaction, contract::EntryType type, std::optional<json::Value> evidence,
                std::function<void(std::optional<transaction::Journal>)> then) override;

    void on_entry(const CommitPtr& commit);
    void go_on_from(const Hash256& after);
    void take_up(std::vector<TransactionRow> rows, std::size_t at, std::function<void()> then);
    void know(const TransactionRow& row, const Commit& prepare, const Commit* outcome);
    void learn_reached(Known& known) const;
    void drive(const Hash256& transaction);
    void ask_genesis(const Hash256& transaction, ledger::Ledger& ledger);
    void check_balance(const Known& known, ledger::Ledger& ledger);
    void make_driver();
    void end_waiting(const Hash256& transaction);
    std::optional<transaction::Journal> journal_of(const Hash256& transaction) const;

    boost::asio::io_context& loop_;
    AsioTimeline timeline_;
    Chronicle& chronicle_;
    Lanes& lanes_;
    Ledgers& ledgers_;
    transaction::Policy policy_;
    Balances balances_;
    std::unordered_map<Hash256, Known, Hash256Hasher> known_;
    std::unique_ptr<transaction::Driver> driver_;
    std::map<std::uint64_t, Waiter> waiters_;
    std::uint64_t next_waiter_ = 1, signatures_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::node
