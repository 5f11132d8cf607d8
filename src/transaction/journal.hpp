// One call of a transaction on another ledger. The journal is what the record ledger holds of it, and it is all that
// has to be known to go on after a crash. What the enclave lets through is decided by the rules below, whatever the
// node asks for. Which calls a transaction has, and when, is saga.hpp's.
//
//   pinned ──▶ (the call is signed, sent, replaced at a higher price) ──▶ ended
//      ├──▶ cancelling ──▶ (a cancellation is signed too: one of the two fills the slot) ──▶ ended
//      └──▶ given up ──▶ (the same, of a call that had to succeed: people have decided) ──▶ ended
//                                                                          ended ──▶ disputed
#pragma once
#include <base/clock.hpp>
#include <contract/entry.hpp>
#include <ledger/kind.hpp>
#include <limits>
#include <optional>

namespace concordat::transaction {

enum class Ending : std::uint8_t {
    committed,  // the call succeeded, for good
    aborted     // its slot was filled by something that did not have its effect
};
std::string_view ending_name(Ending ending);

// What has to succeed is never given up.
inline constexpr TimeMs no_deadline = std::numeric_limits<TimeMs>::max();

struct Journal {
    ledger::Pin pin;
    ledger::Finality finality;
    TimeMs prepared = 0;            // the time of the entry that pins it
    TimeMs deadline = no_deadline;  // from then on the node gives the call up
    bool cancelling = false;
    std::optional<Ending> ending{};
    unsigned tries = 0;     // how often the same was called before, in vain
    bool disputed = false;  // the ledger went back on what was final: the binding halts, and people decide
    bool given_up = false;  // it had to succeed, and people have decided that whatever fills its slot ends it
    bool operator==(const Journal&) const = default;
    // Whatever became of it, it is called again until it succeeds.
    bool must_succeed() const { return deadline == no_deadline && !given_up; }
};

// Of one binding that were committed early (contract.yaml, `commit: early`): they may be open at the same time.
inline constexpr std::size_t max_open_early = 32;

// What is signed for now: the call, or from `cancelling` on the cancellation. Once an outcome is disputed, what fills
// the slot again as the outcome has it: else every later slot of the account would wait for ever.
ledger::Purpose purpose_of(const Journal& journal);

// Throws Error(action_refused) unless the enclave may sign for this purpose, at this price, now.
void check_signing(const Journal& journal, ledger::Purpose purpose, ledger::Price price);

// What the journal becomes with the next entry. `judgement` belongs to an outcome, of the call. Throws
// Error(action_refused) where that entry may not follow.
Journal advance(const Journal& journal, contract::EntryType type, const std::optional<ledger::Judgement>& judgement);

}  // namespace concordat::transaction
