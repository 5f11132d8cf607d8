#include "routing.hpp"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>

namespace concordat::node {

using boost::multiprecision::cpp_int;

namespace {

constexpr TimeMs tick_ms = 100;
constexpr TimeMs forgotten_after_ms = 30'000;  // a question to a ledger that was replaced meanwhile
constexpr TimeMs fresh_ms = 3 * Routing::asked_every_ms;
constexpr std::size_t max_versions = 65'536;

template <class Visit>
void each_candidate(const InForce& in_force, Visit visit) {
    for (const auto& [name, place] : in_force.binding.ledgers) {
        if (!place.is_routed()) continue;
        for (const contract::LedgerTarget& target : place.candidates) visit(name, target);
    }
}

}  // namespace

Routing::Routing(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Ledgers& ledgers,
                 std::size_t max_open)
    : timeline_(loop, clock), chronicle_(chronicle), ledgers_(ledgers), max_open_(max_open) {}

// --- Which candidates there are.

bool Routing::has_candidates(const BindingRow& row) {
    if (const auto known = has_candidates_.find(row.version); known != has_candidates_.end()) return known->second;
    const auto version = chronicle_.index().version(row.local, row.number);
    if (!version || version->hash != row.version) return true;  // it is on its way to the disk: reading waits for that
    const auto jws = crypto::GeneralJws::parse(
        json::parse(text_of(version->jws), "binding", {.bytes = 2 * contract::max_binding_bytes}), "");
    const contract::Binding binding = contract::Binding::parse(jws.payload);
    if (has_candidates_.size() >= max_versions) has_candidates_.clear();
    return has_candidates_[row.version] =
               std::ranges::any_of(binding.ledgers, [](const auto& one) { return one.second.is_routed(); });
}

void Routing::ready(const Hash256& binding, std::function<void()> then) {
    const BindingState* state = chronicle_.binding(binding);
    const auto waits = bindings_.find(binding);
    const bool in_line = waits != bindings_.end() && !waits->second.waiting.empty();
    if (!in_line && (state == nullptr || !has_candidates(state->row))) return then();
    if (waits == bindings_.end() && bindings_.size() >= max_bindings) {
        std::erase_if(bindings_, [](const auto& one) { return one.second.waiting.empty(); });
    }
    Candidates& mine = bindings_[binding];
    if (state != nullptr && mine.version != state->row.version) {
        mine.version = state->row.version;
        mine.in_force.reset();
    }
    if (mine.in_force) use(*mine.in_force);
    if (!in_line && mine.in_force && is_known(*mine.in_force)) return then();
    mine.waiting.push_back(std::move(then));
    if (in_line) return;
    if (!mine.in_force) read(binding, mine.version);
    look_after(binding, timeline_.passed());
}

void Routing::read(const Hash256& binding, const Hash256& version) {
    find_in_force(chronicle_, binding, [this, alive = alive_, binding, version](Outcome<InForce> found) {
        if (!*alive) return;
        const auto mine = bindings_.find(binding);
        if (!found.ok() || mine == bindings_.end() || mine->second.version != version) return;
        mine->second.in_force = std::move(found.get());
        use(*mine->second.in_force);
    });
}

// Those who wait go on when enough is known, or nothing more is to be hoped for.
void Routing::look_after(const Hash256& binding, TimeMs since) {
    timeline_.after(tick_ms / 10, [this, alive = alive_, binding, since] {
        if (!*alive) return;
        const auto mine = bindings_.find(binding);
        if (mine == bindings_.end()) return;
        const bool known = mine->second.in_force && is_known(*mine->second.in_force);
        if (!known && timeline_.passed() - since < silent_after_ms) return look_after(binding, since);
        for (const auto waiting = std::exchange(mine->second.waiting, {}); const auto& then : waiting) then();
    });
}

// --- What is known of them.

void Routing::use(const InForce& in_force) {
    const TimeMs now = timeline_.passed();
    if (accounts_.size() >= max_accounts) {
        std::erase_if(accounts_, [&](const auto& one) { return now - one.second.used > used_for_ms; });
    }
    each_candidate(in_force, [&](const std::string& name, const contract::LedgerTarget& target) {
        chains_[target.chain].used = now;
        accounts_[{target.chain, in_force.account(name, target)}].used = now;
    });
    if (!std::exchange(ticking_, true)) tick();
}

bool Routing::is_known(const InForce& in_force) {
    const TimeMs now = timeline_.passed();
    const auto known = [&](const Asked& asked) {
        return asked.late(now) || (asked.known && now - *asked.known < fresh_ms);
    };
    bool all = true;
    each_candidate(in_force, [&](const std::string& name, const contract::LedgerTarget& target) {
        const Chain& chain = chains_[target.chain];
        if (ledgers_.find(target.chain) == nullptr || !chain.breaker.admits(now)) return;
        if (!known(chain.asked)) all = false;
        const Account& account = accounts_[{target.chain, in_force.account(name, target)}];
        if (chain.answers && !account.asked.known && !account.asked.late(now)) all = false;
    });
    return all;
}

void Routing::learn(Chain& known, const std::optional<ledger::Conditions>& conditions) {
    known.asked.since.reset();
    known.asked.known = timeline_.passed();
    known.answers = conditions.has_value();
    if (!conditions) return known.breaker.silent(timeline_.passed());
    known.breaker.answered();
    known.price = conditions->price;
}

void Routing::ask(const std::string& chain, Chain& known) {
    ledger::Ledger* ledger = ledgers_.find(chain);
    known.asked.since.reset();
    if (ledger == nullptr) return;
    known.asked.since = timeline_.passed();
    known.asked.of = ledger;
    ledger->conditions({}, [this, alive = alive_, chain, ledger](const std::optional<ledger::Conditions>& conditions) {
        if (!*alive) return;
        if (Chain& asked = chains_[chain]; asked.asked.of == ledger) learn(asked, conditions);
    });
}

void Routing::ask(const AccountKey& key, Account& known) {
    ledger::Ledger* ledger = ledgers_.find(key.first);
    known.asked.since.reset();
    if (ledger == nullptr) return;
    known.asked.since = timeline_.passed();
    known.asked.of = ledger;
    ledger->conditions(key.second,
                       [this, alive = alive_, key, ledger](const std::optional<ledger::Conditions>& conditions) {
                           const auto asked = accounts_.find(key);
                           if (!*alive || asked == accounts_.end() || asked->second.asked.of != ledger) return;
                           asked->second.asked.since.reset();
                           asked->second.asked.known = timeline_.passed();
                           asked->second.balance = conditions ? conditions->balance : "";
                       });
}

// Asks what is in use and was not asked for a while; counts the silence of what was.
void Routing::tick() {
    const TimeMs now = timeline_.passed();
    bool in_use = false;
    const auto due = [&](const Asked& asked, const std::string& chain, TimeMs every) {
        if (asked.since && asked.of == ledgers_.find(chain) && now - *asked.since < forgotten_after_ms) return false;
        return !asked.known || asked.of != ledgers_.find(chain) || now - *asked.known >= every;
    };
    for (auto& [chain, known] : chains_) {
        if (now - known.used > used_for_ms) continue;
        in_use = true;
        if (known.breaker.state(now) == transaction::Breaker::State::open) continue;
        if (known.asked.late(now) && now - known.counted >= silent_after_ms) {
            known.counted = now;
            known.breaker.silent(now);
        }
        if (due(known.asked, chain, asked_every_ms)) ask(chain, known);
    }
    for (auto& [key, known] : accounts_) {
        const bool used = now - known.used <= used_for_ms && chains_[key.first].answers;
        if (used && due(known.asked, key.first, known.pays ? balance_asked_every_ms : asked_every_ms)) ask(key, known);
    }
    ticking_ = in_use;
    if (!in_use) return;
    timeline_.after(tick_ms, [this, alive = alive_] {
        if (*alive) tick();
    });
}

transaction::Outlook Routing::outlook(const std::string& account, const contract::LedgerTarget& target) {
    const TimeMs now = timeline_.passed();
    Chain& chain = chains_[target.chain];
    const ledger::Ledger* ledger = ledgers_.find(target.chain);
    // Who was to try it is gone, and began nothing.
    if (chain.open() == 0) chain.breaker.withdrawn();
    Account& mine = accounts_[{target.chain, account}];
    const cpp_int most = cpp_int(target.work) * target.ceiling;
    // Where nothing costs anything there are no balances.
    mine.pays = chain.price == 0 || (!mine.balance.empty() && cpp_int(mine.balance) >= most);
    return {.configured = ledger != nullptr,
            .right_genesis = ledger != nullptr && ledger->describe().genesis == target.genesis,
            .answers = ledger != nullptr && chain.answers && !chain.asked.late(now),
            .admitted = chain.breaker.admits(now),
            .funded = mine.pays,
            .price = chain.price,
            .open = chain.open()};
}

// --- The choice.

Routing::Token Routing::hold(const std::string& chain) { return chains_[chain].anchor; }

Routing::Choice Routing::choose(const Hash256& binding) {
    Choice out;
    const BindingState* state = chronicle_.binding(binding);
    if (state == nullptr || !has_candidates(state->row)) return out;
    const auto mine = bindings_.find(binding);
    if (mine == bindings_.end() || !mine->second.in_force || mine->second.version != state->row.version) return out;
    const InForce& in_force = *mine->second.in_force;
    use(in_force);
    for (const auto& [name, place] : in_force.binding.ledgers) {
        if (!place.is_routed()) continue;
        std::vector<transaction::Outlook> known;
        for (const contract::LedgerTarget& target : place.candidates) {
            known.push_back(outlook(in_force.account(name, target), target));
        }
        contract::Route route = transaction::choose(place, known, max_open_);
        if (!route.chain.empty()) {
            chains_[route.chain].breaker.begins(timeline_.passed());
            out.tokens.push_back(hold(route.chain));
        }
        out.routes.emplace(name, std::move(route));
    }
    return out;
}

void Routing::worked(const std::string& chain) {
    if (const auto known = chains_.find(chain); known != chains_.end()) known->second.breaker.worked();
}

void Routing::expired(const std::string& chain) {
    if (const auto known = chains_.find(chain); known != chains_.end()) {
        known->second.breaker.expired(timeline_.passed());
    }
}

std::optional<Routing::View> Routing::view(const std::string& chain) const {
    const auto known = chains_.find(chain);
    if (known == chains_.end() || known->second.used == 0) return std::nullopt;
    const TimeMs now = timeline_.passed();
    const Chain& is = known->second;
    return View{.breaker = is.breaker.state(now),
                .rests_for_ms = std::max<TimeMs>(is.breaker.rests_until() - now, 0),
                .answers = is.answers && !is.asked.late(now),
                .open = is.open()};
}

std::size_t Routing::resting() const {
    const TimeMs now = timeline_.passed();
    return static_cast<std::size_t>(std::ranges::count_if(chains_, [&](const auto& one) {
        return one.second.breaker.state(now) != transaction::Breaker::State::closed;
    }));
}

}  // namespace concordat::node
