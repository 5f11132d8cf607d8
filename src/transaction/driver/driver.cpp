#include "driver.hpp"

#include <algorithm>

namespace concordat::transaction {

using contract::EntryType;

namespace {

constexpr TimeMs at_least = 5;                  // between two looks at the same
constexpr std::size_t most_looks_each_ms = 1;   // at one ledger's transactions, where nothing was told
constexpr std::size_t most_woken_each_ms = 20;  // where something was

}  // namespace

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
    at->second.line = &line_of(ledger);
    ++at->second.line->open;
    at->second.progress.reached = reached;
    note_move(at->second);
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

// What the ledger told of since the last look is not waited for.
void Driver::wait(const Hash256& transaction, TimeMs ms) {
    Open& open = open_.at(transaction);
    const TimeMs soon = std::max(at_least, pause_of_waking(*open.line));
    again_in(transaction, open.changes == open.line->changes ? ms : std::min(ms, soon));
    open.waits = true;
}

TimeMs Driver::pause_of_waking(const Line& line) { return static_cast<TimeMs>(line.open / most_woken_each_ms); }

Driver::Line& Driver::line_of(ledger::Ledger& ledger) {
    const auto [at, fresh] = lines_.try_emplace(&ledger);
    if (!fresh) return at->second;
    ledger.on_change([this, alive = alive_, &line = at->second] {
        if (!*alive) return;
        ++line.changes;
        if (std::exchange(line.telling, true)) return;
        // Where blocks come faster than all can be looked at, each is looked at in every few of them.
        const TimeMs pause = pause_of_waking(line);
        if (pause == 0) return wake_waiting(line);
        timeline_.after(pause, [this, alive, &line] {
            if (*alive) wake_waiting(line);
        });
    });
    return at->second;
}

void Driver::wake_waiting(Line& line) {
    line.telling = false;
    std::vector<Hash256> waiting;
    for (const auto& [transaction, open] : open_) {
        if (open.line == &line && open.waits) waiting.push_back(transaction);
    }
    for (const Hash256& transaction : waiting) look(transaction);
}

// Between two looks at what nothing has happened to.
TimeMs Driver::pause_of(const Open& open) const {
    const TimeMs most = open.ledger->announces() ? policy_.silent_look_every_ms : policy_.look_every_ms;
    return std::max(most, static_cast<TimeMs>(open.line->open / most_looks_each_ms));
}

// What has just moved is likely to move on soon on a fast ledger that does not tell of it; on a slow one an eighth of
// the time that it has waited is not missed. The deadline is not missed either.
void Driver::again_soon(const Hash256& transaction, Open& open) {
    const Journal& journal = open.progress.journal;
    TimeMs pause = pause_of(open);
    if (!open.ledger->announces()) {
        pause = std::clamp((timeline_.passed() - open.moved) / 8, std::min(at_least, policy_.look_every_ms), pause);
    }
    // A call that has to succeed has none: it is the greatest number.
    if (const TimeMs now = timeline_.now(); !journal.cancelling && journal.deadline < now + pause) {
        pause = std::min(pause, std::max(journal.deadline - now, policy_.look_every_ms));
    }
    wait(transaction, pause);
}

void Driver::go_on(Line& line) {
    while (line.under_way < policy_.most_at_once) {
        auto& next = line.first.empty() ? line.rest : line.first;
        if (next.empty()) return;
        const auto question = std::move(next.front());
        next.pop_front();
        question();
    }
}

template <class T, class Question, class F>
void Driver::ask(const Hash256& transaction, std::deque<std::function<void()>>& where, Question question, F what) {
    Line& line = *open_.at(transaction).line;
    where.push_back([=, this, &line] {
        const auto found = open_.find(transaction);
        if (found == open_.end()) return;
        ++line.under_way;
        question(found->second, [=, this, alive = alive_, &line](T value) {
            if (!*alive) return;
            --line.under_way;
            if (const auto now = open_.find(transaction); now != open_.end()) what(now->second, std::move(value));
            if (*alive) go_on(line);
        });
    });
    go_on(line);
}

void Driver::look(const Hash256& transaction) {
    Open& open = open_.at(transaction);
    open.waits = false;
    ++open.turn;
    ask<ledger::View>(
        transaction, open.line->rest,
        [](Open& now, auto then) {
            now.changes = now.line->changes;
            now.ledger->look(now.progress.journal.pin, now.progress.journal.finality, std::move(then));
        },
        [=, this](Open& now, ledger::View view) { looked(transaction, now, std::move(view)); });
}

void Driver::looked(const Hash256& transaction, Open& open, ledger::View view) {
    using Status = ledger::View::Status;
    open.progress.transaction = view.transaction;
    const Journal& journal = open.progress.journal;
    const Status status = view.status;
    const bool to_send = status == Status::open || status == Status::pending;
    const bool watched = journal.ending && !journal.disputed && status != Status::unknown;
    if (!to_send && !watched) return decide(transaction, open, std::move(view), {});
    ask<std::optional<ledger::Conditions>>(
        transaction, open.line->first, [](Open& now, auto then) { now.ledger->conditions({}, std::move(then)); },
        [=, this, view = std::move(view)](Open& now, std::optional<ledger::Conditions> conditions) {
            decide(transaction, now, view, std::move(conditions));
        });
}

void Driver::decide(const Hash256& transaction, Open& open, ledger::View view,
                    std::optional<ledger::Conditions> conditions) {
    Facts facts;
    facts.view = std::move(view);
    facts.conditions = std::move(conditions);
    facts.last = open.last;
    facts.now = timeline_.now();
    facts.passed = timeline_.passed();
    // The time during which the ledger was behind does not count: what it shows then says nothing of the outcome.
    const bool behind = facts.conditions && facts.conditions->height < open.progress.reached;
    if (behind || !contradicts(open.progress.journal, facts.view)) {
        open.contradicts_since.reset();
    } else if (!open.contradicts_since) {
        open.contradicts_since = facts.passed;
    }
    facts.contradicts_since = open.contradicts_since;
    if (!failed(open.progress.journal, facts.view)) {
        open.failed_since.reset();
    } else if (!open.failed_since) {
        open.failed_since = facts.passed;
    }
    facts.failed_since = open.failed_since;
    facts.reached = open.progress.reached;
    const Step step = next(open.progress.journal, facts, policy_);
    // What was refused is asked for again now and then: until the answer the reason stands.
    if (!std::holds_alternative<Send>(step) && !std::holds_alternative<Wait>(step)) open.progress.waits_for.clear();
    if (const auto* wait = std::get_if<Wait>(&step)) {
        // With what the ledger said of it, where that is known.
        if (wait->why.empty() || !open.progress.waits_for.starts_with(wait->why)) open.progress.waits_for = wait->why;
        // Nobody waits for an outcome that is only watched.
        const bool well = wait->why.empty();
        if (well && !open.progress.journal.ending) return again_soon(transaction, open);
        const auto paced = static_cast<TimeMs>(open.line->open / most_looks_each_ms);
        this->wait(transaction, well ? pause_of(open) : std::max(wait->ms, paced));
    } else if (const auto* to_send = std::get_if<Send>(&step)) {
        send(transaction, *to_send);
    } else if (const auto* entry = std::get_if<Append>(&step)) {
        if (entry->type != EntryType::outcome) return append(transaction, entry->type, std::nullopt);
        ask<std::optional<ledger::Proven>>(
            transaction, open.line->first,
            [](Open& now, auto then) {
                now.ledger->prove(now.progress.journal.pin, now.progress.journal.finality, std::move(then));
            },
            [=, this](Open& now, std::optional<ledger::Proven> proven) {
                if (!proven) return again_in(transaction, policy_.look_every_ms);
                now.progress.reached = proven->block + now.progress.journal.finality.blocks - 1;
                append(transaction, EntryType::outcome, std::move(proven->evidence));
            });
    } else {
        --open.line->open;
        open_.erase(transaction);
        listener_.forgotten(transaction);
    }
}

void Driver::send(const Hash256& transaction, const Send& step) {
    recorder_.sign(transaction, step.purpose, step.price,
                   later<std::optional<Bytes>>(transaction, [=, this](Open& open, std::optional<Bytes> bytes) {
                       if (!bytes) return again_in(transaction, policy_.look_every_ms);
                       submit(transaction, open, step, std::move(*bytes));
                   }));
}

void Driver::submit(const Hash256& transaction, Open& open, const Send& step, Bytes bytes) {
    ask<ledger::Submission>(
        transaction, open.line->first,
        [bytes = std::move(bytes)](Open& now, auto then) { now.ledger->submit(bytes, std::move(then)); },
        [=, this](Open& now, const ledger::Submission& answer) {
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
        });
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
