#include "transact.hpp"

#include <algorithm>
#include <crypto/hash.hpp>
#include <ledger/confidential/protocol/protocol.hpp>
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
[[noreturn]] void refuse_target(const Error& error, const std::string& ledger, const std::string& effect) {
    const bool of_contract = error.field().starts_with("/call") || error.field().starts_with("/interface");
    const std::string path = of_contract ? "/contract/effects/" + effect : "/ledgers/" + ledger;
    throw Error(error.code(), path + error.field(), error.rule());
}

ledger::Target target_of(const contract::Binding& binding, const contract::Contract& contract,
                         const contract::Effect& effect) {
    const contract::LedgerTarget& where = binding.ledgers.find(effect.ledger)->second;
    return {.interface = contract.ledgers.find(effect.ledger)->second.interface,
            .call = effect.call,
            .address = where.address,
            .work = where.work};
}

Transaction& find(Head& head, const Hash256& id) {
    const auto found = std::ranges::find(head.transactions, id, &Transaction::id);
    if (found == head.transactions.end()) {
        throw Error(Code::not_found, "/transaction", "must be one that is open, or of the last few");
    }
    return *found;
}

// No sender's expiry bounds these entries. A host that claims a far future with one would keep every later message from
// being in time, so its claim counts up to the transaction's deadline only.
TimeMs step_time(const Context& context, const Transaction& transaction, TimeMs time) {
    if (time < context.head.time) {
        throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(context.head.time));
    }
    return std::max(context.head.time, std::min(time, transaction.journal.deadline + 1));
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
    entry.state_before = context.head.root;
    entry.transaction = transaction;
    return entry;
}

// The state before the transaction, salt for salt: its root is the one that was recorded then.
void go_back(Head& head, const Transaction& transaction, const schema::Schema& schema) {
    json::Value plain = json::parse(transaction.state_text, "/state");
    const auto salt_source = [&](const std::vector<std::string>& path) {
        std::string key;
        for (const std::string& name : path) key += (key.empty() ? "" : "/") + name;
        return transaction.salts.at(key);
    };
    const schema::Redaction redaction = schema::redact(schema, plain, salt_source, "/state");
    const json::Object& redacted = redaction.value.as_object();
    head.state = std::move(plain.as_object());
    head.state_text = transaction.state_text;
    head.salts = transaction.salts;
    head.redacted_text = json::canonical(redacted);
    head.root = contract::state_root(redacted);
}

}  // namespace

void check_ledgers(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds) {
    const contract::Contract& contract = package.contract;
    for (const auto& [name, use] : contract.ledgers) {
        if (!binding.ledgers.contains(name)) {
            throw Error(Code::missing_field, "/ledgers/" + name,
                        "the contract acts on this ledger: a chain must be given");
        }
    }
    for (const auto& [name, target] : binding.ledgers) {
        if (!contract.ledgers.contains(name)) {
            throw Error(Code::unknown_field, "/ledgers/" + name, "the contract has no such ledger");
        }
    }
    for (const auto& [name, effect] : contract.effects) {
        const ledger::Kind& kind = kind_of(kinds, contract.ledgers.find(effect.ledger)->second.kind,
                                           "/contract/ledgers/" + effect.ledger + "/kind");
        if (!effect.pivot) {
            throw Error(Code::bad_package, "/contract/effects/" + name + "/kind",
                        "must be pivot: no kind of ledger that is served here can prepare");
        }
        try {
            kind.check(target_of(binding, contract, effect), binding.ledgers.find(effect.ledger)->second.finality);
        } catch (const Error& error) {
            refuse_target(error, effect.ledger, name);
        }
    }
}

Accounts accounts_of(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds,
                     const SecretKey& secret) {
    Accounts accounts;
    for (const auto& [name, target] : binding.ledgers) {
        const contract::LedgerUse& use = package.contract.ledgers.find(name)->second;
        const ledger::Kind& kind = kind_of(kinds, use.kind, "/contract/ledgers/" + name + "/kind");
        Account account{.kind = &kind,
                        .key = ledger::confidential::account_key(secret, target.chain, target.account),
                        .address = {}};
        account.address = kind.account(account.key);
        accounts.emplace(name, std::move(account));
    }
    return accounts;
}

json::Object addresses_of(const Accounts& accounts) {
    json::Object out;
    for (const auto& [name, account] : accounts) out[name] = account.address;
    return out;
}

namespace {

// check_running() has seen to their number.
void check_room(const Head& head, const Transaction& next) {
    std::size_t open = 0;
    for (const Transaction& one : head.transactions) open += one.journal.ending ? 0 : one.size();
    if (open == 0 || open + next.size() <= max_transactions_bytes) return;
    throw Error(Code::in_transaction, "/binding", "the calls that are open may have 1 MiB in all");
}

}  // namespace

PinnedEffect pin_effect(const Context& context, json::Array& effects, bool early, TimeMs time, Slots& slots) {
    if (effects.size() > 1) {
        throw Error(Code::undeclared_effect, "/output/effects", "must be at most one: no ledger here can prepare");
    }
    json::Object& effect = effects.front().as_object();
    const contract::Contract& contract = context.package->contract;
    const contract::Effect& declared = contract.effects.find(effect.at("effect").as_string())->second;
    const contract::LedgerTarget& where = context.binding.ledgers.find(declared.ledger)->second;
    const Account& account = context.accounts.find(declared.ledger)->second;
    PinnedEffect out;
    out.transaction.ledger = declared.ledger;
    transaction::Journal& journal = out.transaction.journal;
    journal.pin.chain = where.chain;
    journal.pin.account = account.address;
    journal.pin.ceiling = where.ceiling;
    journal.pin.call = account.kind->call(target_of(context.binding, contract, declared), effect.at("args").as_object(),
                                          "/output/effects/0/args");
    journal.finality = where.finality;
    journal.prepared = time;
    journal.deadline = time + where.deadline_minutes * 60'000;
    out.transaction.early = early;
    if (early) {
        out.transaction.effect = effect.at("effect").as_string();
        out.transaction.sequence = context.head.sequence + 1;
    } else {
        out.transaction.state_text = context.head.state_text;
        out.transaction.salts = context.head.salts;
    }
    account.kind->check(journal.pin);
    check_room(context.head, out.transaction);
    out.account = where.chain + " " + account.address;
    out.hold = slots.hold();
    journal.pin.slot = slots.next(out.hold, out.account);
    effect["ledger"] = declared.ledger;
    effect["pin"] = journal.pin.to_json();
    return out;
}

void keep_transaction(Head& head, Transaction&& transaction) {
    head.transactions.push_back(std::move(transaction));
    head.forget_ended();
}

Link cancel(const Context& context, const Hash256& transaction, TimeMs time) {
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    mine.journal = transaction::advance(mine.journal, contract::EntryType::cancelling, {});
    contract::Entry entry = step_entry(contract::EntryType::cancelling, context, transaction, {}, time);
    link.record = finish_entry(entry, link.head, {}, {}, context.keys);
    return link;
}

namespace {

// What the logic makes of an outcome. Its failure must not hold the transaction open.
void hear_outcome(const Context& context, const Transaction& transaction, contract::Entry& entry, Head& head,
                  SealedParts& parts, const runtime::Limits& limits) {
    const contract::Contract& contract = context.package->contract;
    const std::string* name = contract.outcomes_of(transaction.ledger);
    if (name == nullptr) panic("a transaction committed early that no action hears of");
    try {
        const json::Value message(
            contract::outcome_message(transaction.id, transaction.sequence, transaction.effect, entry.ending));
        LogicOutput output =
            run_action(context, *name, json::canonical(message), {transaction.journal.pin.chain, transaction.ledger},
                       entry.input, entry.time, limits);
        Head heard = head;
        heard.sequence = entry.sequence;
        SealedParts disclosed;
        take_state(heard, context.head, std::move(output.state), contract.state, context.keys, entry.input, false,
                   disclosed);
        contract::Entry told = entry;
        told.action = *name;
        told.events = std::move(output.events);
        told.fuel = output.fuel;
        told.meter = runtime::meter_version;
        if (told.write().size() > max_document_bytes) throw Error(Code::too_large, "/output/events", "are too many");
        head = std::move(heard);
        parts = std::move(disclosed);
        entry = std::move(told);
    } catch (const Error& error) {
        // How long it takes and what room there is are in the host's hands: it must not decide so what the contract
        // hears.
        const Code code = error.code();
        if (code == Code::out_of_time || code == Code::busy || code == Code::internal) throw;
        entry.reason = code_name(error.code());
    }
}

}  // namespace

Link conclude(const Context& context, const Hash256& transaction, Bytes&& evidence, TimeMs time,
              const runtime::Limits& limits) {
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    // What the contract makes of it would be lost if the transaction that holds the binding were undone.
    if (const Transaction* holding = context.head.holding(); mine.early && holding != nullptr) {
        throw Error(Code::in_transaction, "/binding", "a transaction is open: " + holding->id.text());
    }
    const auto account = context.accounts.find(mine.ledger);
    if (account == context.accounts.end()) panic("an open transaction on a ledger that the version in force has not");
    const json::Value value = json::parse(text_of(evidence), "/evidence", {.bytes = max_evidence_bytes});
    if (json::canonical(value) != text_of(evidence))
        throw Error(Code::bad_format, "/evidence", "must be in RFC 8785 form");
    const ledger::Judgement judgement = account->second.kind->judge(mine.journal.pin, mine.journal.finality, value);
    mine.journal = transaction::advance(mine.journal, contract::EntryType::outcome, judgement);
    contract::Entry entry = step_entry(contract::EntryType::outcome, context, transaction, evidence, time);
    entry.ending = std::string(transaction::ending_name(*mine.journal.ending));
    SealedParts parts;
    if (mine.early) {
        hear_outcome(context, Transaction(mine), entry, link.head, parts, limits);
    } else {
        if (mine.journal.ending == transaction::Ending::aborted) {
            go_back(link.head, mine, context.package->contract.state);
        }
        mine.state_text.clear();
        mine.salts.clear();
    }
    link.record = finish_entry(entry, link.head, std::move(evidence), parts, context.keys);
    return link;
}

Link dispute(const Context& context, const Hash256& transaction, TimeMs time) {
    Link link;
    link.head = context.head;
    Transaction& mine = find(link.head, transaction);
    time = step_time(context, mine, time);
    mine.journal = transaction::advance(mine.journal, contract::EntryType::disputed, {});
    link.head.disputed = true;
    contract::Entry entry = step_entry(contract::EntryType::disputed, context, transaction, {}, time);
    link.record = finish_entry(entry, link.head, {}, {}, context.keys);
    return link;
}

Bytes sign(const Context& context, const Hash256& transaction, ledger::Purpose purpose, ledger::Price price) {
    const auto mine = std::ranges::find(context.head.transactions, transaction, &Transaction::id);
    if (mine == context.head.transactions.end()) {
        throw Error(Code::not_found, "/transaction", "must be one that is open, or of the last few");
    }
    const auto account = context.accounts.find(mine->ledger);
    if (account == context.accounts.end() || account->second.address != mine->journal.pin.account) {
        throw Error(Code::action_refused, "/transaction", "the version in force does not have its account any more");
    }
    transaction::check_signing(mine->journal, purpose, price);
    return account->second.kind->sign(mine->journal.pin, purpose, price, account->second.key);
}

}  // namespace concordat::enclave
