#include "places.hpp"

#include <algorithm>
#include <set>

#include "names.hpp"

namespace concordat::contract {

namespace {

constexpr std::int64_t max_deadline_minutes = std::int64_t{60} * 24 * 31;
constexpr std::int64_t max_finality_seconds = max_deadline_minutes * 60;
constexpr std::size_t max_asset_bytes = 128;

std::string at_item(const std::string& path, std::size_t index) { return path + "/" + std::to_string(index); }

ledger::Finality read_finality(json::Reader& target, std::optional<std::int64_t>& seconds) {
    json::Reader in(target.any("finality"), target.at("finality"));
    ledger::Finality finality;
    finality.blocks = static_cast<std::uint64_t>(in.integer("blocks", 1, 4096));
    finality.witness = in.string("witness", max_name_bytes);
    check_name(finality.witness, in.at("witness"));
    if (in.find("parameters") != nullptr) finality.parameters = in.object("parameters");
    if (in.find("seconds") != nullptr) seconds = in.integer("seconds", 0, max_finality_seconds);
    in.finish();
    return finality;
}

bool read_true(json::Reader& in, std::string_view name) {
    if (in.find(name) == nullptr) return false;
    if (!in.boolean_or(name, false)) in.fail(name, "must be true where it is present");
    return true;
}

LedgerTarget read_target(json::Reader& in) {
    LedgerTarget target;
    target.chain = in.string("chain", 64);
    if (target.chain.find(':') == std::string::npos) in.fail("chain", "must be a chain id as CAIP-2 has it");
    target.genesis = in.string("genesis", 128);
    target.address = in.string("address", 128);
    target.account = in.string("account", max_name_bytes);
    check_name(target.account, in.at("account"));
    if (in.find("owner") != nullptr) target.owner = thumbprint_of(in.string("owner", 64), in.at("owner"));
    target.work = ledger::read_number(in, "work");
    target.ceiling = ledger::read_number(in, "ceiling");
    target.finality = read_finality(in, target.finality_seconds);
    target.deadline_minutes = in.integer("deadline_minutes", 1, max_deadline_minutes);
    return target;
}

std::string_view namespace_of(std::string_view chain) { return chain.substr(0, chain.find(':')); }

// CAIP-19: the chain, "/", and the asset's namespace and reference.
void check_asset(std::string_view asset, std::string_view chain, const std::string& field) {
    const std::size_t slash = asset.find('/');
    const std::string_view on_chain = slash == std::string_view::npos ? "" : asset.substr(slash + 1);
    const std::size_t colon = on_chain.find(':');
    const bool right = colon != std::string_view::npos && colon > 0 && colon + 1 < on_chain.size();
    if (!right || asset.substr(0, slash).find(':') == std::string_view::npos || asset.size() > max_asset_bytes) {
        throw Error(Code::bad_format, field, "must be an asset as CAIP-19 has it, eip155:1/slip44:60 for one");
    }
    if (!chain.empty() && asset.substr(0, slash) != chain) {
        throw Error(Code::bad_format, field, "must be an asset of " + std::string(chain));
    }
}

}  // namespace

LedgerNeeds LedgerNeeds::parse(const json::Value& value, const std::string& path) {
    json::Reader in(value, path);
    LedgerNeeds needs;
    if (in.find("finality_seconds") != nullptr) {
        needs.finality_seconds = in.integer("finality_seconds", 0, max_finality_seconds);
    }
    if (in.find("assets") != nullptr) {
        json::Reader assets(in.any("assets"), in.at("assets"));
        for (const auto& member : in.object("assets")) {
            check_asset(member.key(), {}, assets.at(member.key()));
            needs.assets.emplace(member.key(), ledger::read_number(assets, member.key()));
        }
        const bool right = !needs.assets.empty() && needs.assets.size() <= max_candidates;
        if (!right) in.fail("assets", "must be 1 to 8 where they are present");
    }
    needs.is_private = read_true(in, "private");
    in.finish();
    return needs;
}

void LedgerNeeds::check(const LedgerTarget& candidate, const std::string& path) const {
    const auto refuse = [&](const char* member, const std::string& rule) {
        throw Error(Code::bad_format, path + member, rule);
    };
    if (finality_seconds && (!candidate.finality_seconds || *candidate.finality_seconds > *finality_seconds)) {
        refuse("/finality/seconds", "must be there and at most the " + std::to_string(*finality_seconds) +
                                        " that are needed: finality_seconds");
    }
    if (is_private && !candidate.is_private) refuse("/private", "must be true: that is needed");
    if (assets.empty()) return;
    const auto asset = assets.find(candidate.asset);
    if (asset == assets.end()) refuse("/asset", "must be one of the assets that are needed");
    // Both below 2^64, so the product is below 2^128.
    if (static_cast<unsigned __int128>(candidate.work) * candidate.ceiling > asset->second) {
        refuse("/ceiling", "times work must be at most the " + std::to_string(asset->second) + " of " +
                               candidate.asset + " that one call may cost");
    }
}

const LedgerTarget* LedgerPlace::on(std::string_view chain) const {
    if (!is_routed()) return chain.empty() ? &candidates.front() : nullptr;
    const auto found = std::ranges::find(candidates, chain, &LedgerTarget::chain);
    return found == candidates.end() ? nullptr : &*found;
}

LedgerTarget read_candidate(const json::Value& value, const std::string& path) {
    json::Reader in(value, path);
    LedgerTarget target = read_target(in);
    if (in.find("asset") != nullptr) {
        target.asset = in.string("asset", max_asset_bytes);
        check_asset(target.asset, target.chain, in.at("asset"));
    }
    target.is_private = read_true(in, "private");
    in.finish();
    return target;
}

LedgerPlace read_place(const json::Value& value, const std::string& path) {
    LedgerPlace place;
    json::Reader in(value, path);
    if (in.find("needs") == nullptr) {
        place.candidates.push_back(read_target(in));
        in.finish();
        return place;
    }
    place.needs = LedgerNeeds::parse(in.any("needs"), in.at("needs"));
    const json::Array& candidates = in.array("candidates", max_candidates);
    if (candidates.empty()) in.fail("candidates", "must be 1 to 8");
    for (std::size_t i = 0; i < candidates.size(); ++i) {
        const std::string at = at_item(in.at("candidates"), i);
        LedgerTarget one = read_candidate(candidates[i], at);
        if (place.on(one.chain) != nullptr) throw Error(Code::bad_format, at + "/chain", "must be named once");
        if (i > 0 && namespace_of(one.chain) != namespace_of(place.candidates.front().chain)) {
            throw Error(Code::bad_format, at + "/chain", "must be of the same kind as the other candidates'");
        }
        place.needs->check(one, at);
        place.candidates.push_back(std::move(one));
    }
    in.finish();
    return place;
}

}  // namespace concordat::contract
