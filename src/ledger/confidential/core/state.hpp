// What the ledger holds in memory: what follows from the log, and nothing of the entries themselves. Bounded by
// bindings (about 220 bytes each), accounts (about 100 bytes each), entries (64 bytes each) and group commits (64 bytes
// each).
#pragma once
#include <attest/evidence.hpp>
#include <crypto/merkle.hpp>
#include <map>
#include <unordered_map>

#include "group.hpp"
#include "log.hpp"

namespace concordat::ledger::confidential {

struct Head : HeadState {
    SecretKey key;
    std::uint64_t released = 0;  // in this process's life: to which admitted enclaves (a bit each)
};

struct KnownEnclave {
    crypto::PublicKey key;
    EnclaveIdentity identity;
};

class State {
  public:
    const Head* find(const Hash256& binding) const;
    Head* find(const Hash256& binding);
    std::uint64_t size() const { return tree_.size(); }
    std::size_t bindings() const { return heads_.size(); }
    std::size_t commits() const { return commits_.size(); }
    const crypto::MerkleTree& tree() const { return tree_; }
    const KnownEnclave& enclave(std::uint32_t index) const { return enclaves_.at(index); }
    std::optional<std::uint32_t> enclave_index(const Hash256& thumbprint) const;
    std::uint32_t enclave_count() const { return static_cast<std::uint32_t>(enclaves_.size()); }
    const attest::Policy& policy(std::uint32_t index) const { return policies_.at(index).policy; }
    std::optional<std::uint32_t> policy_index(const std::string& jcs) const;
    std::uint32_t policy_count() const { return static_cast<std::uint32_t>(policies_.size()); }
    // The first slot of an account that no prepare entry has pinned.
    std::uint64_t next_slot(const Hash256& account) const;
    // The record that holds entry `index`, and where the next one begins.
    const RecordRef& record_of(std::uint64_t index) const;
    // Drops the mark of one admitted enclave everywhere.
    void forget_release(std::uint64_t bit);

    // Takes in a group that is in the log. The rules were checked, or are checked here: Error(tampered | …) when it
    // does not follow from the state.
    void apply(const Group& group, const RecordRef& at);

    void write(wire::Writer& out) const;
    // `with_slots`: false for what versions before transactions wrote.
    static State read(wire::Reader& in, bool with_slots);
    // Equal in everything that is kept in a snapshot.
    bool same_as(const State& other) const;

  private:
    struct KnownPolicy {
        std::string jcs;
        attest::Policy policy;
    };
    void add_enclave(const EnclaveIdentity& identity);
    void add_policy(const std::string& jcs);
    void apply_item(const GroupItem& item, const Hash256& enclave);

    std::unordered_map<Hash256, Head, Hash256Hasher> heads_;
    crypto::MerkleTree tree_;
    std::vector<RecordRef> commits_;
    std::vector<KnownEnclave> enclaves_;
    std::map<Hash256, std::uint32_t> enclave_index_;
    std::vector<KnownPolicy> policies_;
    std::map<std::string, std::uint32_t, std::less<>> policy_index_;
    std::map<Hash256, std::uint64_t> slots_;
};

}  // namespace concordat::ledger::confidential
