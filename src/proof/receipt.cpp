#include "receipt.hpp"

#include <array>
#include <contract/names.hpp>
#include <contract/sealing.hpp>

namespace concordat::proof {
namespace {

using contract::EntryType;
using json::Reader;
using ledger::confidential::Claim;
using ledger::confidential::LedgerReceipt;

constexpr std::size_t max_package_bytes = std::size_t{4} << 20;

ReceiptEntry read_entry(const json::Value& value, const std::string& path) {
    Reader in(value, path);
    ReceiptEntry out;
    out.document = in.base64url("document", std::size_t{1} << 20);
    if (in.find("input") != nullptr) out.input = in.base64url("input", std::size_t{4} << 20);
    out.claim = Claim::parse(in.any("claim"), in.at("claim"));
    out.receipt = LedgerReceipt::parse(in.any("receipt"), in.at("receipt"));
    in.finish();
    return out;
}

json::Value write_entry(const ReceiptEntry& entry) {
    json::Object out{{"document", to_base64url(entry.document)},
                     {"claim", entry.claim.to_json()},
                     {"receipt", entry.receipt.to_json()}};
    if (entry.input) out["input"] = to_base64url(*entry.input);
    return out;
}

std::vector<std::string> read_disclosures(Reader& in) {
    std::vector<std::string> out;
    for (const json::Value& item : in.array("disclosures", max_disclosures)) {
        const auto* text = item.if_string();
        if (text == nullptr) in.fail("disclosures", "must be an array of strings");
        // One order for one set, so that a receipt's bytes leave nothing to choose.
        if (!out.empty() && out.back() >= std::string_view(*text)) {
            in.fail("disclosures", "must be in ascending order, each once");
        }
        out.emplace_back(*text);
    }
    return out;
}

void read_enclaves(Reader& in, Receipt& receipt) {
    for (const auto& member : in.object("enclaves")) {
        const std::string path = in.at("enclaves") + "/" + std::string(member.key());
        Reader one(member.value(), path);
        ReceiptEnclave enclave{one.any("key"), one.any("evidence")};
        one.finish();
        receipt.enclaves.emplace(std::string(member.key()), std::move(enclave));
    }
}

std::optional<ReceiptPackage> read_package(Reader& in) {
    if (in.find("package") == nullptr) return std::nullopt;
    Reader one(in.any("package"), in.at("package"));
    ReceiptPackage package{one.base64url("manifest", max_package_bytes), one.base64url("config", max_package_bytes)};
    one.finish();
    return package;
}

std::optional<ReceiptAnchor> read_anchor(Reader& in) {
    if (in.find("anchor") == nullptr) return std::nullopt;
    Reader one(in.any("anchor"), in.at("anchor"));
    ReceiptAnchor out{Anchor::read(one), ledger::confidential::path_from_json(one, "consistency")};
    one.finish();
    return out;
}

json::Value write_anchor(const ReceiptAnchor& anchor) {
    json::Object out = anchor.anchor.to_json();
    out["consistency"] = ledger::confidential::path_to_json(anchor.consistency);
    return out;
}

const ledger::confidential::EnclaveIdentity* find_identity(
    std::span<const ledger::confidential::EnclaveIdentity> enclaves, const std::string& kid) {
    for (const auto& one : enclaves) {
        if (crypto::PublicKey::from_jwk(json::parse(one.key, "/enclaves/key"), "/enclaves/key").kid() == kid)
            return &one;
    }
    return nullptr;
}

}  // namespace

Receipt Receipt::parse(std::string_view text) {
    const json::Value value = json::parse(text, "/receipt", {.bytes = max_receipt_bytes, .depth = 32});
    Reader in(value, "/receipt");
    Receipt receipt;
    in.expect("typ", receipt_typ);
    for (const json::Value& one : in.array("bindings", max_entries)) receipt.bindings.push_back(one);
    const json::Array& entries = in.array("entries", max_entries + 1);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        receipt.entries.push_back(read_entry(entries[i], in.at("entries") + "/" + std::to_string(i)));
    }
    if (receipt.bindings.empty()) in.fail("bindings", "must hold at least version 1");
    if (receipt.entries.empty()) in.fail("entries", "must hold at least the bind entry");
    read_enclaves(in, receipt);
    Reader ledger(in.any("ledger"), in.at("ledger"));
    receipt.ledger_identity = std::string(ledger.string("identity"));
    receipt.ledger_evidence = ledger.any("evidence");
    ledger.finish();
    receipt.package = read_package(in);
    receipt.anchor = read_anchor(in);
    receipt.state = in.object("state");
    receipt.sealed = in.object("sealed");
    receipt.disclosures = read_disclosures(in);
    in.finish();
    if (json::canonical(value) != text) throw Error(Code::bad_format, "/receipt", "must be in RFC 8785 form");
    return receipt;
}

std::string Receipt::write() const {
    json::Array entry_list;
    for (const ReceiptEntry& entry : entries) entry_list.push_back(write_entry(entry));
    json::Object enclave_map;
    for (const auto& [kid, one] : enclaves)
        enclave_map[kid] = json::Object{{"key", one.key}, {"evidence", one.evidence}};
    json::Object out{{"typ", receipt_typ},
                     {"bindings", json::Array(bindings.begin(), bindings.end())},
                     {"entries", std::move(entry_list)},
                     {"enclaves", std::move(enclave_map)},
                     {"ledger", json::Object{{"identity", ledger_identity}, {"evidence", ledger_evidence}}},
                     {"state", state},
                     {"sealed", sealed},
                     {"disclosures", json::Array(disclosures.begin(), disclosures.end())}};
    if (package) {
        out["package"] =
            json::Object{{"manifest", to_base64url(package->manifest)}, {"config", to_base64url(package->config)}};
    }
    if (anchor) out["anchor"] = write_anchor(*anchor);
    return json::canonical(out);
}

contract::Entry version_entry(const Receipt& receipt, std::size_t index) {
    for (std::size_t i = index + 1; i-- > 0;) {
        contract::Entry entry = contract::Entry::parse(receipt.entries.at(i).document);
        if (entry.type == EntryType::bind || entry.type == EntryType::amend) return entry;
    }
    throw Error(Code::bad_format, "/receipt/entries", "must hold an entry for each version");
}

bool follows_prepare(EntryType type) {
    return type == EntryType::cancelling || type == EntryType::step || type == EntryType::outcome ||
           type == EntryType::disputed || type == EntryType::resolve;
}

Receipt make_receipt(std::span<const ledger::confidential::Appended> entries,
                     std::span<const ledger::confidential::EnclaveIdentity> enclaves, std::string_view ledger_identity,
                     std::string_view ledger_evidence, const std::optional<ReceiptPackage>& package) {
    if (entries.empty()) throw Error(Code::not_found, "/entries", "must hold the bind entry");
    Receipt receipt;
    for (const auto& appended : entries) {
        const auto type = contract::Entry::parse(appended.record.document).type;
        ReceiptEntry entry{appended.record.document, std::nullopt, appended.claim, appended.receipt};
        if (type == EntryType::bind || type == EntryType::amend) {
            receipt.bindings.push_back(
                json::parse(text_of(appended.record.input), "/input", {.bytes = max_receipt_bytes}));
        } else {
            entry.input = appended.record.input;
        }
        if (type == EntryType::prepare) {
            if (!package) throw Error(Code::not_found, "/package", "must be given: a prepare entry calls what it says");
            receipt.package = package;
        }
        receipt.entries.push_back(std::move(entry));
        const std::string& kid = appended.claim.kid;
        if (receipt.enclaves.contains(kid)) continue;
        const auto* identity = find_identity(enclaves, kid);
        if (identity == nullptr) throw Error(Code::not_found, "/enclaves", "must hold the key " + kid);
        receipt.enclaves.emplace(kid, ReceiptEnclave{json::parse(identity->key, "/enclaves/key"),
                                                     json::parse(identity->evidence, "/enclaves/evidence")});
    }
    receipt.ledger_identity = std::string(ledger_identity);
    receipt.ledger_evidence = json::parse(ledger_evidence, "/ledger/evidence");
    receipt.state = contract::parse_state(entries.back().record.state, "/state");
    receipt.sealed = contract::parse_sealed_disclosures(entries.back().record.disclosures, "/disclosures");
    return receipt;
}

}  // namespace concordat::proof
