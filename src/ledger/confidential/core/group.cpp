#include "group.hpp"

#include <crypto/hash.hpp>

namespace concordat::ledger::confidential {
namespace {

constexpr std::uint8_t group_format = 2;
constexpr std::uint8_t group_format_1 = 1;  // every prepare entry pinned one slot, and no other did
constexpr std::uint32_t max_pins = 64;
constexpr std::uint32_t max_count = 1 << 20;

void write_item(wire::Writer& out, const GroupItem& item) {
    out.hash(item.id);
    out.u8(item.accepted ? 1 : 0);
    if (!item.accepted) return;
    out.u8(static_cast<std::uint8_t>(item.type));
    out.hash(item.binding);
    out.hash(item.version);
    out.hash(item.previous);
    out.u64(item.sequence);
    out.u32(item.version_number);
    out.u32(item.policy);
    out.u32(static_cast<std::uint32_t>(item.pins.size()));
    for (const PinnedSlot& pin : item.pins) {
        out.hash(pin.account);
        out.u64(pin.slot);
    }
    for (const ByteView part :
         {item.key, item.document, item.input, item.state, item.disclosures, item.private_state}) {
        out.bytes(part);
    }
}

GroupItem read_item(wire::Reader& in, std::uint8_t format) {
    GroupItem item;
    item.id = in.hash();
    item.accepted = in.u8() == 1;
    if (!item.accepted) return item;
    const std::uint8_t type = in.u8();
    if (type < 1 || type > 12) throw Error(Code::protocol, "group.type", "must be an entry type");
    item.type = static_cast<contract::EntryType>(type);
    item.binding = in.hash();
    item.version = in.hash();
    item.previous = in.hash();
    item.sequence = in.u64();
    item.version_number = in.u32();
    item.policy = in.u32();
    const bool one = format == group_format_1 && item.type == contract::EntryType::prepare;
    for (std::uint32_t left = format == group_format_1 ? (one ? 1 : 0) : in.count(max_pins); left > 0; --left) {
        const Hash256 account = in.hash();
        item.pins.push_back({account, in.u64()});
    }
    for (ByteView* part :
         {&item.key, &item.document, &item.input, &item.state, &item.disclosures, &item.private_state}) {
        *part = in.bytes();
    }
    if (item.key.size() != (item.type == contract::EntryType::bind ? 32u : 0u)) {
        throw Error(Code::protocol, "group.key", "must be 32 bytes for bind and none for others");
    }
    return item;
}

std::size_t size_of(const Group& group) {
    std::size_t size = 256;
    for (const auto& enclave : group.new_enclaves) size += 8 + enclave.key.size() + enclave.evidence.size();
    for (const auto& policy : group.new_policies) size += 4 + policy.size();
    for (const GroupBatch& batch : group.batches) {
        size += 128;
        for (const GroupItem& i : batch.items) {
            size += 256 + i.document.size() + i.input.size() + i.state.size() + i.disclosures.size() +
                    i.private_state.size();
        }
    }
    return size;
}

}  // namespace

contract::EntryRecord GroupItem::record() const {
    return {to_bytes(document), to_bytes(input), to_bytes(state), to_bytes(disclosures), to_bytes(private_state)};
}

std::vector<Hash256> GroupBatch::leaves() const {
    std::vector<Hash256> out;
    out.reserve(items.size());
    for (const GroupItem& item : items) out.push_back(item.id);
    return out;
}

std::uint64_t Group::accepted() const {
    std::uint64_t n = 0;
    for (const GroupBatch& batch : batches) {
        for (const GroupItem& item : batch.items) n += item.accepted ? 1 : 0;
    }
    return n;
}

Hash256 account_id(std::string_view chain, std::string_view account) {
    static constexpr std::array<std::uint8_t, 2> head{0x00, 0x41};
    return crypto::sha256({head, crypto::sha256(chain).view(), crypto::sha256(account).view()});
}

Bytes encode_group(const Group& group) {
    wire::Writer out;
    out.reserve(size_of(group));  // one buffer, which the caller wipes: it holds keys
    out.u8(group_format);
    out.u64(group.first_index);
    out.hash(group.root_before);
    out.u32(static_cast<std::uint32_t>(group.new_enclaves.size()));
    for (const EnclaveIdentity& enclave : group.new_enclaves) {
        out.text(enclave.key);
        out.text(enclave.evidence);
    }
    out.u32(static_cast<std::uint32_t>(group.new_policies.size()));
    for (const std::string& policy : group.new_policies) out.text(policy);
    out.u32(static_cast<std::uint32_t>(group.batches.size()));
    for (const GroupBatch& batch : group.batches) {
        out.u32(batch.enclave);
        out.raw(batch.root_signature);
        out.u32(static_cast<std::uint32_t>(batch.items.size()));
        for (const GroupItem& item : batch.items) write_item(out, item);
    }
    return out.take();
}

Group decode_group(ByteView bytes) {
    wire::Reader in(bytes);
    const std::uint8_t format = in.u8();
    if (format != group_format && format != group_format_1) {
        throw Error(Code::protocol, "group.format", "must be one that this version knows");
    }
    Group group;
    group.first_index = in.u64();
    group.root_before = in.hash();
    group.new_enclaves.resize(in.count(max_count));
    for (EnclaveIdentity& enclave : group.new_enclaves) {
        enclave.key = in.text();
        enclave.evidence = in.text();
    }
    group.new_policies.resize(in.count(max_count));
    for (std::string& policy : group.new_policies) policy = in.text();
    group.batches.resize(in.count(max_count));
    for (GroupBatch& batch : group.batches) {
        batch.enclave = in.u32();
        const ByteView signature = in.raw(batch.root_signature.size());
        std::copy(signature.begin(), signature.end(), batch.root_signature.begin());
        const std::uint32_t n = in.count(max_count);
        batch.items.reserve(n);
        for (std::uint32_t i = 0; i < n; ++i) batch.items.push_back(read_item(in, format));
    }
    in.finish();
    return group;
}

std::optional<HeadState> head_after(const HeadState* now, const GroupItem& item, std::uint64_t index) {
    using contract::EntryType;
    if (now == nullptr) {
        if (item.type != EntryType::bind || item.sequence != 0 || !item.previous.is_zero()) return std::nullopt;
        return HeadState{item.id, item.version, 0, index, item.version_number, item.policy, false};
    }
    if (item.type == EntryType::bind || item.previous != now->entry || item.sequence != now->sequence + 1) {
        return std::nullopt;
    }
    // Other bindings' calls are answered for good (docs/sub-contracts.md); that nothing else runs is the enclaves'
    // rule.
    if (now->terminated && item.type != EntryType::execute) {
        throw Error(Code::not_running, "/entry/type", "nothing but the end of calls follows a termination");
    }
    HeadState next = *now;
    next.entry = item.id;
    next.sequence = item.sequence;
    next.terminated = now->terminated || item.type == EntryType::terminate;
    if (item.type == EntryType::amend) {
        if (item.version_number != now->version_number + 1) {
            throw Error(Code::wrong_version, "/entry/version", "must be the one after the version in force");
        }
        next.version = item.version;
        next.version_number = item.version_number;
        next.version_entry = index;
        next.policy = item.policy;
    } else if (item.version != now->version) {
        throw Error(Code::wrong_version, "/entry/version", "must be the version in force");
    }
    return next;
}

}  // namespace concordat::ledger::confidential
