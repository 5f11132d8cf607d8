// The verifier's layers, internal to this module. Each fills in what the later ones need and adds its lines.
#pragma once
#include <contract/binding.hpp>
#include <contract/package.hpp>
#include <functional>

#include "verify.hpp"

namespace concordat::proof {

// Digest of a disclosure → the documents in which it stands ("state", "terms", …), once for each time.
using Digests = std::map<std::string, std::vector<std::string>, std::less<>>;

// Runs a check and makes its outcome a line; whatever it throws is the line's problem.
Line check(std::string layer, std::string text, How how, const std::function<void()>& body);
// Holds when there are lines below and all of them hold.
Line group(std::string layer, std::string text, How how, std::vector<Line> below);

class Verifier {
  public:
    Verifier(const Receipt& receipt, const TrustFile& trust, ledger::Kinds kinds);
    std::vector<Line> run();

  private:
    struct Version {
        crypto::GeneralJws jws;
        contract::Binding binding;
        Hash256 input;  // digest of the signed document as the entry's input
    };
    struct Step {
        contract::Entry entry;
        Hash256 id;
    };

    const Version& version(std::size_t index) const;  // throws when that version did not hold
    const Step& step(std::size_t index) const;
    const Version& in_force() const { return version(receipt_.bindings.size() - 1); }
    const Step& last() const { return step(last_index()); }
    std::size_t last_index() const { return receipt_.entries.size() - 1; }
    // The version that was in force for that entry, counted from 0: entries that bring a version have no input.
    std::size_t version_index(std::size_t entry_index) const;
    const Version& version_of(std::size_t entry_index) const { return version(version_index(entry_index)); }
    // The first entry of that type that was read and brings no version; none when there is none.
    std::optional<std::size_t> find(contract::EntryType type) const;
    // What the receipt is about came of this execution: its own entry, or its transaction's prepare entry.
    std::optional<std::size_t> execution() const;

    Line bindings();
    void read_version(std::size_t index);
    std::vector<Line> known_parties() const;
    Line entries();
    void read_step(std::size_t index);
    void check_shape() const;
    void check_step(std::size_t index) const;
    void check_content(std::size_t index) const;
    void check_links(std::size_t index) const;
    Line input() const;
    Line message(std::size_t index) const;
    void check_message(std::size_t index) const;
    void check_proposal() const;
    void check_close() const;
    void check_terminate() const;
    // Of an entry that begins a transaction with another ledger or takes it on (verify_transaction.cpp).
    Line transaction() const;
    Line enclaves() const;
    Line enclave(const std::string& kid, const ReceiptEnclave& enclave) const;
    void check_record_ledger(const ledger::confidential::Identity& identity) const;
    Line ledger_evidence(const ledger::confidential::Identity& identity) const;
    Line ledger() const;
    void check_ledger_receipt(std::size_t index) const;
    Line state() const;
    Line sealed() const;
    Digests digests() const;
    Line disclosure(std::size_t index, const Digests& digests) const;
    Line disclosures() const;
    // What the binding used (verify_costs.cpp).
    bool has_costs() const;
    const std::optional<contract::CostTerms>& cost_terms(std::size_t index) const;
    void check_used(std::size_t index, const contract::Usage& used) const;
    void check_costs(std::size_t index) const;
    Line costs() const;
    Line clock() const;
    bool single_node() const;  // of the ledger that appended any of the entries
    Line rollback() const;
    // The root of the tree that the last entry's ledger receipt shows.
    Hash256 last_tree() const;
    Line anchored_root() const;
    Line anchored_beginning() const;
    std::vector<Line> anchored_on_chain(const TrustedChain* witness, std::string& block) const;
    Line asserted(std::string layer, std::string text) const;

    const Receipt& receipt_;
    const TrustFile& trust_;
    ledger::Kinds kinds_;
    std::vector<std::optional<Version>> versions_;
    std::vector<std::optional<Step>> steps_;
};

// Evidence about a key: its claims, once it is bound to that key by `use` ("concordat/enclave-key/1").
attest::Claims check_key_evidence(const json::Value& evidence, const crypto::PublicKey& key, std::string_view use,
                                  std::string_view field);
std::string describe(const attest::Claims& claims);

}  // namespace concordat::proof
