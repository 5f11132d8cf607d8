// Reads a binding's receipts in order, one at a time, and keeps what a report says of them.
//
// Each receipt is judged by the verifier (proof::verify). Beyond that, what only many receipts together can show: that
// each entry follows from the one before it, that all receipts tell of the same entries, and that the last one is the
// record ledger's head.
#pragma once
#include <contract/package.hpp>
#include <ledger/confidential/protocol/statement.hpp>
#include <proof/trust.hpp>

#include "fields.hpp"

namespace concordat::audit {

inline constexpr std::size_t default_listed = 500;
inline constexpr std::size_t max_listed = 5000;
inline constexpr std::int64_t max_entries = 100'000;  // in one report
inline constexpr std::size_t block_entries = 100;     // of what is not listed one by one
inline constexpr std::size_t max_shown_transactions = 50;
inline constexpr std::size_t max_problems = 200;
inline constexpr std::size_t max_disputes = 100;
inline constexpr std::size_t max_line_bytes = 2000;  // of what the verifier says in one line

struct Options {
    const proof::TrustFile* trust = nullptr;  // none: nothing is verified, and the report says so
    std::optional<Hash256> trust_digest{};
    ledger::Kinds kinds{};
    const crypto::EncryptionPrivateKey* reader = nullptr;  // opens what is confidential
    std::optional<Hash256> binding{};                      // the one that is meant; else the first receipt's
    std::size_t listed = default_listed;  // entries listed one by one: the newest so many, or some more
};

class Gatherer {
  public:
    explicit Gatherer(Options options);

    // In ascending order of sequence. Never throws for what is wrong with a receipt: that is a finding. `sequence`: of
    // the entry that was asked for.
    void take(std::string_view receipt, std::optional<std::int64_t> sequence = std::nullopt);
    // A receipt that could not be had.
    void missing(std::int64_t sequence, const std::string& why);
    // The record ledger's answer to this nonce.
    void take_head(const ledger::confidential::HeadStatement& head, const Hash256& nonce);
    void name_package(const Hash256& id, const contract::Contract& contract);
    // The packages of the versions read so far that have no name yet.
    std::vector<Hash256> unnamed_packages() const;
    Facts finish();

  private:
    struct Reading;  // one receipt, while it is read
    struct Contribution {
        std::int64_t sequence = 0;  // of the prepare entry
        bool committed = false, aborted = false, disputed = false;
        std::map<std::string, ChainTotals> chains;
    };
    struct Head {
        ledger::confidential::HeadStatement statement;
        Hash256 nonce;
    };

    void read(Reading& reading);
    bool belongs(const Reading& reading);
    void check_history(const Reading& reading);
    void remember(const Reading& reading);
    void add_row(Reading& reading);
    void collapse();
    void add_enclave(const Reading& reading);
    void add_transaction(const Reading& reading);
    void add_reliance(const std::vector<proof::Line>& lines);
    void add_anchor(const Reading& reading);
    void open(const Reading& reading);
    void problem(std::optional<std::int64_t> sequence, std::string layer, std::string what, std::string text);
    void add_failures(const std::vector<proof::Line>& lines, std::int64_t sequence);
    // Of the receipt that says the most, and that holds if any does.
    void read_versions();
    void learn_package(const proof::Receipt& receipt);
    void read_ledger(const proof::Receipt& receipt, const proof::Verdict* verdict);
    void check_head();
    void share_costs();
    void sum_up();

    Options options_;
    Facts facts_;
    Opened opened_;             // of this receipt
    Opened state_opened_;       // of the states
    std::vector<Hash256> ids_;  // by sequence, from the first one on; zero where it was not read
    std::optional<Hash256> last_id_;
    std::string newest_;  // the receipt to read versions from
    bool newest_holds_ = false;
    std::optional<Head> head_;
    std::map<Hash256, Contribution> contributions_;             // by transaction
    std::map<std::int64_t, TransactionFact> shown_, disputed_;  // by the prepare entry's sequence
};

// The transaction that a receipt tells of, as far as its last entry; `lines` are the verifier's. Throws Error where its
// documents cannot be read.
TransactionFact read_transaction(const proof::Receipt& receipt, const std::vector<proof::Line>* lines, bool holds);

// The first line of that layer at the top; null when there is none.
const proof::Line* line_of(const std::vector<proof::Line>& lines, std::string_view layer);

}  // namespace concordat::audit
