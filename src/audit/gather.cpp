#include "gather.hpp"

#include <algorithm>
#include <contract/input.hpp>
#include <proof/verify.hpp>

#include "html.hpp"

namespace concordat::audit {

using contract::EntryType;

struct Gatherer::Reading {
    std::string_view text;
    proof::Receipt receipt;
    const proof::Verdict* verdict = nullptr;  // none without a trust file
    contract::Entry entry;                    // the one it is about
    Hash256 id;

    bool holds() const { return verdict != nullptr && verdict->holds; }
    Standing standing() const {
        if (verdict == nullptr) return Standing::unchecked;
        return verdict->holds ? Standing::holds : Standing::fails;
    }
};

namespace {

std::string fate_word(const contract::Entry& entry) {
    if (!entry.fate) return "ended";
    return *entry.fate == ledger::Fate::called ? "succeeded" : std::string(ledger::fate_name(*entry.fate));
}

std::string note_of(const contract::Entry& entry) {
    switch (entry.type) {
        case EntryType::propose:
            return entry.proposal ? "proposes version " + entry.proposal->text() : "";
        case EntryType::close:
            return "closes the proposal" + (entry.reason.empty() ? "" : ": " + entry.reason);
        case EntryType::terminate:
            return entry.reason;
        case EntryType::prepare:
            return "begins a transaction of " + std::to_string(entry.effects.size()) +
                   (entry.effects.size() == 1 ? " step" : " steps");
        case EntryType::step:
            return "call " + std::to_string(entry.call) + " " + fate_word(entry) +
                   (entry.decision.empty() ? "" : "; decided: " + entry.decision);
        case EntryType::outcome:
            return entry.ending + (entry.given_up.empty() ? "" : ", but for what the parties gave up") +
                   (entry.reason.empty() ? "" : "; no action heard it: " + entry.reason);
        case EntryType::cancelling:
            return "what is tried is given up" + (entry.decision.empty() ? "" : "; decided: " + entry.decision);
        case EntryType::disputed:
            return "a ledger went back on call " + std::to_string(entry.call) + ": the binding halts";
        case EntryType::resolve:
            return "the parties give up call " + std::to_string(entry.call) + ": " + entry.reason;
        default:
            break;
    }
    std::string events;
    for (const json::Value& event : entry.events) {
        const auto* object = event.if_object();
        const json::Value* type = object == nullptr ? nullptr : object->if_contains("type");
        if (type != nullptr && type->is_string())
            events += (events.empty() ? "events: " : ", ") + std::string(type->get_string());
    }
    return events;
}

std::string text_of_error(const Error& error) { return error.field() + ": " + error.rule(); }

}  // namespace

Gatherer::Gatherer(Options options) : options_(std::move(options)) {
    facts_.trust = options_.trust_digest;
    facts_.key_used = options_.reader != nullptr;
    options_.listed = std::min(options_.listed, max_listed);
    if (options_.binding) facts_.binding = *options_.binding;
    if (options_.trust == nullptr) return;
    for (const auto& [id, keys] : options_.trust->parties) facts_.trusted_parties.emplace(id, true);
}

void Gatherer::problem(std::optional<std::int64_t> sequence, std::string layer, std::string what, std::string text) {
    if (facts_.problems.size() >= max_problems) {
        ++facts_.problems_left_out;
        return;
    }
    facts_.problems.push_back({sequence, std::move(layer), cut(what, max_line_bytes), cut(text, max_line_bytes)});
}

// The innermost lines that do not hold say what is wrong.
void Gatherer::add_failures(const std::vector<proof::Line>& lines, std::int64_t sequence) {
    for (const proof::Line& line : lines) {
        add_failures(line.below, sequence);
        const bool below = std::ranges::any_of(line.below, [](const proof::Line& one) { return !one.ok; });
        if (!line.ok && !below) problem(sequence, line.layer, line.text, line.problem);
    }
}

void Gatherer::take(std::string_view receipt, std::optional<std::int64_t> sequence) {
    ++facts_.receipts;
    std::optional<proof::Verdict> verdict;
    if (options_.trust != nullptr) verdict = proof::verify(receipt, *options_.trust, options_.kinds);
    Reading reading{.text = receipt, .receipt = {}, .verdict = verdict ? &*verdict : nullptr, .entry = {}, .id = {}};
    try {
        reading.receipt = proof::Receipt::parse(receipt);
        const Bytes& document = reading.receipt.entries.back().document;
        reading.entry = contract::Entry::parse(document);
        reading.id = reading.entry.id(document);
    } catch (const Error& error) {
        ++facts_.failing;
        return problem(sequence, "format", "the receipt cannot be read", text_of_error(error));
    }
    const std::int64_t found = reading.entry.sequence;
    if (sequence && *sequence != found) {
        ++facts_.failing;
        return problem(sequence, "entries", "the receipt of another entry",
                       "must be of entry " + std::to_string(*sequence) + ", is of " + std::to_string(found));
    }
    if (verdict) {
        ++(verdict->holds ? facts_.held : facts_.failing);
        if (!verdict->holds) add_failures(verdict->lines, found);
    }
    if (belongs(reading)) read(reading);
}

bool Gatherer::belongs(const Reading& reading) {
    const bool first = facts_.receipts == 1 || !last_id_;
    if (first && !options_.binding) facts_.binding = reading.entry.binding;
    const auto refuse = [&](std::string text) {
        problem(reading.entry.sequence, "entries", "the entry is not in this report", std::move(text));
        return false;
    };
    if (reading.entry.binding != facts_.binding)
        return refuse("must be of the binding " + facts_.binding.text() + ", is of " + reading.entry.binding.text());
    if (last_id_ && reading.entry.sequence <= facts_.last)
        return refuse("must come after entry " + std::to_string(facts_.last) + ", is " +
                      std::to_string(reading.entry.sequence));
    if (last_id_ && reading.entry.sequence - facts_.first >= max_entries)
        return refuse("must be within " + std::to_string(max_entries) + " entries of the first one");
    return true;
}

// What one receipt alone cannot show.
void Gatherer::check_history(const Reading& reading) {
    const std::int64_t sequence = reading.entry.sequence;
    if (last_id_ && sequence == facts_.last + 1 && reading.entry.previous != *last_id_) {
        problem(sequence, "history", "the entry follows another one than entry " + std::to_string(facts_.last),
                "must name " + last_id_->text() + " as its previous, names " + reading.entry.previous.text());
    }
    for (const proof::ReceiptEntry& one : reading.receipt.entries) {
        const contract::Entry entry = contract::Entry::parse(one.document);
        const std::int64_t at = entry.sequence - facts_.first;
        if (at < 0 || at >= static_cast<std::int64_t>(ids_.size())) continue;
        const Hash256& known = ids_[static_cast<std::size_t>(at)];
        if (known.is_zero() || known == entry.id(one.document)) continue;
        problem(sequence, "history", "the receipt tells of another entry " + std::to_string(entry.sequence),
                "must be " + known.text() + ", as its own receipt has it, is " + entry.id(one.document).text());
    }
}

void Gatherer::remember(const Reading& reading) {
    const std::int64_t sequence = reading.entry.sequence;
    if (!last_id_) {
        facts_.first = sequence;
        facts_.begin = reading.entry.time;
    } else {
        facts_.gaps += static_cast<std::size_t>(sequence - facts_.last - 1);
    }
    ids_.resize(static_cast<std::size_t>(sequence - facts_.first) + 1);
    ids_.back() = reading.id;
    last_id_ = reading.id;
    facts_.last = sequence;
    facts_.end = reading.entry.time;
    ++facts_.types[reading.entry.type];
    const bool better = reading.verdict == nullptr || reading.verdict->holds || !newest_holds_;
    if (!better) return;
    newest_ = std::string(reading.text);
    newest_holds_ = reading.holds();
    if (reading.verdict != nullptr) facts_.verdict = reading.verdict->lines;
}

void Gatherer::read(Reading& reading) {
    check_history(reading);
    remember(reading);
    open(reading);
    add_row(reading);
    add_enclave(reading);
    add_anchor(reading);
    if (reading.verdict != nullptr) add_reliance(reading.verdict->lines);
    if (!reading.receipt.package) return;
    learn_package(reading.receipt);
    try {
        add_transaction(reading);
    } catch (const Error& error) {
        problem(reading.entry.sequence, "transaction", "its entries cannot be read", text_of_error(error));
    }
}

void Gatherer::open(const Reading& reading) {
    if (options_.reader == nullptr) return;
    opened_ = {};
    try {
        for (const proof::Opened& one : proof::open_receipt(reading.text, *options_.reader)) {
            opened_.add(one);
            if (one.at == "state" || one.at == "terms") state_opened_.add(one);
        }
    } catch (const Error& error) {
        problem(reading.entry.sequence, "sealed", "what is sealed to the reader's key does not open",
                text_of_error(error));
    }
}

// --------------------------------------------------------------------------------------------------------- timeline

void Gatherer::add_row(Reading& reading) {
    const contract::Entry& entry = reading.entry;
    EntryRow row{.sequence = entry.sequence,
                 .type = entry.type,
                 .time = entry.time,
                 .id = reading.id,
                 .sender_role = cut(entry.sender_role, max_field_bytes),
                 .sender_id = cut(entry.sender_id, max_field_bytes),
                 .action = cut(entry.action, max_field_bytes),
                 .note = cut(note_of(entry), max_field_bytes),
                 .standing = reading.standing(),
                 .said = {},
                 .result = {}};
    if (entry.type == EntryType::execute || entry.type == EntryType::prepare) {
        try {
            const auto& input = reading.receipt.entries.back().input;
            const std::string text(input ? text_of(*input) : std::string_view{});
            const auto said = contract::Input::parse(text);
            row.said = fields_of(said.body(), opened_, facts_);
        } catch (const Error&) {
            row.note = "its input cannot be read";  // the verifier says so, too
        }
        if (entry.result) row.result = fields_of(*entry.result, opened_, facts_);
    }
    if (entry.transaction) {
        const auto known = contributions_.find(*entry.transaction);
        if (known != contributions_.end())
            row.note += " (transaction at entry " + std::to_string(known->second.sequence) + ")";
    }
    facts_.rows.push_back(std::move(row));
    if (facts_.rows.size() >= options_.listed + block_entries) collapse();
}

void Gatherer::collapse() {
    EntryBlock block;
    for (std::size_t i = 0; i < block_entries; ++i) {
        const EntryRow& row = facts_.rows.front();
        if (block.entries == 0) {
            block.first = row.sequence;
            block.begin = row.time;
            block.first_id = row.id;
        }
        block.last = row.sequence;
        block.end = row.time;
        block.last_id = row.id;
        ++block.entries;
        ++block.types[row.type];
        block.failing += row.standing == Standing::fails ? 1 : 0;
        facts_.rows.pop_front();
    }
    facts_.blocks.push_back(std::move(block));
}

// ---------------------------------------------------------------------------------------------------- who vouches

void Gatherer::add_enclave(const Reading& reading) {
    constexpr std::size_t max_enclaves = 256;
    const std::string& kid = reading.receipt.entries.back().claim.kid;
    const auto identity = reading.receipt.enclaves.find(kid);
    if (identity == reading.receipt.enclaves.end()) return;
    const auto known = facts_.enclaves.find(kid);
    if (known == facts_.enclaves.end() && facts_.enclaves.size() >= max_enclaves) return;
    EnclaveFact& fact = known != facts_.enclaves.end() ? known->second : facts_.enclaves[kid];
    if (fact.entries++ == 0) fact.first = reading.entry.sequence;
    fact.last = reading.entry.sequence;
    fact.kid = kid;
    const proof::Line* group = reading.verdict == nullptr ? nullptr : line_of(reading.verdict->lines, "enclave");
    if (group != nullptr && fact.standing != Standing::fails) {
        fact.standing = group->ok ? Standing::holds : Standing::fails;
        for (const proof::Line& line : group->below) {
            if (!line.ok) fact.problem = line.problem;
        }
    }
    if (fact.entries != 1) return;
    try {
        const attest::Claims claims = attest::verify_evidence(identity->second.evidence, "/evidence");
        fact.product = claims.product;
        fact.kind = claims.kind;
        fact.measurement = claims.measurement;
        fact.root = claims.root;
        fact.svn = claims.svn;
        fact.hardware = claims.hardware;
    } catch (const Error& error) {
        fact.problem = text_of_error(error);
    }
}

void Gatherer::add_anchor(const Reading& reading) {
    constexpr std::size_t max_anchors = 256;
    if (!reading.receipt.anchor) return;
    const proof::Anchor& anchor = reading.receipt.anchor->anchor;
    const auto same = [&](const AnchorFact& one) {
        return one.anchor.chain == anchor.chain && one.anchor.contract == anchor.contract &&
               one.anchor.root == anchor.root;
    };
    auto found = std::ranges::find_if(facts_.anchors, same);
    if (found == facts_.anchors.end()) {
        if (facts_.anchors.size() >= max_anchors) return;
        facts_.anchors.push_back({.anchor = anchor, .entries = 0, .lines = {}});
        found = facts_.anchors.end() - 1;
    }
    ++found->entries;
    const proof::Line* line = reading.verdict == nullptr ? nullptr : line_of(reading.verdict->lines, "rollback");
    if (line != nullptr) found->lines = {*line};
}

void Gatherer::add_reliance(const std::vector<proof::Line>& lines) {
    for (const char* layer : {"clock", "rollback"}) {
        const proof::Line* line = line_of(lines, layer);
        if (line == nullptr || line->how != proof::How::asserted) continue;
        Reliance& one = facts_.asserted[layer];
        one.text = line->text;
        ++one.receipts;
        one.refused += line->ok ? 0 : 1;
    }
}

// ------------------------------------------------------------------------------------------------------ transactions

void Gatherer::add_transaction(const Reading& reading) {
    const auto* lines = reading.verdict == nullptr ? nullptr : &reading.verdict->lines;
    TransactionFact fact = read_transaction(reading.receipt, lines, reading.holds());
    Contribution& sum = contributions_[fact.id];
    sum = {.sequence = fact.sequence,
           .committed = fact.ending == "committed",
           .aborted = fact.ending == "aborted",
           .disputed = fact.disputed,
           .chains = {}};
    for (const CallFact& call : fact.calls) {
        ChainTotals& chain = sum.chains[call.chain];
        ++chain.calls;
        if (!call.ended) continue;
        ++chain.ended;
        const proof::Line* inclusion = line_of(call.lines, "inclusion");
        const proof::Line* finality = line_of(call.lines, "finality");
        if (inclusion != nullptr && finality != nullptr) {
            const bool good = inclusion->ok && finality->ok && fact.standing == Standing::holds;
            ++(!good ? chain.refused : finality->how == proof::How::proved ? chain.proved : chain.asserted);
        }
        if (!call.cost || (inclusion != nullptr && !inclusion->ok)) continue;
        ++chain.priced;
        chain.gas += call.cost->gas;
        chain.wei += std::min(call.cost->wei, U256(1) << 128);  // so that sums stay within 256 bits
    }
    const std::int64_t at = fact.sequence;
    if (fact.disputed && (disputed_.contains(at) || disputed_.size() < max_disputes)) disputed_[at] = fact;
    shown_[at] = std::move(fact);
    if (shown_.size() > max_shown_transactions) shown_.erase(shown_.begin());
}

// Figures that do not add up are the verdict's business.
void Gatherer::share_costs() {
    if (newest_.empty()) return;
    try {
        facts_.shares = statement::shares_of(statement::parts_of(proof::Receipt::parse(newest_), nullptr));
    } catch (const Error&) {
    }
}

void Gatherer::sum_up() {
    for (const auto& [id, one] : contributions_) {
        facts_.totals.committed += one.committed ? 1 : 0;
        facts_.totals.aborted += one.aborted ? 1 : 0;
        facts_.totals.open += one.committed || one.aborted ? 0 : 1;
        facts_.totals.disputed += one.disputed ? 1 : 0;
        for (const auto& [chain, part] : one.chains) {
            ChainTotals& all = facts_.chains[chain];
            all.calls += part.calls;
            all.ended += part.ended;
            all.priced += part.priced;
            all.proved += part.proved;
            all.asserted += part.asserted;
            all.refused += part.refused;
            all.gas += part.gas;
            all.wei += part.wei;
        }
    }
    facts_.transactions_left_out = contributions_.size() - shown_.size();
    share_costs();
    for (auto& [at, fact] : shown_) facts_.transactions.push_back(std::move(fact));
    for (auto& [at, fact] : disputed_) facts_.disputes.push_back(std::move(fact));
}

// ------------------------------------------------------------------------------------------------------------ the end

void Gatherer::missing(std::int64_t sequence, const std::string& why) {
    ++facts_.missing;
    problem(sequence, "receipt", "the receipt could not be had", why);
}

void Gatherer::take_head(const ledger::confidential::HeadStatement& head, const Hash256& nonce) {
    head_ = {head, nonce};
}

void Gatherer::check_head() {
    if (!head_ || facts_.versions.empty()) return;
    const auto& [statement, nonce] = *head_;
    const crypto::PublicKey& service_key = facts_.versions.front().binding.service_key;
    if (statement.binding != facts_.binding || statement.nonce != nonce || !statement.verify(service_key)) {
        return problem(std::nullopt, "head", "what the ledger's last entry is said to be",
                       "must be the ledger's own answer to this question, signed by the binding's service key");
    }
    facts_.head = {.sequence = static_cast<std::int64_t>(statement.sequence),
                   .entry = statement.entry_id,
                   .time = statement.time,
                   .reached = last_id_ == statement.entry_id};
    if (facts_.last != facts_.head->sequence || facts_.head->reached) return;
    problem(facts_.last, "head", "the last entry is not the ledger's",
            "must be " + statement.entry_id.text() + ", as the ledger says, is " + last_id_->text());
}

Facts Gatherer::finish() {
    read_versions();
    check_head();
    sum_up();
    return std::move(facts_);
}

}  // namespace concordat::audit
