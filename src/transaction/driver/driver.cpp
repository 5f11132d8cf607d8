#include "driver.hpp"

#include <algorithm>

namespace concordat::transaction {

using contract::EntryType;

std::uint64_t reached_with(const ledger::Kind& kind, const Journal& journal, const json::Value& evidence) {
    try {
        return kind.judge(journal.pin, journal.finality, evidence).block + journal.finality.blocks - 1;
    } catch (const Error&) {
        return 0;  // the enclave refuses it as well
    }
}

Driver::Driver(Timeline& timeline, Recorder& recorder, Policy policy, Listener listener)
    : timeline_(timeline), recorder_(recorder), policy_(policy), listener_(std::move(listener)) {}

Driver::~Driver() { *alive_ = false; }

const Progress* Driver::progress(const Hash256& transaction) const {
    const auto found = open_.find(transaction);
    return found == open_.end() ? nullptr : &found->second.progress;
}

template <class T, class F>
std::function<void(T)> Driver::later(const Hash256& transaction, F what) {
    return [this, alive = alive_, transaction, what = std::move(what)](T value) {
        if (!*alive) return;
        if (const auto found = open_.find(transaction); found != open_.end()) what(found->second, std::move(value));
    };
}

void Driver::start(const Hash256& transaction, const Journal& journal, ledger::Ledger& ledger, std::uint64_t reached) {
    const auto [at, fresh] = open_.try_emplace(transaction);
    if (!fresh) return;
    at->second.progress.journal = journal;
    at->second.ledger = &ledger;
    at->second.progress.reached = reached;
    note_move(at->second);
    listen(ledger);
    again_in(transaction, 0);
}

void Driver::note_move(Open& open) {
    open.progress.moved = timeline_.now();
    open.moved = timeline_.passed();
}

void Driver::update(const Hash256& transaction, const Journal& journal, std::uint64_t reached) {
    const auto found = open_.find(transaction);
    if (found == open_.end()) return;
    // What an endpoint said of it before was not proved.
    if (reached != 0) found->second.progress.reached = reached;
    if (found->second.progress.journal == journal) return;
    found->second.progress.journal = journal;
    found->second.last.reset();
    note_move(found->second);
    // While something is asked for, its answer is what goes on.
    if (found->second.waits) again_in(transaction, 0);
}

void Driver::again_in(const Hash256& transaction, TimeMs ms) {
    timeline_.after(ms, [this, alive = alive_, transaction, turn = ++open_.at(transaction).turn] {
        if (!*alive) return;
        const auto found = open_.find(transaction);
        if (found != open_.end() && found->second.turn == turn) look(transaction);
    });
}

void Driver::wait(const Hash256& transaction, TimeMs ms) {
    again_in(transaction, ms);
    open_.at(transaction).waits = true;
}

void Driver::listen(ledger::Ledger& ledger) {
    if (!heard_.insert(&ledger).second) return;
    ledger.on_change([this, alive = alive_, &ledger] {
        if (!*alive) return;
        std::vector<Hash256> waiting;
        for (const auto& [transaction, open] : open_) {
            if (open.ledger == &ledger && open.waits) waiting.push_back(transaction);
        }
        for (const Hash256& transaction : waiting) look(transaction);
    });
}

// What has just moved is likely to move on soon on a fast ledger; on a slow one an eighth of the time that it has
// waited is not missed.
void Driver::again_soon(const Hash256& transaction, Open& open) {
    constexpr TimeMs at_least = 5;
    const TimeMs waited = timeline_.passed() - open.moved;
    wait(transaction, std::clamp(waited / 8, std::min(at_least, policy_.look_every_ms), policy_.look_every_ms));
}

void Driver::look(const Hash256& transaction) {
    Open& open = open_.at(transaction);
    const Journal& journal = open.progress.journal;
    open.waits = false;
    ++open.turn;
    open.facts = {};
    open.ledger->look(journal.pin, journal.finality,
                      later<ledger::View>(transaction, [=, this](Open& now, ledger::View view) {
                          using Status = ledger::View::Status;
                          now.progress.transaction = view.transaction;
                          now.facts.view = std::move(view);
                          const Journal& known = now.progress.journal;
                          const Status status = now.facts.view.status;
                          const bool to_send = status == Status::open || status == Status::pending;
                          const bool watched = known.ending && !known.disputed && status != Status::unknown;
                          if (!to_send && !watched) return decide(transaction);
                          now.ledger->conditions(
                              {}, later<std::optional<ledger::Conditions>>(
                                      transaction, [=, this](Open& then, std::optional<ledger::Conditions> conditions) {
                                          then.facts.conditions = std::move(conditions);
                                          decide(transaction);
                                      }));
                      }));
}

void Driver::decide(const Hash256& transaction) {
    Open& open = open_.at(transaction);
    open.facts.last = open.last;
    open.facts.now = timeline_.now();
    open.facts.passed = timeline_.passed();
    // The time during which the ledger was behind does not count: what it shows then says nothing of the outcome.
    const bool behind = open.facts.conditions && open.facts.conditions->height < open.progress.reached;
    if (behind || !contradicts(open.progress.journal, open.facts.view)) {
        open.contradicts_since.reset();
    } else if (!open.contradicts_since) {
        open.contradicts_since = open.facts.passed;
    }
    open.facts.contradicts_since = open.contradicts_since;
    if (!failed(open.progress.journal, open.facts.view)) {
        open.failed_since.reset();
    } else if (!open.failed_since) {
        open.failed_since = open.facts.passed;
    }
    open.facts.failed_since = open.failed_since;
    open.facts.reached = open.progress.reached;
    const Step step = next(open.progress.journal, open.facts, policy_);
    // What was refused is asked for again now and then: until the answer the reason stands.
    if (!std::holds_alternative<Send>(step) && !std::holds_alternative<Wait>(step)) open.progress.waits_for.clear();
    if (const auto* wait = std::get_if<Wait>(&step)) {
        // With what the ledger said of it, where that is known.
        if (wait->why.empty() || !open.progress.waits_for.starts_with(wait->why)) open.progress.waits_for = wait->why;
        // Nobody waits for an outcome that is only watched.
        const bool soon = wait->why.empty() && !open.progress.journal.ending;
        soon ? again_soon(transaction, open) : this->wait(transaction, wait->ms);
    } else if (const auto* to_send = std::get_if<Send>(&step)) {
        send(transaction, *to_send);
    } else if (const auto* entry = std::get_if<Append>(&step)) {
        if (entry->type != EntryType::outcome) return append(transaction, entry->type, std::nullopt);
        const Journal& journal = open.progress.journal;
        open.ledger->prove(journal.pin, journal.finality,
                           later<std::optional<ledger::Proven>>(
                               transaction, [=, this](Open& now, std::optional<ledger::Proven> proven) {
                                   if (!proven) return again_in(transaction, policy_.look_every_ms);
                                   now.progress.reached = proven->block + now.progress.journal.finality.blocks - 1;
                                   append(transaction, EntryType::outcome, std::move(proven->evidence));
                               }));
    } else {
        open_.erase(transaction);
        listener_.forgotten(transaction);
    }
}

void Driver::send(const Hash256& transaction, const Send& step) {
    recorder_.sign(transaction, step.purpose, step.price,
                   later<std::optional<Bytes>>(transaction, [=, this](Open& open, std::optional<Bytes> bytes) {
                       if (!bytes) return again_in(transaction, policy_.look_every_ms);
                       open.ledger->submit(
                           *bytes,
                           later<ledger::Submission>(transaction, [=, this](Open& now, ledger::Submission answer) {
                               now.last = Attempt{step.purpose, step.price, timeline_.passed(), answer.status};
                               now.progress.waits_for = trouble(answer.status);
                               if (!now.progress.waits_for.empty() && !answer.detail.empty()) {
                                   now.progress.waits_for += ": " + answer.detail;
                               }
                               if (answer.status != ledger::Submission::Status::accepted) {
                                   return again_in(transaction, policy_.look_every_ms);
                               }
                               note_move(now);
                               again_soon(transaction, now);
                           }));
                   }));
}

// Where it is not known what became of it, the same is asked again: nothing else may be decided on an old journal.
void Driver::append(const Hash256& transaction, EntryType type, const std::optional<json::Value>& evidence) {
    const auto then = later<std::optional<Journal>>(transaction, [=, this](Open& open, std::optional<Journal> journal) {
        if (!journal) {
            return timeline_.after(policy_.look_every_ms, [=, this, alive = alive_] {
                if (*alive && open_.contains(transaction)) append(transaction, type, evidence);
            });
        }
        if (*journal != open.progress.journal) {
            open.progress.journal = *journal;
            open.last.reset();  // what was refused its price for a call says nothing of the cancellation
            note_move(open);
            listener_.changed(transaction, *journal);
        } else {
            open.progress.waits_for = "its entry is not recorded yet";
        }
        wait(transaction, policy_.look_every_ms);
    });
    recorder_.append(transaction, type, evidence, then);
}

}  // namespace concordat::transaction
