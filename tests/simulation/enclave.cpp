#include "enclave.hpp"

#include <algorithm>

namespace concordat::simulation {

using transaction::Decision;

namespace {

EntryPtr newest_of(const History& history, const Hash256& transaction) {
    EntryPtr entry = last_of(history, transaction);
    if (entry == nullptr) throw Error(Code::not_found, "/transaction", "must be one that is open, or of the last few");
    return entry;
}

void check_time(TimeMs last, TimeMs time) {
    if (time < last) throw Error(Code::time_went_back, "/time", "the last entry's time is later");
}

// The transaction that the binding waits for.
bool is_held_by(const EntryPtr& open) { return open != nullptr && open->saga.decision() != Decision::commit; }

}  // namespace

void Enclave::load(std::size_t binding, const History& history) {
    Context& context = contexts_[binding] = {.history = history, .generation = ++generations_};
    if (setting_.sealed.empty()) return;
    const Sealed& sealed = setting_.sealed[binding];
    if (history.empty()) return static_cast<void>(context.head = sealed.first());
    context.head = sealed.open(history.back()->record);
    // What is sealed of a transaction is all that another enclave has to go on with.
    for (const enclave::Transaction& open : context.head.transactions) {
        if (!(open.saga == last_of(history, open.id)->saga)) throw Violation("a sealed transaction is another one");
    }
}

void Enclave::forget() {
    contexts_.clear();
    slots_.clear();
}

void Enclave::ask(const Ask& ask, TimeMs time, Then then) {
    const auto found = contexts_.find(ask.binding);
    if (found == contexts_.end()) {
        return then({.error = Error(Code::unavailable, "/binding", "must be loaded"), .entry = {}, .signature = {}});
    }
    Context& context = found->second;
    const std::size_t sequence = context.history.size();
    const EntryPtr head = context.history.empty() ? nullptr : context.history.back();
    Pending made{.binding = ask.binding, .generation = context.generation, .entry = {}, .signature = {}, .refusal = {}};
    try {
        if (ask.sign) {
            made.signature = sign(context, ask);
        } else {
            made.entry = make(context, ask, time);
            context.history.push_back(made.entry);
        }
    } catch (const Error& error) {
        if (error.code() == Code::bad_receipt || error.code() == Code::bad_format) ++setting_.counts.evidence_refused;
        made.refusal = error;
    }
    check_leaving(made);
    send(sequence, head, std::move(made), std::move(then));
}

EntryPtr Enclave::make(Context& context, const Ask& ask, TimeMs time) {
    check_time(context.time(), time);
    Entry entry = ask.type == EntryType::prepare ? prepare(context, ask, time) : step(context, ask, time);
    const Message& message = setting_.message(ask.binding, entry.message);
    if (ask.type != EntryType::disputed) pin_due(message, entry);
    if (!setting_.sealed.empty()) {
        const bool leaks = setting_.options.leaks && setting_.pick(50) == 0;
        context.head = setting_.sealed[ask.binding].seal(context.head, entry, message.steps, message.words, leaks);
    }
    return std::make_shared<const Entry>(std::move(entry));
}

Entry Enclave::prepare(const Context& context, const Ask& ask, TimeMs time) {
    const Message& message = setting_.message(ask.binding, ask.message);
    for (const EntryPtr& before : context.history) {
        if (before->type == EntryType::prepare && before->message >= ask.message) {
            throw Error(Code::replayed, "/number", "must be above the last one's");
        }
    }
    if (is_held_by(open_of(context.history))) throw Error(Code::in_transaction, "/binding", "a transaction is open");
    if (halted(context.history)) throw Error(Code::disputed, "/binding", "a ledger went back on an outcome");
    Entry entry{.type = EntryType::prepare, .transaction = message.id(), .message = ask.message, .saga = {}};
    entry.saga = transaction::Saga(message.steps, time + 5'000 + setting_.pick_ms(60'000));
    entry.time = time;
    return entry;
}

Entry Enclave::step(const Context& context, const Ask& ask, TimeMs time) {
    Entry entry = *newest_of(context.history, ask.transaction);
    entry.type = ask.type;
    // What people have signed says itself until when it counts.
    const bool bounded = ask.type != EntryType::resolve;
    entry.time = bounded ? std::max(context.time(), std::min(time, entry.saga.deadline() + 1)) : time;
    entry.first_pin = entry.saga.calls().size();
    if (ask.type == EntryType::cancelling) entry.saga.cancel();
    if (ask.type == EntryType::disputed) entry.saga.dispute(ask.call);
    if (ask.type == EntryType::resolve) entry.saga.give_up(entry.saga.waiting(ask.given_up));
    if (ask.type != EntryType::outcome) return entry;
    const transaction::Journal journal = entry.saga.call(ask.call).journal;
    const ledger::Kind& kind = setting_.chain(journal.pin.chain).kind();
    entry.reached.resize(entry.saga.calls().size());
    entry.reached[ask.call] = transaction::reached_with(kind, journal, ask.evidence.value());
    entry.saga.settle(ask.call, kind.judge(journal.pin, journal.finality, ask.evidence.value()).fate);
    if (!entry.saga.ending()) entry.type = EntryType::step;
    // The state beside an outcome must not be what another transaction may take back.
    const EntryPtr open = open_of(context.history);
    if (entry.saga.ending() && is_held_by(open) && open->transaction != ask.transaction) {
        throw Error(Code::in_transaction, "/binding", "a transaction is open");
    }
    return entry;
}

// What an entry has to pin, in slots that this enclave believes to be the next.
void Enclave::pin_due(const Message& message, Entry& entry) {
    entry.first_pin = entry.saga.calls().size();
    for (const transaction::Due& due : entry.saga.due()) {
        const contract::Step& step = message.steps[due.step];
        const std::string& account = setting_.addresses[setting_.pick(accounts)];
        entry.saga.pin(due,
                       {.chain = step.ledger,
                        .account = account,
                        .slot = slots_[{step.ledger, account}]++,
                        .call = step.arguments_of(due.role),
                        .ceiling = 150 + setting_.pick(400)},
                       setting_.finality, entry.time);
    }
}

Bytes Enclave::sign(const Context& context, const Ask& ask) {
    const EntryPtr entry = newest_of(context.history, ask.transaction);
    const transaction::Journal& journal = entry->saga.call(ask.call).journal;
    transaction::check_signing(journal, ask.purpose, ask.price);
    const SecretKey& key = setting_.keys[journal.pin.account == setting_.addresses[0] ? 0 : 1];
    return setting_.chain(journal.pin.chain).kind().sign(journal.pin, ask.purpose, ask.price, key);
}

void Enclave::check_leaving(const Pending& made) const {
    if (setting_.sealed.empty()) return;
    if (made.entry != nullptr) {
        const contract::EntryRecord& record = made.entry->record;
        for (const Bytes* part :
             {&record.document, &record.input, &record.state, &record.disclosures, &record.private_state}) {
            setting_.check_leaving(*part);
        }
    }
    setting_.check_leaving(made.signature);
    if (made.refusal) setting_.check_leaving(bytes_of(made.refusal->what()));
}

void Enclave::send(std::size_t sequence, const EntryPtr& previous, Pending made, Then then) {
    const auto there = [this, sequence, previous, binding = made.binding, entry = made.entry]() -> Line::Word {
        if (entry == nullptr) return setting_.record.is_newest(binding, previous);
        const bool on_disk = entry->type != setting_.options.skip || setting_.pick(3) != 0;
        return setting_.record.append(binding, sequence, previous, entry, on_disk, setting_.loop.now());
    };
    const EntryPtr entry = made.entry;
    const std::size_t binding = made.binding;
    line_.carry(binding, entry, there,
                [this, made = std::move(made), then = std::move(then)](const std::optional<Line::Word>& word) {
                    tell(made, word, then);
                });
}

// What was built on an entry that the ledger does not have is worth nothing.
Error Enclave::lose(const Pending& made, Error error) {
    const auto found = contexts_.find(made.binding);
    if (found != contexts_.end() && found->second.generation == made.generation) contexts_.erase(found);
    return error;
}

void Enclave::tell(const Pending& made, const std::optional<Line::Word>& word, const Then& then) {
    Reply reply;
    const auto* answer = word ? std::get_if<Record::Answer>(&*word) : nullptr;
    const auto* newest = word ? std::get_if<bool>(&*word) : nullptr;
    if (!word) {
        reply.error = lose(made, Error(Code::unavailable, "/ledger", "does not answer"));
    } else if (answer != nullptr && *answer == Record::Answer::no_space) {
        reply.error = lose(made, Error(Code::disk, "/ledger", "has no space left"));
    } else if ((answer != nullptr && *answer == Record::Answer::conflict) || (newest != nullptr && !*newest)) {
        ++setting_.counts.conflicts;
        if (made.entry != nullptr) {  // the ledger says with it which slots are next
            for (const transaction::Call& call : made.entry->pins()) {
                const ledger::Pin& pin = call.journal.pin;
                slots_[{pin.chain, pin.account}] = setting_.record.next_slot(pin.chain, pin.account);
            }
        }
        reply.error = lose(made, Error(Code::conflict, "/previous", "the ledger's head is another entry"));
    } else if (made.refusal) {
        reply.error = made.refusal;
    } else {
        reply.entry = made.entry;
        reply.signature = made.signature;
    }
    then(std::move(reply));
}

}  // namespace concordat::simulation
