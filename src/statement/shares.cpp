#include "shares.hpp"

#include <algorithm>
#include <boost/multiprecision/cpp_int.hpp>
#include <numeric>

namespace concordat::statement {
namespace {

using contract::EntryType;
using contract::Usage;
using Big = boost::multiprecision::cpp_int;

constexpr std::size_t price_digits = 18;  // behind the point

// Parties with their weights over one denominator, by id.
std::map<std::string, Big> weights_of(const Part& part) {
    std::map<std::string, std::uint64_t, std::less<>> members;  // of each role that bears something
    for (const contract::Party& party : part.parties) {
        if (part.terms.split.contains(party.role)) ++members[party.role];
    }
    Big common = 1;
    for (const auto& [role, count] : members) common = boost::multiprecision::lcm(common, Big(count));
    std::map<std::string, Big> out;
    for (const contract::Party& party : part.parties) {
        const auto weight = part.terms.split.find(party.role);
        if (weight == part.terms.split.end()) continue;
        out[party.id] = Big(weight->second) * (common / members.find(party.role)->second);
    }
    return out;
}

// The whole divided by weight. What is left goes to the largest fractions, of equal ones to the party whose id is first.
std::map<std::string, Big> divide(const Big& whole, const std::map<std::string, Big>& weights) {
    Big total = 0;
    for (const auto& [party, weight] : weights) total += weight;
    std::map<std::string, Big> out;
    std::vector<std::pair<Big, std::string>> rests;
    Big left = whole;
    for (const auto& [party, weight] : weights) {
        const Big scaled = whole * weight;
        out[party] = scaled / total;
        left -= out[party];
        rests.emplace_back(scaled % total, party);
    }
    std::ranges::sort(rests, [](const auto& a, const auto& b) {
        return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    for (const auto& [rest, party] : rests) {
        if (left == 0) break;
        ++out[party];
        --left;
    }
    return out;
}

// A decimal as a whole number of units of 10^-18.
Big scaled(const std::string& price) {
    const std::size_t point = price.find('.');
    std::string digits = price.substr(0, point);
    const std::string fraction = point == std::string::npos ? "" : price.substr(point + 1);
    digits += fraction + std::string(price_digits - fraction.size(), '0');
    digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size() - 1));  // else it would be read as octal
    return Big(digits);
}

std::string decimal(const Big& value) {
    std::string digits = value.str();
    if (digits.size() <= price_digits) digits.insert(0, price_digits + 1 - digits.size(), '0');
    std::string fraction = digits.substr(digits.size() - price_digits);
    digits.resize(digits.size() - price_digits);
    while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
    return fraction.empty() ? digits : digits + "." + fraction;
}

struct Sum {
    Usage used;
    std::map<std::string, Big> amounts;
};

void add_part(const Part& part, std::map<std::string, Sum>& sums) {
    const std::map<std::string, Big> weights = weights_of(part);
    for (const auto& [party, weight] : weights) sums[party];
    const auto take = [&](const char* kind, std::uint64_t whole, std::uint64_t Usage::* figure) {
        for (const auto& [party, share] : divide(whole, weights)) {
            sums[party].used.*figure += static_cast<std::uint64_t>(share);
            if (!part.terms.rates) continue;
            const auto price = part.terms.rates->prices.find(kind);
            if (price == part.terms.rates->prices.end()) continue;
            sums[party].amounts[part.terms.rates->currency] += share * scaled(price->second);
        }
    };
    take("bytes", part.used.bytes, &Usage::bytes);
    take("fuel", part.used.fuel, &Usage::fuel);
    take("signatures", part.used.signatures, &Usage::signatures);
    for (const auto& [chain, fee] : part.used.fees) {
        for (const auto& [party, share] : divide(Big(fee), weights)) sums[party].used.add_fee(chain, share.str());
    }
}

}  // namespace

std::vector<Part> parts_of(const proof::Receipt& closing, const contract::Entry* opening) {
    std::vector<Part> out;
    std::optional<contract::CostTerms> terms;
    std::optional<Usage> counted;
    std::size_t version = 0;  // in force, counted from 1
    std::int64_t last = -1;   // the last entry that is accounted for
    const auto end_part = [&](const contract::Entry& at) {
        if (!terms || !counted || !at.costs || at.sequence <= last) return;
        const json::Value& signed_version = closing.bindings.at(version - 1);
        const auto jws = crypto::GeneralJws::parse(signed_version, "/bindings/" + std::to_string(version - 1));
        contract::Binding binding = contract::Binding::parse(jws.payload);
        out.push_back({binding.hash, at.sequence, *terms, std::move(binding.parties),
                       at.costs->since(*counted, "/entries/" + std::to_string(at.sequence) + "/costs")});
    };
    for (const proof::ReceiptEntry& one : closing.entries) {
        if (one.input) continue;  // of a transaction, or the last
        const contract::Entry entry = contract::Entry::parse(one.document);
        const bool before = opening != nullptr && entry.sequence <= opening->sequence;
        if (!before && version > 0) end_part(entry);
        ++version;
        terms = entry.cost_terms;
        counted = entry.type == EntryType::bind ? std::optional<Usage>(std::in_place) : entry.costs;
        if (before) counted = opening->costs;
        if (!before && entry.type != EntryType::bind) last = entry.sequence;
    }
    end_part(contract::Entry::parse(closing.entries.back().document));
    return out;
}

std::vector<Share> shares_of(std::span<const Part> parts) {
    std::map<std::string, Sum> sums;
    for (const Part& part : parts) add_part(part, sums);
    std::vector<Share> out;
    for (auto& [party, sum] : sums) {
        Share share{.party = party, .used = std::move(sum.used)};
        for (const auto& [currency, amount] : sum.amounts) share.amounts.emplace(currency, decimal(amount));
        out.push_back(std::move(share));
    }
    return out;
}

Usage sum_of(std::span<const Part> parts) {
    Usage out;
    for (const Part& part : parts) out.add(part.used);
    return out;
}

}  // namespace concordat::statement
