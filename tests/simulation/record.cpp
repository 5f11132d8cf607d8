#include "record.hpp"

#include <algorithm>

namespace concordat::simulation {

EntryPtr last_of(const History& history, const Hash256& transaction) {
    for (auto entry = history.rbegin(); entry != history.rend(); ++entry) {
        if ((*entry)->transaction == transaction) return *entry;
    }
    return nullptr;
}

EntryPtr open_of(const History& history) {
    for (auto entry = history.rbegin(); entry != history.rend(); ++entry) {
        if (!(*entry)->saga.ending() && last_of(history, (*entry)->transaction) == *entry) return *entry;
    }
    return nullptr;
}

bool halted(const History& history) {
    return std::ranges::any_of(history, [](const EntryPtr& entry) { return entry->type == EntryType::disputed; });
}

std::size_t Record::size_at(std::size_t binding, TimeMs time) const {
    const std::vector<TimeMs>& at = sequences_[binding].at;
    return static_cast<std::size_t>(std::ranges::upper_bound(at, time) - at.begin());
}

std::uint64_t Record::next_slot(const std::string& chain, const std::string& account) const {
    const auto found = slots_.find({chain, account});
    return found == slots_.end() ? 0 : found->second;
}

bool Record::is_newest(std::size_t binding, const EntryPtr& head) const {
    const History& entries = sequences_[binding].entries;
    return !fences_.newest || (entries.empty() ? nullptr : entries.back()) == head;
}

Record::Answer Record::append(std::size_t binding, std::size_t sequence, const EntryPtr& previous,
                              const EntryPtr& entry, bool on_disk, TimeMs now) {
    Sequence& mine = sequences_[binding];
    const bool follows = mine.entries.size() == sequence && (sequence == 0 ? nullptr : mine.entries.back()) == previous;
    if (fences_.compare && !follows) return Answer::conflict;
    std::map<Account, std::uint64_t> taken;
    for (const transaction::Call& call : entry->pins()) {
        const ledger::Pin& pin = call.journal.pin;
        if (pin.slot != next_slot(pin.chain, pin.account) + taken[{pin.chain, pin.account}]++) return Answer::conflict;
    }
    if (full_) return Answer::no_space;
    mine.entries.push_back(entry);
    mine.at.push_back(now);
    mine.on_disk.push_back(on_disk);
    give_slots(*entry);
    return Answer::appended;
}

void Record::give_slots(const Entry& entry) {
    for (const transaction::Call& call : entry.pins()) {
        const ledger::Pin& pin = call.journal.pin;
        std::uint64_t& next = slots_[{pin.chain, pin.account}];
        next = std::max(next, pin.slot + 1);
    }
}

void Record::crash() {
    slots_.clear();
    for (Sequence& sequence : sequences_) {
        const auto lost = std::ranges::find(sequence.on_disk, false);
        if (std::find(lost, sequence.on_disk.end(), true) != sequence.on_disk.end()) {
            throw Violation("the log has a hole: an entry is missing below one that is there");
        }
        const auto left = static_cast<std::size_t>(lost - sequence.on_disk.begin());
        sequence.entries.resize(left);
        sequence.at.resize(left);
        sequence.on_disk.resize(left);
        for (const EntryPtr& entry : sequence.entries) give_slots(*entry);
    }
}

}  // namespace concordat::simulation
