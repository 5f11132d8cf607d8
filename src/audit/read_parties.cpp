// Who agreed and who vouches: the versions with their signatures, the record ledger, the state.
#include <algorithm>
#include <crypto/hash.hpp>

#include "gather.hpp"

namespace concordat::audit {
namespace {

using contract::EntryType;

// By a key of the version before, or of this one for those whom it adds (contract::amendment_signers).
std::vector<Signature> signatures_of(const crypto::GeneralJws& jws, const contract::Binding* before,
                                     const contract::Binding& binding) {
    std::vector<Signature> out;
    for (std::size_t i = 0; i < jws.signatures.size(); ++i) {
        const crypto::JwsHeader& header = jws.signatures[i].header;
        Signature one{
            .party = {}, .role = {}, .algorithm = std::string(crypto::alg_name(header.alg)), .kid = header.kid};
        for (const contract::Binding* keys : {before, &binding}) {
            if (keys == nullptr || !one.party.empty()) continue;
            for (const contract::Party& party : keys->parties) {
                const auto key = std::ranges::find(party.keys, header.kid, &crypto::PublicKey::kid);
                if (key == party.keys.end()) continue;
                one.party = party.id;
                one.role = party.role;
                one.holds = jws.verify(i, *key);
                break;
            }
        }
        out.push_back(std::move(one));
    }
    return out;
}

Standing standing_of(const proof::Line* line) {
    if (line == nullptr) return Standing::unchecked;
    return line->ok ? Standing::holds : Standing::fails;
}

}  // namespace

void Gatherer::read_ledger(const proof::Receipt& receipt, const proof::Verdict* verdict) {
    RecordLedgerFact fact;
    fact.single_node = (receipt.entries.back().receipt.flags & ledger::confidential::flag_single_node) != 0;
    try {
        const auto identity = ledger::confidential::Identity::parse(receipt.ledger_identity);
        fact.chain = identity.chain;
        fact.service_key = identity.service_key.kid();
        const attest::Claims claims = attest::verify_evidence(receipt.ledger_evidence, "/evidence");
        fact.product = claims.product;
        fact.kind = claims.kind;
        fact.measurement = claims.measurement;
        fact.root = claims.root;
        fact.svn = claims.svn;
        fact.hardware = claims.hardware;
    } catch (const Error& error) {
        fact.problem = error.field() + ": " + error.rule();
    }
    const proof::Line* group = verdict == nullptr ? nullptr : line_of(verdict->lines, "ledger");
    fact.standing = standing_of(group);
    if (group != nullptr) {
        for (const proof::Line& line : group->below) {
            if (!line.ok) fact.problem = line.problem;
        }
    }
    facts_.ledger = std::move(fact);
}

void Gatherer::read_versions() {
    if (newest_.empty()) return;
    const proof::Receipt receipt = proof::Receipt::parse(newest_);
    const proof::Verdict verdict{.lines = facts_.verdict, .holds = newest_holds_};
    const proof::Verdict* said = options_.trust == nullptr ? nullptr : &verdict;
    read_ledger(receipt, said);
    facts_.state = fields_of(receipt.state, state_opened_, facts_, max_state_bytes);
    const proof::Line* group = said == nullptr ? nullptr : line_of(said->lines, "binding");
    std::vector<contract::Entry> brought;
    std::vector<Hash256> ids;
    for (const proof::ReceiptEntry& one : receipt.entries) {
        contract::Entry entry = contract::Entry::parse(one.document);
        if (entry.type != EntryType::bind && entry.type != EntryType::amend) continue;
        ids.push_back(entry.id(one.document));
        brought.push_back(std::move(entry));
    }
    try {
        for (std::size_t i = 0; i < receipt.bindings.size() && i < brought.size(); ++i) {
            const auto jws = crypto::GeneralJws::parse(receipt.bindings[i], "/binding");
            VersionFact fact;
            fact.binding = contract::Binding::parse(jws.payload);
            const contract::Binding* before = i == 0 ? nullptr : &facts_.versions[i - 1].binding;
            fact.signatures = signatures_of(jws, before, fact.binding);
            fact.sequence = brought[i].sequence;
            fact.time = brought[i].time;
            fact.entry = ids[i];
            fact.accounts = brought[i].accounts;
            fact.terms = fields_of(fact.binding.terms, state_opened_, facts_, max_state_bytes);
            // The verifier's lines about versions come first, in order.
            const proof::Line* line = group != nullptr && i < group->below.size() ? &group->below[i] : nullptr;
            fact.standing = standing_of(line);
            if (line != nullptr) {
                fact.line = line->text;
                fact.problem = line->problem;
            }
            facts_.versions.push_back(std::move(fact));
        }
    } catch (const Error& error) {
        problem(std::nullopt, "binding", "the versions cannot be read", error.field() + ": " + error.rule());
    }
    if (!facts_.versions.empty() && facts_.versions.front().binding.hash != facts_.binding) {
        problem(std::nullopt, "binding", "the receipts' first version",
                "must have the hash that is the binding's id, " + facts_.binding.text());
    }
}

void Gatherer::learn_package(const proof::Receipt& receipt) {
    try {
        const auto manifest = contract::Manifest::parse(receipt.package->manifest);
        if (facts_.packages.contains(manifest.id) || crypto::sha256(receipt.package->config) != manifest.config) return;
        name_package(manifest.id, contract::Contract::parse(receipt.package->config));
    } catch (const Error&) {  // the verifier says what is wrong with it
    }
}

void Gatherer::name_package(const Hash256& id, const contract::Contract& contract) {
    ContractName name{.name = contract.name, .version = contract.version, .description = contract.description};
    for (const auto& [ledger, use] : contract.ledgers) name.kinds[ledger] = use.kind;
    facts_.packages.emplace(id, std::move(name));
}

std::vector<Hash256> Gatherer::unnamed_packages() const {
    std::vector<Hash256> out;
    if (newest_.empty()) return out;
    try {
        const proof::Receipt receipt = proof::Receipt::parse(newest_);
        for (const json::Value& one : receipt.bindings) {
            const auto jws = crypto::GeneralJws::parse(one, "/binding");
            const Hash256 package = contract::Binding::parse(jws.payload).package;
            if (facts_.packages.contains(package) || std::ranges::find(out, package) != out.end()) continue;
            out.push_back(package);
        }
    } catch (const Error&) {  // finish() says so
    }
    return out;
}

}  // namespace concordat::audit
