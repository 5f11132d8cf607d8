#include "world.hpp"

#include <fmt/core.h>

#include <crypto/hash.hpp>

namespace concordat::simulation {

namespace {

using ledger::Fate;
using transaction::Ending;
using transaction::Journal;

constexpr std::size_t bindings = 4, accounts = 2, chains = 3, messages_each = 3;
constexpr TimeMs trouble_lasts = 150'000, patience = 14'400'000;
constexpr std::uint64_t wealth = 1'000'000;

Hash256 id_of(const Message& message) { return crypto::sha256("transaction " + message.tag()); }

SecretKey key_of(std::size_t account) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = static_cast<std::uint8_t>(account + 1);
    return SecretKey(std::move(bytes));
}

std::string tag_of(const ledger::Pin& pin) { return std::string(pin.call.at("tag").as_string()); }

// Of the call of a step in a role.
std::string tag_of(const std::string& message, std::size_t step, ledger::Role role) {
    return fmt::format("{}/{}/{}", message, step, ledger::role_name(role));
}

}  // namespace

// ---------------------------------------------------------------------------------------------- record ledger

std::uint64_t Record::next_slot(const std::string& chain, const std::string& account) const {
    std::uint64_t next = 0;
    for (const Sequence& sequence : sequences_) {
        for (const Entry& entry : sequence.entries) {
            for (const transaction::Call& call : entry.pins()) {
                const ledger::Pin& pin = call.journal.pin;
                if (pin.chain == chain && pin.account == account) next = std::max(next, pin.slot + 1);
            }
        }
    }
    return next;
}

bool Record::append(std::size_t binding, std::size_t expected_length, Entry entry) {
    std::vector<Entry>& entries = sequences_[binding].entries;
    if (entries.size() != expected_length) return false;
    std::map<std::pair<std::string, std::string>, std::uint64_t> taken;
    for (const transaction::Call& call : entry.pins()) {
        const ledger::Pin& pin = call.journal.pin;
        if (pin.slot != next_slot(pin.chain, pin.account) + taken[{pin.chain, pin.account}]++) return false;
    }
    entries.push_back(std::move(entry));
    return true;
}

void Record::crash() {
    for (Sequence& sequence : sequences_) {
        const auto lost = std::ranges::find(sequence.entries, false, &Entry::on_disk);
        if (std::any_of(lost, sequence.entries.end(), [](const Entry& entry) { return entry.on_disk; })) {
            throw Violation("the log has a hole: an entry is missing below one that is there");
        }
        sequence.entries.erase(lost, sequence.entries.end());
    }
}

// ------------------------------------------------------------------------------------------------------ world

World::World(const Options& options) : options_(options), random_(options.seed), record_(bindings) {
    deep_ = options.skip == EntryType::disputed || options.seed % 8 == 0;
    finality_ = {.blocks = 1 + pick(4), .witness = pick(2) == 0 ? "host" : "seal"};
    const ledger::fake::Faults faults{.lose_request = static_cast<unsigned>(pick(100)),
                                      .lose_answer = static_cast<unsigned>(pick(100)),
                                      .repeat_request = static_cast<unsigned>(pick(100)),
                                      .drop_from_pool = static_cast<unsigned>(pick(100)),
                                      .price_jump = static_cast<unsigned>(pick(150)),
                                      .reorg = static_cast<unsigned>(pick(150)),
                                      .reorg_depth = deep_ ? finality_.blocks + 4 : finality_.blocks - 1,
                                      .delay_ms = static_cast<TimeMs>(pick(2000))};
    for (std::size_t i = 0; i < accounts; ++i) keys_.push_back(key_of(i));
    for (std::size_t i = 1; i <= chains; ++i) {
        ledger::fake::Options chain;
        chain.chain = fmt::format("fake:{}", i);
        chain.block_ms = static_cast<TimeMs>(500 * i);
        chain.faults = faults;
        if (faults.reorg_depth == 0) chain.faults.reorg = 0;
        auto& made = chains_[chain.chain] = std::make_unique<ledger::fake::FakeLedger>(loop_, random_(), chain);
        for (const SecretKey& key : keys_) made->open_account(key, wealth);
    }
    for (const SecretKey& key : keys_) accounts_.push_back(chain("fake:1").kind().account(key));
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        Client client;
        for (std::size_t number = 0; number < messages_each; ++number) {
            Message message{.binding = binding, .number = number, .steps = {}};
            message.steps = any_steps(message.tag());
            client.messages.push_back(std::move(message));
        }
        clients_.push_back(std::move(client));
    }
}

// One to four steps, each on some chain; every third transaction is a single call that cannot be taken back. What is
// decided by then succeeds sooner or later.
std::vector<contract::Step> World::any_steps(const std::string& tag) {
    using contract::EffectKind;
    static constexpr std::array<const char*, 4> moods{"never", "never", "sometimes", "always"};
    static constexpr std::array<const char*, 3> good_moods{"never", "never", "sometimes"};
    const auto call = [&](std::size_t step, ledger::Role role, const char* fail) {
        return json::Object{{"pay", std::to_string(1 + pick(100))}, {"tag", tag_of(tag, step, role)}, {"fail", fail}};
    };
    std::vector<contract::Step> steps;
    const std::size_t count = pick(3) == 0 ? 1 : 1 + pick(4);
    bool pivot = false;
    for (std::size_t i = 0; i < count; ++i) {
        contract::Step step;
        step.effect = "effect";
        step.ledger = fmt::format("fake:{}", 1 + pick(chains));
        step.kind = count == 1 ? EffectKind::pivot : static_cast<EffectKind>(pick(3));
        if (step.kind == EffectKind::pivot && std::exchange(pivot, true)) step.kind = EffectKind::compensatable;
        const bool must = step.kind == EffectKind::retriable;
        step.arguments = call(i, ledger::Role::call, must ? good_moods[pick(3)] : moods[pick(4)]);
        if (step.kind == EffectKind::compensatable) {
            step.undo = call(i, ledger::Role::undo, good_moods[pick(3)]);
            if (pick(2) == 0) step.commit = call(i, ledger::Role::commit, good_moods[pick(3)]);
        }
        for (std::uint8_t before = 0; before < i; ++before) {
            if (steps[before].kind <= step.kind && pick(4) == 0) step.after.push_back(before);
        }
        steps.push_back(std::move(step));
    }
    return steps;
}

void World::trace(const std::string& what) {
    if (options_.trace) fmt::print("{:>9} ms  {}\n", loop_.now() - 1'000'000, what);
}

Counts World::run() {
    start_node();
    next_fault();
    loop_.run_until(loop_.now() + trouble_lasts, [] { return false; });
    trace("the troubles end");
    faulty_ = false;
    for (const auto& [name, chain] : chains_) {
        chain->set_faults({});
        chain->set_silent(false);
        chain->set_price(100);
    }
    // Whoever was down comes back, and what a disk did not keep shows.
    crash_ledger();
    crash_node();
    loop_.run_until(loop_.now() + patience, [this] { return finished(); });
    check_end();
    count();
    return counts_;
}

void World::count() {
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const Entry& entry : record_.entries(binding)) {
            if (entry.type == EntryType::disputed) ++counts_.disputed;
            if (entry.type != EntryType::outcome) continue;
            ++(entry.saga.ending() == Ending::committed ? counts_.committed : counts_.aborted);
        }
    }
    for (const auto& [name, chain] : chains_) counts_.reorgs += chain->reorganisations();
}

// A disputed outcome halts its binding: what is open ends, nothing new begins.
bool World::halted(std::size_t binding) const {
    return std::ranges::any_of(record_.entries(binding), [](const Entry& entry) { return entry.saga.disputed(); });
}

bool World::finished() const {
    if (!driver_ || driver_->size() > 0) return false;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        if (!halted(binding) && clients_[binding].next < messages_each) return false;
    }
    return true;
}

// ---------------------------------------------------------------------------------------------------- enclave

const Entry* World::entry_of(const Hash256& call, CallPlace& place) const {
    place = places_.at(call);
    const Entry* entry = last_of(place.binding, place.transaction);
    return entry == nullptr || place.call >= entry->saga.calls().size() ? nullptr : entry;
}

const Entry* World::last_of(std::size_t binding, const Hash256& transaction) const {
    const auto& entries = record_.entries(binding);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (entry->transaction == transaction) return &*entry;
    }
    return nullptr;
}

// The transaction without an outcome, if there is one.
const Entry* World::open_of(std::size_t binding) const {
    const auto& entries = record_.entries(binding);
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
        if (last_of(binding, entry->transaction) == &*entry && !entry->saga.ending()) return &*entry;
    }
    return nullptr;
}

void World::sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
                 std::function<void(std::optional<Bytes>)> then) {
    loop_.after(static_cast<TimeMs>(pick(5)), [=, this] {
        CallPlace place;
        const Entry* entry = entry_of(call, place);
        if (entry == nullptr) return then(std::nullopt);
        const Journal& journal = entry->saga.call(place.call).journal;
        try {
            transaction::check_signing(journal, purpose, price);
        } catch (const Error& error) {
            // Another call's end may have decided on it while this was asked.
            trace(fmt::format("not signed: {}: {}", tag_of(journal.pin), error.what()));
            return then(std::nullopt);
        }
        const SecretKey& key = keys_[journal.pin.account == accounts_[0] ? 0 : 1];
        then(chain(journal.pin.chain).kind().sign(journal.pin, purpose, price, key));
    });
}

// Appends, and crashes before it, after it, or not at all. False: nobody is there to hear the answer, or it was
// refused.
bool World::record(std::size_t binding, std::size_t expected_length, Entry entry) {
    if (chance(30)) {
        crash_node();
        return false;
    }
    if (chance(15)) {
        crash_ledger();
        return false;
    }
    entry.on_disk = entry.type != options_.skip || pick(3) != 0;
    std::string what = fmt::format("{} of {}/{}", contract::entry_type_name(entry.type), binding, entry.message);
    if (entry.saga.decision()) what += fmt::format(", {}", transaction::decision_name(*entry.saga.decision()));
    for (const transaction::Call& call : entry.pins()) what += ", pins " + tag_of(call.journal.pin);
    if (!entry.on_disk) what += ", not written";
    const Hash256 transaction = entry.transaction;
    const std::size_t calls = entry.saga.calls().size();
    const bool done = record_.append(binding, expected_length, std::move(entry));
    trace((done ? "recorded: " : "refused: ") + what);
    if (done) {
        for (std::size_t call = 0; call < calls; ++call) {
            places_[transaction::call_id(transaction, call)] = {transaction, binding, call};
        }
    }
    if (chance(30)) {
        crash_node();
        return false;
    }
    if (chance(15)) {
        crash_ledger();
        return false;
    }
    return done;
}

// What an entry has to pin, from the slots that are free.
void World::pin_due(const Message& message, Entry& entry) {
    entry.first_pin = entry.saga.calls().size();
    std::map<std::pair<std::string, std::string>, std::uint64_t> taken;
    for (const transaction::Due& due : entry.saga.due()) {
        const contract::Step& step = message.steps[due.step];
        const std::string& account = accounts_[pick(accounts)];
        entry.saga.pin(due,
                       {.chain = step.ledger,
                        .account = account,
                        .slot = record_.next_slot(step.ledger, account) + taken[{step.ledger, account}]++,
                        .call = step.arguments_of(due.role),
                        .ceiling = 150 + pick(400)},
                       finality_, loop_.now());
    }
}

void World::append(const Hash256& call, EntryType type, std::optional<json::Value> evidence,
                   std::function<void(std::optional<Journal>)> then) {
    loop_.after(static_cast<TimeMs>(pick(5)), [=, this] {
        CallPlace place;
        const Entry* last = entry_of(call, place);
        if (last == nullptr) return then(std::nullopt);
        const std::size_t length = record_.entries(place.binding).size();
        const Journal before = last->saga.call(place.call).journal;
        Entry entry = *last;
        entry.type = type;
        entry.call = place.call;
        entry.first_pin = entry.saga.calls().size();
        try {
            if (type == EntryType::cancelling) entry.saga.cancel();
            if (type == EntryType::disputed) entry.saga.dispute(place.call);
            if (type == EntryType::outcome) {
                const ledger::Judgement judgement =
                    chain(before.pin.chain).kind().judge(before.pin, finality_, evidence.value());
                entry.saga.settle(place.call, judgement.fate);
                if (!entry.saga.ending()) entry.type = EntryType::step;
            }
            if (type != EntryType::disputed) {
                pin_due(clients_[place.binding].messages[entry.message], entry);
            }
        } catch (const Error& error) {  // it is there already, or the evidence is of a branch that is gone
            trace(fmt::format("not appended to {}: {}", tag_of(before.pin), error.what()));
            return then(before);
        }
        const Journal after = entry.saga.call(place.call).journal;
        const std::uint64_t life = life_;
        const bool done = record(place.binding, length, std::move(entry));
        if (life != life_) return;
        // The node that asked may be down by now.
        if (done && driver_) drive(place.binding, *last_of(place.binding, place.transaction));
        then(done ? std::optional(after) : std::nullopt);
    });
}

// ------------------------------------------------------------------------------------------------------- node

void World::start_node() {
    trace("node starts");
    ++life_;
    driver_ = std::make_unique<transaction::Driver>(
        loop_, *this, transaction::Policy{.dispute_after_ms = 3'000},
        transaction::Listener{.changed = [this](const Hash256& call, const Journal& journal) {
            if (!journal.ending) return;
            trace(fmt::format("{} is {}", tag_of(journal.pin), transaction::ending_name(*journal.ending)));
            answer(places_.at(call).binding);
        }});
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::set<Hash256> started;
        const auto& entries = record_.entries(binding);
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            if (started.insert(entry->transaction).second) drive(binding, *entry);
        }
        answer(binding);
        serve(binding);
    }
}

// What a node does with a transaction as its newest entry has it.
void World::drive(std::size_t binding, const Entry& entry) {
    for (std::size_t call = 0; call < entry.saga.calls().size(); ++call) {
        const Hash256 name = transaction::call_id(entry.transaction, call);
        places_[name] = {entry.transaction, binding, call};
        const Journal& journal = entry.saga.call(call).journal;
        driver_->update(name, journal);
        driver_->start(name, journal, chain(journal.pin.chain));
    }
}

void World::crash_node() {
    ++counts_.node_crashes;
    trace("node crashes");
    ++life_;
    driver_.reset();
    loop_.after(static_cast<TimeMs>(pick(5000)), [this, life = life_] {
        if (life == life_) start_node();
    });
}

void World::crash_ledger() {
    ++counts_.ledger_crashes;
    trace("ledger crashes");
    record_.crash();
    // What was told must be there.
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const auto& [number, ending] : clients_[binding].answered) {
            const Entry* entry = last_of(binding, id_of(clients_[binding].messages[number]));
            if (entry == nullptr || !entry->saga.ending()) {
                throw Violation(fmt::format("{}/{} was answered and is not recorded", binding, number));
            }
        }
    }
}

// The client hears of the outcomes that are recorded; each is told once for good.
void World::answer(std::size_t binding) {
    Client& client = clients_[binding];
    for (const Entry& entry : record_.entries(binding)) {
        if (!entry.saga.ending()) continue;
        const auto [told, fresh] = client.answered.try_emplace(entry.message, *entry.saga.ending());
        if (!fresh && told->second != *entry.saga.ending()) {
            throw Violation(fmt::format("two outcomes for {}/{}", binding, entry.message));
        }
        client.next = std::max(client.next, entry.message + 1);
    }
}

// One open transaction for each binding: the next message waits. A node that did not hear what became of an entry
// looks.
void World::serve(std::size_t binding) {
    loop_.after(static_cast<TimeMs>(200 + pick(800)), [this, binding, life = life_] {
        if (life != life_) return;
        answer(binding);
        if (const Entry* open = open_of(binding)) {
            drive(binding, *open);
        } else if (!halted(binding) && clients_[binding].next < messages_each) {
            prepare(binding);
        }
        if (life == life_) serve(binding);
    });
}

void World::prepare(std::size_t binding) {
    const Message& message = clients_[binding].messages[clients_[binding].next];
    Entry entry{.type = EntryType::prepare, .transaction = id_of(message), .message = message.number, .saga = {}};
    entry.saga = transaction::Saga(message.steps, loop_.now() + static_cast<TimeMs>(5'000 + pick(60'000)));
    pin_due(message, entry);
    const std::uint64_t life = life_;
    const bool done = record(binding, record_.entries(binding).size(), std::move(entry));
    if (done && life == life_) drive(binding, *last_of(binding, id_of(message)));
}

// ----------------------------------------------------------------------------------------------------- faults

void World::next_fault() {
    loop_.after(static_cast<TimeMs>(pick(8'000)), [this] {
        if (!faulty_) return;
        switch (pick(6)) {
            case 0:
                crash_node();
                break;
            case 1:
                crash_ledger();
                break;
            case 2:
                silence(fmt::format("fake:{}", 1 + pick(chains)));
                break;
            case 3:
                outsider();
                break;
            default:
                break;
        }
        next_fault();
    });
}

void World::silence(const std::string& name) {
    chain(name).set_silent(true);
    loop_.after(static_cast<TimeMs>(pick(20'000)), [this, name] { chain(name).set_silent(false); });
}

// Somebody else has the account's key too, and fills a slot.
void World::outsider() {
    const std::size_t account = pick(accounts);
    if (pick(4) != 0) return;
    const std::string name = fmt::format("fake:{}", 1 + pick(chains));
    ledger::Pin pin{.chain = name,
                    .account = accounts_[account],
                    .slot = record_.next_slot(name, accounts_[account]) + pick(2),
                    .call = {{"pay", "1"}, {"tag", "outside"}, {"fail", "never"}},
                    .ceiling = 1000};
    outside_.insert({name, pin.account, pin.slot});
    trace(fmt::format("an outsider fills slot {} on {}", pin.slot, name));
    chain(name).submit(chain(name).kind().sign(pin, ledger::Purpose::call, 700, keys_[account]),
                       [](const ledger::Submission&) {});
}

// ------------------------------------------------------------------------------------------------- invariants

void World::check_end() const {
    std::map<std::string, std::size_t> effects;  // tag → times
    for (const auto& [name, chain] : chains_) {
        for (const auto& placed : chain->placed()) {
            if (placed.fate == Fate::called) ++effects[std::string(placed.transaction.call.at("tag").as_string())];
        }
    }
    std::set<std::string> pinned{"outside"};
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::set<Hash256> checked;
        const auto& entries = record_.entries(binding);
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            for (const transaction::Call& call : entry->pins()) pinned.insert(tag_of(call.journal.pin));
            if (checked.insert(entry->transaction).second) check_transaction(binding, *entry, effects);
        }
    }
    for (const auto& [tag, times] : effects) {
        if (!pinned.contains(tag)) throw Violation("a chain holds an effect that no entry pins: " + tag);
    }
    check_slots();
    if (!finished()) throw Violation("a transaction did not end although all troubles had");
}

// All of it happened, or none of it is left; each call at most once.
void World::check_transaction(std::size_t binding, const Entry& last,
                              const std::map<std::string, std::size_t>& effects) const {
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
    const auto& steps = clients_[binding].messages[last.message].steps;
    const bool committed = ending == Ending::committed;
    for (std::size_t step = 0; step < steps.size(); ++step) {
        const std::size_t called = happened[{step, ledger::Role::call}], undone = happened[{step, ledger::Role::undo}],
                          held = happened[{step, ledger::Role::commit}];
        const bool right = committed ? called == 1 && undone == 0 && held == (steps[step].commit ? 1 : 0)
                                     : called == undone && held == 0;
        if (!right) {
            throw Violation(fmt::format("{}/{} is {}, and step {} was called {} times, undone {} and made to hold {}",
                                        binding, last.message, transaction::ending_name(*ending), step, called, undone,
                                        held));
        }
    }
}

// Every slot that is filled is pinned by one entry, and what fills it is the pinned call, a cancellation that the
// record allows, or an outsider's.
void World::check_slots() const {
    std::map<Slot, Journal> pinned;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::map<Hash256, const Entry*> newest;
        for (const Entry& entry : record_.entries(binding)) {
            newest[entry.transaction] = &entry;
            for (const transaction::Call& call : entry.pins()) {
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
    for (const auto& [name, chain] : chains_) {
        for (const auto& placed : chain->placed()) {
            const Slot slot{name, placed.transaction.account, placed.transaction.slot};
            const auto found = pinned.find(slot);
            if (outside_.contains(slot)) continue;
            if (found == pinned.end()) throw Violation("a slot is filled that no entry pins");
            const bool may_cancel = found->second.cancelling || found->second.disputed;
            if (placed.transaction.purpose == ledger::Purpose::cancel && !may_cancel) {
                throw Violation(tag_of(found->second.pin) + " was cancelled although the record does not say so");
            }
        }
    }
}

}  // namespace concordat::simulation
