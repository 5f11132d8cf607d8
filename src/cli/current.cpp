#include "current.hpp"

#include <algorithm>
#include <crypto/hash.hpp>
#include <ledger/confidential/protocol/statement.hpp>
#include <ledger/kinds/kinds.hpp>
#include <proof/verify.hpp>
#include <registry/archive.hpp>

namespace concordat::cli {

namespace {

namespace ccl = ledger::confidential;

std::string path_of(const Hash256& binding) { return "/v1/bindings/" + binding.text(); }

// What the parties take another binding's receipts from, where theirs calls that.
void add(proof::TrustFile& trust, const proof::TrustFile& more) {
    const auto append = [](auto& to, const auto& from) { to.insert(to.end(), from.begin(), from.end()); };
    append(trust.ledgers, more.ledgers);
    append(trust.development_roots, more.development_roots);
    append(trust.measurements, more.measurements);
    for (const auto& [chain, witness] : more.chains) trust.chains.try_emplace(chain, witness);
}

// What the binding's own signatures make its parties trust. Only the ledger's program is taken as the evidence says:
// the binding names the ledger by its key.
proof::TrustFile trust_of(const proof::Receipt& receipt, const contract::Binding& first) {
    proof::TrustFile trust;
    trust.ledgers.push_back({first.chain, first.service_key});
    trust.allow_development = true;
    trust.allow_asserted = {"clock", "rollback"};
    std::vector<contract::Binding> versions;
    for (const json::Value& jws : receipt.bindings) versions.push_back(parse_version(jws));
    for (const contract::Binding& version : versions) {
        const attest::Policy& policy = version.enclaves;
        trust.development_roots.insert(trust.development_roots.end(), policy.development_roots.begin(),
                                       policy.development_roots.end());
        trust.measurements.insert(trust.measurements.end(), policy.measurements.begin(), policy.measurements.end());
        // Where the binding asks for a proof, the verifier has one. Elsewhere, and of a dispute, the host's word is
        // what the parties signed up to.
        for (const auto& [name, place] : version.ledgers) {
            for (const contract::LedgerTarget& target : place.candidates) {
                if (const json::Value* receipts = target.finality.parameters.if_contains("trust")) {
                    add(trust, proof::TrustFile::parse(json::canonical(*receipts)));
                } else {
                    trust.chains[target.chain] = {.witness = std::string(ledger::host_witness)};
                }
            }
        }
    }
    trust.measurements.push_back(
        attest::verify_evidence(receipt.ledger_evidence, "/receipt/ledger/evidence").measurement);
    return trust;
}

void require_holds(const std::string& text, const proof::TrustFile& trust) {
    const proof::Verdict verdict = proof::verify(text, trust, ledger::all_kinds());
    if (verdict.holds) return;
    const proof::Line* problem = proof::first_problem(verdict.lines);
    throw Error(Code::bad_receipt, problem == nullptr ? "receipt" : problem->layer,
                "what the node shows does not hold: " +
                    (problem == nullptr ? std::string("see `concordat verify`") : problem->problem));
}

ccl::HeadStatement fetch_head(Session& session, const Hash256& binding, Hash256& nonce) {
    session.random.fill(nonce.bytes);
    const json::Value answer = session.get_json(path_of(binding) + "/head?nonce=" + to_base64url(nonce.view()));
    return ccl::HeadStatement::parse(answer, "/head");
}

void check_head(const ccl::HeadStatement& head, const Hash256& nonce, const Current& current) {
    if (head.binding != current.id || head.nonce != nonce || !head.verify(current.binding.service_key)) {
        throw Error(Code::bad_signature, "/head",
                    "must be the ledger's own answer to this question, signed by the binding's service key");
    }
    if (head.entry_id != current.head_id) {
        throw Error(
            Code::rolled_back, "/head/entry",
            "the ledger's head is " + head.entry_id.text() + ", the node's receipt is of " + current.head_id.text());
    }
}

}  // namespace

contract::Binding parse_version(const json::Value& jws) {
    return contract::Binding::parse(crypto::GeneralJws::parse(jws, "/binding").payload);
}

Current fetch_current(Session& session, const Hash256& id) {
    Hash256 nonce;
    const ccl::HeadStatement head = fetch_head(session, id, nonce);
    Current current;
    current.id = id;
    current.sequence = static_cast<std::int64_t>(head.sequence);
    current.receipt_text = session.get(path_of(id) + "/entries/" + std::to_string(head.sequence) + "/receipt");
    current.receipt = proof::Receipt::parse(current.receipt_text);
    if (current.receipt.bindings.empty() || current.receipt.entries.empty())
        throw Error(Code::bad_receipt, "/receipt", "must hold bindings and entries");
    const contract::Binding first = parse_version(current.receipt.bindings.front());
    if (first.hash != id) throw Error(Code::bad_receipt, "/receipt/bindings/0", "must be the binding " + id.text());
    require_holds(current.receipt_text, trust_of(current.receipt, first));
    current.binding = parse_version(current.receipt.bindings.back());
    const Bytes& document = current.receipt.entries.back().document;
    current.head = contract::Entry::parse(document);
    current.head_id = current.head.id(document);
    check_head(head, nonce, current);
    return current;
}

client::AudienceKeys Current::audience_keys(const crypto::EncryptionPrivateKey& reader) const {
    for (auto one = receipt.entries.rbegin(); one != receipt.entries.rend(); ++one) {
        const contract::Entry entry = contract::Entry::parse(one->document);
        if (entry.type == contract::EntryType::bind || entry.type == contract::EntryType::amend) {
            return client::open_audience_keys(entry.audiences, reader);
        }
    }
    return {};
}

contract::Package fetch_package(Session& session, const Hash256& id) {
    const std::string archive = session.get("/v1/packages/" + id.text() + "/archive");
    contract::Package package = registry::read_archive(bytes_of(archive));
    if (package.id() != id)
        throw Error(Code::bad_package, "/package", "must be " + id.text() + ", the node gave " + package.id().text());
    return package;
}

}  // namespace concordat::cli
