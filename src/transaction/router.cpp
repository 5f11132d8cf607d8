#include "router.hpp"

#include <algorithm>

namespace concordat::transaction {

using contract::Route;
using contract::RouteReason;

namespace {

using Wide = unsigned __int128;

// A cost as a share of a limit.
struct Share {
    Wide cost = 0;
    std::uint64_t most = 1;
};

Share share_of(const contract::LedgerPlace& place, const contract::LedgerTarget& target, ledger::Price price) {
    const Wide cost = static_cast<Wide>(price) * target.work;
    const auto limit = place.needs->assets.find(target.asset);
    if (limit == place.needs->assets.end()) return {cost, 1};
    // Where nothing may be paid the ceiling is nothing too.
    return limit->second == 0 ? Share{0, 1} : Share{cost, limit->second};
}

// The whole parts first, as the products of the numbers themselves may not fit.
std::strong_ordering compare(const Share& a, const Share& b) {
    if (const auto whole = a.cost / a.most <=> b.cost / b.most; whole != 0) return whole;
    return a.cost % a.most * b.most <=> b.cost % b.most * a.most;
}

std::optional<RouteReason> unusable(const contract::LedgerTarget& target, const Outlook& known, std::size_t max_open) {
    if (!known.configured) return RouteReason::not_configured;
    if (!known.admitted) return RouteReason::failing;
    if (!known.answers) return RouteReason::silent;
    if (!known.right_genesis) return RouteReason::other_genesis;
    if (!known.funded) return RouteReason::unfunded;
    const ledger::Pin pin{.chain = {}, .account = {}, .call = {}, .ceiling = target.ceiling};
    if (known.price > price_limit(pin, ledger::Purpose::call)) return RouteReason::too_dear;
    if (known.open >= max_open) return RouteReason::overloaded;
    return std::nullopt;
}

}  // namespace

Route choose(const contract::LedgerPlace& place, std::span<const Outlook> known, std::size_t max_open) {
    const auto& candidates = place.candidates;
    std::vector<std::optional<RouteReason>> why(candidates.size());
    const auto share = [&](std::size_t i) { return share_of(place, candidates[i], known[i].price); };
    std::optional<std::size_t> best;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        why[i] = unusable(candidates[i], known[i], max_open);
        if (why[i]) continue;
        if (!best) {
            best = i;
            continue;
        }
        const auto dearer = compare(share(i), share(*best));
        if (dearer < 0 || (dearer == 0 && known[i].open < known[*best].open)) best = i;
    }
    Route route;
    RouteReason last = RouteReason::overloaded;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        if (best == i) continue;
        if (best && !why[i]) {
            const bool dearer = compare(share(i), share(*best)) > 0;
            why[i] = dearer                              ? RouteReason::dearer
                     : known[i].open > known[*best].open ? RouteReason::more_loaded
                                                         : RouteReason::later;
            last = std::max(last, *why[i]);
        }
        route.passed.push_back({candidates[i].chain, why[i].value_or(RouteReason::later)});
    }
    if (!best) return route;
    route.chain = candidates[*best].chain;
    // The rule that passed over the last of those that could be used.
    const auto rule = static_cast<unsigned>(last) - static_cast<unsigned>(RouteReason::overloaded);
    route.reason = static_cast<RouteReason>(static_cast<unsigned>(RouteReason::only) + rule);
    return route;
}

Breaker::State Breaker::state(TimeMs now) const {
    if (rests_ == 0) return State::closed;
    return now < rests_until_ ? State::open : State::half_open;
}

bool Breaker::admits(TimeMs now) const {
    const State is = state(now);
    return is == State::closed || (is == State::half_open && !tried_);
}

void Breaker::begins(TimeMs now) { tried_ = state(now) == State::half_open; }

void Breaker::withdrawn() { tried_ = false; }

void Breaker::fail(TimeMs now, unsigned& in_a_row) {
    const State is = state(now);
    if (is == State::open || (is == State::closed && ++in_a_row <= failures_allowed)) return;
    rests_until_ = now + std::min(first_rest_ms << std::min(rests_, 10U), longest_rest_ms);
    ++rests_;
    silences_ = expiries_ = 0;
    tried_ = false;
}

void Breaker::silent(TimeMs now) { fail(now, silences_); }

void Breaker::answered() { silences_ = 0; }

void Breaker::expired(TimeMs now) { fail(now, expiries_); }

void Breaker::worked() { *this = {}; }

std::string_view breaker_state_name(Breaker::State state) {
    switch (state) {
        case Breaker::State::closed:
            return "closed";
        case Breaker::State::open:
            return "open";
        case Breaker::State::half_open:
            return "half_open";
    }
    panic("no such state");
}

}  // namespace concordat::transaction
