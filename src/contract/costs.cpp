#include "costs.hpp"

#include <algorithm>
#include <array>
#include <boost/multiprecision/cpp_int.hpp>
#include <limits>

#include "entry.hpp"
#include "names.hpp"

namespace concordat::contract {
namespace {

using Big = boost::multiprecision::cpp_int;

constexpr std::array<std::string_view, 3> kinds{"bytes", "fuel", "signatures"};
constexpr std::size_t max_chain_bytes = 41;  // of CAIP-2
constexpr std::size_t max_amount_digits = 78;
constexpr std::size_t max_price_digits = 18;  // before the point, and behind it

const Big& amount_limit() {
    static const Big limit = Big(1) << 256;
    return limit;
}

bool is_digits(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

bool is_whole(std::string_view text) { return is_digits(text) && (text.size() == 1 || text.front() != '0'); }

std::uint64_t read_figure(json::Reader& reader, std::string_view name) { return ledger::read_number(reader, name); }

std::uint64_t sum(std::uint64_t a, std::uint64_t b, const char* name) {
    if (b > std::numeric_limits<std::uint64_t>::max() - a) {
        throw Error(Code::too_large, std::string("/costs/") + name, "must stay below 2^64");
    }
    return a + b;
}

std::uint64_t difference(std::uint64_t now, std::uint64_t then, const std::string& field) {
    if (now < then) throw Error(Code::bad_format, field, "must not fall from an entry to a later one");
    return now - then;
}

void check_chain_name(std::string_view chain, const std::string& field) {
    const std::size_t colon = chain.find(':');
    const auto plain = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
               c == ':';
    };
    const bool fits = chain.size() <= max_chain_bytes && colon != std::string_view::npos && colon > 0 &&
                      colon + 1 < chain.size() && std::ranges::all_of(chain, plain);
    if (!fits) throw Error(Code::bad_format, field, "must be a chain's CAIP-2 name");
}

void read_fees(json::Reader& reader, Usage& usage) {
    if (reader.find("fees") == nullptr) return;
    const json::Object& fees = reader.object("fees");
    if (fees.empty()) reader.fail("fees", "must not be empty where it is present");
    if (fees.size() > max_fee_chains) reader.fail("fees", "must be of at most 256 chains");
    for (const auto& member : fees) {
        const std::string field = reader.at("fees") + "/" + std::string(member.key());
        check_chain_name(member.key(), field);
        if (!member.value().is_string()) throw Error(Code::bad_format, field, "must be a whole number, as text");
        const std::string_view text = member.value().get_string();
        check_amount(text, field);
        if (text == "0") throw Error(Code::bad_format, field, "must be absent rather than 0");
        usage.fees.emplace(member.key(), text);
    }
}

// Exact to the last digit, so an amount is what anybody computes.
void check_price(std::string_view text, const std::string& field) {
    const std::size_t point = text.find('.');
    const std::string_view whole = text.substr(0, point);
    const std::string_view rest = point == std::string_view::npos ? "0" : text.substr(point + 1);
    const bool fits =
        is_whole(whole) && is_digits(rest) && whole.size() <= max_price_digits && rest.size() <= max_price_digits;
    const bool positive = text.find_first_not_of("0.") != std::string_view::npos;
    if (!fits || !positive) {
        throw Error(Code::bad_format, field,
                    "must be a decimal above 0, as text, with at most 18 digits before the point and behind it");
    }
}

Rates read_rates(json::Reader& outer) {
    json::Reader reader(outer.any("rates"), outer.at("rates"));
    Rates rates;
    rates.currency = reader.string("currency", max_name_bytes);
    check_name(rates.currency, reader.at("currency"));
    for (const std::string_view kind : kinds) {
        if (reader.find(kind) == nullptr) continue;
        const std::string_view price = reader.string(kind, 64);
        check_price(price, reader.at(kind));
        rates.prices.emplace(kind, price);
    }
    reader.finish();
    if (rates.prices.empty()) outer.fail("rates", "must price bytes, fuel or signatures");
    return rates;
}

// A general JWS holds its signatures, compact ones are one a line, evidence is one participant's or one transaction's.
std::uint64_t signatures_in(ByteView input) {
    const std::string_view text = text_of(input);
    if (text.empty()) return 0;
    if (text.starts_with(R"({"payload":)")) {
        const json::Value jws = json::parse(text, "/input", {.bytes = std::size_t{4} << 20});
        const json::Value* signatures = jws.as_object().if_contains("signatures");
        return signatures != nullptr && signatures->is_array() ? signatures->get_array().size() : 0;
    }
    if (text.front() == '{') return 1;
    const auto ends = static_cast<std::uint64_t>(std::ranges::count(text, '\n'));
    return ends + (text.back() == '\n' ? 0 : 1);
}

std::uint64_t pins_of(const Entry& entry) { return entry.effects.empty() ? 0 : entry.pinned().size(); }

}  // namespace

void check_amount(std::string_view text, const std::string& field) {
    if (!is_whole(text) || text.size() > max_amount_digits || Big(std::string(text)) >= amount_limit()) {
        throw Error(Code::bad_format, field, "must be a whole number below 2^256, as text");
    }
}

json::Object Usage::to_json() const {
    json::Object out{
        {"bytes", std::to_string(bytes)}, {"fuel", std::to_string(fuel)}, {"signatures", std::to_string(signatures)}};
    if (fees.empty()) return out;
    json::Object list;
    for (const auto& [chain, fee] : fees) list[chain] = fee;
    out["fees"] = std::move(list);
    return out;
}

Usage Usage::read(json::Reader& reader) {
    Usage out;
    out.bytes = read_figure(reader, "bytes");
    out.fuel = read_figure(reader, "fuel");
    out.signatures = read_figure(reader, "signatures");
    read_fees(reader, out);
    return out;
}

void Usage::add(const Usage& other) {
    bytes = sum(bytes, other.bytes, "bytes");
    fuel = sum(fuel, other.fuel, "fuel");
    signatures = sum(signatures, other.signatures, "signatures");
    for (const auto& [chain, fee] : other.fees) add_fee(chain, fee);
}

void Usage::add_fee(const std::string& chain, const std::string& fee) {
    if (fee.empty() || fee == "0") return;
    std::string& total = fees[chain];
    const Big after = Big(total.empty() ? "0" : total) + Big(fee);
    if (after >= amount_limit()) throw Error(Code::too_large, "/costs/fees/" + chain, "must stay below 2^256");
    total = after.str();
}

Usage Usage::since(const Usage& earlier, const std::string& field) const {
    Usage out;
    out.bytes = difference(bytes, earlier.bytes, field + "/bytes");
    out.fuel = difference(fuel, earlier.fuel, field + "/fuel");
    out.signatures = difference(signatures, earlier.signatures, field + "/signatures");
    for (const auto& [chain, fee] : earlier.fees) {
        if (!fees.contains(chain)) difference(0, 1, field + "/fees/" + chain);
    }
    for (const auto& [chain, fee] : fees) {
        const auto then = earlier.fees.find(chain);
        const Big used = Big(fee) - (then == earlier.fees.end() ? Big(0) : Big(then->second));
        if (used < 0) difference(0, 1, field + "/fees/" + chain);
        if (used > 0) out.fees.emplace(chain, used.str());
    }
    return out;
}

json::Object CostTerms::to_json() const {
    json::Object roles;
    for (const auto& [role, weight] : split) roles[role] = weight;
    json::Object out{{"split", std::move(roles)}};
    if (!rates) return out;
    json::Object prices{{"currency", rates->currency}};
    for (const auto& [kind, price] : rates->prices) prices[kind] = price;
    out["rates"] = std::move(prices);
    return out;
}

CostTerms CostTerms::read(json::Reader& reader) {
    CostTerms out;
    const json::Object& split = reader.object("split");
    if (split.empty()) reader.fail("split", "must name who bears the costs");
    json::Reader weights(split, reader.at("split"));
    for (const auto& member : split) {
        check_name(member.key(), weights.at(member.key()));
        out.split.emplace(member.key(), weights.integer(member.key(), 1, max_weight));
    }
    if (reader.find("rates") != nullptr) out.rates = read_rates(reader);
    return out;
}

void check_fee_chains(const Usage& so_far, std::set<std::string> chains) {
    for (const auto& [chain, fee] : so_far.fees) chains.insert(chain);
    if (chains.size() <= max_fee_chains) return;
    throw Error(Code::too_large, "/ledgers", "must not bring the chains that the binding pays on to more than 256");
}

Usage used_by(const Entry& entry, ByteView input, std::size_t sealed_bytes) {
    const std::uint64_t bytes = input.size() + sealed_bytes;
    return {.bytes = (bytes + byte_step - 1) / byte_step * byte_step,
            .fuel = entry.fuel,
            .signatures = signatures_in(input) + 1 + pins_of(entry)};  // 1: the enclave's claim
}

}  // namespace concordat::contract
