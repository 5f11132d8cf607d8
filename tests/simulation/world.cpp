#include "world.hpp"

#include <fmt/core.h>

#include <crypto/hash.hpp>

namespace concordat::simulation {

namespace {

using ledger::Fate;
using transaction::Ending;
using transaction::Journal;

constexpr std::size_t bindings = 4, accounts = 2, messages_each = 3;
constexpr TimeMs trouble_lasts = 150'000, patience = 3'600'000;
constexpr std::uint64_t wealth = 1'000'000;

Hash256 id_of(const Message& message) { return crypto::sha256("transaction " + message.tag()); }

SecretKey key_of(std::size_t account) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[0] = static_cast<std::uint8_t>(account + 1);
    return SecretKey(std::move(bytes));
}

std::string tag_of(const Journal& journal) { return std::string(journal.pin.call.at("tag").as_string()); }

}  // namespace

// ---------------------------------------------------------------------------------------------- record ledger

std::uint64_t Record::next_slot(const std::string& account) const {
    std::uint64_t next = 0;
    for (const Sequence& sequence : sequences_) {
        for (const Entry& entry : sequence.entries) {
            if (entry.journal.pin.account == account) next = std::max(next, entry.journal.pin.slot + 1);
        }
    }
    return next;
}

bool Record::append(std::size_t binding, std::size_t expected_length, Entry entry) {
    std::vector<Entry>& entries = sequences_[binding].entries;
    if (entries.size() != expected_length) return false;
    const ledger::Pin& pin = entry.journal.pin;
    if (entry.type == EntryType::prepare && pin.slot != next_slot(pin.account)) return false;
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
    ledger::fake::Options chain;
    chain.faults = faults;
    if (faults.reorg_depth == 0) chain.faults.reorg = 0;
    chain_.emplace(loop_, random_(), chain);
    for (std::size_t i = 0; i < accounts; ++i) {
        keys_.push_back(key_of(i));
        accounts_.push_back(chain_->kind().account(keys_[i]));
        chain_->open_account(keys_[i], wealth);
    }
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        Client client;
        for (std::size_t number = 0; number < messages_each; ++number) {
            static constexpr std::array<const char*, 4> moods{"never", "never", "sometimes", "always"};
            client.messages.push_back({binding, number, 1 + pick(100), moods[pick(moods.size())]});
        }
        clients_.push_back(std::move(client));
    }
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
    chain_->set_faults({});
    chain_->set_silent(false);
    chain_->set_price(100);
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
            ++(entry.journal.ending == Ending::committed ? counts_.committed : counts_.aborted);
        }
    }
    counts_.reorgs = chain_->reorganisations();
}

// A disputed outcome halts its binding: what is open ends, nothing new begins.
bool World::halted(std::size_t binding) const {
    return std::ranges::any_of(record_.entries(binding), [](const Entry& entry) { return entry.journal.disputed; });
}

bool World::finished() const {
    if (!driver_ || driver_->size() > 0) return false;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        if (!halted(binding) && clients_[binding].next < messages_each) return false;
    }
    return true;
}

// ---------------------------------------------------------------------------------------------------- enclave

std::optional<std::size_t> World::binding_of(const Hash256& transaction) const {
    const auto found = known_.find(transaction);
    if (found == known_.end()) return std::nullopt;
    return found->second;
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
        if (last_of(binding, entry->transaction) == &*entry && !entry->journal.ending) return &*entry;
    }
    return nullptr;
}

void World::sign(const Hash256& transaction, ledger::Purpose purpose, ledger::Price price,
                 std::function<void(std::optional<Bytes>)> then) {
    loop_.after(static_cast<TimeMs>(pick(5)), [=, this] {
        const Entry* entry = last_of(*binding_of(transaction), transaction);
        if (entry == nullptr) return then(std::nullopt);
        try {
            transaction::check_signing(entry->journal, purpose, price);
        } catch (const Error& error) {
            if (!options_.skip) throw Violation(std::string("the driver asked for what is refused: ") + error.what());
            return then(std::nullopt);
        }
        const ledger::Pin& pin = entry->journal.pin;
        const SecretKey& key = keys_[pin.account == accounts_[0] ? 0 : 1];
        then(chain_->kind().sign(pin, purpose, price, key));
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
    const std::string what = fmt::format("{} of {}{}", contract::entry_type_name(entry.type), tag_of(entry.journal),
                                         entry.on_disk ? "" : ", not written");
    const Hash256 transaction = entry.transaction;
    const bool done = record_.append(binding, expected_length, std::move(entry));
    trace((done ? "recorded: " : "refused: ") + what);
    if (done) known_[transaction] = binding;
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

void World::append(const Hash256& transaction, EntryType type, std::optional<json::Value> evidence,
                   std::function<void(std::optional<Journal>)> then) {
    loop_.after(static_cast<TimeMs>(pick(5)), [=, this] {
        const std::size_t binding = *binding_of(transaction);
        const Entry* last = last_of(binding, transaction);
        const std::size_t length = record_.entries(binding).size();
        if (last == nullptr) return then(std::nullopt);
        Entry entry = *last;
        entry.type = type;
        try {
            std::optional<ledger::Judgement> judgement;
            if (evidence) judgement = chain_->kind().judge(entry.journal.pin, finality_, *evidence);
            entry.journal = transaction::advance(last->journal, type, judgement);
        } catch (const Error& error) {  // it is there already, or the evidence is of a branch that is gone
            trace(fmt::format("not appended to {}: {}", tag_of(last->journal), error.what()));
            return then(last->journal);
        }
        const Journal journal = entry.journal;
        const std::uint64_t life = life_;
        const bool done = record(binding, length, std::move(entry));
        if (life == life_) then(done ? std::optional(journal) : std::nullopt);
    });
}

// ------------------------------------------------------------------------------------------------------- node

void World::start_node() {
    trace("node starts");
    ++life_;
    driver_ = std::make_unique<transaction::Driver>(
        loop_, *this, transaction::Policy{.dispute_after_ms = 3'000},
        transaction::Listener{.changed = [this](const Hash256& transaction, const Journal& journal) {
            if (!journal.ending) return;
            const std::size_t binding = *binding_of(transaction);
            trace(fmt::format("{} is {}", tag_of(journal), transaction::ending_name(*journal.ending)));
            answer(binding);
        }});
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        std::set<Hash256> started;
        const auto& entries = record_.entries(binding);
        for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
            if (started.insert(entry->transaction).second) driver_->start(entry->transaction, entry->journal, *chain_);
        }
        answer(binding);
        serve(binding);
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
            if (entry == nullptr || !entry->journal.ending) {
                throw Violation(fmt::format("{}/{} was answered and is not recorded", binding, number));
            }
        }
    }
}

// The client hears of the outcomes that are recorded; each is told once for good.
void World::answer(std::size_t binding) {
    Client& client = clients_[binding];
    for (const Entry& entry : record_.entries(binding)) {
        if (!entry.journal.ending) continue;
        const auto [told, fresh] = client.answered.try_emplace(entry.message, *entry.journal.ending);
        if (!fresh && told->second != *entry.journal.ending) {
            throw Violation("two outcomes for " + tag_of(entry.journal));
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
            driver_->start(open->transaction, open->journal, *chain_);
        } else if (!halted(binding) && clients_[binding].next < messages_each) {
            prepare(binding);
        }
        if (life == life_) serve(binding);
    });
}

void World::prepare(std::size_t binding) {
    const Message& message = clients_[binding].messages[clients_[binding].next];
    const std::size_t account = pick(accounts);
    Journal journal;
    journal.pin = {.chain = "fake:1",
                   .account = accounts_[account],
                   .slot = record_.next_slot(accounts_[account]),
                   .call = {{"pay", std::to_string(message.amount)}, {"tag", message.tag()}, {"fail", message.fail}},
                   .ceiling = 150 + pick(400)};
    journal.finality = finality_;
    journal.prepared = loop_.now();
    journal.deadline = loop_.now() + static_cast<TimeMs>(5'000 + pick(60'000));
    const Hash256 transaction = id_of(message);
    const std::uint64_t life = life_;
    const bool done =
        record(binding, record_.entries(binding).size(),
               {.type = EntryType::prepare, .transaction = transaction, .message = message.number, .journal = journal});
    if (done && life == life_) driver_->start(transaction, journal, *chain_);
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
                chain_->set_silent(true);
                loop_.after(static_cast<TimeMs>(pick(20'000)), [this] { chain_->set_silent(false); });
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

// Somebody else has the account's key too, and fills a slot.
void World::outsider() {
    const std::size_t account = pick(accounts);
    if (pick(4) != 0) return;
    ledger::Pin pin{.chain = "fake:1",
                    .account = accounts_[account],
                    .slot = record_.next_slot(accounts_[account]) + pick(2),
                    .call = {{"pay", "1"}, {"tag", "outside"}, {"fail", "never"}},
                    .ceiling = 1000};
    outside_.insert({pin.account, pin.slot});
    trace("an outsider fills slot " + std::to_string(pin.slot));
    chain_->submit(chain_->kind().sign(pin, ledger::Purpose::call, 700, keys_[account]),
                   [](const ledger::Submission&) {});
}

// ------------------------------------------------------------------------------------------------- invariants

void World::check_end() const {
    std::map<std::string, std::size_t> effects;  // tag → times
    for (const auto& placed : chain_->placed()) {
        if (placed.fate == Fate::called) ++effects[std::string(placed.transaction.call.at("tag").as_string())];
    }
    for (std::size_t binding = 0; binding < bindings; ++binding) check_binding(binding, effects);
    std::size_t recorded = 0;
    for (const auto& [tag, times] : effects) recorded += tag == "outside" ? 0 : 1;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const Entry& entry : record_.entries(binding)) {
            if (entry.type == EntryType::prepare) recorded -= effects.contains(tag_of(entry.journal)) ? 1 : 0;
        }
    }
    if (recorded != 0) throw Violation("the chain holds an effect that no 'prepare' entry pins");
    check_slots();
    if (!finished()) throw Violation("a transaction did not end although all troubles had");
}

void World::check_binding(std::size_t binding, const std::map<std::string, std::size_t>& effects) const {
    std::map<std::string, Journal> last;
    for (const Entry& entry : record_.entries(binding)) last[tag_of(entry.journal)] = entry.journal;
    for (const auto& [tag, journal] : last) {
        const auto found = effects.find(tag);
        const std::size_t times = found == effects.end() ? 0 : found->second;
        if (times > 1) throw Violation(fmt::format("{} took effect {} times", tag, times));
        if (!journal.ending || journal.disputed) continue;
        if ((journal.ending == Ending::committed) != (times == 1)) {
            throw Violation(fmt::format("{} is {} and took effect {} times", tag,
                                        transaction::ending_name(*journal.ending), times));
        }
    }
}

// Every slot that a `prepare` has is filled, and what fills it is the pinned call, a recorded cancellation, or an
// outsider's.
void World::check_slots() const {
    std::map<std::pair<std::string, std::uint64_t>, Journal> pinned;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const Entry& entry : record_.entries(binding)) {
            const auto [at, fresh] =
                pinned.try_emplace({entry.journal.pin.account, entry.journal.pin.slot}, entry.journal);
            if (!fresh && entry.type == EntryType::prepare) {
                throw Violation(fmt::format("slot {} is pinned twice", entry.journal.pin.slot));
            }
            at->second = entry.journal;
        }
    }
    for (const auto& placed : chain_->placed()) {
        const std::pair slot{placed.transaction.account, placed.transaction.slot};
        const auto found = pinned.find(slot);
        if (outside_.contains(slot)) continue;
        if (found == pinned.end()) throw Violation("a slot is filled that no 'prepare' entry has");
        const bool may_cancel = found->second.cancelling || found->second.disputed;
        if (placed.transaction.purpose == ledger::Purpose::cancel && !may_cancel) {
            throw Violation(fmt::format("{} was cancelled without a 'cancelling' entry", tag_of(found->second)));
        }
    }
}

}  // namespace concordat::simulation
