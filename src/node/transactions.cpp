#include "transactions.hpp"

#include <base/log.hpp>
#include <base/memory.hpp>
#include <bit>
#include <boost/asio/post.hpp>
#include <crypto/hash.hpp>

namespace concordat::node {

namespace {

using contract::EntryType;

constexpr std::size_t rows_at_once = 256;
constexpr std::size_t max_targets = 256;  // kept beyond those that are in use
// What ended that long ago is not watched any more when a node starts.
constexpr TimeMs watch_age_ms = 3'600'000;

// Tells what is asked for one call from each other thing that is.
Hash256 digest_of(const Hash256& call, std::string_view what) {
    return crypto::sha256(call.text() + "\n" + std::string(what));
}

}  // namespace

std::string_view CallView::status() const {
    const transaction::Journal& journal = call.journal;
    if (journal.disputed) return "disputed";
    if (journal.given_up && journal.ending != transaction::Ending::committed) return "given_up";
    if (journal.ending) return journal.ending == transaction::Ending::committed ? "called" : "failed";
    return journal.cancelling ? "cancelling" : "pinned";
}

std::string_view TransactionView::status() const {
    if (row.disputed) return "disputed";
    if (!row.ending.empty()) return row.ending;
    if (decision == "commit") return "committing";
    if (decision == "abort") return "aborting";
    return row.cancelling ? "cancelling" : "prepared";
}

Transactions::Transactions(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Lanes& lanes,
                           Ledgers& ledgers, Routing& routing, transaction::Policy policy)
    : loop_(loop),
      timeline_(loop, clock),
      chronicle_(chronicle),
      lanes_(lanes),
      ledgers_(ledgers),
      routing_(routing),
      policy_(policy),
      balances_(clock) {
    chronicle_.on_transaction(
        [this](const CommitPtr& commit, const contract::Entry& entry) { on_entry(commit, entry); });
    ledgers_.on_change([this] { driver_.reset(); }, [this] { make_driver(); });
}

Transactions::~Transactions() { *alive_ = false; }

void Transactions::start() {
    make_driver();
    chronicle_.index().barrier([this, alive = alive_] {
        if (*alive) take_up(std::make_shared<Rows>(chronicle_.index().unsettled(timeline_.now() - watch_age_ms)), 0);
    });
}

// A driver remembers nothing that matters: when the ledgers change, another one goes on.
void Transactions::make_driver() {
    without_genesis_.clear();  // a ledger that is gone does not answer
    driver_ = std::make_unique<transaction::Driver>(
        timeline_, static_cast<transaction::Recorder&>(*this), policy_,
        transaction::Listener{.forgotten = [this](const Hash256& call) { forgotten(call); }});
    std::vector<Hash256> all;
    all.reserve(known_.size());
    for (const auto& [transaction, known] : known_) all.push_back(transaction);
    for (const Hash256& transaction : all) drive(transaction);
}

// --- Which transactions there are.

// A part of the rows, then the next one: their entries are read from the ledger together.
void Transactions::take_up(const std::shared_ptr<const Rows>& rows, std::size_t from) {
    const std::size_t end = std::min(rows->size(), from + rows_at_once);
    if (from == end) return rest();
    std::vector<EntryRow> wanted;
    for (std::size_t i = from; i < end; ++i) append_entries((*rows)[i], wanted);
    std::ranges::sort(wanted, {}, &EntryRow::index);
    const auto twice = std::ranges::unique(wanted, {}, &EntryRow::index);
    wanted.erase(twice.begin(), twice.end());
    chronicle_.find_all(std::move(wanted), [=, this, alive = alive_](Outcome<std::vector<CommitPtr>> entries) {
        if (!*alive) return;
        if (entries.ok()) {
            know_all(std::span(*rows).subspan(from, end - from), entries.get());
        } else {
            for (std::size_t i = from; i < end; ++i) take_up_later((*rows)[i].id);
        }
        boost::asio::post(loop_, [=, this] {
            if (*alive) take_up(rows, end);
        });
    });
}

// What the answers took is much, where much was open, and so is what it takes to have all of that signed; neither is
// needed again.
void Transactions::rest() {
    timeline_.after(policy_.look_every_ms, [this, alive = alive_, before = signatures_] {
        if (!*alive) return;
        signatures_ == before ? give_memory_back() : rest();
    });
}

void Transactions::know_all(std::span<const TransactionRow> rows, const std::vector<CommitPtr>& entries) {
    std::unordered_map<Hash256, std::vector<CommitPtr>, Hash256Hasher> of;
    for (const CommitPtr& commit : entries) {
        const bool first = commit->entry.type == EntryType::prepare;
        of[first ? commit->entry.id : commit->entry.transaction].push_back(commit);
    }
    for (const TransactionRow& row : rows) {
        const auto found = of.find(row.id);
        if (found == of.end() || found->second.front()->index != row.prepare) {
            take_up_later(row.id);
        } else {
            know(row.id, found->second);  // what was recorded meanwhile is taken up by on_entry
        }
    }
}

void Transactions::take_up(const TransactionRow& row) {
    entries_of(row, [this, alive = alive_, id = row.id](Outcome<std::vector<CommitPtr>> entries) {
        if (!*alive) return;
        entries.ok() ? know(id, entries.get()) : take_up_later(id);
    });
}

// The record ledger may be starting again. What nobody drives would hold its binding for ever.
void Transactions::take_up_later(const Hash256& transaction) {
    timeline_.after(policy_.look_every_ms, [this, alive = alive_, transaction] {
        if (*alive) take_up_again(transaction);
    });
}

void Transactions::take_up_again(const Hash256& transaction) {
    chronicle_.index().barrier([this, alive = alive_, transaction] {
        if (!*alive) return;
        const auto row = chronicle_.index().transaction(transaction);
        if (!row) return;
        if (const auto known = known_.find(transaction); known != known_.end()) {
            if (known->second.row.last >= row->last) return;
            known_.erase(known);
            std::erase_if(places_, [&](const auto& one) { return one.second.transaction == transaction; });
        }
        take_up(*row);
    });
}

// The prepare entry and all that may follow it.
void Transactions::append_entries(const TransactionRow& row, std::vector<EntryRow>& rows) {
    Index& index = chronicle_.index();
    const auto prepare = index.entry_at(row.prepare);
    if (!prepare) return;
    rows.push_back(*prepare);
    if (row.last == row.prepare) return;
    const auto last = index.entry_at(row.last);
    if (!last) return;
    // Of the binding's other transactions too: they are told apart once they are read.
    for (const EntryRow& one : index.later_steps(row.binding, prepare->sequence, last->sequence)) rows.push_back(one);
}

void Transactions::entries_of(const TransactionRow& row, Then<std::vector<CommitPtr>> then) {
    std::vector<EntryRow> rows;
    append_entries(row, rows);
    if (rows.empty() || rows.back().index != row.last) {
        return then(Error(Code::not_found, "/transaction", "its entries are not in the index"));
    }
    chronicle_.find_all(std::move(rows), [row, then = std::move(then)](Outcome<std::vector<CommitPtr>> entries) {
        process::complete<std::vector<CommitPtr>>(then, [&] {
            std::vector<CommitPtr> out;
            for (CommitPtr& one : entries.get()) {
                if (one->entry.id == row.id || one->entry.transaction == row.id) out.push_back(std::move(one));
            }
            return out;
        });
    });
}

std::shared_ptr<const Transactions::Steps> Transactions::shared(Steps&& steps) {
    json::Array text;
    for (const contract::Step& step : steps) text.push_back(step.to_json());
    // Each time that there are twice as many, so that many different ones cost no more than few.
    if (steps_.size() >= max_targets && std::has_single_bit(steps_.size())) {
        std::erase_if(steps_, [](const auto& one) { return one.second.use_count() == 1; });
    }
    std::shared_ptr<const Steps>& known = steps_[json::canonical(json::Value(std::move(text)))];
    if (!known) known = std::make_shared<const Steps>(std::move(steps));
    return known;
}

std::shared_ptr<const Transactions::Targets> Transactions::targets_of(const Hash256& binding, const Hash256& version) {
    if (const auto known = targets_.find(version); known != targets_.end()) return known->second;
    const BindingState* state = chronicle_.binding(binding);
    if (state == nullptr) return nullptr;
    const auto versions = chronicle_.index().versions(state->row.local, true);
    const auto row = std::ranges::find(versions, version, &VersionRow::hash);
    if (row == versions.end()) return nullptr;
    const auto jws = crypto::GeneralJws::parse(
        json::parse(text_of(row->jws), "binding", {.bytes = 2 * contract::max_binding_bytes}), "");
    if (targets_.size() >= max_targets) {
        std::erase_if(targets_, [](const auto& one) { return one.second.use_count() == 1; });
    }
    auto targets = std::make_shared<const Targets>(contract::Binding::parse(jws.payload).ledgers);
    targets_.emplace(version, targets);
    return targets;
}

const contract::LedgerTarget& Transactions::Known::target_of(const contract::Step& step) const {
    const auto place = targets->find(step.ledger);
    const contract::LedgerTarget* target = place == targets->end() ? nullptr : place->second.on(step.chain());
    if (target == nullptr) throw Error(Code::bad_format, "/effects", "must name a ledger of the version");
    return *target;
}

std::optional<Transactions::Known> Transactions::make_known(const std::vector<CommitPtr>& entries) {
    try {
        const contract::Entry prepare = contract::Entry::parse(entries.at(0)->document);
        Known known;
        const BindingState* binding = chronicle_.binding(prepare.binding);
        if (binding == nullptr) return std::nullopt;
        known.binding = prepare.binding;
        known.row = TransactionRow{
            .id = entries[0]->entry.id, .binding = binding->row.local, .prepare = entries[0]->index, .ending = {}};
        known.early = prepare.early;
        known.first_sequence = entries[0]->entry.sequence;
        known.targets = targets_of(prepare.binding, prepare.version);
        if (known.targets == nullptr) return std::nullopt;
        Steps steps = prepare.steps();
        known.saga = transaction::Saga(steps, prepare.deadline);
        // What the calls are made of is in their pins: there may be very many of them.
        for (contract::Step& step : steps) {
            step.arguments = {};
            step.commit.reset();
            step.undo.reset();
        }
        known.steps = shared(std::move(steps));
        take(known, *entries[0], prepare);
        for (const CommitPtr& commit : std::span(entries).subspan(1)) {
            take(known, *commit, contract::Entry::parse(commit->document));
        }
        return known;
    } catch (const std::exception& error) {
        log::error("transaction_not_understood",
                   {{"transaction", entries.empty() ? "" : entries[0]->entry.id.text()}, {"rule", error.what()}});
        return std::nullopt;
    }
}

void Transactions::take(Known& known, const Commit& commit, const contract::Entry& entry) {
    known.saga.take(entry, *known.steps, [&](const contract::Step& step) { return known.target_of(step).finality; });
    known.row.last = commit.index;
    known.row.changed = std::max(known.row.changed, entry.time);
    known.row.cancelling |= entry.type == EntryType::cancelling;
    known.row.disputed |= entry.type == EntryType::disputed;
    if (entry.type == EntryType::outcome) {
        known.row.outcome = commit.index;
        known.row.ending = entry.ending;
    }
    known.last_sequence = commit.entry.sequence;
    hold_ledgers(known);
    if (entry.type != EntryType::step && entry.type != EntryType::outcome) return;
    const auto* progress = driver_ ? driver_->progress(transaction::call_id(known.row.id, entry.call)) : nullptr;
    if (progress != nullptr && progress->reached != 0) {  // this node has had it recorded
        known.reached[entry.call] = progress->reached;
    } else {
        known.evidence[entry.call] = std::string(text_of(commit.input));
        learn_reached(known);
    }
    // It ended so long ago that nobody watches it.
    if (entry.time < timeline_.now() - watch_age_ms) known.forgotten.insert(entry.call);
}

// As long as it is open it counts as such on each of the ledgers that were chosen for it.
void Transactions::hold_ledgers(Known& known) {
    if (known.saga.ending()) return known.holds.clear();
    if (!known.holds.empty()) return;
    std::set<std::string> chains;
    for (const contract::Step& step : *known.steps) {
        if (step.route) chains.insert(step.route->chain);
    }
    for (const std::string& chain : chains) known.holds.push_back(routing_.hold(chain));
}

// What it says of the ledgers themselves: whether they take in what is begun there.
void Transactions::tell_routing(const Known& known, const contract::Entry& entry) {
    if (entry.type == EntryType::cancelling) {
        for (const transaction::Call& call : known.saga.calls()) {
            if (!call.journal.ending) routing_.expired(call.journal.pin.chain);
        }
    }
    if (entry.type != EntryType::step && entry.type != EntryType::outcome) return;
    const transaction::Journal& journal = known.saga.call(entry.call).journal;
    const bool other = journal.cancelling || journal.given_up;  // something else may have filled its slot
    if (!other || journal.ending == transaction::Ending::committed) routing_.worked(journal.pin.chain);
}

// Without it the next driver would believe an endpoint that is behind, and dispute what holds.
void Transactions::learn_reached(Known& known) const {
    for (auto one = known.evidence.begin(); one != known.evidence.end();) {
        const transaction::Journal& journal = known.saga.call(one->first).journal;
        const ledger::Ledger* ledger = ledgers_.find(journal.pin.chain);
        if (ledger == nullptr) {
            ++one;
            continue;
        }
        known.reached[one->first] = transaction::reached_with(ledger->kind(), journal,
                                                              json::parse(one->second, "evidence", {.bytes = 4 << 20}));
        one = known.evidence.erase(one);
    }
}

void Transactions::know(const Hash256& transaction, const std::vector<CommitPtr>& entries) {
    if (known_.contains(transaction)) return;
    std::optional<Known> known = make_known(entries);
    if (!known) return;
    known_.emplace(transaction, std::move(*known));
    drive(transaction);
}

void Transactions::drive(const Hash256& transaction) {
    const std::size_t calls = known_.at(transaction).saga.calls().size();
    for (std::size_t call = 0; call < calls; ++call) drive(transaction, call);
}

void Transactions::drive(const Hash256& transaction, std::size_t call) {
    const auto found = known_.find(transaction);
    if (found == known_.end()) return;
    Known& known = found->second;
    const transaction::Journal& journal = known.saga.call(call).journal;
    if (known.forgotten.contains(call) && !journal.disputed) return;
    places_[transaction::call_id(transaction, call)] = {transaction, call};
    ledger::Ledger* ledger = ledgers_.find(journal.pin.chain);
    if (ledger == nullptr || driver_ == nullptr) return;
    const std::string genesis = ledger->describe().genesis;
    if (genesis.empty()) return ask_genesis({transaction, call}, journal.pin.chain, *ledger);
    known.wrong_genesis.erase(call);
    if (genesis != known.target_of(call).genesis) {
        known.wrong_genesis.insert(call);
        log::error("wrong_ledger", {{"transaction", transaction.text()},
                                    {"chain", journal.pin.chain},
                                    {"rule", "the endpoints show another first block than the binding names"}});
        return;
    }
    learn_reached(known);
    const Hash256 name = transaction::call_id(transaction, call);
    const auto found_at = known.reached.find(call);
    const std::uint64_t reached = found_at == known.reached.end() ? 0 : found_at->second;
    driver_->update(name, journal, reached);  // where it is driven already
    driver_->start(name, journal, *ledger, reached);
    check_balance(known, call, *ledger);
}

void Transactions::check_balance(const Known& known, std::size_t call, ledger::Ledger& ledger) {
    const contract::LedgerTarget& target = known.target_of(call);
    const ledger::Pin& pin = known.saga.call(call).journal.pin;
    balances_.check(ledger, pin.chain, pin.account, boost::multiprecision::cpp_int(target.work) * target.ceiling);
}

// Any question makes the ledger show which chain it is.
void Transactions::ask_genesis(const CallPlace& call, const std::string& chain, ledger::Ledger& ledger) {
    std::vector<CallPlace>& waiting = without_genesis_[chain];
    waiting.push_back(call);
    if (waiting.size() > 1) return;  // it is being asked
    ledger.conditions({}, [=, this, alive = alive_](const std::optional<ledger::Conditions>& conditions) {
        if (!*alive) return;
        timeline_.after(conditions ? 0 : policy_.look_every_ms, [=, this] {
            if (!*alive) return;
            const auto all = without_genesis_.extract(chain);
            if (!all) return;
            for (const CallPlace& one : all.mapped()) drive(one.transaction, one.call);
        });
    });
}

// Nothing more will happen to a call. Once that is so of all, there is nothing left to know.
void Transactions::forgotten(const Hash256& call) {
    const auto place = places_.find(call);
    if (place == places_.end()) return;
    const auto [transaction, number] = place->second;
    places_.erase(place);
    const auto found = known_.find(transaction);
    if (found == known_.end()) return;
    Known& known = found->second;
    known.forgotten.insert(number);
    if (known.saga.ending() && known.forgotten.size() == known.saga.calls().size()) known_.erase(found);
}

void Transactions::on_entry(const CommitPtr& commit, const contract::Entry& parsed) {
    const EntryView& entry = commit->entry;
    if (entry.type == EntryType::outcome || entry.type == EntryType::step) lanes_.wake(entry.binding);
    if (driver_ == nullptr) return;  // what there is by then is taken up at the start
    if (entry.type == EntryType::prepare) {
        if (targets_.contains(entry.version)) {
            know(entry.id, {commit});
            return;
        }
        // Its version may still be on its way to the disk.
        chronicle_.index().barrier([this, alive = alive_, commit] {
            if (*alive) know(commit->entry.id, {commit});
        });
        return;
    }
    const Hash256 transaction = entry.transaction;
    const auto found = known_.find(transaction);
    if (found == known_.end()) {
        take_up_again(transaction);
    } else if (found->second.row.last < commit->index) {
        Known& known = found->second;
        const std::size_t before = known.saga.calls().size();
        try {
            take(known, *commit, parsed);
            tell_routing(known, parsed);
        } catch (const Error& error) {
            log::error("transaction_not_understood", {{"transaction", transaction.text()}, {"rule", error.what()}});
            return;
        }
        // One call's end may be what another one is given up for.
        for (std::size_t call = 0; call < before; ++call) {
            const auto reached = known.reached.find(call);
            driver_->update(transaction::call_id(transaction, call), known.saga.call(call).journal,
                            reached == known.reached.end() ? 0 : reached->second);
        }
        for (std::size_t call = before; call < known.saga.calls().size(); ++call) drive(transaction, call);
        if (const auto ending = known.saga.ending(); ending && entry.type == EntryType::outcome) {
            for (std::size_t call = 0; call < known.saga.calls().size(); ++call) {
                ledger::Ledger* ledger = ledgers_.find(known.saga.call(call).journal.pin.chain);
                if (ledger != nullptr) check_balance(known, call, *ledger);
            }
            log::info("transaction_ended",
                      {{"transaction", transaction.text()}, {"ending", transaction::ending_name(*ending)}});
        }
    }
    if (entry.type == EntryType::outcome) end_waiting(transaction);
}

// --- What the driver asks for.

const Transactions::CallPlace* Transactions::place_of(const Hash256& call) const {
    const auto place = places_.find(call);
    return place == places_.end() || !known_.contains(place->second.transaction) ? nullptr : &place->second;
}

void Transactions::sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
                        std::function<void(std::optional<Bytes>)> then) {
    const CallPlace* place = place_of(call);
    if (place == nullptr) return timeline_.after(0, [then = std::move(then)] { then(std::nullopt); });
    const Hash256 binding = known_.at(place->transaction).binding;
    auto work = std::make_shared<Work>();
    work->transaction = place->transaction;
    // Whoever asks again asks for another signature: nobody joins this one.
    work->digest = digest_of(call, "sign " + std::to_string(++signatures_));
    work->sign = enclave::Sign{binding, place->transaction, static_cast<std::uint32_t>(place->call), purpose, price};
    lanes_.submit(binding, work, [work, then = std::move(then)](const Outcome<CommitPtr>& done) {
        then(done.ok() ? std::optional(std::move(work->signature)) : std::nullopt);
    });
}

void Transactions::append(const Hash256& call, EntryType type, std::optional<json::Value> evidence, Advanced then) {
    const CallPlace* place = place_of(call);
    if (place == nullptr) return timeline_.after(0, [then = std::move(then)] { then(std::nullopt); });
    const Hash256 transaction = place->transaction, binding = known_.at(transaction).binding;
    // The outcome of one that was committed early changes the state, which another may still bring back.
    const bool early = known_.at(transaction).early;
    const BindingState* state = chronicle_.binding(binding);
    const Hash256 holding = state == nullptr ? Hash256{} : state->row.transaction;
    if (early && type == EntryType::outcome && !holding.is_zero() && holding != transaction) {
        return timeline_.after(policy_.look_every_ms, [this, alive = alive_, call, then = std::move(then)] {
            if (*alive) then(journal_of(call));
        });
    }
    auto work = std::make_shared<Work>();
    work->type = type;
    work->binding = binding;
    work->transaction = transaction;
    work->call = static_cast<std::uint32_t>(place->call);
    // A clock that was ahead when the transaction began must not hold it up until the right ones have come there.
    work->not_before = known_.at(transaction).row.changed;
    if (evidence) work->input = json::canonical(*evidence);
    work->digest = evidence ? crypto::sha256(work->input) : digest_of(call, contract::entry_type_name(type));
    if (type == EntryType::disputed && known_.at(transaction).row.outcome != 0) {
        return add_private_state(work, [this, alive = alive_, call, work, then = std::move(then)](bool found) {
            if (!*alive) return;
            found ? submit(call, work, then) : then(std::nullopt);
        });
    }
    submit(call, std::move(work), std::move(then));
}

void Transactions::submit(const Hash256& call, std::shared_ptr<Work> work, Advanced then) {
    const Hash256 transaction = work->transaction, binding = work->binding;
    lanes_.submit(binding, std::move(work),
                  [this, alive = alive_, call, transaction, then = std::move(then)](const Outcome<CommitPtr>& done) {
                      if (!*alive) return;
                      if (done.ok()) return then(journal_of(call));
                      log::warning("transaction_step_refused", {{"transaction", transaction.text()},
                                                                {"code", code_name(done.error().code())},
                                                                {"rule", done.error().what()}});
                      // It may be recorded although the answer is an error.
                      chronicle_.catch_up([this, alive, call, then](const Outcome<Nothing>& read) {
                          if (*alive) then(read.ok() ? journal_of(call) : std::nullopt);
                      });
                  });
}

// The enclave only remembers where it wrote down what has ended.
void Transactions::add_private_state(const std::shared_ptr<Work>& work, std::function<void(bool)> then) {
    chronicle_.index().barrier([this, alive = alive_, work, then = std::move(then)] {
        if (!*alive) return;
        const auto known = known_.find(work->transaction);
        const auto row = known == known_.end() ? std::nullopt : chronicle_.index().entry_at(known->second.row.outcome);
        if (!row) return then(false);
        chronicle_.find(*row, [work, then](Outcome<CommitPtr> outcome) {
            if (outcome.ok()) work->input = std::string(text_of(outcome.get()->private_state));
            then(outcome.ok());
        });
    });
}

std::optional<transaction::Journal> Transactions::journal_of(const Hash256& call) const {
    const CallPlace* place = place_of(call);
    if (place == nullptr) return std::nullopt;
    return known_.at(place->transaction).saga.call(place->call).journal;
}

// --- What others ask.

CallView Transactions::view(const Hash256& transaction, const Known& known, std::size_t number) const {
    const transaction::Call& call = known.saga.call(number);
    const contract::Step& step = (*known.steps)[call.what.step];
    CallView view{.call = call, .effect = step.effect, .ledger = step.ledger, .waits_for = {}, .submission = {}};
    const auto driven = known_.find(transaction);
    const auto* progress = driver_ ? driver_->progress(transaction::call_id(transaction, number)) : nullptr;
    const std::string& chain = call.journal.pin.chain;
    // What has ended is only watched: nobody waits for it.
    const bool ended = call.journal.ending && !call.journal.disputed;
    if (progress != nullptr) {
        if (!ended) view.waits_for = progress->waits_for;
        view.submission = progress->transaction;
        view.waits_since = progress->moved;
    } else if (ended) {
    } else if (ledgers_.find(chain) == nullptr) {
        view.waits_for = "no endpoint of " + chain + " is known: concordat ledger add";
    } else if (driven != known_.end() && driven->second.wrong_genesis.contains(number)) {
        view.waits_for = "the endpoints of " + chain + " show another first block than the binding";
    } else {
        view.waits_for = "the ledger does not answer";
    }
    return view;
}

void Transactions::view(const Hash256& transaction, Then<TransactionView> then) {
    if (const auto known = known_.find(transaction); known != known_.end()) {
        return timeline_.after(0, [then = std::move(then), view = view(known->second)] { then(view); });
    }
    chronicle_.index().barrier([this, alive = alive_, transaction, then = std::move(then)] {
        if (!*alive) return;
        Index& index = chronicle_.index();
        const auto row = index.transaction(transaction);
        if (!row) return then(Error(Code::not_found, "/transaction", "this node knows no such transaction"));
        entries_of(*row, [=, this](Outcome<std::vector<CommitPtr>> entries) {
            process::complete<TransactionView>(then, [&] {
                const auto known = make_known(entries.get());
                if (!known) throw Error(Code::unavailable, "/transaction", "its entries are being written; ask again");
                return view(*known);
            });
        });
    });
}

TransactionView Transactions::view(const Known& known) const {
    TransactionView view{.row = known.row,
                         .binding = known.binding,
                         .sequence = known.first_sequence,
                         .last_sequence = known.last_sequence,
                         .deadline = known.saga.deadline(),
                         .decision = {},
                         .calls = {},
                         .given_up = known.saga.given_up()};
    if (known.saga.decision()) view.decision = transaction::decision_name(*known.saga.decision());
    for (std::size_t call = 0; call < known.saga.calls().size(); ++call) {
        view.calls.push_back(this->view(known.row.id, known, call));
    }
    return view;
}

void Transactions::await_ending(const Hash256& transaction, TimeMs at_most, std::function<void()> then) {
    const auto found = known_.find(transaction);
    const bool known = found != known_.end();
    // Where nothing is watched any more nobody knows it, but the index.
    const auto row = known ? std::nullopt : chronicle_.index().transaction(transaction);
    const bool ended = known ? found->second.saga.ending().has_value() : row && !row->ending.empty();
    if (at_most <= 0 || ended) return timeline_.after(0, then);
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
