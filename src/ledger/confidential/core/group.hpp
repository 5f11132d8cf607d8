// What one record of the log holds: one group commit. Beside the entries themselves it holds what a replay needs, so
// that a start parses no JSON. Decoded views point into the decoded bytes.
#pragma once
#include <base/secret.hpp>
#include <contract/entry.hpp>
#include <ledger/confidential/protocol/protocol.hpp>

namespace concordat::ledger::confidential {

// The part of a binding's head that follows from its entries.
struct HeadState {
    Hash256 entry, version;
    std::uint64_t sequence = 0;
    std::uint64_t version_entry = 0;  // global index of the bind or amend entry that brought the version into force
    std::uint32_t version_number = 0;
    std::uint32_t policy = 0;  // which of the log's policies that version accepts enclaves by
    bool terminated = false;
};

// What an entry pins on another ledger: account_id(), and its slot there.
struct PinnedSlot {
    Hash256 account;
    std::uint64_t slot = 0;
    bool operator==(const PinnedSlot&) const = default;
};

struct GroupItem {
    Hash256 id;
    bool accepted = false;
    // Of accepted items only:
    contract::EntryType type{};
    Hash256 binding, version, previous;
    std::uint64_t sequence = 0;
    std::uint32_t version_number = 0, policy = 0;  // bind and amend
    ByteView key;                                  // bind: the binding's 32-byte key
    std::vector<PinnedSlot> pins;                  // prepare, cancelling, step
    ByteView document, input, state, disclosures, private_state;

    contract::EntryRecord record() const;
};

// The entries that one enclave signed one root over. Refused ones stay as ids: the others' paths need them.
struct GroupBatch {
    std::uint32_t enclave = 0;  // which of the log's enclave identities
    crypto::Signature root_signature{};
    std::vector<GroupItem> items;
    std::vector<Hash256> leaves() const;
};

struct Group {
    std::uint64_t first_index = 0;
    Hash256 root_before;  // of the ledger's tree
    std::vector<EnclaveIdentity> new_enclaves;
    std::vector<std::string> new_policies;  // JCS
    std::vector<GroupBatch> batches;
    std::uint64_t accepted() const;
};

// An account on another ledger, whose slots this ledger gives out: SHA-256 over the layout of docs/formats.md §2.
Hash256 account_id(std::string_view chain, std::string_view account);

Bytes encode_group(const Group& group);
Group decode_group(ByteView bytes);  // throws Error(protocol)

// The rule of the log, in every place the same: what a binding's head is after `item`, which has the global index
// `index`. Empty when the compare-and-swap fails. `now` is null when the binding has no entry. Throws Error(not_running
// | wrong_version) on an item that no state of the log allows.
std::optional<HeadState> head_after(const HeadState* now, const GroupItem& item, std::uint64_t index);

}  // namespace concordat::ledger::confidential
