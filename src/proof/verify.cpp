#include "verify.hpp"

#include <algorithm>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

bool all_hold(const std::vector<Line>& lines) {
    return std::ranges::all_of(lines, [](const Line& line) { return line.ok && all_hold(line.below); });
}

}  // namespace

Verifier::Verifier(const Receipt& receipt, const TrustFile& trust, ledger::Kinds kinds)
    : receipt_(receipt),
      trust_(trust),
      kinds_(kinds),
      versions_(receipt.bindings.size()),
      steps_(receipt.entries.size()) {}

Line check(std::string layer, std::string text, How how, const std::function<void()>& body) {
    Line line{std::move(layer), std::move(text), how, true, "", {}};
    try {
        body();
    } catch (const Error& error) {
        line.ok = false;
        line.problem = error.field() + ": " + error.rule();
    } catch (const std::exception& error) {
        line.ok = false;
        line.problem = error.what();
    }
    return line;
}

Line group(std::string layer, std::string text, How how, std::vector<Line> below) {
    const bool ok = !below.empty() && all_hold(below);
    return {std::move(layer), std::move(text), how, ok, ok ? "" : "see below", std::move(below)};
}

const Verifier::Version& Verifier::version(std::size_t index) const {
    if (!versions_.at(index)) {
        throw Error(Code::bad_format, "/receipt/bindings/" + std::to_string(index),
                    "does not hold, and this rests on it");
    }
    return *versions_[index];
}

const Verifier::Step& Verifier::step(std::size_t index) const {
    if (!steps_.at(index)) {
        throw Error(Code::bad_format, "/receipt/entries/" + std::to_string(index),
                    "does not hold, and this rests on it");
    }
    return *steps_[index];
}

std::size_t Verifier::version_index(std::size_t entry_index) const {
    std::size_t before = 0;
    for (std::size_t i = 1; i <= entry_index; ++i) before += receipt_.entries[i].input ? 0 : 1;
    return std::min(before, receipt_.bindings.size() - 1);
}

std::optional<std::size_t> Verifier::find(contract::EntryType type) const {
    for (std::size_t i = 0; i < steps_.size(); ++i) {
        if (steps_[i] && receipt_.entries[i].input && steps_[i]->entry.type == type) return i;
    }
    return std::nullopt;
}

std::optional<std::size_t> Verifier::execution() const {
    const auto& step = steps_.back();
    if (!step) return std::nullopt;
    if (follows_prepare(step->entry.type)) return find(contract::EntryType::prepare);
    const bool runs =
        step->entry.type == contract::EntryType::execute || step->entry.type == contract::EntryType::prepare;
    return runs && receipt_.entries.back().input ? std::optional(last_index()) : std::nullopt;
}

std::vector<Line> Verifier::run() {
    std::vector<Line> lines;
    lines.push_back(bindings());
    lines.push_back(entries());
    // The signed input comes before the entries that name it, as it did in time; the entries must be read first.
    lines.insert(lines.end() - 1, input());
    if (find(contract::EntryType::prepare)) lines.push_back(transaction());
    lines.push_back(enclaves());
    lines.push_back(ledger());
    lines.push_back(state());
    lines.push_back(disclosures());
    if (has_costs()) lines.push_back(costs());
    lines.push_back(clock());
    if (single_node() || receipt_.anchor) lines.push_back(rollback());
    return lines;
}

Verdict verify(std::string_view receipt_text, const TrustFile& trust, ledger::Kinds kinds) {
    Verdict verdict;
    Line format{"format",    "strict JSON in RFC 8785 form, " + std::to_string(receipt_text.size()) + " bytes",
                How::proved, true,
                "",          {}};
    try {
        const Receipt receipt = Receipt::parse(receipt_text);
        verdict.lines.push_back(std::move(format));
        for (Line& line : Verifier(receipt, trust, kinds).run()) verdict.lines.push_back(std::move(line));
    } catch (const std::exception& error) {
        format.ok = false;
        const auto* ours = dynamic_cast<const Error*>(&error);
        format.problem = ours != nullptr ? ours->field() + ": " + ours->rule() : error.what();
        verdict.lines.insert(verdict.lines.begin(), std::move(format));
    }
    verdict.holds = all_hold(verdict.lines);
    return verdict;
}

}  // namespace concordat::proof
