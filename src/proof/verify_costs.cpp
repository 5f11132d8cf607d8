// The layer about what the binding used: the totals are an enclave's word; that they follow from each other is checked
// as far as the receipt's entries adjoin (docs/formats.md §8).
#include <algorithm>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

using contract::Usage;

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/receipt/" + std::move(field), std::move(rule));
}

std::string describe(const Usage& usage) {
    std::string out = std::to_string(usage.bytes) + " bytes, " + std::to_string(usage.fuel) + " fuel, " +
                      std::to_string(usage.signatures) + " signatures";
    for (const auto& [chain, fee] : usage.fees) out += ", " + fee + " on " + chain;
    return out;
}

bool has_evidence(contract::EntryType type) {
    return type == contract::EntryType::step || type == contract::EntryType::outcome;
}

}  // namespace

bool Verifier::has_costs() const {
    return std::ranges::any_of(steps_, [](const auto& step) { return step && step->entry.costs; });
}

// As the entry says that put the version in force which holds after that entry.
const std::optional<contract::CostTerms>& Verifier::cost_terms(std::size_t index) const {
    for (std::size_t i = index + 1; i-- > 0;) {
        if (!receipt_.entries[i].input) return step(i).entry.cost_terms;
    }
    fail("entries", "must hold the entry that put the version in force");
}

// What the entry says it used, against what of that the receipt shows.
void Verifier::check_used(std::size_t index, const Usage& used) const {
    const contract::Entry& entry = step(index).entry;
    const std::string path = "entries/" + std::to_string(index) + "/costs";
    const ReceiptEntry& one = receipt_.entries[index];
    const Bytes input =
        one.input ? *one.input : to_bytes(bytes_of(json::canonical(receipt_.bindings.at(version_index(index)))));
    const bool shows_sealed = index == last_index();
    const std::size_t sealed = shows_sealed ? json::canonical(receipt_.sealed).size() : 0;
    const Usage own = contract::used_by(entry, input, sealed);
    if (used.fuel != own.fuel) fail(path + "/fuel", "must grow by the entry's fuel");
    if (used.signatures != own.signatures) fail(path + "/signatures", "must grow by those of input, claim and pins");
    if (shows_sealed ? used.bytes != own.bytes : used.bytes < own.bytes) {
        fail(path + "/bytes", "must grow by the sizes of input and sealed disclosures, rounded up");
    }
    if (!used.fees.empty() && !has_evidence(entry.type)) fail(path + "/fees", "must grow by what evidence shows");
}

void Verifier::check_costs(std::size_t index) const {
    const contract::Entry& entry = step(index).entry;
    const std::string path = "entries/" + std::to_string(index) + "/costs";
    const bool counted_before = index > 0 && cost_terms(index - 1);
    const bool expected = cost_terms(index) || (counted_before && !receipt_.entries[index].input);
    if (entry.costs.has_value() != expected) {
        fail(path, "must be present where the version's contract has costs, or ends them, and only there");
    }
    if (!entry.costs) return;
    if (index == 0) return check_used(index, *entry.costs);
    if (!counted_before) {
        if (*entry.costs != Usage{}) fail(path, "must begin at 0 where the version before has no costs");
        return;
    }
    const contract::Entry& before = step(index - 1).entry;
    if (!before.costs) fail(path, "rests on the entry before, which has none");
    const Usage used = entry.costs->since(*before.costs, "/receipt/" + path);
    if (entry.sequence == before.sequence + 1) check_used(index, used);
}

Line Verifier::costs() const {
    std::string text = "what the binding used";
    if (const auto& last = steps_.back(); last && last->entry.costs)
        text = "used so far: " + describe(*last->entry.costs);
    return check("costs", std::move(text), How::attested, [&] {
        for (std::size_t i = 0; i < steps_.size(); ++i) check_costs(i);
    });
}

}  // namespace concordat::proof
