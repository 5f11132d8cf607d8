#include "transaction.hpp"

#include <algorithm>
#include <contract/input.hpp>
#include <crypto/hash.hpp>
#include <transaction/saga.hpp>

namespace concordat::proof {
namespace {

using contract::EntryType;

constexpr std::size_t max_evidence_bytes = std::size_t{4} << 20;

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/receipt/" + std::move(field), std::move(rule));
}

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

contract::Contract read_contract(const ReceiptPackage* package, const Hash256& id) {
    if (package == nullptr) fail("package", "must be present");
    const auto manifest = contract::Manifest::parse(package->manifest);
    if (manifest.id != id) fail("package/manifest", "must be of the version's package");
    if (crypto::sha256(package->config) != manifest.config) fail("package/config", "must be the one of the manifest");
    return contract::Contract::parse(package->config);
}

std::string describe(const ledger::Judgement& judgement) {
    const auto what = [&] {
        switch (judgement.fate) {
            case ledger::Fate::called:
                return "the pinned call, and it succeeded";
            case ledger::Fate::failed:
                return "the pinned call, and the chain undid it";
            case ledger::Fate::cancelled:
                return "another transaction of the account: the pinned call can never happen";
        }
        panic("no such fate");
    };
    return "transaction " + judgement.transaction + " in block " + std::to_string(judgement.block) + ": " + what();
}

std::string describe(const ledger::Finality& finality) {
    std::string out = std::to_string(finality.blocks) + " block(s) deep, witness " + finality.witness;
    if (!finality.parameters.empty()) out += " " + json::canonical(json::Value(finality.parameters));
    return out;
}

const contract::LedgerTarget& target_of(const contract::Binding& binding, const contract::Step& step) {
    const contract::LedgerTarget* target = binding.target(step.ledger, step.chain());
    if (target == nullptr) fail("bindings", "must have the ledger " + step.ledger + ", as the step names it");
    return *target;
}

// Lines whose text is known only once they have been checked.
Line check_found(std::string layer, std::string otherwise, How how, const std::function<void(std::string&)>& body) {
    Line line = check(std::move(layer), "", how, [&] { body(otherwise); });
    line.text = otherwise;
    return line;
}

// What the entries say became of a call, and the evidence that they give for it.
struct Ended {
    ledger::Fate fate{};
    bool exactly = false;  // else: called, or not
    const TransactionParts::Later* by = nullptr;
};

// The transaction as its entries have it: read again by the rules that the enclave goes by.
class History {
  public:
    explicit History(const TransactionParts& parts) : parts_(parts) {
        steps = parts.prepare.steps();
        saga = transaction::Saga(steps, parts.prepare.deadline);
        take(parts.prepare);
        for (const TransactionParts::Later& one : parts.later) take_later(one);
    }

    std::vector<contract::Step> steps;
    transaction::Saga saga;
    std::map<std::size_t, Ended> ended;  // by call
    std::set<std::size_t> disputed;
    std::map<std::size_t, std::string> given_up;  // by call: by whom, and why

  private:
    void check_state(const contract::Entry& entry) const;
    void check_outcome(const contract::Entry& outcome) const;
    void take(const contract::Entry& entry);
    void take_later(const TransactionParts::Later& one);
    void take_resolution(const contract::Entry& entry, const Bytes& input);

    const TransactionParts& parts_;
};

void History::check_state(const contract::Entry& entry) const {
    if (entry.type == EntryType::outcome) return check_outcome(entry);
    if (entry.state_after != entry.state_before) {
        fail("entries", "must leave the state as it is: " + std::string(entry_type_name(entry.type)));
    }
}

void History::check_outcome(const contract::Entry& outcome) const {
    if (parts_.prepare.early) {
        if (outcome.action.empty() == outcome.reason.empty()) {
            fail("entries", "must have the action that heard the outcome, or the reason why it did not");
        }
        if (outcome.action.empty() && outcome.state_after != outcome.state_before) {
            fail("entries", "must leave the state as it is where no action heard the outcome");
        }
        return;
    }
    if (!outcome.action.empty()) fail("entries", "must have no action: the outcome was waited for");
    const bool committed = outcome.ending == "committed";
    if (outcome.state_after != (committed ? outcome.state_before : parts_.prepare.state_before)) {
        fail("entries", committed ? "must leave the state of the prepare entry where committed"
                                  : "must leave the state before the prepare entry where aborted");
    }
}

void History::take(const contract::Entry& entry) {
    saga.take(entry, steps, [&](const contract::Step& step) { return target_of(parts_.binding, step).finality; });
}

void History::take_later(const TransactionParts::Later& one) {
    const auto& [entry, input, before] = one;
    if (entry.transaction != parts_.id) fail("entries", "must be steps of one transaction");
    check_state(entry);
    const bool comes_of_nothing = entry.type == EntryType::disputed || entry.type == EntryType::cancelling;
    if (comes_of_nothing && !input.empty()) fail("entries", "must have no input where a step comes of nothing");
    if (entry.type == EntryType::disputed) {
        disputed.insert(entry.call);
    } else {
        if (entry.version != parts_.prepare.version) {
            fail("entries", "no version may change while a transaction is open");
        }
        // Others' entries stand between those of one whose state holds.
        const bool held = !parts_.prepare.early && saga.decision() != transaction::Decision::commit;
        if (held && entry.state_before != parts_.prepare.state_after) {
            fail("entries", "must begin with the state that the prepare entry left");
        }
    }
    if (entry.type == EntryType::resolve) return take_resolution(entry, input);
    take(entry);
    if (comes_of_nothing) return;
    const auto fate = entry.ending == "committed" ? ledger::Fate::called : ledger::Fate::failed;
    ended[entry.call] = {.fate = entry.fate.value_or(fate), .exactly = entry.fate.has_value(), .by = &one};
}

void History::take_resolution(const contract::Entry& entry, const Bytes& input) {
    const json::Value value = json::parse(text_of(input), "/input", {.bytes = max_receipt_bytes});
    if (json::canonical(value) != text_of(input)) refuse("/input", "must be in RFC 8785 form");
    const auto jws = crypto::GeneralJws::parse(value, "/input");
    const auto resolution = contract::Resolution::parse(jws.payload);
    contract::check_resolution(parts_.binding, resolution.binding, resolution.version, jws);
    if (resolution.transaction != parts_.id) fail("resolution", "must be of this transaction");
    if (entry.time > resolution.expires) fail("entries", "must not be later than the resolution's expiry");
    if (entry.reason != resolution.reason) fail("entries", "must give the resolution's reason");
    if (saga.waiting({resolution.step, resolution.role}) != entry.call) {
        fail("entries", "must give up the call that the resolution names");
    }
    take(entry);
    std::string who;
    for (const std::string& id : contract::signers(parts_.binding, jws, contract::resolution_typ)) {
        who += (who.empty() ? "" : ", ") + id;
    }
    given_up[entry.call] = who + ": " + resolution.reason;
}

// What all calls rest on.
struct Ground {
    const TransactionParts& parts;
    const TrustFile& trust;
    ledger::Kinds kinds;
    const History* history = nullptr;              // null where the entries do not hold
    std::optional<contract::Contract> contract{};  // the version's
};

// The lines about one call, in order: each needs what those before it found.
class CallJudge {
  public:
    CallJudge(const Ground& ground, std::size_t number) : ground_(ground), number_(number) {}

    std::vector<Line> lines() {
        std::vector<Line> out;
        out.push_back(chain());
        out.push_back(account());
        out.push_back(call());
        if (ground_.history != nullptr && ground_.history->given_up.contains(number_)) out.push_back(given_up());
        if (ground_.history == nullptr || ended() == nullptr) return out;
        Line found = inclusion();
        Line final = finality();
        found.how = final.how;  // a block that is there by the host's word is in the chain by the host's word
        out.push_back(std::move(found));
        out.push_back(std::move(final));
        if (auto receipt = nested()) out.push_back(std::move(*receipt));
        if (ground_.history->disputed.contains(number_)) out.push_back(disputed());
        return out;
    }

  private:
    const History& history() const {
        if (ground_.history == nullptr) fail("entries", "do not show what was pinned, and this rests on it");
        return *ground_.history;
    }
    const transaction::Call& what() const { return history().saga.call(number_); }
    const contract::Step& step() const { return history().steps.at(what().what.step); }
    const ledger::Pin& pin() const { return what().journal.pin; }
    const Ended* ended() const {
        const auto found = ground_.history->ended.find(number_);
        return found == ground_.history->ended.end() ? nullptr : &found->second;
    }
    const contract::LedgerTarget& target() const { return target_of(ground_.parts.binding, step()); }
    const ledger::Kind& kind() const {
        if (kind_ == nullptr) fail("package", "does not show the ledger's kind, and this rests on it");
        return *kind_;
    }
    const TrustedChain* trusted() const {
        const auto found = ground_.trust.chains.find(pin().chain);
        return found == ground_.trust.chains.end() ? nullptr : &found->second;
    }

    Line chain() const;
    Line account() const;
    Line call();
    void check_call(std::string& text);
    Line inclusion();
    void check_fee() const;
    Line finality() const;
    void check_proof(const TrustedChain& chain) const;
    Line given_up() const;
    Line disputed() const;
    std::optional<Line> nested() const;

    const Ground& ground_;
    std::size_t number_;
    const ledger::Kind* kind_ = nullptr;
    std::optional<json::Value> evidence_;
    std::optional<ledger::Judgement> judgement_;
};

// ------------------------------------------------------------------------------------------------- what was pinned

Line CallJudge::chain() const {
    return check_found("chain", "the ledger that was called", How::proved, [&](std::string& text) {
        const contract::LedgerTarget& where = target();
        text = where.chain + ", the contract's ledger " + step().ledger + ", first block " + where.genesis;
        if (pin().chain != where.chain) fail("entries", "must pin the chain that the version names");
    });
}

// That the key behind an address is the enclaves' alone is what the entry of the version says, so an enclave.
Line CallJudge::account() const {
    return check_found("account", "the enclaves' account", How::attested, [&](std::string& text) {
        text = pin().chain + ":" + pin().account + ", slot " + std::to_string(pin().slot);
        const json::Value* known = ground_.parts.locked.accounts.if_contains(step().ledger);
        if (known != nullptr && step().route) {
            known = known->is_object() ? known->get_object().if_contains(pin().chain) : nullptr;
        }
        if (known == nullptr || *known != json::Value(pin().account)) {
            fail("entries", "must pin the account that the entry of the version in force names for " + step().ledger);
        }
    });
}

void CallJudge::check_call(std::string& text) {
    const contract::LedgerTarget& where = target();
    if (!ground_.contract) fail("package", "must hold the version's contract, and this rests on it");
    const contract::Contract& contract = *ground_.contract;
    const contract::Effect& effect = contract.effects.at(step().effect);
    const contract::LedgerUse& use = contract.ledgers.find(step().ledger)->second;
    const ledger::Role role = what().what.role;
    const json::Object& arguments = step().arguments_of(role);
    const ledger::Target callee = contract::target_of(
        contract, effect, where.address, where.work, role,
        contract::step_id(ground_.parts.binding.id, ground_.parts.prepare.sequence, what().what.step), step().callers);
    text = contract.name + " " + contract.version + " calls " + where.address + ": " + callee.call + " with " +
           json::canonical(json::Value(arguments)) + ", at most " + std::to_string(where.work) +
           " of work at a price of " + std::to_string(where.ceiling);
    const TimeMs deadline = what().journal.deadline;
    text += deadline == transaction::no_deadline ? ", until it succeeds" : ", given up after " + format_time(deadline);
    const auto known =
        std::ranges::find(ground_.kinds, use.kind, [](const ledger::Kind* kind) { return kind->name(); });
    if (known == ground_.kinds.end()) {
        fail("package/config/ledgers/" + step().ledger + "/kind",
             "is \"" + use.kind + "\", a kind of ledger that this verifier does not know");
    }
    kind_ = *known;
    kind_->check(callee, where.finality);
    kind_->check(pin());
    if (kind_->call(callee, arguments, "/entry/effects/args") != *pin().call) {
        fail("entries", "must pin the call that contract, version and arguments make");
    }
    if (pin().ceiling != where.ceiling) fail("entries", "must pin the ceiling that the version names");
}

Line CallJudge::call() {
    return check_found("call", "what was called", How::proved, [&](std::string& text) { check_call(text); });
}

// --------------------------------------------------------------------------------------------------- what came of it

Line CallJudge::inclusion() {
    return check_found("inclusion", "what filled the slot", How::proved, [&](std::string& text) {
        const std::string_view bytes = text_of(ended()->by->input);
        const json::Value evidence = json::parse(bytes, "/evidence", {.bytes = max_evidence_bytes});
        if (json::canonical(evidence) != bytes) refuse("/evidence", "must be in RFC 8785 form");
        judgement_ = kind().judge(pin(), target().finality, evidence);
        evidence_ = evidence;
        text = describe(*judgement_);
        const auto called = [](ledger::Fate fate) { return fate == ledger::Fate::called; };
        const bool as_said =
            ended()->exactly ? judgement_->fate == ended()->fate : called(judgement_->fate) == called(ended()->fate);
        if (!as_said) refuse(ended()->exactly ? "/entry/fate" : "/entry/ending", "must be what the evidence shows");
        check_fee();
    });
}

// Where costs are metered, the entry counts what this call cost, and where it adjoins the one before, nothing else.
void CallJudge::check_fee() const {
    const auto& [entry, input, before] = *ended()->by;
    if (!entry.costs || !before.costs) return;
    const contract::Usage grown{.fees = entry.costs->since(*before.costs, "/entry/costs").fees};
    contract::Usage shown;
    shown.add_fee(pin().chain, judgement_->fee);
    const contract::Usage more = grown.since(shown, "/entry/costs");
    if (entry.sequence == before.sequence + 1 && !more.fees.empty()) {
        refuse("/entry/costs/fees", "must grow by what the evidence shows");
    }
}

// The verifier's own parameters must prove it too: then it does not matter whom else the binding believes.
void CallJudge::check_proof(const TrustedChain& chain) const {
    const std::string field = "/trust/chains/" + pin().chain;
    try {
        const ledger::Finality asked{
            .blocks = target().finality.blocks, .witness = chain.witness, .parameters = chain.parameters};
        const ledger::Judgement mine = kind().judge(pin(), asked, *evidence_);
        if (!mine.proved) refuse("", "has a witness that proves nothing");
    } catch (const Error& error) {
        refuse(field, "is not satisfied: " + error.field() + ": " + error.rule());
    }
}

Line CallJudge::finality() const {
    if (!judgement_) {
        return check("finality", "whether the chain can go back on it", How::asserted,
                     [] { refuse("/evidence", "does not hold, and this rests on it"); });
    }
    const TrustedChain* chain = trusted();
    if (chain != nullptr && chain->witness != ledger::host_witness) {
        return check("finality", describe(target().finality) + "; by the trust file's own witness " + chain->witness,
                     How::proved, [&] { check_proof(*chain); });
    }
    if (judgement_->proved) {
        return check("finality", describe(target().finality) + ", as the binding names it", How::proved, [] {});
    }
    return check("finality", describe(target().finality) + ": that the block is on the chain is the host's word",
                 How::asserted, [&] {
                     if (chain != nullptr) return;
                     refuse("/trust/chains",
                            "does not take the host's word for " + pin().chain +
                                ": must list it with the witness \"host\", or with one that proves it");
                 });
}

// The signatures were checked where the entries were read.
Line CallJudge::given_up() const {
    return check("resolution", "given up by " + history().given_up.at(number_), How::proved, [] {});
}

// A dispute says that the chain has left the block: no evidence can show that, so nobody but the host says it.
Line CallJudge::disputed() const {
    return check("disputed", "the host says that the chain went back on this: the outcome is for people to decide",
                 How::asserted, [&] {
                     const TrustedChain* chain = trusted();
                     if (chain != nullptr && chain->witness == ledger::host_witness) return;
                     refuse("/trust/chains", "does not take the host's word for " + pin().chain);
                 });
}

// Another binding's receipt: what the binding asks of it is the witness's business, this is what the trust file does.
std::optional<Line> CallJudge::nested() const {
    const auto inside = evidence_ && judgement_ ? kind().nested(*evidence_) : std::nullopt;
    if (!inside) return std::nullopt;
    Verdict verdict = verify(inside->receipt, ground_.trust, inside->kinds);
    const How weakest = std::ranges::max(verdict.lines, {}, &Line::how).how;
    return group("receipt", "the receipt of " + pin().chain + " that the evidence holds", weakest,
                 std::move(verdict.lines));
}

// -------------------------------------------------------------------------------------------------- all of them

std::string describe(const TransactionParts& parts) {
    const contract::Entry* outcome = nullptr;
    std::string decision = parts.prepare.decision;
    for (const auto& [entry, input, before] : parts.later) {
        if (entry.type == EntryType::outcome) outcome = &entry;
        if (!entry.decision.empty()) decision = entry.decision;
    }
    std::string out = parts.id.text() + ": ";
    if (outcome != nullptr) {
        out += outcome->ending;
        if (!outcome->given_up.empty()) {
            out += ", but for " + std::to_string(outcome->given_up.size()) + " call(s) that the parties gave up";
        }
    } else {
        out += decision.empty() ? "no outcome here" : "no outcome here, decided: " + decision;
    }
    if (parts.prepare.early) {
        out += "; its state holds whatever the outcome";
        if (outcome != nullptr) {
            out += outcome->action.empty() ? ", which no action would hear: " + outcome->reason
                                           : ", which '" + outcome->action + "' heard";
        }
    }
    return out;
}

// Who waits for the bindings that this transaction calls.
std::vector<Hash256> callers_of(const TransactionParts& parts) {
    const contract::Input input = contract::Input::parse(text_of(parts.input));
    const auto* call = std::get_if<contract::CallInput>(&input.content);
    std::vector<Hash256> out;
    if (call != nullptr) out = call->call.callers;
    out.push_back(parts.binding.id);
    return out;
}

// What the logic asked for is what the contract lets its action ask for.
void check_contract(const Ground& ground) {
    const TransactionParts& parts = ground.parts;
    const contract::Contract& contract = *ground.contract;
    const auto action = contract.actions.find(parts.prepare.action);
    json::Array asked;
    std::int64_t minutes = 0;
    for (const contract::Step& step : parts.prepare.steps()) {
        const auto declared = contract.effects.find(step.effect);
        if (action == contract.actions.end() || declared == contract.effects.end() ||
            std::ranges::find(action->second.effects, step.effect) == action->second.effects.end()) {
            fail("entries", "must have effects that the contract's action declares");
        }
        json::Object effect{{"effect", step.effect}, {"args", step.arguments}};
        if (step.commit && !declared->second.commit.empty()) effect["commit"] = *step.commit;
        if (step.undo && !declared->second.undo.empty()) effect["undo"] = *step.undo;
        asked.push_back(std::move(effect));
        minutes = std::max(minutes, target_of(parts.binding, step).deadline_minutes);
    }
    const std::vector<contract::Step> steps = parts.prepare.steps();
    std::vector<contract::Step> planned = contract::plan_steps(contract, asked, ground.kinds, callers_of(parts));
    for (std::size_t i = 0; i < steps.size(); ++i) planned[i].route = steps[i].route;
    const auto same = [](const contract::Step& a, const contract::Step& b) { return a.to_json() == b.to_json(); };
    if (!std::ranges::equal(steps, planned, same))
        fail("entries", "must have the steps that the contract's effects make");
    if (parts.locked.cost_terms != contract.costs) {
        fail("entries", "must share costs, in the version's entry, as the contract does");
    }
    if (action->second.early != parts.prepare.early) {
        fail("entries", "must be committed early exactly where the contract's action is");
    }
    if (parts.prepare.deadline != parts.prepare.time + minutes * 60'000) {
        fail("entries", "must have the deadline that the version gives a call");
    }
    for (const auto& [entry, input, before] : parts.later) {
        if (entry.type != EntryType::outcome || entry.action.empty()) continue;
        const std::string* hears = contract.outcomes_of(steps.front().ledger);
        if (hears == nullptr || entry.action != *hears) {
            fail("entries", "must have the contract's action that hears of outcomes on " + steps.front().ledger);
        }
    }
}

std::string describe(const contract::Route& route, const std::string& ledger, const contract::LedgerPlace& place) {
    std::string out = ledger + " is " + route.chain + ", one of " + std::to_string(place.candidates.size()) +
                      " that the parties signed; each meets what they need. Why this one is the host's word: " +
                      std::string(route_reason_name(route.reason));
    for (const contract::Route::Passed& one : route.passed) {
        out += ", " + one.chain + " " + std::string(route_reason_name(one.reason));
    }
    return out;
}

// What the parties signed about a ledger that is chosen for each transaction. A version with a candidate that does not
// meet the needs is none: it is refused where it is read.
void put_routes(const TransactionParts& parts, const std::vector<contract::Step>& steps, std::vector<Line>& out) {
    std::set<std::string> told;
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const contract::Step& step = steps[i];
        const auto place = parts.binding.ledgers.find(step.ledger);
        const bool routed = step.route || (place != parts.binding.ledgers.end() && place->second.is_routed());
        if (!routed || !told.insert(step.ledger).second) continue;
        out.push_back(check_found("route", "which ledger was chosen", How::proved, [&](std::string& text) {
            if (place == parts.binding.ledgers.end()) fail("bindings", "must have the ledger " + step.ledger);
            if (step.route) text = describe(*step.route, step.ledger, place->second);
            contract::check_route(place->second, step.route,
                                  "/receipt/entries/effects/" + std::to_string(i) + "/route");
        }));
    }
}

std::string describe(const History& history, std::size_t number) {
    const transaction::Call& call = history.saga.call(number);
    const contract::Step& step = history.steps[call.what.step];
    return "call " + std::to_string(number) + ": step " + std::to_string(call.what.step) + ", " + step.effect + " on " +
           step.ledger + " (" + std::string(contract::effect_kind_name(step.kind)) + "), " +
           std::string(ledger::role_name(call.what.role));
}

}  // namespace

std::vector<Line> judge_transaction(const TransactionParts& parts, const TrustFile& trust, ledger::Kinds kinds) {
    Ground ground{.parts = parts, .trust = trust, .kinds = kinds};
    std::optional<History> history;
    std::vector<Line> out;
    out.push_back(check("transaction", describe(parts), How::proved, [&] {
        history.emplace(parts);
        ground.history = &*history;
        ground.contract = read_contract(parts.package, parts.binding.package);
        check_contract(ground);
    }));
    if (ground.history != nullptr) put_routes(parts, history->steps, out);
    if (ground.history == nullptr || history->saga.calls().size() == 1) {
        for (Line& line : CallJudge(ground, 0).lines()) out.push_back(std::move(line));
        return out;
    }
    for (std::size_t i = 0; i < history->saga.calls().size(); ++i) {
        std::vector<Line> lines = CallJudge(ground, i).lines();
        const auto weakest = std::ranges::max(lines, {}, &Line::how).how;
        out.push_back(group("call", describe(*history, i), weakest, std::move(lines)));
    }
    return out;
}

Line Verifier::transaction() const {
    const std::string text = "an effect on another ledger, and what came of it";
    const std::size_t at = *find(EntryType::prepare);
    const std::size_t number = version_index(at);
    std::optional<std::size_t> locked;
    for (std::size_t i = 0; i < at; ++i) {
        if (!receipt_.entries[i].input && version_index(i) == number) locked = i;
    }
    if (!locked || !versions_[number] || !steps_[*locked]) {
        return check("transaction", text, How::attested,
                     [] { fail("bindings", "do not show the version in force, and this rests on it"); });
    }
    TransactionParts parts{.binding = versions_[number]->binding,
                           .locked = steps_[*locked]->entry,
                           .prepare = steps_[at]->entry,
                           .input = receipt_.entries[at].input ? *receipt_.entries[at].input : Bytes{},
                           .id = steps_[at]->id,
                           .package = receipt_.package ? &*receipt_.package : nullptr,
                           .later = {}};
    for (std::size_t i = at + 1; i < steps_.size(); ++i) {
        if (!steps_[i]) {
            return check("transaction", text, How::attested,
                         [] { fail("entries", "do not all hold, and this rests on them"); });
        }
        if (!receipt_.entries[i].input) continue;
        parts.later.push_back({steps_[i]->entry, *receipt_.entries[i].input, steps_[i - 1]->entry});
    }
    return group("transaction", text, How::attested, judge_transaction(parts, trust_, kinds_));
}

}  // namespace concordat::proof
