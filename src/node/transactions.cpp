#include "transactions.hpp"

#include <base/log.hpp>
#include <boost/asio/post.hpp>
#include <crypto/hash.hpp>

namespace concordat::node {

namespace {

using contract::EntryType;

constexpr std::size_t rows_at_once = 256;
// An outcome that old is not watched any more when a node starts.
constexpr TimeMs watch_age_ms = 3'600'000;

std::optional<transaction::Ending> ending_of(std::string_view name) {
    if (name.empty()) return std::nullopt;
    return name == "committed" ? transaction::Ending::committed : transaction::Ending::aborted;
}

std::string_view ledger_of(const contract::Entry& prepare) {
    return json::Reader(prepare.effects.front(), "/entry/effects/0").string("ledger");
}

// Tells what is asked for one transaction from each other thing that is.
Hash256 digest_of(const Hash256& transaction, std::string_view what) {
    return crypto::sha256(transaction.text() + "\n" + std::string(what));
}

}  // namespace

std::string_view TransactionView::status() const {
    if (row.disputed) return "disputed";
    if (!row.ending.empty()) return row.ending;
    return row.cancelling ? "cancelling" : "prepared";
}

Transactions::Transactions(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Lanes& lanes,
                           Ledgers& ledgers, transaction::Policy policy)
    : loop_(loop),
      timeline_(loop, clock),
      chronicle_(chronicle),
      lanes_(lanes),
      ledgers_(ledgers),
      policy_(policy),
      balances_(clock) {
    chronicle_.on_transaction([this](const CommitPtr& commit) { on_entry(commit); });
    ledgers_.on_change([this] { driver_.reset(); }, [this] { make_driver(); });
}

Transactions::~Transactions() { *alive_ = false; }

void Transactions::start() {
    make_driver();
    go_on_from({});
}

// A driver remembers nothing that matters: when the ledgers change, another one goes on.
void Transactions::make_driver() {
    driver_ = std::make_unique<transaction::Driver>(
        timeline_, static_cast<transaction::Recorder&>(*this), policy_,
        transaction::Listener{.forgotten = [this](const Hash256& transaction) { known_.erase(transaction); }});
    std::vector<Hash256> all;
    all.reserve(known_.size());
    for (const auto& [transaction, known] : known_) all.push_back(transaction);
    for (const Hash256& transaction : all) drive(transaction);
}

// --- Which journals there are.

void Transactions::go_on_from(const Hash256& after) {
    chronicle_.index().barrier([this, alive = alive_, after] {
        if (!*alive) return;
        std::vector<TransactionRow> rows =
            chronicle_.index().unsettled(timeline_.now() - watch_age_ms, after, rows_at_once);
        if (rows.empty()) return;
        const Hash256 last = rows.back().id;
        take_up(std::move(rows), 0, [this, last] { go_on_from(last); });
    });
}

// One after another: the entries may have to be read from the ledger.
void Transactions::take_up(std::vector<TransactionRow> rows, std::size_t at, std::function<void()> then) {
    if (at == rows.size()) return then();
    const TransactionRow row = rows[at];
    const std::function<void()> next = [this, alive = alive_, rows = std::move(rows), at,
                                        then = std::move(then)]() mutable {
        if (*alive) take_up(std::move(rows), at + 1, std::move(then));
    };
    const auto prepare = chronicle_.index().entry_at(row.prepare), newest = chronicle_.index().entry_at(row.last);
    // The record ledger may be starting again. What nobody drives would hold its binding for ever.
    const std::function<void()> later = [this, alive = alive_, id = row.id] {
        timeline_.after(policy_.look_every_ms, [this, alive, id] {
            if (!*alive || known_.contains(id)) return;
            if (const auto now = chronicle_.index().transaction(id)) take_up({*now}, 0, [] {});
        });
    };
    if (!prepare || !newest) return boost::asio::post(loop_, next);
    chronicle_.find(*prepare, [=, this, alive = alive_](Outcome<CommitPtr> begun) mutable {
        if (!*alive) return;
        if (!begun.ok()) {
            later();
            return boost::asio::post(loop_, next);
        }
        chronicle_.find(*newest, [=, this](Outcome<CommitPtr> last) mutable {
            if (!*alive) return;
            last.ok() ? know(row, *begun.get(), last.get().get()) : later();
            boost::asio::post(loop_, next);
        });
    });
}

void Transactions::know(const TransactionRow& row, const Commit& prepare, const Commit* newest) {
    if (known_.contains(row.id)) return;
    try {
        const contract::Entry entry = contract::Entry::parse(prepare.document);
        const std::string name(ledger_of(entry));
        const BindingState* binding = chronicle_.binding(entry.binding);
        if (binding == nullptr) return;
        const auto versions = chronicle_.index().versions(binding->row.local, true);
        const auto version = std::ranges::find(versions, entry.version, &VersionRow::hash);
        if (version == versions.end()) return;
        const auto jws = crypto::GeneralJws::parse(
            json::parse(text_of(version->jws), "binding", {.bytes = 2 * contract::max_binding_bytes}), "");
        const contract::Binding document = contract::Binding::parse(jws.payload);
        const contract::LedgerTarget& target = document.ledgers.at(name);
        Known known{.binding = entry.binding, .genesis = target.genesis, .journal = {}};
        known.most = boost::multiprecision::cpp_int(target.work) * target.ceiling;
        known.journal = {.pin = entry.pin(),
                         .finality = target.finality,
                         .prepared = entry.time,
                         .deadline = entry.deadline,
                         .cancelling = row.cancelling,
                         .ending = ending_of(row.ending),
                         .disputed = row.disputed};
        if (newest != nullptr && newest->entry.type == EntryType::outcome) {
            known.evidence = std::string(text_of(newest->input));
            learn_reached(known);
        }
        known_.emplace(row.id, std::move(known));
        drive(row.id);
    } catch (const std::exception& error) {
        log::error("transaction_not_understood", {{"transaction", row.id.text()}, {"rule", error.what()}});
    }
}

// Without it the next driver would believe an endpoint that is behind, and dispute what holds.
void Transactions::learn_reached(Known& known) const {
    const ledger::Ledger* ledger = ledgers_.find(known.journal.pin.chain);
    if (known.evidence.empty() || ledger == nullptr) return;
    known.reached = transaction::reached_with(ledger->kind(), known.journal,
                                              json::parse(known.evidence, "evidence", {.bytes = 4 << 20}));
    known.evidence.clear();
}

void Transactions::drive(const Hash256& transaction) {
    Known& known = known_.at(transaction);
    ledger::Ledger* ledger = ledgers_.find(known.journal.pin.chain);
    if (ledger == nullptr || driver_ == nullptr) return;
    const std::string genesis = ledger->describe().genesis;
    if (genesis.empty()) return ask_genesis(transaction, *ledger);
    known.wrong_genesis = genesis != known.genesis;
    if (known.wrong_genesis) {
        log::error("wrong_ledger", {{"transaction", transaction.text()},
                                    {"chain", known.journal.pin.chain},
                                    {"rule", "the endpoints show another first block than the binding names"}});
        return;
    }
    learn_reached(known);
    driver_->start(transaction, known.journal, *ledger, known.reached);
    check_balance(known, *ledger);
}

void Transactions::check_balance(const Known& known, ledger::Ledger& ledger) {
    balances_.check(ledger, known.journal.pin.chain, known.journal.pin.account, known.most);
}

// Any question makes the ledger show which chain it is.
void Transactions::ask_genesis(const Hash256& transaction, ledger::Ledger& ledger) {
    ledger.conditions({}, [this, alive = alive_, transaction](const std::optional<ledger::Conditions>& conditions) {
        if (!*alive) return;
        timeline_.after(conditions ? 0 : policy_.look_every_ms, [this, alive, transaction] {
            if (*alive && known_.contains(transaction)) drive(transaction);
        });
    });
}

void Transactions::on_entry(const CommitPtr& commit) {
    const EntryView& entry = commit->entry;
    if (entry.type == EntryType::outcome) lanes_.wake(entry.binding);
    if (driver_ == nullptr) return;  // what there is by then is taken up at the start
    if (entry.type == EntryType::prepare) {
        // Its version may still be on its way to the disk.
        chronicle_.index().barrier([this, alive = alive_, commit] {
            const auto row = *alive ? chronicle_.index().transaction(commit->entry.id) : std::nullopt;
            if (row) know(*row, *commit, nullptr);
        });
        return;
    }
    if (const auto found = known_.find(entry.transaction); found != known_.end()) {
        transaction::Journal& journal = found->second.journal;
        if (entry.type == EntryType::cancelling) journal.cancelling = true;
        if (entry.type == EntryType::disputed) journal.disputed = true;
        if (entry.type == EntryType::outcome) {
            journal.ending = ending_of(entry.ending.substr(1, entry.ending.size() - 2));
            found->second.evidence = std::string(text_of(commit->input));
            learn_reached(found->second);
            if (ledger::Ledger* ledger = ledgers_.find(journal.pin.chain)) check_balance(found->second, *ledger);
            log::info("transaction_ended", {{"transaction", entry.transaction.text()},
                                            {"ending", transaction::ending_name(*journal.ending)}});
        }
    }
    if (entry.type == EntryType::outcome) end_waiting(entry.transaction);
}

// --- What the driver asks for.

void Transactions::sign(const Hash256& transaction, ledger::Purpose purpose, ledger::Price price,
                        std::function<void(std::optional<Bytes>)> then) {
    const auto found = known_.find(transaction);
    if (found == known_.end()) return timeline_.after(0, [then = std::move(then)] { then(std::nullopt); });
    auto work = std::make_shared<Work>();
    work->transaction = transaction;
    // Whoever asks again asks for another signature: nobody joins this one.
    work->digest = digest_of(transaction, "sign " + std::to_string(++signatures_));
    work->sign = enclave::Sign{found->second.binding, transaction, purpose, price};
    lanes_.submit(found->second.binding, work, [work, then = std::move(then)](const Outcome<CommitPtr>& done) {
        then(done.ok() ? std::optional(std::move(work->signature)) : std::nullopt);
    });
}

void Transactions::append(const Hash256& transaction, EntryType type, std::optional<json::Value> evidence,
                          std::function<void(std::optional<transaction::Journal>)> then) {
    const auto found = known_.find(transaction);
    if (found == known_.end()) return timeline_.after(0, [then = std::move(then)] { then(std::nullopt); });
    // The outcome of one that was committed early changes the state, which another may still bring back.
    const BindingState* binding = chronicle_.binding(found->second.binding);
    const Hash256 holding = binding == nullptr ? Hash256{} : binding->row.transaction;
    if (type == EntryType::outcome && !holding.is_zero() && holding != transaction) {
        return timeline_.after(policy_.look_every_ms, [this, alive = alive_, transaction, then = std::move(then)] {
            if (*alive) then(journal_of(transaction));
        });
    }
    auto work = std::make_shared<Work>();
    work->type = type;
    work->transaction = transaction;
    if (evidence) work->input = json::canonical(*evidence);
    work->digest = evidence ? crypto::sha256(work->input) : digest_of(transaction, contract::entry_type_name(type));
    lanes_.submit(found->second.binding, std::move(work),
                  [this, alive = alive_, transaction, then = std::move(then)](const Outcome<CommitPtr>& done) {
                      if (!*alive) return;
                      if (done.ok()) return then(journal_of(transaction));
                      log::warning("transaction_step_refused", {{"transaction", transaction.text()},
                                                                {"code", code_name(done.error().code())},
                                                                {"rule", done.error().what()}});
                      // It may be recorded although the answer is an error.
                      chronicle_.catch_up([this, alive, transaction, then](const Outcome<Nothing>& read) {
                          if (*alive) then(read.ok() ? journal_of(transaction) : std::nullopt);
                      });
                  });
}

std::optional<transaction::Journal> Transactions::journal_of(const Hash256& transaction) const {
    const auto found = known_.find(transaction);
    return found == known_.end() ? std::nullopt : std::optional(found->second.journal);
}

// --- What others ask.

void Transactions::view(const Hash256& transaction, Then<TransactionView> then) {
    chronicle_.index().barrier([this, alive = alive_, transaction, then = std::move(then)] {
        if (!*alive) return;
        Index& index = chronicle_.index();
        const auto row = index.transaction(transaction);
        const auto prepare = row ? index.entry_at(row->prepare) : std::nullopt;
        const auto last = row ? index.entry_at(row->last) : std::nullopt;
        if (!prepare || !last) {
            return then(Error(Code::not_found, "/transaction", "this node knows no such transaction"));
        }
        chronicle_.find(*prepare, [=, this](Outcome<CommitPtr> commit) {
            process::complete<TransactionView>(then, [&] {
                const contract::Entry entry = contract::Entry::parse(commit.get()->document);
                TransactionView view{.row = *row,
                                     .binding = entry.binding,
                                     .sequence = prepare->sequence,
                                     .last_sequence = last->sequence,
                                     .ledger = std::string(ledger_of(entry)),
                                     .pin = entry.pin(),
                                     .deadline = entry.deadline,
                                     .waits_for = {},
                                     .submission = {}};
                const auto known = known_.find(transaction);
                const auto* progress = driver_ ? driver_->progress(transaction) : nullptr;
                if (progress != nullptr) {
                    view.waits_for = progress->waits_for;
                    view.submission = progress->transaction;
                } else if (ledgers_.find(view.pin.chain) == nullptr && row->ending.empty()) {
                    view.waits_for = "no endpoint of " + view.pin.chain + " is known: concordat ledger add";
                } else if (known != known_.end() && known->second.wrong_genesis) {
                    view.waits_for =
                        "the endpoints of " + view.pin.chain + " show another first block than the binding";
                } else if (row->ending.empty()) {
                    view.waits_for = "the ledger does not answer";
                }
                return view;
            });
        });
    });
}

void Transactions::await_ending(const Hash256& transaction, TimeMs at_most, std::function<void()> then) {
    const auto found = known_.find(transaction);
    if (at_most <= 0 || (found != known_.end() && found->second.journal.ending)) return timeline_.after(0, then);
    const std::uint64_t number = next_waiter_++;
    waiters_[number] = {transaction, std::move(then)};
    timeline_.after(at_most, [this, alive = alive_, number] {
        if (!*alive) return;
        if (auto waiter = waiters_.extract(number)) waiter.mapped().then();
    });
}

void Transactions::end_waiting(const Hash256& transaction) {
    std::vector<std::function<void()>> told;
    for (auto waiter = waiters_.begin(); waiter != waiters_.end();) {
        if (waiter->second.transaction == transaction) {
            told.push_back(std::move(waiter->second.then));
            waiter = waiters_.erase(waiter);
        } else {
            ++waiter;
        }
    }
    for (const auto& then : told) timeline_.after(0, then);
}

}  // namespace concordat::node
