#include "verify.hpp"

#include <algorithm>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

bool all_hold(const std::vector<Line>& lines) {
    return std::ranges::all_of(lines, [](const Line& line) { return line.ok && all_hold(line.below); });
}

}  // namespace

Verifier::Verifier(const Receipt& receipt, const TrustFile& trust)
    : receipt_(receipt), trust_(trust), versions_(receipt.bindings.size()), steps_(receipt.entries.size()) {}

Line Verifier::check(std::string layer, std::string text, How how, const std::function<void()>& body) const {
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

Line Verifier::group(std::string layer, std::string text, How how, std::vector<Line> below) const {
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

const Verifier::Version& Verifier::version_of(std::size_t entry_index) const {
    return version(std::min(entry_index, receipt_.bindings.size() - 1));
}

std::vector<Line> Verifier::run() {
    std::vector<Line> lines;
    lines.push_back(bindings());
    lines.push_back(entries());
    // The signed input comes before the entries that name it, as it did in time; the entries must be read first.
    lines.insert(lines.end() - 1, input());
    lines.push_back(enclaves());
    lines.push_back(ledger());
    lines.push_back(state());
    lines.push_back(disclosures());
    lines.push_back(clock());
    const bool single_node = std::ranges::any_of(receipt_.entries, [](const ReceiptEntry& entry) {
        return (entry.receipt.flags & ledger::confidential::flag_single_node) != 0;
    });
    if (single_node) lines.push_back(rollback());
    return lines;
}

Verdict verify(std::string_view receipt_text, const TrustFile& trust) {
    Verdict verdict;
    Line format{"format",    "strict JSON in RFC 8785 form, " + std::to_string(receipt_text.size()) + " bytes",
                How::proved, true,
                "",          {}};
    try {
        const Receipt receipt = Receipt::parse(receipt_text);
        verdict.lines.push_back(std::move(format));
        for (Line& line : Verifier(receipt, trust).run()) verdict.lines.push_back(std::move(line));
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
