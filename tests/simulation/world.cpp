#include "world.hpp"

#include <fmt/core.h>

#include "invariants.hpp"

namespace concordat::simulation {

namespace {

constexpr TimeMs trouble_lasts = 150'000, patience = 14'400'000, hour = 3'600'000;

}  // namespace

World::World(const Options& options) : setting_(options) {
    for (std::size_t i = 0; i < setting_.moods.nodes; ++i) {
        nodes_.push_back(std::make_unique<Node>(setting_, i, [this] { crash_ledger(); }));
    }
}

Counts World::run() {
    for (const auto& node : nodes_) node->start();
    next_trouble();
    if (setting_.moods.people) people();
    setting_.loop.run_until(setting_.loop.now() + trouble_lasts, [] { return false; });
    end_troubles();
    setting_.loop.run_until(setting_.loop.now() + patience, [this] { return finished(); });
    check_end(setting_);
    if (!finished()) throw Violation("a transaction did not end although all troubles had");
    count();
    return setting_.counts;
}

void World::end_troubles() {
    setting_.trace("the troubles end");
    setting_.faulty = false;
    for (const auto& [name, chain] : setting_.fakes) {
        chain->set_faults({});
        chain->set_silent(false);
        chain->set_price(100);
    }
    setting_.record.set_full(false);
    // Whoever was down comes back, and what a disk did not keep shows.
    crash_ledger();
    for (const auto& node : nodes_) {
        node->end_troubles();
        node->crash();
    }
}

void World::count() {
    Counts& counts = setting_.counts;
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const EntryPtr& entry : setting_.record.entries(binding)) {
            if (entry->type == EntryType::disputed) ++counts.disputed;
            if (entry->type == EntryType::resolve) ++counts.resolved;
            if (entry->type != EntryType::outcome) continue;
            ++(entry->saga.ending() == transaction::Ending::committed ? counts.committed : counts.aborted);
        }
    }
    for (const auto& [name, chain] : setting_.fakes) counts.reorgs += chain->reorganisations();
}

// A client whose message comes while the clocks stand before the last entry is refused, and gives up.
bool World::finished() {
    for (const auto& node : nodes_) {
        if (!node->idle()) return false;
    }
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        const History& entries = setting_.record.entries(binding);
        const bool refused =
            !entries.empty() && entries.back()->time > setting_.loop.now() && open_of(entries) == nullptr;
        if (!halted(entries) && !refused && setting_.clients[binding].next < messages_each) return false;
    }
    return true;
}

// --- Troubles.

void World::next_trouble() {
    setting_.loop.after(setting_.pick_ms(6'000), [this] {
        if (!setting_.faulty) return;
        trouble();
        next_trouble();
    });
}

void World::trouble() {
    if (setting_.moods.lies && setting_.pick(4) == 0) bad_endpoint(any_node());
    switch (setting_.pick(8)) {
        case 0:
            return any_node().crash();
        case 1:
            return crash_ledger();
        case 2:
            return silence(setting_.any_chain());
        case 3:
            return outsider();
        case 4:
        case 5:
            return rare_trouble();
        default:
            return;
    }
}

void World::rare_trouble() {
    Node& node = any_node();
    switch (setting_.pick(7)) {
        case 0:
            ++setting_.counts.freezes;
            return node.freeze(setting_.pick_ms(40'000));
        case 1:
            ++setting_.counts.cuts;
            return node.cut_off(setting_.pick_ms(20'000));
        case 2:
            return node.set_lag(setting_.pick_ms(20'000));
        case 3:
            return bad_endpoint(node);
        case 4:
            return wrong_clock(node);
        case 5:
            return full_record();
        default:
            return full_index(node);
    }
}

// Who looks now and then at what waits.
void World::people() {
    setting_.loop.after(10'000 + setting_.pick_ms(30'000), [this] {
        for (std::size_t binding = 0; binding < bindings; ++binding) give_up(binding);
        people();
    });
}

// Now and then too early; in the end only what has been tried for long.
void World::give_up(std::size_t binding) {
    for (const EntryPtr& entry : setting_.record.entries(binding)) {
        if (last_of(setting_.record.entries(binding), entry->transaction) != entry) continue;
        for (const transaction::Call& call : entry->saga.calls()) {
            if (call.journal.ending || !call.journal.must_succeed()) continue;
            if (call.journal.tries < 4 && !setting_.chance(200)) continue;
            setting_.trace(fmt::format("people give up {}", tag_of(call.journal.pin)));
            any_node().resolve(binding, entry->transaction, call.what);
        }
    }
}

void World::crash_ledger() {
    ++setting_.counts.ledger_crashes;
    setting_.trace("ledger crashes");
    setting_.record.crash();
    check_told(setting_);
}

void World::silence(const std::string& name) {
    setting_.chain(name).set_silent(true);
    setting_.loop.after(setting_.pick_ms(20'000), [this, name] { setting_.chain(name).set_silent(false); });
}

// Somebody else has the account's key too, and fills a slot.
void World::outsider() {
    const std::size_t account = setting_.pick(accounts);
    if (setting_.pick(4) != 0) return;
    const std::string name = setting_.any_chain(), &address = setting_.addresses[account];
    ledger::Pin pin{.chain = name,
                    .account = address,
                    .slot = setting_.record.next_slot(name, address) + setting_.pick(2),
                    .call = json::Object{{"pay", "1"}, {"tag", "outside"}, {"fail", "never"}},
                    .ceiling = 1000};
    setting_.outside.insert({name, pin.account, pin.slot});
    setting_.trace(fmt::format("an outsider fills slot {} on {}", pin.slot, name));
    ledger::fake::FakeLedger& chain = setting_.chain(name);
    chain.submit(chain.kind().sign(pin, ledger::Purpose::call, 700, setting_.keys[account]),
                 [](const ledger::Submission&) {});
}

void World::bad_endpoint(Node& node) {
    using Mood = Endpoint::Mood;
    static constexpr std::array<std::pair<Mood, const char*>, 4> moods{{{Mood::frozen, "does not answer yet"},
                                                                        {Mood::behind, "stands still on its branch"},
                                                                        {Mood::elsewhere, "shows another chain"},
                                                                        {Mood::lying, "lies"}}};
    const auto& [mood, what] = moods[setting_.pick(setting_.moods.lies ? moods.size() : 2)];
    const std::string chain = setting_.any_chain();
    ++setting_.counts.bad_endpoints;
    setting_.trace(fmt::format("an endpoint of {} {}", chain, what));
    node.set_endpoint(chain, mood);
    setting_.loop.after(setting_.pick_ms(60'000), [&node, chain] { node.set_endpoint(chain, Endpoint::Mood::honest); });
}

// And right again, or wrong the other way, with the next.
void World::wrong_clock(Node& node) {
    if (!setting_.moods.wrong_clocks) return;
    ++setting_.counts.clock_jumps;
    node.set_clock((static_cast<TimeMs>(setting_.pick(3)) - 1) * hour);
}

void World::full_record() {
    ++setting_.counts.full_disks;
    setting_.trace("the record ledger's disk is full");
    setting_.record.set_full(true);
    setting_.loop.after(setting_.pick_ms(15'000), [this] { setting_.record.set_full(false); });
}

void World::full_index(Node& node) {
    ++setting_.counts.full_disks;
    setting_.trace("a node's disk is full");
    node.set_index_full(true);
    setting_.loop.after(setting_.pick_ms(40'000), [&node] { node.set_index_full(false); });
}

}  // namespace concordat::simulation
