#include "node.hpp"

#include <fmt/core.h>

namespace concordat::simulation {

using transaction::Journal;

namespace {

constexpr int max_attempts = 5;  // as src/node/lanes

std::string describe(const Entry& entry, std::size_t binding) {
    std::string what = fmt::format("{} of {}/{}", contract::entry_type_name(entry.type), binding, entry.message);
    if (entry.saga.decision()) what += fmt::format(", {}", transaction::decision_name(*entry.saga.decision()));
    for (const transaction::Call& call : entry.pins()) {
        const ledger::Pin& pin = call.journal.pin;
        what += fmt::format(", pins {} in {} of {}", tag_of(pin), pin.slot, pin.chain);
    }
    return what;
}

std::string_view answer_name(Record::Answer answer) {
    switch (answer) {
        case Record::Answer::appended:
            return "recorded";
        case Record::Answer::conflict:
            return "not the newest head";
        case Record::Answer::no_space:
            return "no space";
    }
    panic("no such answer");
}

}  // namespace

Node::Node(Setting& setting, std::size_t number, std::function<void()> ledger_crashes)
    : setting_(setting),
      number_(number),
      ledger_crashes_(std::move(ledger_crashes)),
      machine_(setting.loop),
      enclave_(setting, *this),
      known_(bindings),
      indexed_(bindings),
      lanes_(bindings) {
    for (auto chain = setting_.fakes.begin(); chain != setting_.fakes.end(); ++chain) {
        const auto next = std::next(chain) == setting_.fakes.end() ? setting_.fakes.begin() : std::next(chain);
        endpoints_[chain->first] = std::make_unique<Endpoint>(setting_, machine_, *chain->second, *next->second);
    }
}

void Node::trace(const std::string& what) { setting_.trace(fmt::format("node {}: {}", number_, what)); }

// --- Its life.

void Node::start() {
    trace("starts");
    driver_ = std::make_unique<transaction::Driver>(
        machine_, static_cast<transaction::Recorder&>(*this), transaction::Policy{.dispute_after_ms = 3'000},
        transaction::Listener{.changed = [this](const Hash256& call, const Journal& journal) {
            if (!journal.ending) return;
            if (setting_.traced())
                trace(fmt::format("{} is {}", tag_of(journal.pin), transaction::ending_name(*journal.ending)));
            answer(places_.at(call).binding);
        }});
    for (std::size_t binding = 0; binding < bindings; ++binding) {
        for (const EntryPtr& entry : known_[binding]) {
            if (last_of(known_[binding], entry->transaction) == entry) drive(binding, *entry);
        }
        answer(binding);
        serve(binding);
    }
}

void Node::crash() {
    ++setting_.counts.node_crashes;
    trace("crashes");
    machine_.crash();
    driver_.reset();
    enclave_.forget();
    lanes_.assign(bindings, {});
    places_.clear();
    if (!index_full_) indexed_ = known_;
    known_ = indexed_;
    machine_.after(setting_.pick_ms(5000), [this] { start(); });
}

void Node::freeze(TimeMs ms) {
    trace(fmt::format("stands still for {} ms", ms));
    machine_.freeze();
    setting_.loop.after(ms, [this, life = machine_.life()] {
        if (life == machine_.life()) machine_.thaw();
    });
}

void Node::cut_off(TimeMs ms) {
    trace(fmt::format("is cut off from the record ledger for {} ms", ms));
    ++cuts_;
    setting_.loop.after(ms, [this] { --cuts_; });
}

void Node::set_clock(TimeMs wrong_by) {
    trace(fmt::format("has a clock that is wrong by {} ms", wrong_by));
    machine_.set_clock(wrong_by);
}

void Node::set_index_full(bool full) {
    if (full && !index_full_) indexed_ = known_;
    index_full_ = full;
}

void Node::end_troubles() {
    machine_.set_clock(0);
    if (machine_.frozen()) machine_.thaw();
    lag_ = 0;
    index_full_ = false;
    for (const auto& [chain, endpoint] : endpoints_) endpoint->set(Endpoint::Mood::honest);
}

// --- What the driver asks for.

void Node::sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
                std::function<void(std::optional<Bytes>)> then) {
    const CallPlace& place = places_.at(call);
    Ask ask{.binding = place.binding, .transaction = place.transaction, .call = place.call};
    ask.sign = true;
    ask.purpose = purpose;
    ask.price = price;
    submit(std::move(ask), [this, then = std::move(then)](const Reply& reply) {
        if (reply.error && setting_.traced()) trace(fmt::format("not signed: {}", reply.error->what()));
        then(reply.error ? std::nullopt : std::optional(reply.signature));
    });
}

void Node::append(const Hash256& call, EntryType type, std::optional<json::Value> evidence,
                  std::function<void(std::optional<Journal>)> then) {
    const CallPlace& place = places_.at(call);
    Ask ask{.binding = place.binding, .type = type, .transaction = place.transaction, .call = place.call};
    ask.evidence = std::move(evidence);
    submit(std::move(ask), [this, call, binding = place.binding, then = std::move(then)](const Reply& reply) {
        if (!reply.error) return then(journal_of(call));
        if (setting_.traced()) trace(fmt::format("not appended: {}", reply.error->what()));
        // It may be recorded although the answer is an error.
        then(catch_up(binding, 0) ? journal_of(call) : std::nullopt);
    });
}

void Node::resolve(std::size_t binding, const Hash256& transaction, const transaction::Due& given_up) {
    if (driver_ == nullptr) return;
    Ask ask{.binding = binding, .type = EntryType::resolve, .transaction = transaction, .given_up = given_up};
    submit(std::move(ask), [this](const Reply& reply) {
        if (reply.error && setting_.traced()) trace(fmt::format("not given up: {}", reply.error->what()));
    });
}

std::optional<Journal> Node::journal_of(const Hash256& call) const {
    const CallPlace& place = places_.at(call);
    const EntryPtr entry = last_of(known_[place.binding], place.transaction);
    if (entry == nullptr || entry->saga.calls().size() <= place.call) return std::nullopt;
    return entry->saga.call(place.call).journal;
}

// --- The binding's lane.

void Node::submit(Ask ask, Enclave::Then then) {
    const std::size_t binding = ask.binding;
    lanes_[binding].queue.push_back({std::move(ask), std::move(then)});
    pump(binding);
}

// A transaction's own entries must not wait for a clock to come to where another's stood.
TimeMs Node::time_for(const Ask& ask) {
    const EntryPtr last = last_of(known_[ask.binding], ask.transaction);
    return ask.type == EntryType::prepare || last == nullptr ? machine_.now() : std::max(machine_.now(), last->time);
}

void Node::pump(std::size_t binding) {
    Lane& lane = lanes_[binding];
    if (lane.busy || lane.queue.empty()) return;
    lane.busy = true;
    machine_.after(setting_.pick_ms(3), [this, binding] {
        const Ask& ask = lanes_[binding].queue.front().ask;
        if (!enclave_.holds(binding)) enclave_.load(binding, known_[binding]);
        const bool ahead = !ask.sign && ask.type == EntryType::prepare && setting_.chance(50);
        const Ask asked = ask;
        enclave_.ask(asked, time_for(asked), [this, binding](const Reply& reply) { on_reply(binding, reply); });
        if (ahead) ask_ahead(asked);
    });
}

// A host that hopes for a signature before it is told that the call is pinned.
void Node::ask_ahead(const Ask& prepare) {
    Ask ask{.binding = prepare.binding, .transaction = setting_.message(prepare.binding, prepare.message).id()};
    ask.sign = true;
    ask.price = 120;
    enclave_.ask(ask, machine_.now(), [this](const Reply& reply) {
        if (reply.error) return;
        for (const auto& [name, fake] : setting_.fakes) fake->submit(reply.signature, [](const ledger::Submission&) {});
    });
}

void Node::on_reply(std::size_t binding, const Reply& reply) {
    Lane& lane = lanes_[binding];
    Work& work = lane.queue.front();
    const bool again = reply.error && (reply.error->code() == Code::unavailable ||
                                       (reply.error->code() == Code::conflict && reply.error->field() == "/previous"));
    if (!again || ++work.attempts >= max_attempts || !catch_up(binding, 0)) return settle(binding, reply);
    lane.busy = false;
    pump(binding);
}

void Node::settle(std::size_t binding, const Reply& reply) {
    Lane& lane = lanes_[binding];
    const Work work = std::move(lane.queue.front());
    lane.queue.pop_front();
    lane.busy = false;
    if (reply.entry != nullptr) learn(binding, reply.entry);
    work.then(reply);
    pump(binding);
}

// --- The line to the record ledger.

// What was sent arrives, whatever becomes of the node meanwhile.
void Node::carry(std::size_t binding, const EntryPtr& entry, std::function<Word()> there,
                 std::function<void(std::optional<Word>)> back) {
    const TimeMs now = setting_.loop.now();
    line_free_at_ = std::max(line_free_at_, now + setting_.pick_ms(setting_.chance(20) ? 3000 : 4));
    setting_.loop.after(line_free_at_ - now, [=, this, door = machine_.door(), back = std::move(back)] {
        const std::optional<Word> word = arrive(binding, entry, there);
        setting_.loop.after(word ? 1 : 500, [door, back, word] { door([back, word] { back(word); }); });
    });
}

// Node and ledger crash before it, after it, or not at all.
std::optional<Line::Word> Node::arrive(std::size_t binding, const EntryPtr& entry, const std::function<Word()>& there) {
    if (cuts_ > 0 && setting_.pick(2) == 0) return std::nullopt;
    const auto crashes = [&] {
        if (entry == nullptr) return false;
        if (setting_.chance(30)) return crash(), true;
        if (setting_.chance(15)) return ledger_crashes_(), true;
        return false;
    };
    if (crashes()) return std::nullopt;
    const Word word = there();
    if (entry != nullptr && setting_.traced()) {
        trace(fmt::format("{}: {}", answer_name(std::get<Record::Answer>(word)), describe(*entry, binding)));
    }
    if (crashes() || cuts_ > 0) return std::nullopt;
    return word;
}

// --- What it knows.

bool Node::catch_up(std::size_t binding, TimeMs lag) {
    if (cuts_ > 0) return false;
    const History& there = setting_.record.entries(binding);
    History& known = known_[binding];
    const bool grown = known.size() <= there.size() && (known.empty() || there[known.size() - 1] == known.back());
    if (!grown) known.clear();  // the ledger has lost what it acknowledged
    const std::size_t before = known.size(), now = setting_.record.size_at(binding, setting_.loop.now() - lag);
    for (std::size_t i = before; i < now; ++i) known.push_back(there[i]);
    for (std::size_t i = before; i < now; ++i) {
        if (last_of(known, there[i]->transaction) == there[i]) drive(binding, *there[i]);
    }
    return true;
}

// An entry that its own enclave has had recorded.
void Node::learn(std::size_t binding, const EntryPtr& entry) {
    const History& there = setting_.record.entries(binding);
    History& known = known_[binding];
    const bool next = there.size() > known.size() && there[known.size()] == entry &&
                      (known.empty() || known.back() == there[known.size() - 1]);
    if (!next) return static_cast<void>(catch_up(binding, 0));
    known.push_back(entry);
    drive(binding, *entry);
}

// What a node does with a transaction as its newest entry has it.
void Node::drive(std::size_t binding, const Entry& entry) {
    for (std::size_t call = 0; call < entry.saga.calls().size(); ++call) {
        const Hash256 name = transaction::call_id(entry.transaction, call);
        places_[name] = {binding, entry.transaction, call};
        const Journal& journal = entry.saga.call(call).journal;
        const std::uint64_t reached = call < entry.reached.size() ? entry.reached[call] : 0;
        driver_->update(name, journal, reached);
        driver_->start(name, journal, *endpoints_.at(journal.pin.chain), reached);
    }
}

// --- Its clients.

void Node::serve(std::size_t binding) {
    machine_.after(200 + setting_.pick_ms(800), [this, binding] {
        catch_up(binding, lag_);
        answer(binding);
        prepare(binding);
        serve(binding);
    });
}

// The client hears of the outcomes that are recorded; each is told once for good.
void Node::answer(std::size_t binding) {
    Client& client = setting_.clients[binding];
    for (const EntryPtr& entry : known_[binding]) {
        if (!entry->saga.ending()) continue;
        const auto [told, fresh] = client.answered.try_emplace(entry->message, *entry->saga.ending());
        if (!fresh && told->second != *entry->saga.ending()) {
            throw Violation(fmt::format("two outcomes for {}/{}", binding, entry->message));
        }
        client.next = std::max(client.next, entry->message + 1);
    }
}

// One open transaction for each binding: the next message waits. A client that hears nothing asks another node too.
void Node::prepare(std::size_t binding) {
    const Client& client = setting_.clients[binding];
    if (client.next >= messages_each || !lanes_[binding].queue.empty() || open_of(known_[binding]) != nullptr) return;
    if (halted(known_[binding]) || setting_.pick(setting_.moods.nodes) != 0) return;
    const Message& message = client.messages[client.next];
    submit({.binding = binding, .type = EntryType::prepare, .transaction = message.id(), .message = client.next},
           [](const Reply&) {});
}

}  // namespace concordat::simulation
