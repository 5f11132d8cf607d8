#include "trust.hpp"

#include <algorithm>
#include <contract/names.hpp>
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/kind.hpp>

namespace concordat::proof {
namespace {

using json::Reader;

constexpr std::size_t max_items = 4096;

std::vector<Hash256> read_hashes(Reader& in, std::string_view name) {
    std::vector<Hash256> out;
    for (const json::Value& item : in.array(name, max_items)) {
        const auto* text = item.if_string();
        out.push_back(Hash256::parse(text == nullptr ? std::string_view() : std::string_view(*text), in.at(name)));
    }
    return out;
}

TrustedLedger read_ledger(const json::Value& value, const std::string& path) {
    Reader in(value, path);
    TrustedLedger ledger{std::string(in.string("chain", 64)),
                         contract::read_key(in.any("service_key"), in.at("service_key"))};
    in.finish();
    if (ledger.chain != ledger::confidential::chain_of(ledger.service_key)) {
        in.fail("chain", "must be the chain of the service key");
    }
    return ledger;
}

std::set<Hash256> read_thumbprints(const json::Value& value, const std::string& path) {
    const auto* items = value.if_array();
    if (items == nullptr || items->empty()) throw Error(Code::bad_format, path, "must be an array of key thumbprints");
    std::set<Hash256> out;
    for (const json::Value& item : *items) {
        const auto* text = item.if_string();
        out.insert(contract::thumbprint_of(text == nullptr ? std::string_view() : std::string_view(*text), path));
    }
    return out;
}

std::set<std::string> read_asserted(Reader& in) {
    std::set<std::string> out;
    for (const json::Value& item : in.array("allow_asserted", 16)) {
        if (item != json::Value("clock") && item != json::Value("rollback")) {
            in.fail("allow_asserted", "must hold only \"clock\" and \"rollback\"");
        }
        out.emplace(item.get_string());
    }
    return out;
}

// CAIP-2: "namespace:reference".
void check_caip2(std::string_view chain, const std::string& path) {
    const std::size_t colon = std::min(chain.find(':'), chain.size());
    const std::string_view space = chain.substr(0, colon), reference = chain.substr(std::min(colon + 1, chain.size()));
    const auto lower = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
    const auto any = [&](char c) { return lower(c) || (c >= 'A' && c <= 'Z') || c == '_'; };
    const bool fits = space.size() >= 3 && space.size() <= 8 && !reference.empty() && reference.size() <= 32;
    if (!fits || !std::ranges::all_of(space, lower) || !std::ranges::all_of(reference, any)) {
        throw Error(Code::bad_format, path, "must be a chain as CAIP-2 writes it: \"eip155:1\"");
    }
}

TrustedChain read_chain(const json::Value& value, const std::string& path) {
    Reader in(value, path);
    TrustedChain chain{.witness = std::string(in.string("witness", contract::max_name_bytes))};
    contract::check_name(chain.witness, in.at("witness"));
    if (in.find("parameters") != nullptr) chain.parameters = in.object("parameters");
    in.finish();
    if (chain.witness == ledger::host_witness && !chain.parameters.empty()) {
        in.fail("parameters", "must be absent: nothing bounds the host's word");
    }
    return chain;
}

std::set<std::pair<std::string, std::string>> read_anchors(Reader& in) {
    std::set<std::pair<std::string, std::string>> out;
    for (const json::Value& item : in.array("anchors", max_items)) {
        Reader one(item, in.at("anchors") + "/" + std::to_string(out.size()));
        const std::string chain(one.string("chain", contract::max_name_bytes));
        check_caip2(chain, one.at("chain"));
        const std::string contract(one.string("contract", 128));
        one.finish();
        if (!out.emplace(chain, contract).second) in.fail("anchors", "must name each contract once");
    }
    return out;
}

json::Array write_anchors(const std::set<std::pair<std::string, std::string>>& anchors) {
    json::Array out;
    for (const auto& [chain, contract] : anchors) out.push_back(json::Object{{"chain", chain}, {"contract", contract}});
    return out;
}

json::Object write_chains(const std::map<std::string, TrustedChain, std::less<>>& chains) {
    json::Object out;
    for (const auto& [name, chain] : chains) {
        json::Object one{{"witness", chain.witness}};
        if (!chain.parameters.empty()) one["parameters"] = chain.parameters;
        out[name] = std::move(one);
    }
    return out;
}

json::Array texts(const std::vector<Hash256>& hashes) {
    json::Array out;
    for (const Hash256& hash : hashes) out.emplace_back(hash.text());
    return out;
}

bool contains(const std::vector<Hash256>& hashes, const Hash256& hash) {
    return std::ranges::find(hashes, hash) != hashes.end();
}

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_evidence, "/trust/" + std::string(field), std::move(rule));
}

}  // namespace

TrustFile TrustFile::parse(std::string_view text) {
    const json::Value value = json::parse(text, "/trust");
    Reader in(value, "/trust");
    TrustFile trust;
    in.expect("typ", "concordat/trust/1");
    std::size_t i = 0;
    for (const json::Value& item : in.array("ledgers", max_items)) {
        trust.ledgers.push_back(read_ledger(item, in.at("ledgers") + "/" + std::to_string(i++)));
    }
    trust.development_roots = read_hashes(in, "development_roots");
    trust.measurements = read_hashes(in, "measurements");
    trust.minimum_svn = in.integer("minimum_svn");
    if (in.find("parties") != nullptr) {
        for (const auto& member : in.object("parties")) {
            const std::string path = in.at("parties") + "/" + std::string(member.key());
            trust.parties.emplace(std::string(member.key()), read_thumbprints(member.value(), path));
        }
    }
    if (in.find("chains") != nullptr) {
        for (const auto& member : in.object("chains")) {
            const std::string path = in.at("chains") + "/" + std::string(member.key());
            check_caip2(member.key(), path);
            trust.chains.emplace(std::string(member.key()), read_chain(member.value(), path));
        }
    }
    if (in.find("anchors") != nullptr) trust.anchors = read_anchors(in);
    in.any("allow_development");
    trust.allow_development = in.boolean_or("allow_development", false);
    trust.allow_asserted = read_asserted(in);
    in.finish();
    return trust;
}

std::string TrustFile::write() const {
    json::Array ledger_list, asserted;
    for (const auto& ledger : ledgers) {
        ledger_list.push_back(json::Object{{"chain", ledger.chain}, {"service_key", ledger.service_key.jwk()}});
    }
    for (const auto& name : allow_asserted) asserted.emplace_back(name);
    json::Object out{{"typ", "concordat/trust/1"},
                     {"ledgers", std::move(ledger_list)},
                     {"development_roots", texts(development_roots)},
                     {"measurements", texts(measurements)},
                     {"minimum_svn", minimum_svn},
                     {"allow_development", allow_development},
                     {"allow_asserted", std::move(asserted)}};
    if (!chains.empty()) out["chains"] = write_chains(chains);
    if (!anchors.empty()) out["anchors"] = write_anchors(anchors);
    if (!parties.empty()) {
        json::Object ids;
        for (const auto& [id, keys] : parties) {
            json::Array list;
            for (const Hash256& key : keys) list.emplace_back(to_base64url(key.view()));
            ids[id] = std::move(list);
        }
        out["parties"] = std::move(ids);
    }
    return json::canonical(out);
}

void TrustFile::require(const attest::Claims& claims, std::string_view product) const {
    if (!claims.hardware) {
        if (!allow_development) refuse("allow_development", "development evidence is not accepted by the trust file");
        if (!contains(development_roots, claims.root)) {
            refuse("development_roots", "the root that vouches is not accepted by the trust file");
        }
    }
    if (claims.product != product) refuse("product", "the evidence must be about " + std::string(product));
    if (!contains(measurements, claims.measurement)) {
        refuse("measurements", "the measured code is not accepted by the trust file: " + claims.measurement.text());
    }
    if (claims.svn < minimum_svn) refuse("minimum_svn", "the security version is below what the trust file accepts");
}

}  // namespace concordat::proof
