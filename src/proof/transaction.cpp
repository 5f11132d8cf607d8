#include "transaction.hpp"

#include <algorithm>
#include <crypto/hash.hpp>

namespace concordat::proof {
namespace {

constexpr std::size_t max_evidence_bytes = std::size_t{4} << 20;

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/receipt/" + std::move(field), std::move(rule));
}

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

// The one effect of a prepare entry.
struct Effect {
    std::string name, ledger;
    json::Object arguments;
    ledger::Pin pin;

    static Effect read(const contract::Entry& prepare) {
        json::Reader in(prepare.effects.at(0), "/entry/effects/0");
        Effect out;
        out.name = in.string("effect");
        out.ledger = in.string("ledger");
        out.arguments = in.object("args");
        out.pin = prepare.pin();
        in.any("pin");
        in.finish();
        return out;
    }
};

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

// In the order of the lines: each needs what those before it found.
class Judge {
  public:
    Judge(const TransactionParts& parts, const TrustFile& trust, ledger::Kinds kinds)
        : parts_(parts), trust_(trust), kinds_(kinds) {}

    std::vector<Line> lines() {
        std::vector<Line> out;
        out.push_back(steps());
        out.push_back(chain());
        out.push_back(account());
        out.push_back(call());
        if (parts_.outcome == nullptr) return out;
        Line found = inclusion();
        Line final = finality();
        found.how = final.how;  // a block that is there by the host's word is in the chain by the host's word
        out.push_back(std::move(found));
        out.push_back(std::move(final));
        if (parts_.disputed != nullptr) out.push_back(disputed());
        return out;
    }

  private:
    const Effect& effect() const {
        if (!effect_) fail("entries", "do not show what was pinned, and this rests on it");
        return *effect_;
    }
    const contract::LedgerTarget& target() const {
        const auto found = parts_.binding.ledgers.find(effect().ledger);
        if (found == parts_.binding.ledgers.end()) fail("bindings", "must have the ledger " + effect().ledger);
        return found->second;
    }
    const ledger::Kind& kind() const {
        if (kind_ == nullptr) fail("package", "does not show the ledger's kind, and this rests on it");
        return *kind_;
    }
    const TrustedChain* trusted() const {
        const auto found = trust_.chains.find(effect().pin.chain);
        return found == trust_.chains.end() ? nullptr : &found->second;
    }

    Line steps();
    void check_step(const contract::Entry* step) const;
    void check_outcome() const;
    Line chain() const;
    Line account() const;
    Line call();
    void check_call(std::string& text);
    Line inclusion();
    Line finality() const;
    void check_proof(const TrustedChain& chain) const;
    Line disputed() const;

    const TransactionParts& parts_;
    const TrustFile& trust_;
    const ledger::Kinds kinds_;
    std::optional<Effect> effect_;
    const ledger::Kind* kind_ = nullptr;
    std::optional<json::Value> evidence_;
    std::optional<ledger::Judgement> judgement_;
};

// ------------------------------------------------------------------------------------------------- what was recorded

void Judge::check_step(const contract::Entry* step) const {
    if (step == nullptr) return;
    if (step->transaction != parts_.id) fail("entries", "must be steps of one transaction");
    if (step->type == contract::EntryType::disputed) {
        if (step->state_after != step->state_before) fail("entries", "a dispute must leave the state as it is");
        return;
    }
    if (step->version != parts_.prepare.version) fail("entries", "no version may change while a transaction is open");
    // Others' entries stand between those of one that was committed early.
    if (!parts_.prepare.early && step->state_before != parts_.prepare.state_after) {
        fail("entries", "must begin with the state that the prepare entry left");
    }
}

void Judge::check_outcome() const {
    if (parts_.outcome == nullptr) return;
    const contract::Entry& outcome = *parts_.outcome;
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
    if (parts_.outcome->state_after != (committed ? parts_.prepare.state_after : parts_.prepare.state_before)) {
        fail("entries", committed ? "must leave the state of the prepare entry where committed"
                                  : "must leave the state before the prepare entry where aborted");
    }
}

Line Judge::steps() {
    std::string ending = parts_.outcome == nullptr ? "no outcome here" : parts_.outcome->ending;
    if (parts_.prepare.early) {
        ending += "; its state holds whatever the outcome";
        if (parts_.outcome != nullptr) {
            ending += parts_.outcome->action.empty() ? ", which no action would hear: " + parts_.outcome->reason
                                                     : ", which '" + parts_.outcome->action + "' heard";
        }
    }
    return check("transaction", parts_.id.text() + ": " + ending, How::proved, [&] {
        effect_ = Effect::read(parts_.prepare);
        check_step(parts_.cancelling);
        check_step(parts_.outcome);
        check_step(parts_.disputed);
        check_outcome();
        if (parts_.cancelling != nullptr && parts_.cancelling->state_after != parts_.cancelling->state_before) {
            fail("entries", "a cancellation must leave the state as it is");
        }
        for (const Bytes* input : parts_.no_inputs) {
            if (!input->empty()) fail("entries", "must have no input where a step comes of nothing");
        }
    });
}

Line Judge::chain() const {
    std::string text = "the ledger that was called";
    Line line = check("chain", "", How::proved, [&] {
        const contract::LedgerTarget& where = target();
        text = where.chain + ", the contract's ledger " + effect().ledger + ", first block " + where.genesis;
        if (effect().pin.chain != where.chain) fail("entries", "must pin the chain that the version names");
    });
    line.text = text;
    return line;
}

// That the key behind an address is the enclaves' alone is what the entry of the version says, so an enclave.
Line Judge::account() const {
    std::string text = "the enclaves' account";
    Line line = check("account", "", How::attested, [&] {
        const ledger::Pin& pin = effect().pin;
        text = pin.chain + ":" + pin.account + ", slot " + std::to_string(pin.slot);
        const json::Value* known = parts_.locked.accounts.if_contains(effect().ledger);
        if (known == nullptr || *known != json::Value(pin.account)) {
            fail("entries", "must pin the account that the entry of the version in force names for " + effect().ledger);
        }
    });
    line.text = text;
    return line;
}

void Judge::check_call(std::string& text) {
    const contract::LedgerTarget& where = target();
    const contract::Contract contract = read_contract(parts_.package, parts_.binding.package);
    const auto action = contract.actions.find(parts_.prepare.action);
    const auto declared = contract.effects.find(effect().name);
    if (action == contract.actions.end() || declared == contract.effects.end() ||
        std::ranges::find(action->second.effects, effect().name) == action->second.effects.end()) {
        fail("entries", "must have an effect that the contract's action declares");
    }
    if (declared->second.ledger != effect().ledger) fail("entries", "must pin the effect on the contract's ledger");
    if (action->second.early != parts_.prepare.early) {
        fail("entries", "must be committed early exactly where the contract's action is");
    }
    const std::string* hears = contract.outcomes_of(effect().ledger);
    if (parts_.outcome != nullptr && !parts_.outcome->action.empty() &&
        (hears == nullptr || parts_.outcome->action != *hears)) {
        fail("entries", "must have the contract's action that hears of outcomes on " + effect().ledger);
    }
    const contract::LedgerUse& use = contract.ledgers.find(effect().ledger)->second;
    const ledger::Target callee{
        .interface = use.interface, .call = declared->second.call, .address = where.address, .work = where.work};
    text = contract.name + " " + contract.version + " calls " + where.address + ": " + callee.call + " with " +
           json::canonical(json::Value(effect().arguments)) + ", at most " + std::to_string(where.work) +
           " of work at a price of " + std::to_string(where.ceiling) + ", given up after " +
           format_time(parts_.prepare.deadline);
    const auto known = std::ranges::find(kinds_, use.kind, [](const ledger::Kind* kind) { return kind->name(); });
    if (known == kinds_.end()) {
        fail("package/config/ledgers/" + effect().ledger + "/kind",
             "is \"" + use.kind + "\", a kind of ledger that this verifier does not know");
    }
    kind_ = *known;
    kind_->check(callee, where.finality);
    kind_->check(effect().pin);
    if (kind_->call(callee, effect().arguments, "/entry/effects/0/args") != effect().pin.call) {
        fail("entries", "must pin the call that contract, version and arguments make");
    }
    if (effect().pin.ceiling != where.ceiling) fail("entries", "must pin the ceiling that the version names");
    if (parts_.prepare.deadline != parts_.prepare.time + where.deadline_minutes * 60'000) {
        fail("entries", "must have the deadline that the version gives a call");
    }
}

Line Judge::call() {
    std::string text = "what was called";
    Line line = check("call", "", How::proved, [&] { check_call(text); });
    line.text = text;
    return line;
}

// --------------------------------------------------------------------------------------------------- what came of it

Line Judge::inclusion() {
    std::string text = "what filled the slot";
    Line line = check("inclusion", "", How::proved, [&] {
        const std::string_view bytes = text_of(*parts_.evidence);
        const json::Value evidence = json::parse(bytes, "/evidence", {.bytes = max_evidence_bytes});
        if (json::canonical(evidence) != bytes) refuse("/evidence", "must be in RFC 8785 form");
        judgement_ = kind().judge(effect().pin, target().finality, evidence);
        evidence_ = evidence;
        text = describe(*judgement_);
        const bool called = judgement_->fate == ledger::Fate::called;
        if (parts_.outcome->ending != (called ? "committed" : "aborted")) {
            refuse("/entry/ending", "must be what the evidence shows");
        }
    });
    line.text = text;
    return line;
}

// The verifier's own parameters must prove it too: then it does not matter whom else the binding believes.
void Judge::check_proof(const TrustedChain& chain) const {
    const std::string field = "/trust/chains/" + effect().pin.chain;
    try {
        const ledger::Finality asked{
            .blocks = target().finality.blocks, .witness = chain.witness, .parameters = chain.parameters};
        const ledger::Judgement mine = kind().judge(effect().pin, asked, *evidence_);
        if (!mine.proved) refuse("", "has a witness that proves nothing");
    } catch (const Error& error) {
        refuse(field, "is not satisfied: " + error.field() + ": " + error.rule());
    }
}

Line Judge::finality() const {
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
                            "does not take the host's word for " + effect().pin.chain +
                                ": must list it with the witness \"host\", or with one that proves it");
                 });
}

// A dispute says that the chain has left the block: no evidence can show that, so nobody but the host says it.
Line Judge::disputed() const {
    return check("disputed", "the host says that the chain went back on this: the outcome is for people to decide",
                 How::asserted, [&] {
                     const TrustedChain* chain = trusted();
                     if (chain != nullptr && chain->witness == ledger::host_witness) return;
                     refuse("/trust/chains", "does not take the host's word for " + effect().pin.chain);
                 });
}

}  // namespace

std::vector<Line> judge_transaction(const TransactionParts& parts, const TrustFile& trust, ledger::Kinds kinds) {
    return Judge(parts, trust, kinds).lines();
}

Line Verifier::transaction() const {
    using contract::EntryType;
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
    const auto entry = [&](EntryType type) -> const contract::Entry* {
        const auto index = find(type);
        return index ? &steps_[*index]->entry : nullptr;
    };
    TransactionParts parts{.binding = versions_[number]->binding,
                           .locked = steps_[*locked]->entry,
                           .prepare = steps_[at]->entry,
                           .id = steps_[at]->id,
                           .package = receipt_.package ? &*receipt_.package : nullptr,
                           .cancelling = entry(EntryType::cancelling),
                           .outcome = entry(EntryType::outcome),
                           .disputed = entry(EntryType::disputed),
                           .evidence = nullptr,
                           .no_inputs = {}};
    if (const auto index = find(EntryType::outcome)) parts.evidence = &*receipt_.entries[*index].input;
    for (const EntryType type : {EntryType::cancelling, EntryType::disputed}) {
        if (const auto index = find(type)) parts.no_inputs.push_back(&*receipt_.entries[*index].input);
    }
    return group("transaction", text, How::attested, judge_transaction(parts, trust_, kinds_));
}

}  // namespace concordat::proof
