// Layers about who ran and recorded it: enclaves, ledger, state, disclosures, and what only the host says.
#include <contract/input.hpp>
#include <contract/names.hpp>
#include <contract/sealing.hpp>
#include <crypto/hash.hpp>
#include <schema/disclosure.hpp>

#include "verifier.hpp"

namespace concordat::proof {
namespace {

using ledger::confidential::Identity;

[[noreturn]] void fail(std::string field, std::string rule) {
    throw Error(Code::bad_format, "/receipt/" + std::move(field), std::move(rule));
}

// Adds the digests of a redacted document.
void count_digests(const json::Value& value, Digests& found, const std::string& at) {
    if (const auto* array = value.if_array()) {
        for (const json::Value& item : *array) count_digests(item, found, at);
    }
    const auto* object = value.if_object();
    if (object == nullptr) return;
    for (const auto& member : *object) {
        const auto* digests = member.key() == "_sd" ? member.value().if_array() : nullptr;
        if (digests == nullptr) {
            count_digests(member.value(), found, at);
            continue;
        }
        for (const json::Value& digest : *digests) {
            if (digest.is_string()) found[std::string(digest.get_string())].push_back(at);
        }
    }
}

}  // namespace

attest::Claims check_key_evidence(const json::Value& evidence, const crypto::PublicKey& key, std::string_view use,
                                  std::string_view field) {
    const attest::Claims claims = attest::verify_evidence(evidence, field);
    static constexpr std::array<std::uint8_t, 1> zero{0};
    if (claims.report_data != crypto::sha256({bytes_of(use), zero, key.thumbprint().view()})) {
        throw Error(Code::bad_evidence, std::string(field), "must be about the key " + key.kid());
    }
    return claims;
}

std::string describe(const attest::Claims& claims) {
    return claims.product + " " + claims.measurement.text() + ", security version " + std::to_string(claims.svn) +
           (claims.hardware ? ", protected by hardware" : ", development, not hardware-protected");
}

// ---------------------------------------------------------------------------------------------------------- enclaves

Line Verifier::enclave(const std::string& kid, const ReceiptEnclave& enclave) const {
    const std::string field = "/receipt/enclaves/" + kid;
    std::string text = "key " + kid;
    Line line = check("enclave", "", How::attested, [&] {
        const auto key = contract::read_key(enclave.key, field + "/key");
        if (key.kid() != kid) throw Error(Code::bad_format, field + "/key", "must be the key of this id");
        const auto claims = check_key_evidence(enclave.evidence, key, "concordat/enclave-key/1", field + "/evidence");
        text += ": " + describe(claims);
        trust_.require(claims, "concordat-enclave");
        bool used = false;
        for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
            if (receipt_.entries[i].claim.kid != kid) continue;
            used = true;
            version_of(i).binding.enclaves.require(claims, "concordat-enclave");
            receipt_.entries[i].claim.verify(step(i).id, key, version_of(i).binding.chain,
                                             "/receipt/entries/" + std::to_string(i) + "/claim");
        }
        if (!used) throw Error(Code::bad_format, field, "must be named by a claim");
    });
    line.text = text;
    return line;
}

Line Verifier::enclaves() const {
    std::vector<Line> below;
    for (const auto& [kid, one] : receipt_.enclaves) below.push_back(enclave(kid, one));
    for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
        const std::string& kid = receipt_.entries[i].claim.kid;
        if (receipt_.enclaves.contains(kid)) continue;
        below.push_back(check("enclave", "claim of entry " + std::to_string(i), How::attested,
                              [&] { fail("enclaves", "must hold the key " + kid + " that a claim names"); }));
    }
    return group("enclave", "every entry claimed by an enclave that binding and trust file accept", How::attested,
                 std::move(below));
}

// ------------------------------------------------------------------------------------------------------------ ledger

void Verifier::check_ledger_receipt(std::size_t index) const {
    const ReceiptEntry& one = receipt_.entries[index];
    const std::string field = "/receipt/entries/" + std::to_string(index) + "/receipt";
    if ((one.receipt.flags & ~ledger::confidential::flag_single_node) != 0) {
        throw Error(Code::bad_receipt, field + "/flags", "must hold only flags that are known");
    }
    const Hash256 enclave = contract::thumbprint_of(one.claim.kid, "/receipt/entries/claim/key");
    one.receipt.verify(ledger::confidential::ledger_leaf(step(index).id, enclave),
                       version_of(index).binding.service_key, field);
    if (index > 0 && one.receipt.index <= receipt_.entries[index - 1].receipt.index) {
        throw Error(Code::bad_receipt, field + "/index", "must be above that of the entry before");
    }
}

void Verifier::check_record_ledger(const Identity& identity) const {
    const contract::Binding& binding = in_force().binding;
    if (!(binding.service_key == identity.service_key)) fail("ledger/identity", "must be the binding's record ledger");
    if (binding.ledger_encryption_key.thumbprint() != identity.encryption_key.thumbprint()) {
        fail("ledger/identity", "must have the encryption key that the binding names");
    }
    for (const TrustedLedger& ledger : trust_.ledgers) {
        if (ledger.chain == identity.chain && ledger.service_key == identity.service_key) return;
    }
    throw Error(Code::bad_receipt, "/trust/ledgers", "does not hold the ledger " + identity.chain);
}

Line Verifier::ledger_evidence(const Identity& identity) const {
    std::string text = "evidence";
    Line line = check("ledger", "", How::attested, [&] {
        const auto claims = check_key_evidence(receipt_.ledger_evidence, identity.service_key, "concordat/ledger-key/1",
                                               "/receipt/ledger/evidence");
        text = describe(claims);
        trust_.require(claims, "concordat-ledger");
    });
    line.text = text;
    return line;
}

Line Verifier::ledger() const {
    std::vector<Line> below;
    std::optional<Identity> identity;
    below.push_back(check("ledger", "signed its identity", How::proved,
                          [&] { identity = Identity::parse(receipt_.ledger_identity); }));
    if (identity) {
        below.back().text = identity->chain + " signed its identity";
        below.push_back(check("ledger", "the record ledger of the binding and of the trust file", How::proved,
                              [&] { check_record_ledger(*identity); }));
        below.push_back(ledger_evidence(*identity));
    }
    for (std::size_t i = 0; i < receipt_.entries.size(); ++i) {
        const std::string index = std::to_string(receipt_.entries[i].receipt.index);
        below.push_back(check("ledger", "entry " + std::to_string(i) + " appended at index " + index, How::proved,
                              [&] { check_ledger_receipt(i); }));
    }
    return group("ledger", "every entry appended to the record ledger", How::attested, std::move(below));
}

// ----------------------------------------------------------------------------------------------- state, disclosures

Line Verifier::state() const {
    return check("state", "the state is the one that the last entry left", How::proved, [&] {
        if (contract::state_root(receipt_.state) != last().entry.state_after) {
            fail("state", "must have the root that the last entry names");
        }
    });
}

Line Verifier::sealed() const {
    const std::string text = "sealed parts for " + std::to_string(receipt_.sealed.size()) + " audience(s)";
    return check("disclosures", text, How::proved, [&] {
        const std::string bytes = json::canonical(receipt_.sealed);
        if (crypto::sha256(bytes) != last().entry.disclosures) {
            fail("sealed", "must have the digest that the last entry names");
        }
        contract::parse_sealed_disclosures(bytes_of(bytes), "/receipt/sealed");
    });
}

// Every digest that the receipt shows, and where: what does not hold has its line already and shows none.
Digests Verifier::digests() const {
    Digests found;
    count_digests(json::Value(receipt_.state), found, "state");
    if (versions_.back()) count_digests(json::Value(versions_.back()->binding.terms), found, "terms");
    const auto ran = execution();
    if (!ran) return found;
    const contract::Entry& entry = steps_[*ran]->entry;
    if (entry.result) count_digests(json::Value(*entry.result), found, "result");
    try {
        const std::string text(text_of(*receipt_.entries[*ran].input));
        const auto input = contract::Input::parse(text);
        if (const auto* message = std::get_if<contract::Message>(&input.content)) {
            count_digests(json::Value(message->body), found, "message");
        }
    } catch (const Error&) {
    }
    return found;
}

Line Verifier::disclosure(std::size_t index, const Digests& digests) const {
    const std::string& shown = receipt_.disclosures[index];
    const std::string field = "/receipt/disclosures/" + std::to_string(index);
    std::string text = "disclosure " + std::to_string(index);
    Line line = check("disclosures", "", How::proved, [&] {
        const auto disclosure = schema::parse_disclosure(shown, field);
        const auto found = digests.find(schema::digest_text(shown));
        if (found == digests.end())
            throw Error(Code::bad_format, field, "must match a digest of what the receipt shows");
        if (found->second.size() != 1) throw Error(Code::bad_format, field, "must match one digest only");
        text = found->second.front() + ": " + disclosure.name + " = " + json::canonical(disclosure.value);
    });
    line.text = text;
    return line;
}

Line Verifier::disclosures() const {
    std::vector<Line> below{sealed()};
    const Digests found = digests();
    for (std::size_t i = 0; i < receipt_.disclosures.size(); ++i) below.push_back(disclosure(i, found));
    return group("disclosures", std::to_string(receipt_.disclosures.size()) + " disclosed field(s)", How::proved,
                 std::move(below));
}

// ---------------------------------------------------------------------------------------------------------- asserted

Line Verifier::asserted(std::string layer, std::string text) const {
    const bool allowed = trust_.allow_asserted.contains(layer);
    const std::string problem = allowed ? "" : "/trust/allow_asserted: does not list \"" + layer + "\"";
    return {std::move(layer), std::move(text), How::asserted, allowed, problem, {}};
}

Line Verifier::clock() const {
    const auto& step = steps_.back();
    return asserted("clock", "the time of the last entry, " + (step ? format_time(step->entry.time) : "unknown") +
                                 ", is the host's claim");
}

}  // namespace concordat::proof
