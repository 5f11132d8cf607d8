#include "fit.hpp"

#include <algorithm>
#include <set>

namespace concordat::contract {

namespace {

// An effect that must have succeeded before the deadline, where its action asks for it.
struct Timed {
    const std::string* name = nullptr;
    const LedgerPlace* place = nullptr;
    const std::string* ledger = nullptr;
    std::vector<std::size_t> before;  // those that it comes after
};

// The longest chain that ends with an effect.
struct Reached {
    std::int64_t seconds = -1;  // until it is final; -1: not known yet
    std::int64_t minutes = 0;   // the deadline of its own ledger
    std::optional<std::size_t> last;
};

// What of an action is tried before its transaction is decided: what is compensatable, and then the pivot.
std::vector<Timed> tried_by(const Binding& binding, const Contract& contract, const Action& action) {
    std::vector<Timed> out;
    std::vector<const Effect*> effects;
    for (const std::string& name : action.effects) {
        const auto effect = contract.effects.find(name);
        if (effect->second.kind == EffectKind::retriable) continue;
        const auto place = binding.ledgers.find(effect->second.ledger);
        out.push_back({&effect->first, &place->second, &place->first, {}});
        effects.push_back(&effect->second);
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        for (std::size_t j = 0; j < out.size(); ++j) {
            const bool of_pivot =
                effects[i]->kind == EffectKind::pivot && effects[j]->kind == EffectKind::compensatable;
            const bool named = std::ranges::find(effects[i]->after, *out[j].name) != effects[i]->after.end();
            if (i != j && (of_pivot || named)) out[i].before.push_back(j);
        }
    }
    return out;
}

// The slowest of the candidates that a transaction with this deadline may have; null where there is none.
const LedgerTarget* slowest(const LedgerPlace& place, std::int64_t minutes) {
    const LedgerTarget* out = nullptr;
    for (const LedgerTarget& one : place.candidates) {
        if (one.deadline_minutes > minutes) continue;
        if (out == nullptr || one.finality_seconds.value_or(0) > out->finality_seconds.value_or(0)) out = &one;
    }
    return out;
}

const Reached& reach(const std::vector<Timed>& effects, std::int64_t minutes, std::size_t at,
                     std::vector<Reached>& known) {
    Reached& mine = known[at];
    if (mine.seconds >= 0) return mine;
    mine.seconds = 0;
    // What may not be asked for with this deadline is in nobody's chain.
    const LedgerTarget* target = slowest(*effects[at].place, minutes);
    if (target == nullptr) return mine;
    std::int64_t longest = 0;
    for (const std::size_t one : effects[at].before) {
        const Reached& before = reach(effects, minutes, one, known);
        if (before.seconds <= longest) continue;
        longest = before.seconds;
        mine.last = one;
    }
    mine.minutes = target->deadline_minutes;
    mine.seconds = longest + target->finality_seconds.value_or(0);
    return mine;
}

[[noreturn]] void refuse(const std::vector<Timed>& effects, const std::vector<Reached>& known, std::size_t at,
                         const std::string& action) {
    std::string names;
    std::size_t latest = at;
    for (std::optional<std::size_t> one = at; one; one = known[*one].last) {
        names = *effects[*one].name + (names.empty() ? "" : ", ") + names;
        if (known[*one].minutes > known[latest].minutes) latest = *one;
    }
    const LedgerPlace& place = *effects[latest].place;
    std::string field = "/ledgers/" + *effects[latest].ledger;
    if (place.is_routed()) {
        const auto which = slowest(place, known[latest].minutes) - place.candidates.data();
        field += "/candidates/" + std::to_string(which);
    }
    throw Error(Code::bad_format, field + "/deadline_minutes",
                "must leave room for finality: in action " + action + " it may take " +
                    std::to_string(known[at].seconds) + " s (" + names + "), and what is tried is given up after " +
                    std::to_string(known[latest].minutes) + " min");
}

std::set<std::int64_t> deadlines_of(const Binding& binding, const Contract& contract, const Action& action) {
    std::set<std::int64_t> out;
    for (const std::string& effect : action.effects) {
        const std::string& ledger = contract.effects.find(effect)->second.ledger;
        for (const LedgerTarget& one : binding.ledgers.find(ledger)->second.candidates) {
            out.insert(one.deadline_minutes);
        }
    }
    return out;
}

void check_hold(const LedgerTarget& target, const std::string& path, const std::string& action, std::int64_t minutes) {
    const json::Value* hold = target.finality.parameters.if_contains("hold_minutes");
    if (hold == nullptr || !hold->is_int64() || hold->get_int64() >= minutes) return;
    throw Error(Code::bad_format, path + "/finality/parameters/hold_minutes",
                "must be at least the " + std::to_string(minutes) + " min that action " + action +
                    " may have until its deadline: what was tried could be gone before");
}

}  // namespace

void check_ledgers(const Binding& binding, const Contract& contract) {
    for (const auto& [name, use] : contract.ledgers) {
        if (!binding.ledgers.contains(name)) {
            throw Error(Code::missing_field, "/ledgers/" + name,
                        "the contract acts on this ledger: a chain must be given");
        }
    }
    for (const auto& [name, place] : binding.ledgers) {
        if (!contract.ledgers.contains(name)) {
            throw Error(Code::unknown_field, "/ledgers/" + name, "the contract has no such ledger");
        }
    }
    for (const auto& [name, action] : contract.actions) {
        if (action.effects.empty()) continue;
        const std::vector<Timed> effects = tried_by(binding, contract, action);
        const std::set<std::int64_t> deadlines = deadlines_of(binding, contract, action);
        // The logic may ask for those alone whose ledgers have no later deadline than this one.
        for (const std::int64_t minutes : deadlines) {
            std::vector<Reached> known(effects.size());
            for (std::size_t i = 0; i < effects.size(); ++i) {
                if (reach(effects, minutes, i, known).seconds > minutes * 60) refuse(effects, known, i, name);
            }
        }
        for (const Timed& effect : effects) {
            for (std::size_t i = 0; i < effect.place->candidates.size(); ++i) {
                const std::string at = effect.place->is_routed() ? "/candidates/" + std::to_string(i) : "";
                check_hold(effect.place->candidates[i], "/ledgers/" + *effect.ledger + at, name, *deadlines.rbegin());
            }
        }
    }
}

}  // namespace concordat::contract
