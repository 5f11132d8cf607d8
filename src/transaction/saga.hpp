// A transaction: a binding's entry and calls on other ledgers, all or none of them for good. Pure rules: which calls
// are to be pinned now, what follows from what became of each, how the transaction ends. Enclave, node, verifier and
// simulation go by the same ones.
//
//   trying ──▶ what is compensatable, then the pivot
//     ├─ all of it succeeded ──▶ committing: second calls that make it hold, and what is retriable ──▶ committed
//     └─ something did not, or time is up ──▶ aborting: what succeeded is undone ──▶ aborted
//
// After the decision every call has to succeed: one that fails is pinned anew. So a transaction is decided once, by an
// entry on the record ledger, and ends when all that follows from the decision has happened. (The pattern is the saga
// of Garcia-Molina and Salem, 1987, with the classes of steps of Mehrotra et al., 1992.)
//
// What cannot succeed people give up (`resolve`): whatever then fills the call's slot ends it. If that is the call, it
// has happened as any other. If not, what comes after the step is never called, and what it came after is undone all
// the same.
#pragma once
#include <contract/entry.hpp>
#include <functional>

#include "journal.hpp"

namespace concordat::transaction {

enum class Decision : std::uint8_t { commit, abort };
std::string_view decision_name(Decision decision);

// A call that is to be made now.
struct Due {
    std::uint8_t step = 0;
    ledger::Role role = ledger::Role::call;
    bool operator==(const Due&) const = default;
};

// The name of a call, for whoever drives it: the transaction's for the first one.
Hash256 call_id(const Hash256& transaction, std::size_t number);

// One that was pinned.
struct Call {
    Due what;
    Journal journal;
    bool operator==(const Call&) const = default;
};

class Saga {
  public:
    Saga() = default;
    // `deadline`: when what is tried is given up.
    Saga(const std::vector<contract::Step>& steps, TimeMs deadline);
    // As it was after these calls.
    Saga(const std::vector<contract::Step>& steps, TimeMs deadline, bool cancelling, std::vector<Call> calls);

    // By number, as entries name them, in the order of their pins.
    const std::vector<Call>& calls() const { return calls_; }
    const Call& call(std::size_t number) const;  // throws Error(not_found)
    TimeMs deadline() const { return deadline_; }
    bool cancelling() const { return cancelling_; }
    std::optional<Decision> decision() const { return decision_; }
    // Once nothing is open and nothing is due.
    std::optional<Ending> ending() const { return ending_; }
    bool disputed() const;
    // A single call that nothing takes back: its ending says it all, and its entries have no fate.
    bool is_one_pivot() const { return plan_.size() == 1 && plan_.front().kind == contract::EffectKind::pivot; }

    // In the order in which they are to be pinned.
    std::vector<Due> due() const;
    // Throws Error(action_refused) unless `what` is due.
    void pin(const Due& what, ledger::Pin pin, ledger::Finality finality, TimeMs now);
    // What became of a call. Throws Error(action_refused) where it has ended.
    void settle(std::size_t number, ledger::Fate fate);
    // `cancelling`: what is tried is given up. Throws Error(action_refused) once it is, or is decided.
    void cancel();
    // The number of the call that has to succeed, of this step in this role, and has not. Throws Error(not_found |
    // action_refused) naming what of /resolution there is no such call of.
    std::size_t waiting(const Due& what) const;
    // People give it up. Throws Error(action_refused) unless it has to succeed and has not ended.
    void give_up(std::size_t number);
    // The calls that were given up and did not happen.
    std::vector<std::uint32_t> given_up() const;
    // The ledger went back on a call that had ended.
    void dispute(std::size_t number);
    // The next entry of the transaction, its prepare entry first: all that it says of calls and decisions. Throws
    // Error(bad_format) naming the member that does not follow from what went before; then this is of no use any more.
    // `finality`: what the binding asks of a step's ledger.
    using FinalityOf = std::function<ledger::Finality(const contract::Step&)>;
    void take(const contract::Entry& entry, const std::vector<contract::Step>& steps, const FinalityOf& finality);

    bool operator==(const Saga&) const = default;

  private:
    struct Plan {
        contract::EffectKind kind{};
        bool commits = false;  // needs a second call to hold
        std::vector<std::uint8_t> after;
        bool operator==(const Plan&) const = default;
    };
    // What became of the newest call of a step in a role.
    enum class State : std::uint8_t { none, open, succeeded, failed, given_up };  // the last: failed for good

    State state(std::size_t step, ledger::Role role) const;
    bool tried(std::size_t step) const { return plan_[step].kind != contract::EffectKind::retriable; }
    bool succeeded(std::size_t step) const { return state(step, ledger::Role::call) == State::succeeded; }
    bool all_tried_succeeded() const;
    bool nothing_left_of(std::size_t step) const;
    unsigned tries(const Due& what) const;
    ledger::Fate fate_in(const contract::Entry& entry) const;
    bool is_due(std::size_t step, ledger::Role role) const;
    bool may_call(std::size_t step) const;
    bool may_undo(std::size_t step) const;
    void decide();

    std::vector<Plan> plan_;
    std::vector<Call> calls_;
    TimeMs deadline_ = 0;
    bool cancelling_ = false;
    std::optional<Decision> decision_;
    std::optional<Ending> ending_;
};

}  // namespace concordat::transaction
