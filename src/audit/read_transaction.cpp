// A transaction out of a receipt: its entries say what was pinned and what became of it; what that is worth, the
// verifier's lines say.
#include <algorithm>
#include <crypto/hash.hpp>

#include "cost.hpp"
#include "gather.hpp"
#include "html.hpp"

namespace concordat::audit {
namespace {

using contract::EntryType;

struct Source {
    const proof::ReceiptEntry& from;
    contract::Entry entry;
};

std::vector<Source> entries_of(const proof::Receipt& receipt) {
    std::vector<Source> out;
    for (const proof::ReceiptEntry& one : receipt.entries) {
        if (!one.input) continue;  // brings a version
        out.push_back({one, contract::Entry::parse(one.document)});
    }
    if (out.empty() || out.front().entry.type != EntryType::prepare)
        throw Error(Code::bad_receipt, "/receipt/entries", "must hold the transaction's prepare entry");
    return out;
}

// The functions that the contract names, where the package is the one that it says it is.
std::optional<contract::Contract> contract_of(const proof::Receipt& receipt) {
    if (!receipt.package) return std::nullopt;
    try {
        const auto manifest = contract::Manifest::parse(receipt.package->manifest);
        if (manifest.config != crypto::sha256(receipt.package->config)) return std::nullopt;
        return contract::Contract::parse(receipt.package->config);
    } catch (const Error&) {
        return std::nullopt;
    }
}

std::string function_of(const contract::Contract* contract, const contract::Step& step, ledger::Role role) {
    const contract::Effect* effect = nullptr;
    if (contract != nullptr) {
        if (const auto found = contract->effects.find(step.effect); found != contract->effects.end())
            effect = &found->second;
    }
    if (effect == nullptr) return {};
    if (role == ledger::Role::commit && !effect->commit.empty()) return effect->commit;
    if (role == ledger::Role::undo && !effect->undo.empty()) return effect->undo;
    return effect->call;
}

std::string route_text(const contract::Route& route) {
    std::string out = route.chain + ", by the node's word " + std::string(route_reason_name(route.reason));
    for (const contract::Route::Passed& one : route.passed) {
        out += "; not " + one.chain + ": " + std::string(route_reason_name(one.reason));
    }
    return out;
}

class Reader {
  public:
    explicit Reader(const proof::Receipt& receipt) : contract_(contract_of(receipt)) {}

    TransactionFact read(const std::vector<Source>& sources) {
        const contract::Entry& prepare = sources.front().entry;
        fact_.id = prepare.id(sources.front().from.document);
        fact_.sequence = prepare.sequence;
        fact_.action = prepare.action;
        fact_.sender_role = prepare.sender_role;
        fact_.sender_id = prepare.sender_id;
        fact_.time = prepare.time;
        fact_.deadline = prepare.deadline;
        fact_.early = prepare.early;
        steps_ = prepare.steps();
        for (const contract::Step& step : steps_) {
            fact_.steps.push_back({.effect = step.effect,
                                   .ledger = step.ledger,
                                   .kind = step.kind,
                                   .after = {step.after.begin(), step.after.end()},
                                   .route = step.route ? route_text(*step.route) : ""});
        }
        for (const Source& source : sources) take(source);
        return std::move(fact_);
    }

  private:
    void take(const Source& source) {
        const contract::Entry& entry = source.entry;
        TransactionEntry out{.sequence = entry.sequence,
                             .type = entry.type,
                             .time = entry.time,
                             .call = {},
                             .pins = {},
                             .decision = entry.decision,
                             .ending = entry.ending,
                             .action = entry.type == EntryType::outcome ? entry.action : "",
                             .reason = entry.reason};
        if (entry.type == EntryType::step || entry.type == EntryType::outcome) end_call(source, out);
        if (entry.type == EntryType::disputed) dispute(entry, out);
        if (entry.type == EntryType::resolve) give_up(entry, out);
        for (const contract::PinnedCall& pinned : entry.pinned()) pin(pinned, entry.sequence, out);
        if (!entry.decision.empty()) fact_.decision = entry.decision;
        if (!entry.ending.empty()) fact_.ending = entry.ending;
        fact_.entries.push_back(std::move(out));
    }

    void pin(const contract::PinnedCall& pinned, std::int64_t sequence, TransactionEntry& entry) {
        if (pinned.step >= steps_.size())
            throw Error(Code::bad_receipt, "/receipt/entries", "must pin calls of the transaction's steps");
        const contract::Step& step = steps_[pinned.step];
        static const Opened nothing;
        Facts uncounted;
        CallFact call{.step = pinned.step,
                      .role = pinned.role,
                      .chain = pinned.pin.chain,
                      .account = pinned.pin.account,
                      .function = function_of(contract_ ? &*contract_ : nullptr, step, pinned.role),
                      .slot = pinned.pin.slot,
                      .ceiling = pinned.pin.ceiling,
                      .arguments = fields_of(step.arguments_of(pinned.role), nothing, uncounted),
                      .pinned = sequence,
                      .ended = {},
                      .disputed = {},
                      .transaction = {},
                      .block = {},
                      .cost = {},
                      .detail = {},
                      .lines = {}};
        entry.pins.push_back(fact_.calls.size());
        fact_.calls.push_back(std::move(call));
    }

    CallFact& call(std::size_t number) {
        if (number >= fact_.calls.size())
            throw Error(Code::bad_receipt, "/receipt/entries", "must name calls that were pinned");
        return fact_.calls[number];
    }

    void end_call(const Source& source, TransactionEntry& out) {
        CallFact& ended = call(source.entry.call);
        out.call = source.entry.call;
        ended.ended = source.entry.sequence;
        ended.fate = source.entry.fate;
        ended.effective =
            source.entry.fate ? *source.entry.fate == ledger::Fate::called : source.entry.ending == "committed";
        const Shown shown = shown_by(ended.chain, text_of(*source.from.input));
        ended.transaction = shown.transaction;
        ended.block = shown.block;
        ended.cost = shown.cost;
        ended.detail = cut(shown.detail, max_field_bytes);
    }

    void dispute(const contract::Entry& entry, TransactionEntry& out) {
        call(entry.call).disputed = entry.sequence;
        out.call = entry.call;
        fact_.disputed = true;
    }

    void give_up(const contract::Entry& entry, TransactionEntry& out) {
        CallFact& given_up = call(entry.call);
        given_up.given_up = entry.sequence;
        given_up.given_up_why = cut(entry.reason, max_field_bytes);
        out.call = entry.call;
    }

    std::optional<contract::Contract> contract_;
    std::vector<contract::Step> steps_;
    TransactionFact fact_;
};

// The verifier has one group for each call where there are several; else its lines stand beside that of the
// transaction.
// Their texts hold arguments, of which a report shows no more than this.
proof::Line shortened(proof::Line line) {
    line.text = cut(line.text, max_line_bytes);
    line.problem = cut(line.problem, max_line_bytes);
    for (proof::Line& below : line.below) below = shortened(std::move(below));
    return line;
}

void give_lines(TransactionFact& fact, const std::vector<proof::Line>& lines) {
    const proof::Line* group = line_of(lines, "transaction");
    if (group == nullptr) return;
    if (group->below.empty()) {
        fact.lines.push_back(shortened(*group));
        return;
    }
    // Those about the ledgers that were chosen belong to the transaction.
    std::vector<proof::Line> below;
    for (const proof::Line& line : group->below) {
        const bool of_transaction = fact.lines.empty() || line.layer == "route";
        if (of_transaction) fact.lines.push_back(shortened(line));
        if (line.layer != "route") below.push_back(line);
    }
    const bool several =
        std::any_of(below.begin() + 1, below.end(), [](const auto& one) { return !one.below.empty(); });
    if (!several) {
        if (fact.calls.empty()) return;
        for (std::size_t i = 1; i < below.size(); ++i) fact.calls.front().lines.push_back(shortened(below[i]));
        return;
    }
    for (std::size_t i = 1; i < below.size() && i <= fact.calls.size(); ++i)
        fact.calls[i - 1].lines = shortened(below[i]).below;
}

}  // namespace

const proof::Line* line_of(const std::vector<proof::Line>& lines, std::string_view layer) {
    const auto found = std::ranges::find(lines, layer, &proof::Line::layer);
    return found == lines.end() ? nullptr : &*found;
}

TransactionFact read_transaction(const proof::Receipt& receipt, const std::vector<proof::Line>* lines, bool holds) {
    TransactionFact out = Reader(receipt).read(entries_of(receipt));
    if (lines == nullptr) return out;
    out.standing = holds ? Standing::holds : Standing::fails;
    give_lines(out, *lines);
    return out;
}

}  // namespace concordat::audit
