#include "saga.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

namespace concordat::transaction {

using contract::EffectKind;
using ledger::Role;

std::string_view decision_name(Decision decision) { return decision == Decision::commit ? "commit" : "abort"; }

Saga::Saga(const std::vector<contract::Step>& steps, TimeMs deadline) : Saga(steps, deadline, false, {}) {}

Saga::Saga(const std::vector<contract::Step>& steps, TimeMs deadline, bool cancelling, std::vector<Call> calls)
    : calls_(std::move(calls)), deadline_(deadline), cancelling_(cancelling) {
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        const Due& what = calls_[i].what;
        if (what.step >= steps.size()) throw Error(Code::bad_format, "/calls", "must be of the transaction's steps");
        calls_[i].journal.tries =
            static_cast<unsigned>(std::ranges::count(std::span(calls_).first(i), what, &Call::what));
    }
    for (const contract::Step& step : steps) {
        plan_.push_back({step.kind, step.commit.has_value(), step.after});
    }
    decide();
}

const Call& Saga::call(std::size_t number) const {
    if (number >= calls_.size()) throw Error(Code::not_found, "/call", "must be one that the transaction has pinned");
    return calls_[number];
}

bool Saga::disputed() const {
    return std::ranges::any_of(calls_, [](const Call& call) { return call.journal.disputed; });
}

Saga::State Saga::state(std::size_t step, Role role) const {
    const auto newest =
        std::ranges::find(calls_.rbegin(), calls_.rend(), Due{static_cast<std::uint8_t>(step), role}, &Call::what);
    if (newest == calls_.rend()) return State::none;
    if (!newest->journal.ending) return State::open;
    if (newest->journal.ending == Ending::committed) return State::succeeded;
    return newest->journal.given_up ? State::given_up : State::failed;
}

bool Saga::all_tried_succeeded() const {
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (tried(i) && !succeeded(i)) return false;
    }
    return true;
}

// Nothing of the step is there any more, or ever will be.
bool Saga::nothing_left_of(std::size_t step) const {
    switch (state(step, Role::call)) {
        case State::none:
        case State::failed:
        case State::given_up:
            return true;
        case State::open:
            return false;
        case State::succeeded:
            return state(step, Role::undo) == State::succeeded;
    }
    panic("no such state");
}

bool Saga::may_call(std::size_t step) const {
    const Plan& plan = plan_[step];
    if (!std::ranges::all_of(plan.after, [&](std::uint8_t before) { return succeeded(before); })) return false;
    if (plan.kind != EffectKind::pivot) return true;
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        if (plan_[i].kind == EffectKind::compensatable && !succeeded(i)) return false;
    }
    return true;
}

// What came after it is taken back first, unless people have given that up.
bool Saga::may_undo(std::size_t step) const {
    for (std::size_t i = 0; i < plan_.size(); ++i) {
        const bool later = std::ranges::find(plan_[i].after, step) != plan_[i].after.end();
        if (later && !nothing_left_of(i) && state(i, Role::undo) != State::given_up) return false;
    }
    return true;
}

bool Saga::is_due(std::size_t step, Role role) const {
    const Plan& plan = plan_[step];
    const State now = state(step, role);
    const bool to_make = now == State::none || now == State::failed;
    if (!decision_) return role == Role::call && tried(step) && now == State::none && !cancelling_ && may_call(step);
    if (decision_ == Decision::abort) return role == Role::undo && to_make && succeeded(step) && may_undo(step);
    if (role == Role::commit) return plan.commits && to_make;
    return role == Role::call && !tried(step) && to_make && may_call(step);
}

std::vector<Due> Saga::due() const {
    std::vector<Due> out;
    for (const Role role : {Role::call, Role::commit, Role::undo}) {
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            if (is_due(i, role)) out.push_back({static_cast<std::uint8_t>(i), role});
        }
    }
    return out;
}

void Saga::pin(const Due& what, ledger::Pin pin, ledger::Finality finality, TimeMs now) {
    if (what.step >= plan_.size() || !is_due(what.step, what.role)) {
        throw Error(Code::action_refused, "/effects", "must pin what is due");
    }
    Journal journal{.pin = std::move(pin), .finality = std::move(finality), .prepared = now, .tries = tries(what)};
    if (what.role == Role::call && tried(what.step)) journal.deadline = deadline_;
    calls_.push_back({what, std::move(journal)});
}

unsigned Saga::tries(const Due& what) const {
    return static_cast<unsigned>(std::ranges::count(calls_, what, &Call::what));
}

void Saga::decide() {
    // In this order it follows from the calls alone: what is cancelled may still succeed, and does not commit then.
    const auto failed = [&](const Call& call) {
        return call.what.role == Role::call && tried(call.what.step) && call.journal.ending == Ending::aborted;
    };
    const auto pivots = [&](const Call& call) { return plan_[call.what.step].kind == EffectKind::pivot; };
    if (decision_) {
    } else if (std::ranges::any_of(calls_, failed) || (cancelling_ && std::ranges::none_of(calls_, pivots))) {
        decision_ = Decision::abort;
    } else if (all_tried_succeeded()) {
        decision_ = Decision::commit;
    }
    if (decision_ == Decision::abort) {
        for (Call& call : calls_) {
            if (call.what.role == Role::call && !call.journal.ending) call.journal.cancelling = true;
        }
    }
    const bool open = std::ranges::any_of(calls_, [](const Call& call) { return !call.journal.ending; });
    if (!decision_ || open || !due().empty()) return;
    ending_ = decision_ == Decision::commit ? Ending::committed : Ending::aborted;
}

void Saga::settle(std::size_t number, ledger::Fate fate) {
    call(number);
    calls_[number].journal =
        advance(calls_[number].journal, contract::EntryType::outcome, ledger::Judgement{.fate = fate});
    decide();
}

void Saga::cancel() {
    if (cancelling_ || decision_) {
        throw Error(Code::action_refused, "/type", "'cancelling' comes once, and before the decision");
    }
    cancelling_ = true;
    for (Call& call : calls_) {
        if (!call.journal.ending) call.journal = advance(call.journal, contract::EntryType::cancelling, {});
    }
    decide();
}

std::size_t Saga::waiting(const Due& what) const {
    if (what.step >= plan_.size()) throw Error(Code::not_found, "/resolution/step", "must be one of the transaction's");
    const auto newest = std::ranges::find(calls_.rbegin(), calls_.rend(), what, &Call::what);
    if (newest == calls_.rend()) {
        throw Error(Code::not_found, "/resolution/role", "must be of a call that is pinned: none is in this role");
    }
    const Journal& journal = newest->journal;
    if (journal.given_up) throw Error(Code::action_refused, "/resolution/step", "is given up already");
    if (!journal.must_succeed()) {
        throw Error(Code::action_refused, "/resolution/role",
                    "must be of a call that has to succeed: what is tried is given up after its deadline");
    }
    if (journal.ending) throw Error(Code::action_refused, "/resolution/step", "must not have succeeded already");
    return static_cast<std::size_t>(calls_.rend() - newest) - 1;
}

void Saga::give_up(std::size_t number) {
    call(number);
    calls_[number].journal = advance(calls_[number].journal, contract::EntryType::resolve, {});
}

std::vector<std::uint32_t> Saga::given_up() const {
    std::vector<std::uint32_t> out;
    for (std::size_t i = 0; i < calls_.size(); ++i) {
        const Journal& journal = calls_[i].journal;
        if (journal.given_up && journal.ending == Ending::aborted) out.push_back(static_cast<std::uint32_t>(i));
    }
    return out;
}

namespace {

[[noreturn]] void does_not_follow(const char* member, std::string rule) {
    throw Error(Code::bad_format, std::string("/entry/") + member, std::move(rule));
}

}  // namespace

ledger::Fate Saga::fate_in(const contract::Entry& entry) const {
    if (entry.fate.has_value() == is_one_pivot()) {
        does_not_follow("fate", is_one_pivot() ? "must be absent where the pivot is all there is" : "must be present");
    }
    if (entry.fate) return *entry.fate;
    return entry.ending == "committed" ? ledger::Fate::called : ledger::Fate::failed;
}

void Saga::take(const contract::Entry& entry, const std::vector<contract::Step>& steps, const FinalityOf& finality) {
    using contract::EntryType;
    if (entry.type == EntryType::disputed) return dispute(entry.call);
    if (entry.type == EntryType::resolve) return give_up(entry.call);
    if (ending_) does_not_follow("type", "must be disputed after the outcome");
    if (entry.type == EntryType::cancelling) cancel();
    if (entry.type == EntryType::step || entry.type == EntryType::outcome) settle(entry.call, fate_in(entry));

    const auto decision = decision_;
    std::vector<Due> due = this->due();
    for (contract::PinnedCall& call : entry.pinned()) {
        const Due what{call.step, call.role};
        if (due.empty() || due.front() != what) does_not_follow("effects", "must pin the calls that are due, in order");
        due.erase(due.begin());
        pin(what, std::move(call.pin), finality(steps.at(call.step)), entry.time);
    }
    if (!due.empty()) does_not_follow("effects", "must pin every call that is due");
    if (ending_.has_value() != (entry.type == EntryType::outcome)) {
        does_not_follow("type",
                        ending_ ? "must be outcome: nothing follows any more" : "must be step: something follows");
    }
    if (ending_) {
        if (entry.ending != ending_name(*ending_)) does_not_follow("ending", "must follow from what the calls came to");
        if (entry.given_up != given_up()) does_not_follow("given_up", "must name the calls that were given up in vain");
    } else if (entry.decision != (decision ? decision_name(*decision) : "")) {
        does_not_follow("decision", "must follow from what the calls came to");
    }
}

Hash256 call_id(const Hash256& transaction, std::size_t number) {
    return number == 0 ? transaction : crypto::sha256(transaction.text() + "/" + std::to_string(number));
}

void Saga::dispute(std::size_t number) {
    call(number);
    calls_[number].journal = advance(calls_[number].journal, contract::EntryType::disputed, {});
}

}  // namespace concordat::transaction
