// Effects on other ledgers: the entries of a transaction that follow its prepare entry, and what is signed for it
// (docs/transactions.md). Pure functions like execute(). The rules are transaction/journal.hpp's.
#pragma once
#include "execute.hpp"

namespace concordat::enclave {

// The accounts of a version. Throws Error naming what the binding's ledgers do not give, or what no call could be made
// with; `secret` as KeyReleased has it.
Accounts accounts_of(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds,
                     const SecretKey& secret);
// The same without keys: whether a version may come into force.
void check_ledgers(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds);
json::Object addresses_of(const contract::Binding& binding, const Accounts& accounts);  // as entries say them

// What execute() needs for effects: the transaction that they begin, all but its id, and the slots held until its entry
// has its place. `effects` become those of the entry. Throws Error(undeclared_effect | bad_format | …), and Error(busy)
// where the host has no candidate for a ledger now.
struct Pinned {
    Transaction transaction;
    HeldSlots slots;
};
// What they come of: the action's run.
struct Cause {
    bool early = false;
    const Routes* routes = nullptr;               // by ledger, as the host has it
    const contract::CallInput* caller = nullptr;  // another binding's call, where it was one
    std::uint64_t fuel = 0;                       // that the run has used
};
Pinned pin_effects(const Context& context, json::Array& effects, const Cause& cause, TimeMs time, Slots& slots);
void keep_transaction(Head& head, Transaction&& transaction);
std::string decision_of(const Transaction& transaction);  // as entries say it

// `transaction` is the prepare entry's id, `call` one of its calls.
Link cancel(const Context& context, const Hash256& transaction, TimeMs time, Slots& slots);
// What became of a call: the entry is a step, or the outcome where nothing more follows. `evidence`: JCS of what
// Kind::judge takes. Of an early transaction the contract's logic hears of the outcome; if it will not have it, the
// outcome is recorded all the same, with the state as it was and the reason.
Link conclude(const Context& context, const Hash256& transaction, std::size_t call, Bytes&& evidence, TimeMs time,
              const runtime::Limits& limits, Slots& slots);
// What the parties have signed: a call that has to succeed is given up (contract::Resolution). `input` is its general
// JWS in JCS.
Link resolve(const Context& context, Bytes&& input, TimeMs time);
// `private_state`: of the entry that ended the transaction; empty while it is open, or disputed already.
Link dispute(const Context& context, const Hash256& transaction, std::size_t call, ByteView private_state, TimeMs time);
// The transaction that the other ledger takes. Only for a head that is recorded.
Bytes sign(const Context& context, const Hash256& transaction, std::size_t call, ledger::Purpose purpose,
           ledger::Price price);

}  // namespace concordat::enclave
