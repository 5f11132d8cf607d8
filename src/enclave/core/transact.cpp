#include "transact.hpp"

#include "acts.hpp"

#include <algorithm>
#include <contract/fit.hpp>
#include <crypto/hash.hpp>
#include <ledger/confidential/protocol/protocol.hpp>
#include <limits>
#include <schema/disclosure.hpp>

namespace concordat::enclave {

namespace {

constexpr std::size_t max_evidence_bytes = std::size_t{4} << 20;

const ledger::Kind& kind_of(Kinds kinds, std::string_view name, const std::string& field) {
    const auto found = std::ranges::find(kinds, name, [](const ledger::Kind* kind) { return kind->name(); });
    if (found == kinds.end()) {
        throw Error(Code::bad_package, field, "no ledger of the kind '" + std::string(name) + "' is served here");
    }
    return **found;
}

// Throws what the kind says of one member of the target as the binding's or the contract's document has it.
[[noreturn]] void refuse_target(const Error& error, const std::string& where, const std::string& effect,
                                ledger::Role role) {
    if (error.field().starts_with("/call")) {
        const std::string call = "/contract/effects/" + effect + "/" + std::string(ledger::role_name(role));
        throw Error(error.code(), call + error.field().substr(5), error.rule());
    }
    const bool of_contract = error.field().starts_with("/interface");
    const std::string path = of_contract ? "/contract/effects/" + effect : where;
    throw Error(error.code(), path + error.field(), error.rule());
}

// A transaction that could not be undone must not be begun.
void check_compensation(const contract::Effect& effect, const ledger::Kind& kind, const std::string& path) {
    const std::string name(kind.name());
    if (effect.kind != contract::EffectKind::compensatable) {
        if (!kind.prepares()) return;
        throw Error(Code::bad_package, path + "/kind",
                    "must be compensatable: ledgers of the kind " + name + " keep what was called open");
    }
    if (kind.prepares()) {
        const bool own = !effect.commit.empty() || !effect.undo.empty();
        if (own)
            throw Error(Code::bad_package, path,
                        "must name no commit or undo: ledgers of the kind " + name + " have their own");
    } else if (effect.undo.empty()) {
        throw Error(Code::bad_package, path + "/undo",
                    "must be present: ledgers of the kind " + name + " cannot take a call back");
    }
}

// A step's ledger, and the account that calls there.
const contract::LedgerTarget& place_of(const Context& context, const contract::Step& step) {
    const contract::LedgerTarget* target = context.binding.target(step.ledger, step.chain());
    if (target == nullptr) panic("a step on a ledger that the version does not have");
    return *target;
}

const Account& account_at(const Context& context, const contract::Step& step) {
    return context.accounts.at({step.ledger, place_of(context, step).chain});
}

ledger::Target target_of(const Context& context, const contract::Step& step, ledger::Role role,
                         const Hash256& name = {}) {
    const contract::Contract& contract = context.package->contract;
    const contract::LedgerTarget& where = place_of(context, step);
    return contract::target_of(contract, contract.effects.find(step.effect)->second, where.address, where.work, role,
                               name, step.callers);
}

template <class AnyHead>
auto& ended_in(AnyHead& head, const Hash256& id) {
    const auto found = std::ranges::find(head.ended, id, &EndedTransaction::id);
    if (found == head.ended.end()) {
        throw Error(Code::not_found, "/transaction", "must be one that is open, or of the last few");
    }
    return *found;
}

// One that something can still become of: its ledger has gone back on it.
Transaction find_ended(const Head& head, const Hash256& id) {
    const EndedTransaction& found = ended_in(head, id);
    if (!found.whole) throw Error(Code::action_refused, "/transaction", "has its outcome");
    return found.read();
}

// One that has ended is among the open ones after this, until keep_ended().
Transaction& find(Head& head, const Hash256& id) {
    if (const auto found = std::ranges::find(head.transactions, id, &Transaction::id);
        found != head.transactions.end()) {
        return *found;
    }
    Transaction ended = find_ended(head, id);
    std::erase_if(head.ended, [&](const EndedTransaction& one) { return one.id == id; });
    head.transactions.push_back(std::move(ended));
    return head.transactions.back();
}

// Where the head only refers to it: whole again, out of the private state of the entry that ended it.
void recall(const Context& context, Head& head, const Hash256& id, ByteView private_state) {
    if (std::ranges::find(head.transactions, id, &Transaction::id) != head.transactions.end()) return;
    EndedTransaction& mine = ended_in(head, id);
    if (mine.whole) return;
    if (crypto::sha256(private_state) != mine.private_state) {
        throw Error(
            Code::bad_format, "/input",
            "must be the private state of entry " + std::to_string(mine.sequence) + ", where the transaction ended");
    }
    const Head then = open_private(private_state, context.binding.id, mine.sequence, context.keys, "/input");
    mine.whole = ended_in(then, id).whole;
}

// No sender's expiry bounds these entries. A host that claims a far future with one would keep every later message from
// being in time, so its claim counts up to the transaction's deadline only.
TimeMs step_time(const Context& context, const Transaction& transaction, TimeMs time) {
    if (time < context.head.time) {
        throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(context.head.time));
    }
    return std::max(context.head.time, std::min(time, transaction.saga.deadline() + 1));
}

contract::Entry step_entry(contract::EntryType type, const Context& context, const Hash256& transaction, ByteView input,
                           TimeMs time) {
    contract::Entry entry;
    entry.type = type;
    entry.ledger = context.binding.chain;
    entry.binding = context.binding.id;
    entry.version = context.head.version;
    entry.sequence = context.head.sequence + 1;
    entry.previous = context.head.id;
    entry.time = time;
    entry.input = crypto::sha256(input);
    entry.state_before = context.head.state->root;
    entry.transaction = transaction;
    return entry;
}

// The state before the transaction, salt for salt: its root is the one that was recorded then.
void go_back(Head& head, const State& before, const schema::Schema& schema) {
    json::Value plain = json::parse(before.text, "/state");
    const auto salt_source = [&](const std::vector<std::string>& path) {
        std::string key;
        for (const std::string& name : path) key += (key.empty() ? "" : "/") + name;
        return before.salts.at(key);
    };
    const schema::Redaction redaction = schema::redact(schema, plain, salt_source, "/state");
    head.state = state_of(std::move(plain.as_object()), std::map(before.salts), redaction.value.as_object());
}

}  // namespace

namespace {

// That calls of an effect can be made on a ledger; `where` names it in the document.
void check_target(const contract::Contract& contract, const std::string& name, const ledger::Kind& kind,
                  const contract::LedgerTarget& target, const std::string& where) {
    if (ledger::kind_of_chain(std::array{&kind}, target.chain) == nullptr) {
        throw Error(Code::bad_format, where + "/chain",
                    "must be a ledger of the kind " + std::string(kind.name()) + ", so begin with " +
                        std::string(kind.chains()) + ":");
    }
    const contract::Effect& effect = contract.effects.find(name)->second;
    using ledger::Role;
    for (const auto& [role, call] : {std::pair{Role::call, &effect.call}, std::pair{Role::commit, &effect.commit},
                                     std::pair{Role::undo, &effect.undo}}) {
        if (call->empty()) continue;
        try {
            kind.check(contract::target_of(contract, effect, target.address, target.work, role, {}, {}),
                       target.finality);
        } catch (const Error& error) {
            refuse_target(error, where, name, role);
        }
    }
}

}  // namespace

void check_ledgers(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds) {
    const contract::Contract& contract = package.contract;
    contract::check_ledgers(binding, contract);
    for (const auto& [name, effect] : contract.effects) {
        const ledger::Kind& kind = kind_of(kinds, contract.ledgers.find(effect.ledger)->second.kind,
                                           "/contract/ledgers/" + effect.ledger + "/kind");
        check_compensation(effect, kind, "/contract/effects/" + name);
        const contract::LedgerPlace& place = binding.ledgers.find(effect.ledger)->second;
        for (std::size_t i = 0; i < place.candidates.size(); ++i) {
            const std::string at = place.is_routed() ? "/candidates/" + std::to_string(i) : "";
            check_target(contract, name, kind, place.candidates[i], "/ledgers/" + effect.ledger + at);
        }
    }
}

Accounts accounts_of(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds,
                     const SecretKey& secret) {
    Accounts accounts;
    for (const auto& [name, place] : binding.ledgers) {
        const contract::LedgerUse& use = package.contract.ledgers.find(name)->second;
        const ledger::Kind& kind = kind_of(kinds, use.kind, "/contract/ledgers/" + name + "/kind");
        for (const contract::LedgerTarget& target : place.candidates) {
            Account account{.kind = &kind,
                            .key = ledger::confidential::account_key(secret, target.chain, target.account,
                                                                     target.owner.value_or(binding.id)),
                            .address = {}};
            account.address = kind.account(account.key);
            accounts.emplace(std::pair{name, target.chain}, std::move(account));
        }
    }
    return accounts;
}

json::Object addresses_of(const contract::Binding& binding, const Accounts& accounts) {
    json::Object out;
    for (const auto& [where, account] : accounts) {
        const auto& [name, chain] = where;
        if (!binding.ledgers.find(name)->second.is_routed()) {
            out[name] = account.address;
            continue;
        }
        if (!out.contains(name)) out[name] = json::Object{};
        out[name].as_object()[chain] = account.address;
    }
    return out;
}

namespace {

// check_running() has seen to their number.
void check_room(const Head& head, const Transaction& next) {
    std::size_t open = 0;
    for (const Transaction& one : head.transactions) open += one.size();
    if (open == 0 || open + next.size() <= max_transactions_bytes) return;
    throw Error(Code::in_transaction, "/binding", "the calls that are open may have 1 MiB in all");
}

// Pins what is due, and gives the calls for the entry; `held` takes their slots.
std::vector<contract::PinnedCall> pin_due(const Context& context, Transaction& transaction, TimeMs time, Slots& slots,
                                          HeldSlots& held) {
    const std::vector<transaction::Due> all = transaction.saga.due();
    std::vector<std::string> accounts;
    for (const transaction::Due& due : all) {
        const contract::Step& step = transaction.steps[due.step];
        accounts.push_back(place_of(context, step).chain + " " + account_at(context, step).address);
    }
    held = slots.hold(std::move(accounts));
    std::vector<contract::PinnedCall> out;
    for (const transaction::Due& due : all) {
        const contract::Step& step = transaction.steps[due.step];
        const contract::LedgerTarget& where = place_of(context, step);
        const Account& account = account_at(context, step);
        const Hash256 name = contract::step_id(context.binding.id, transaction.sequence, due.step);
        const ledger::Target target = target_of(context, step, due.role, name);
        const std::string member = due.role == ledger::Role::call ? "args" : std::string(ledger::role_name(due.role));
        ledger::Pin pin{.chain = where.chain, .account = account.address, .call = {}, .ceiling = where.ceiling};
        pin.call = account.kind->call(target, step.arguments_of(due.role),
                                      "/output/effects/" + std::to_string(due.step) + "/" + member);
        pin.slot = held.at(out.size());
        account.kind->check(pin);
        out.push_back({due.step, due.role, pin});
        transaction.saga.pin(due, std::move(pin), where.finality, time);
    }
    return out;
}

// What a later call of the transaction could not be made of is found out before it begins.
void check_later_calls(const Context& context, const Transaction& transaction) {
    for (std::size_t i = 0; i < transaction.steps.list().size(); ++i) {
        const contract::Step& step = transaction.steps[i];
        const ledger::Kind& kind = *account_at(context, step).kind;
        const std::string field = "/output/effects/" + std::to_string(i) + "/";
        using ledger::Role;
        const auto check = [&](Role role, const json::Object& arguments, const char* member) {
            kind.call(target_of(context, step, role), arguments, field + member);
        };
        check(Role::call, step.arguments, "args");
        if (step.commit) check(Role::commit, *step.commit, "commit");
        if (step.undo) check(Role::undo, *step.undo, "undo");
    }
}

// Which of its ledger's candidates a step uses is the host's choice, as far as the parties leave it one.
void take_route(const Context& context, contract::Step& step, const Routes& routes) {
    const contract::LedgerPlace& place = context.binding.ledgers.find(step.ledger)->second;
    if (!place.is_routed()) return;
    const auto chosen = routes.find(step.ledger);
    const std::string field = "/routes/" + step.ledger;
    if (chosen == routes.end()) throw Error(Code::busy, field, "the node does not know its candidates yet; try again");
    if (chosen->second.chain.empty()) {
        std::string why;
        for (const contract::Route::Passed& one : chosen->second.passed) {
            why += (why.empty() ? "" : ", ") + one.chain + " " + std::string(route_reason_name(one.reason));
        }
        throw Error(Code::busy, "/ledgers/" + step.ledger, "no candidate can be used now: " + why);
    }
    step.route = chosen->second;
    contract::check_route(place, step.route, field);
}

ledger::Kinds kinds_of(const Context& context, std::vector<const ledger::Kind*>& out) {
    for (const auto& [where, account] : context.accounts) out.push_back(account.kind);
    return out;
}

json::Array effects_of(const std::vector<contract::PinnedCall>& calls) {
    json::Array out;
    for (const contract::PinnedCall& call : calls) out.push_back(call.to_json());
    return out;
}

}  // namespace

std::string decision_of(const Transaction& transaction) {
    const auto decision = transaction.saga.decision();
    return decision ? std::string(transaction::decision_name(*decision)) : std::string();
}

std::vector<Hash256> callers_of(const Context& context, const contract::CallInput* caller) {
    std::vector<Hash256> out;
    if (caller != nullptr) out = caller->call.callers;
    out.push_back(context.binding.id);
    return out;
}

// What a call may use is shared by all that it calls in turn: a step's call, and one of the two that may follow it.
void check_budget(const Context& context, const Transaction& transaction, const contract::CallInput* caller,
                  std::uint64_t used) {
    std::uint64_t left = std::numeric_limits<std::uint64_t>::max();
    if (caller != nullptr) left = caller->call.fuel - std::min(used, caller->call.fuel);
    for (const contract::Step& step : transaction.steps.list()) {
        if (step.callers.empty()) continue;
        if (step.callers.size() > contract::max_callers) {
            throw Error(Code::action_refused, "/output/effects",
                        "must call no binding where 4 wait for one another already");
        }
        const std::uint64_t work = place_of(context, step).work;
        for (std::uint64_t calls = step.undo ? 2 : 1; calls > 0; --calls) {
            if (work > left) {
                throw Error(Code::out_of_fuel, "/output/effects",
                            "may use more in the bindings that it calls than its own caller allows");
            }
            left -= work;
        }
    }
}

Pinned pin_effects(const Context& context, json::Array& effects, const Cause& cause, TimeMs time, Slots& slots) {
    const bool early = cause.early;
    if (early && effects.size() > 1) {
        throw Error(Code::undeclared_effect, "/output/effects", "must be at most one: the action is committed early");
    }
    Pinned out;
    std::vector<const ledger::Kind*> kinds;
    Transaction& transaction = out.transaction;
    std::vector<contract::Step> steps = contract::plan_steps(
        context.package->contract, effects, kinds_of(context, kinds), callers_of(context, cause.caller));
    std::int64_t minutes = 0;
    for (contract::Step& step : steps) {
        take_route(context, step, *cause.routes);
        minutes = std::max(minutes, place_of(context, step).deadline_minutes);
    }
    transaction.steps = Steps(std::move(steps));
    transaction.sequence = context.head.sequence + 1;
    transaction.early = early;
    check_budget(context, transaction, cause.caller, cause.fuel);
    transaction.saga = transaction::Saga(transaction.steps.list(), time + minutes * 60'000);
    check_later_calls(context, transaction);
    const std::vector<contract::PinnedCall> pinned = pin_due(context, transaction, time, slots, out.slots);
    effects.clear();
    for (const contract::Step& step : transaction.steps.list()) effects.push_back(step.to_json());
    for (const contract::PinnedCall& call : pinned) effects[call.step].as_object()["pin"] = call.pin.to_json();
    if (transaction.holds()) transaction.before = context.head.state;
    check_room(context.head, transaction);
    return out;
}

void keep_transaction(Head& head, Transaction&& transaction) {
    head.transactions.push_back(std::move(transaction));
    head.forget_ended();
}

Link cancel(const Context& context, const Hash256& transaction, TimeMs time, Slots& slots) {
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    mine.saga.cancel();
    contract::Entry entry = step_entry(contract::EntryType::cancelling, context, transaction, {}, time);
    entry.effects = effects_of(pin_due(context, mine, time, slots, link.slots));
    entry.decision = decision_of(mine);
    link.record = finish_entry(entry, link.head, {}, {}, context.keys);
    link.slots.use();
    return link;
}

namespace {

// What the logic makes of an outcome. Its failure must not hold the transaction open.
void hear_outcome(const Context& context, const Transaction& transaction, contract::Entry& entry, Head& head,
                  SealedParts& parts, const runtime::Limits& limits) {
    const contract::Contract& contract = context.package->contract;
    const contract::Step& step = transaction.steps[0];
    const std::string* name = contract.outcomes_of(step.ledger);
    if (name == nullptr) panic("a transaction committed early that no action hears of");
    try {
        // What people gave up did not come to hold, whatever had been decided.
        const std::string& ending = entry.given_up.empty() ? entry.ending : "aborted";
        const json::Value message(contract::outcome_message(transaction.id, transaction.sequence, step.effect, ending));
        const std::string& chain = transaction.saga.calls().front().journal.pin.chain;
        LogicOutput output =
            run_action(context, *name, json::canonical(message), {chain, step.ledger}, entry.input, entry.time, limits);
        Head heard = head;
        heard.sequence = entry.sequence;
        SealedParts disclosed;
        take_state(heard, *context.head.state, std::move(output.state), contract.state, context.keys, entry.input,
                   false, disclosed);
        contract::Entry told = entry;
        told.action = *name;
        told.events = std::move(output.events);
        told.fuel = output.fuel;
        told.meter = runtime::meter_version;
        const std::size_t more = heard.costs ? contract::max_usage_bytes : 0;  // what the entry says besides
        if (told.write().size() + more > max_document_bytes)
            throw Error(Code::too_large, "/output/events", "are too many");
        head = std::move(heard);
        parts = std::move(disclosed);
        entry = std::move(told);
    } catch (const Error& error) {
        if (is_the_hosts(error.code())) throw;
        entry.reason = code_name(error.code());
    }
}

const Account& account_of(const Context& context, const Transaction& transaction, const transaction::Call& call) {
    const auto account = context.accounts.find({transaction.ledger_of(call), call.journal.pin.chain});
    if (account == context.accounts.end() || account->second.address != call.journal.pin.account) {
        throw Error(Code::action_refused, "/transaction", "the version in force does not have its account any more");
    }
    return account->second;
}

void end(const Context& context, Transaction& mine, contract::Entry& entry, Link& link, SealedParts& parts,
         const runtime::Limits& limits) {
    const transaction::Ending ending = *mine.saga.ending();
    entry.type = contract::EntryType::outcome;
    entry.ending = std::string(transaction::ending_name(ending));
    entry.given_up = mine.saga.given_up();
    // The state beside an outcome stands: whoever is shown it acts on it. So it must not be what another transaction
    // would make of it, which may be undone; and what the contract hears of an early one would be lost with that.
    const Transaction* holding = context.head.holding();
    if (holding != nullptr && holding->id != mine.id) {
        throw Error(Code::in_transaction, "/binding", "a transaction is open: " + holding->id.text());
    }
    if (mine.early) return hear_outcome(context, Transaction(mine), entry, link.head, parts, limits);
    if (ending != transaction::Ending::aborted) return;
    if (mine.before == nullptr) panic("a transaction that is undone without what was before it");
    go_back(link.head, *mine.before, context.package->contract.state);
}

}  // namespace

namespace {

void check_calls(const transaction::Saga& saga) {
    if (saga.calls().size() < max_calls) return;
    for (const transaction::Due& due : saga.due()) {
        if (std::ranges::find(saga.calls(), due, &transaction::Call::what) == saga.calls().end()) continue;
        throw Error(Code::in_transaction, "/transaction", "has made 256 calls: people must decide");
    }
}

}  // namespace

Link conclude(const Context& context, const Hash256& transaction, std::size_t call, Bytes&& evidence, TimeMs time,
              const runtime::Limits& limits, Slots& slots) {
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    const transaction::Journal& journal = mine.saga.call(call).journal;
    json::Scratch scratch;
    const json::Value value =
        json::parse(text_of(evidence), "/evidence", {.bytes = max_evidence_bytes}, scratch.storage());
    if (json::canonical(value) != text_of(evidence))
        throw Error(Code::bad_format, "/evidence", "must be in RFC 8785 form");
    const ledger::Kind& kind = *account_of(context, mine, mine.saga.call(call)).kind;
    const ledger::Judgement judgement = kind.judge(journal.pin, journal.finality, value);
    mine.saga.settle(call, judgement.fate);
    if (link.head.costs) link.head.costs->add_fee(journal.pin.chain, judgement.fee);

    contract::Entry entry = step_entry(contract::EntryType::step, context, transaction, evidence, time);
    entry.call = static_cast<std::uint32_t>(call);
    if (!mine.saga.is_one_pivot()) entry.fate = judgement.fate;
    SealedParts parts;
    if (mine.saga.ending()) {
        end(context, mine, entry, link, parts, limits);
    } else {
        check_calls(mine.saga);
        entry.effects = effects_of(pin_due(context, mine, time, slots, link.slots));
        entry.decision = decision_of(mine);
    }
    // The head may be another by now.
    if (Transaction& now = find(link.head, transaction); !now.holds()) now.before.reset();
    link.head.keep_ended();
    link.record = finish_entry(entry, link.head, std::move(evidence), parts, context.keys);
    if (!entry.effects.empty()) link.slots.use();
    return link;
}

Link dispute(const Context& context, const Hash256& transaction, std::size_t call, ByteView private_state,
             TimeMs time) {
    Link link;
    link.head = context.head;
    recall(context, link.head, transaction, private_state);
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    mine.saga.dispute(call);
    link.head.disputed = true;
    contract::Entry entry = step_entry(contract::EntryType::disputed, context, transaction, {}, time);
    entry.call = static_cast<std::uint32_t>(call);
    link.head.keep_ended();
    link.record = finish_entry(entry, link.head, {}, {}, context.keys);
    return link;
}

Link resolve(const Context& context, Bytes&& input, TimeMs time) {
    const crypto::GeneralJws jws = parse_signed(input);
    const auto resolution = contract::Resolution::parse(jws.payload);
    contract::check_resolution(context.binding, resolution.binding, resolution.version, jws);
    if (time < context.head.time) {
        throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(context.head.time));
    }
    if (resolution.expires < time) throw Error(Code::expired, "/resolution/expires", "the resolution has lapsed");
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, resolution.transaction);
    const std::size_t call = mine.saga.waiting({resolution.step, resolution.role});
    mine.saga.give_up(call);
    contract::Entry entry = step_entry(contract::EntryType::resolve, context, resolution.transaction, input, time);
    entry.call = static_cast<std::uint32_t>(call);
    entry.reason = resolution.reason;
    link.record = finish_entry(entry, link.head, std::move(input), {}, context.keys);
    return link;
}

Bytes sign(const Context& context, const Hash256& transaction, std::size_t call, ledger::Purpose purpose,
           ledger::Price price) {
    const auto open = std::ranges::find(context.head.transactions, transaction, &Transaction::id);
    std::optional<Transaction> ended;
    if (open == context.head.transactions.end()) ended = find_ended(context.head, transaction);
    const Transaction& mine = ended ? *ended : *open;
    const transaction::Call& what = mine.saga.call(call);
    const Account& account = account_of(context, mine, what);
    transaction::check_signing(what.journal, purpose, price);
    return account.kind->sign(what.journal.pin, purpose, price, account.key);
}

}  // namespace concordat::enclave
