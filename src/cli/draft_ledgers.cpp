#include "draft_ledgers.hpp"

#include <contract/places.hpp>

namespace concordat::cli {

namespace {

// How long the chain's finality may take: twice what its blocks take now, one more for a call that just missed one.
// Nothing where the node cannot say.
std::optional<std::int64_t> finality_seconds(const json::Object& finality, const json::Value& known) {
    const json::Value* block_seconds = known.as_object().if_contains("block_seconds");
    const json::Value* blocks = finality.if_contains("blocks");
    if (block_seconds == nullptr || blocks == nullptr || !blocks->is_int64()) return std::nullopt;
    return 2 * (blocks->get_int64() + 1) * block_seconds->to_number<std::int64_t>();
}

// An empty object where the node does not reach it.
json::Value known_of(Session& session, const std::string& chain) {
    try {
        return session.get_json("/v1/ledgers/" + chain);
    } catch (const Error& error) {
        if (error.code() != Code::not_found) throw;
        return json::Object{};
    }
}

void complete(json::Object& target, const json::Value& known) {
    if (!target.contains("account")) target["account"] = "main";
    if (!target.contains("deadline_minutes")) target["deadline_minutes"] = 60;
    if (!target.contains("genesis")) {
        const std::string genesis = text_at(known, "genesis");
        if (genesis.empty())
            throw Error(Code::unavailable, "genesis", "the node does not know the chain's first block: give a genesis");
        target["genesis"] = genesis;
    }
    if (!target.contains("ceiling")) {
        const std::string price = text_at(known, "price");
        if (price.empty()) throw Error(Code::unavailable, "ceiling", "the chain does not answer: give a ceiling");
        target["ceiling"] = std::to_string(std::max<std::uint64_t>(std::stoull(price), 1) * 10);
    }
    json::Value* finality = target.if_contains("finality");
    if (finality == nullptr || !finality->is_object() || finality->get_object().contains("seconds")) return;
    if (const auto seconds = finality_seconds(finality->get_object(), known)) {
        finality->get_object()["seconds"] = *seconds;
    }
}

std::string summary(const std::string& name, const json::Object& target) {
    std::string out = text_at(target, "chain") + ", first block " + text_at(target, "genesis") + "\n  at most " +
                      text_at(target, "ceiling") + " for a unit of work";
    const contract::LedgerTarget read = contract::read_candidate(target, "/ledgers/" + name);
    return out +
           (read.finality_seconds ? "; final after at most " + std::to_string(*read.finality_seconds) + " s" : "");
}

json::Object ledger_of(Session& session, const std::string& name, const std::string& given) {
    json::Object out = json_argument(given, "--ledger").as_object();
    complete(out, known_of(session, text_at(out, "chain")));
    note("ledger " + name + "      " + summary(name, out));
    return out;
}

// The native asset of this chain among those that are needed.
void fill_asset(json::Object& candidate, const contract::LedgerNeeds& needs) {
    if (candidate.contains("asset")) return;
    for (const auto& [asset, most] : needs.assets) {
        if (asset.starts_with(text_at(candidate, "chain") + "/")) candidate["asset"] = asset;
    }
}

// Those that are named, or all that the node reaches of the contract's kind.
json::Array candidates_of(Session& session, const json::Object& given, const std::string& kind) {
    if (const json::Value* named = given.if_contains("candidates")) {
        if (!named->is_array()) throw Error(Code::bad_format, "--route/candidates", "must be an array");
        return named->get_array();
    }
    json::Array out;
    for (const json::Value& one : session.get_json("/v1/ledgers").at("ledgers").as_array()) {
        if (text_at(one, "kind") == kind) out.push_back(json::Object{{"chain", text_at(one, "chain")}});
    }
    return out;
}

json::Object route_of(Session& session, const std::string& name, const std::string& text, const std::string& kind) {
    json::Object shared = json_argument(text, "--route").as_object();
    if (!shared.contains("needs")) throw Error(Code::missing_field, "--route/needs", "must be given; {} for nothing");
    const json::Value given_needs = shared.at("needs");
    const contract::LedgerNeeds needs = contract::LedgerNeeds::parse(given_needs, "--route/needs");
    const json::Array all = candidates_of(session, shared, kind);
    shared.erase("needs");
    shared.erase("candidates");
    json::Array taken;
    for (const json::Value& one : all) {
        json::Object candidate = shared;
        for (const auto& member : one.as_object()) candidate[member.key()] = member.value();
        try {
            const json::Value known = known_of(session, text_at(candidate, "chain"));
            if (known.as_object().empty())
                throw Error(Code::not_found, "chain", "the node does not reach it: concordat ledger add");
            fill_asset(candidate, needs);
            complete(candidate, known);
            needs.check(contract::read_candidate(candidate, ""), "");
            note("ledger " + name + "      " + summary(name, candidate));
            taken.push_back(std::move(candidate));
        } catch (const Error& error) {
            note("ledger " + name + "      left out: " + text_at(candidate, "chain") + ", " + error.what());
        }
    }
    if (taken.empty()) {
        throw Error(Code::unavailable, "--route", "no ledger that the node reaches offers what " + name + " needs");
    }
    return {{"needs", given_needs}, {"candidates", std::move(taken)}};
}

}  // namespace

json::Object ledgers_of(Session& session, const std::vector<std::string>& ledgers,
                        const std::vector<std::string>& routes, const contract::Contract& contract) {
    json::Object out;
    for (const std::string& text : ledgers) {
        const auto [name, target] = pair_argument(text, "--ledger");
        out[name] = ledger_of(session, name, target);
    }
    for (const std::string& text : routes) {
        const auto [name, target] = pair_argument(text, "--route");
        const auto use = contract.ledgers.find(name);
        if (use == contract.ledgers.end())
            throw Error(Code::unknown_field, "--route", "the contract has no ledger " + name);
        out[name] = route_of(session, name, target, use->second.kind);
    }
    return out;
}

}  // namespace concordat::cli
