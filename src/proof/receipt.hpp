// The receipt: one JSON text that shows that a contract took a step, and all that the showing needs (docs/formats.md
// §8).
#pragma once
#include <contract/entry.hpp>
#include <crypto/jws.hpp>
#include <ledger/confidential/protocol/protocol.hpp>
#include <ledger/confidential/protocol/statement.hpp>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "anchor.hpp"

namespace concordat::proof {

inline constexpr std::string_view receipt_typ = "concordat/receipt/1";
inline constexpr std::size_t max_receipt_bytes = std::size_t{16} << 20;
inline constexpr std::size_t max_entries = 1024;
inline constexpr std::size_t max_disclosures = 4096;

struct ReceiptEntry {
    Bytes document;
    std::optional<Bytes> input;  // absent for bind and amend: `bindings` holds it
    ledger::confidential::Claim claim;
    ledger::confidential::LedgerReceipt receipt;
};

struct ReceiptEnclave {
    json::Value key;  // JWK
    json::Value evidence;
};

// The part of a package that says what a contract's effects call: bytes of its manifest and of its contract.
struct ReceiptPackage {
    Bytes manifest, config;
};

// Parsed as far as the form goes; nothing is believed yet.
struct Receipt {
    std::vector<json::Value> bindings;               // general JWS, version 1 first
    std::vector<ReceiptEntry> entries;               // in order of sequence; the last is what the receipt is about
    std::map<std::string, ReceiptEnclave> enclaves;  // by kid
    std::string ledger_identity;                     // compact JWS
    json::Value ledger_evidence;
    std::optional<ReceiptPackage> package;  // where there is a prepare entry: of its version
    std::optional<ReceiptAnchor> anchor;
    json::Object state;   // redacted
    json::Object sealed;  // audience → {iv, ciphertext}
    std::vector<std::string> disclosures;

    // Strict, and `text` must be the very bytes that write() makes. Throws Error naming what is wrong.
    static Receipt parse(std::string_view text);
    std::string write() const;
};

// The bind or amend entry of the version that was in force for the entry at `index`; that one itself, if it is such.
// Throws Error(bad_format) where there is none.
contract::Entry version_entry(const Receipt& receipt, std::size_t index);

// Whether an entry of this type carries a transaction on. A receipt about it also holds every earlier entry of the
// transaction, from its prepare entry on.
bool follows_prepare(contract::EntryType type);

// What a node holds for one receipt, as the ledger gives it, in order of sequence: the bind entry, every amendment up
// to the version in force, the earlier entries of its transaction (follows_prepare), and the entry it is about; the
// enclaves' identities that the ledger gave with them (more than needed do no harm); and the ledger's identity. The
// state and sealed disclosures are those of the last entry. `package` is the one of the prepare entry's version, where
// there is a prepare entry. Throws Error(not_found) naming what is missing.
Receipt make_receipt(std::span<const ledger::confidential::Appended> entries,
                     std::span<const ledger::confidential::EnclaveIdentity> enclaves, std::string_view ledger_identity,
                     std::string_view ledger_evidence, const std::optional<ReceiptPackage>& package = std::nullopt);

}  // namespace concordat::proof
