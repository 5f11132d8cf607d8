// One transaction: a binding's entry and one call on another ledger, both or neither. The journal is what the record
// ledger holds of it, and it is all that has to be known to go on after a crash. What the enclave lets through is
// decided by the rules below, whatever the node asks for.
//
//   prepare ──▶ (the call is signed, sent, replaced at a higher price) ──▶ outcome
//      └──▶ cancelling ──▶ (a cancellation is signed too: one of the two fills the slot) ──▶ outcome
//                                                                          outcome ──▶ disputed
#pragma once
#include <base/clock.hpp>
#include <contract/entry.hpp>
#include <ledger/kind.hpp>
#include <optional>

namespace concordat::transaction {

enum class Ending : std::uint8_t {
    committed,  // the call succeeded, for good
    aborted     // its slot was filled by something that did not have its effect
};
std::string_view ending_name(Ending ending);

struct Journal {
    ledger::Pin pin;
    ledger::Finality finality;
    TimeMs prepared = 0;  // the entry's time
    TimeMs deadline = 0;  // from then on the node gives the call up
    bool cancelling = false;
    std::optional<Ending> ending;
    bool disputed = false;  // the ledger went back on what was final: the binding halts, and people decide
    bool operator==(const Journal&) const = default;
};

// Of one binding that were committed early (contract.yaml, `commit: early`): they may be open at the same time.
inline constexpr std::size_t max_open_early = 32;

// What is signed for now: the call, or from `cancelling` on the cancellation. Once an outcome is disputed, what fills
// the slot again as the outcome has it: else every later slot of the account would wait for ever.
ledger::Purpose purpose_of(const Journal& journal);

// Throws Error(action_refused) unless the enclave may sign for this purpose, at this price, now.
void check_signing(const Journal& journal, ledger::Purpose purpose, ledger::Price price);

// What the journal becomes with the next entry. `judgement` belongs to an outcome. Throws Error(action_refused) where
// that entry may not follow.
Journal advance(const Journal& journal, contract::EntryType type, const std::optional<ledger::Judgement>& judgement);

}  // namespace concordat::transaction
