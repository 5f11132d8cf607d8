#include "invariants.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace concordat::simulation {

namespace {

using ledger::Fate;
using transaction::Ending;
using transaction::Journal;

using Effects = std::map<std::string, std::size_t>;  // tag → times

// All of it happened, or none of it is left, but for what people gave up in vain; each call at most once.
void check_transaction(const Setting& setting, std::size_t binding, const Entry& last, const Effects& effects) {
    const auto times = [&](const ledger::Pin& pin) {
        const auto found = effects.find(tag_of(pin));
        return found == effects.end() ? std::size_t{0} : found->second;
    };
    std::map<std::pair<std::size_t, ledger::Role>, std::size_t> happened;
    for (const transaction::Call& call : last.saga.calls()) {
        const std::size_t count = times(call.journal.pin);
        // A call that failed for good and was made again may succeed after all when the chain goes back on that.
        if (count > 1 && !last.saga.disputed())
            throw Violation(fmt::format("{} took effect {} times", tag_of(call.journal.pin), count));
        happened[{call.what.step, call.what.role}] = count;
    }
    const auto ending = last.saga.ending();
    if (!ending || last.saga.disputed()) return;
    std::set<std::pair<std::size_t, ledger::Role>> given_up;
    for (const std::uint32_t call : last.saga.given_up()) {
        given_up.emplace(last.saga.call(call).what.step, last.saga.call(call).what.role);
    }
    const auto& steps = setting.message(binding, last.message).steps;
    const bool committed = ending == Ending::committed;
    std::vector<bool> wanted(steps.size());  // those whose call has to be there, were it committed
    for (std::size_t step = 0; step < steps.size(); ++step) {
        const auto& after = steps[step].after;
        wanted[step] = !given_up.contains({step, ledger::Role::call}) &&
                       std::ranges::all_of(after, [&](std::uint8_t before) { return wanted[before]; });
        const std::size_t called = happened[{step, ledger::Role::call}], undone = happened[{step, ledger::Role::undo}],
                          held = happened[{step, ledger::Role::commit}];
        const bool holds = steps[step].commit && !given_up.contains({step, ledger::Role::commit});
        const bool undoes = !given_up.contains({step, ledger::Role::undo});
        const bool right = committed ? called == (wanted[step] ? 1 : 0) && undone == 0 && held == (holds ? 1 : 0)
                                     : undone == (undoes ? called : 0) && held == 0;
        if (!right) {
            throw Violation(fmt::format("{}/{} is {}, and step {} was called {} times, undone {} and made to hold {}",
                                        binding, last.message, transaction::ending_name(*ending), step, called, undone,
                                        held));
        }
    }
}

// Every slot that is filled is pinned by one entry, and what fills it is the pinned call, a cancellation that the
// record allows, or an outsider's.
void check_slots(const Setting& setting) {
    std::map<Setting::Slot, Journal> pinned;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::map<Hash256, const Entry*> newest;
        for (const EntryPtr& entry : setting.record.entries(binding)) {
            newest[entry->transaction] = entry.get();
            for (const transaction::Call& call : entry->pins()) {
                const ledger::Pin& pin = call.journal.pin;
                if (!pinned.try_emplace({pin.chain, pin.account, pin.slot}, call.journal).second) {
                    throw Violation(fmt::format("slot {} is pinned twice", pin.slot));
                }
            }
        }
        for (const auto& [transaction, entry] : newest) {
            for (const transaction::Call& call : entry->saga.calls()) {
                const ledger::Pin& pin = call.journal.pin;
                pinned[{pin.chain, pin.account, pin.slot}] = call.journal;
            }
        }
    }
    for (const auto& [name, chain] : setting.fakes) {
        for (const auto& placed : chain->placed()) {
            const Setting::Slot slot{name, placed.transaction.account, placed.transaction.slot};
            const auto found = pinned.find(slot);
            if (setting.outside.contains(slot)) continue;
            if (found == pinned.end()) throw Violation("a slot is filled that no entry pins");
            const bool may_cancel = found->second.cancelling || found->second.disputed;
            if (placed.transaction.purpose == ledger::Purpose::cancel && !may_cancel) {
                throw Violation(tag_of(found->second.pin) + " was cancelled although the record does not say so");
            }
        }
    }
}

// As the enclave has it, whatever clocks do.
void check_times(const Setting& setting) {
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        const History& entries = setting.record.entries(binding);
        const auto back = std::ranges::adjacent_find(
            entries, [](const EntryPtr& one, const EntryPtr& next) { return next->time < one->time; });
        if (back != entries.end()) throw Violation(fmt::format("the time went back in binding {}", binding));
    }
}

// A dispute is the host's word: only a chain that goes back on what was final, or an endpoint that says so, makes one.
void check_disputes(const Setting& setting) {
    if (setting.moods.deep || setting.moods.lies) return;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        if (halted(setting.record.entries(binding))) {
            throw Violation(fmt::format("binding {} is disputed although nothing final went back", binding));
        }
    }
}

// The sealed state has the words of the last message whose transaction was not aborted: an abort brings back what was
// there before.
void check_words(const Setting& setting) {
    for (std::size_t binding = 0; binding < setting.sealed.size(); ++binding) {
        const History& entries = setting.record.entries(binding);
        std::string words, before;
        for (const EntryPtr& entry : entries) {
            if (entry->type == EntryType::prepare) {
                before = std::exchange(words, setting.message(binding, entry->message).words);
            } else if (entry->type == EntryType::outcome && entry->saga.ending() == Ending::aborted) {
                words = before;
            }
        }
        if (entries.empty()) continue;
        const json::Object state = setting.sealed[binding].open(entries.back()->record).state->plain;
        if (state.at("words") != json::Value(words.empty() ? "nothing yet" : words)) {
            throw Violation(fmt::format("the state of binding {} is another one", binding));
        }
    }
}

}  // namespace

void check_end(const Setting& setting) {
    Effects effects;
    for (const auto& [name, chain] : setting.fakes) {
        for (const auto& placed : chain->placed()) {
            if (placed.fate == Fate::called) ++effects[std::string(placed.transaction.call.at("tag").as_string())];
        }
    }
    std::set<std::string> pinned{"outside"};
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::set<Hash256> checked;
        const History& entries = setting.record.entries(binding);
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            for (const transaction::Call& call : (*entry)->pins()) pinned.insert(tag_of(call.journal.pin));
            if (checked.insert((*entry)->transaction).second) check_transaction(setting, binding, **entry, effects);
        }
    }
    for (const auto& [tag, times] : effects) {
        if (!pinned.contains(tag)) throw Violation("a chain holds an effect that no entry pins: " + tag);
    }
    check_slots(setting);
    check_words(setting);
    check_times(setting);
    check_disputes(setting);
}

void check_told(const Setting& setting) {
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const auto& [number, ending] : setting.clients[binding].answered) {
            const EntryPtr entry = last_of(setting.record.entries(binding), setting.message(binding, number).id());
            if (entry == nullptr || !entry->saga.ending()) {
                throw Violation(fmt::format("{}/{} was answered and is not recorded", binding, number));
            }
        }
    }
}

}  // namespace concordat::simulation
