#include "state.hpp"

#include <algorithm>
#include <base/error.hpp>

namespace concordat::ledger::confidential {
namespace {

constexpr std::uint32_t max_count = 0xffffffff;

void require(bool holds, std::string_view rule) {
    if (!holds) throw Error(Code::tampered, "group", std::string(rule));
}

void write_head(wire::Writer& out, const Hash256& binding, const Head& head) {
    out.hash(binding);
    out.hash(head.entry);
    out.hash(head.version);
    out.u64(head.sequence);
    out.u64(head.version_entry);
    out.u32(head.version_number);
    out.u32(head.policy);
    out.u8(head.terminated ? 1 : 0);
    out.raw(head.key.expose());
}

void read_head(wire::Reader& in, Head& head) {
    head.entry = in.hash();
    head.version = in.hash();
    head.sequence = in.u64();
    head.version_entry = in.u64();
    head.version_number = in.u32();
    head.policy = in.u32();
    head.terminated = in.u8() == 1;
    const ByteView key = in.raw(32);
    std::copy(key.begin(), key.end(), head.key.expose().begin());
}

void write_ref(wire::Writer& out, const RecordRef& ref) {
    out.u64(ref.first_index);
    out.u64(ref.offset);
    out.u32(ref.segment);
    out.u32(ref.counter);
    out.hash(ref.chain);
}

RecordRef read_ref(wire::Reader& in) {
    RecordRef ref;
    ref.first_index = in.u64();
    ref.offset = in.u64();
    ref.segment = in.u32();
    ref.counter = in.u32();
    ref.chain = in.hash();
    return ref;
}

}  // namespace

const Head* State::find(const Hash256& binding) const {
    const auto found = heads_.find(binding);
    return found == heads_.end() ? nullptr : &found->second;
}

Head* State::find(const Hash256& binding) {
    const auto found = heads_.find(binding);
    return found == heads_.end() ? nullptr : &found->second;
}

std::optional<std::uint32_t> State::enclave_index(const Hash256& thumbprint) const {
    const auto found = enclave_index_.find(thumbprint);
    if (found == enclave_index_.end()) return std::nullopt;
    return found->second;
}

std::optional<std::uint32_t> State::policy_index(const std::string& jcs) const {
    const auto found = policy_index_.find(jcs);
    if (found == policy_index_.end()) return std::nullopt;
    return found->second;
}

std::uint64_t State::next_slot(const Hash256& account) const {
    const auto found = slots_.find(account);
    return found == slots_.end() ? 0 : found->second;
}

const RecordRef& State::record_of(std::uint64_t index) const {
    const auto after = std::upper_bound(commits_.begin(), commits_.end(), index,
                                        [](std::uint64_t i, const RecordRef& ref) { return i < ref.first_index; });
    if (after == commits_.begin() || index >= size()) panic("an entry that the log does not have");
    return *(after - 1);
}

void State::forget_release(std::uint64_t bit) {
    for (auto& [binding, head] : heads_) head.released &= ~bit;
}

void State::add_enclave(const EnclaveIdentity& identity) {
    auto key = crypto::PublicKey::from_jwk(json::parse(identity.key, "/key"), "/key");
    require(enclave_index_.emplace(key.thumbprint(), enclave_count()).second, "names an enclave twice");
    enclaves_.push_back({std::move(key), identity});
}

void State::add_policy(const std::string& jcs) {
    auto policy = attest::Policy::parse(json::parse(jcs, "/enclaves"), "/enclaves");
    require(policy_index_.emplace(jcs, policy_count()).second, "names a policy twice");
    policies_.push_back({jcs, std::move(policy)});
}

void State::apply(const Group& group, const RecordRef& at) {
    require(group.first_index == size(), "does not begin where the log stands");
    require(group.accepted() != 0, "holds no entry");
    for (const EnclaveIdentity& enclave : group.new_enclaves) add_enclave(enclave);
    for (const std::string& policy : group.new_policies) add_policy(policy);
    for (const GroupBatch& batch : group.batches) {
        require(batch.enclave < enclaves_.size(), "names an enclave that the log does not know");
        const Hash256& enclave = enclaves_[batch.enclave].key.thumbprint();
        for (const GroupItem& item : batch.items) {
            if (item.accepted) apply_item(item, enclave);
        }
    }
    RecordRef ref = at;
    ref.first_index = group.first_index;
    commits_.push_back(ref);
}

void State::apply_item(const GroupItem& item, const Hash256& enclave) {
    require(item.policy < policies_.size(), "names a policy that the log does not know");
    Head* now = find(item.binding);
    const auto next = head_after(now, item, size());
    require(next.has_value(), "holds an entry that does not follow its binding's head");
    if (now == nullptr) {
        Head head;
        std::copy(item.key.begin(), item.key.end(), head.key.expose().begin());
        now = &heads_.emplace(item.binding, std::move(head)).first->second;
    }
    static_cast<HeadState&>(*now) = *next;
    for (const PinnedSlot& pin : item.pins) {
        require(pin.slot == next_slot(pin.account), "pins a slot that is not its account's next");
        slots_[pin.account] = pin.slot + 1;
    }
    tree_.append(ledger_leaf(item.id, enclave));
}

void State::write(wire::Writer& out) const {
    out.reserve(4096 + heads_.size() * 161 + size() * 32 + commits_.size() * 56 + enclaves_.size() * 4096);
    out.u64(size());
    for (std::uint64_t i = 0; i < size(); ++i) out.hash(tree_.leaf(i));
    out.u32(static_cast<std::uint32_t>(commits_.size()));
    for (const RecordRef& ref : commits_) write_ref(out, ref);
    out.u32(enclave_count());
    for (const KnownEnclave& enclave : enclaves_) {
        out.text(enclave.identity.key);
        out.text(enclave.identity.evidence);
    }
    out.u32(policy_count());
    for (const KnownPolicy& policy : policies_) out.text(policy.jcs);
    out.u32(static_cast<std::uint32_t>(heads_.size()));
    for (const auto& [binding, head] : heads_) write_head(out, binding, head);
    out.u32(static_cast<std::uint32_t>(slots_.size()));
    for (const auto& [account, next] : slots_) {
        out.hash(account);
        out.u64(next);
    }
}

State State::read(wire::Reader& in, bool with_slots) {
    State state;
    const std::uint64_t leaves = in.u64();
    for (std::uint64_t i = 0; i < leaves; ++i) state.tree_.append(in.hash());
    state.commits_.resize(in.count(max_count));
    for (RecordRef& ref : state.commits_) ref = read_ref(in);
    for (std::uint32_t n = in.count(max_count); n != 0; --n) {
        std::string key = in.text(), evidence = in.text();
        state.add_enclave({std::move(key), std::move(evidence)});
    }
    for (std::uint32_t n = in.count(max_count); n != 0; --n) state.add_policy(in.text());
    const std::uint32_t heads = in.count(max_count);
    state.heads_.reserve(heads);
    for (std::uint32_t i = 0; i < heads; ++i) {
        const Hash256 binding = in.hash();
        read_head(in, state.heads_[binding]);
    }
    for (std::uint32_t n = with_slots ? in.count(max_count) : 0; n != 0; --n) {
        const Hash256 account = in.hash();
        state.slots_[account] = in.u64();
    }
    return state;
}

bool State::same_as(const State& other) const {
    const auto same_head = [&](const auto& item) {
        const Head* theirs = other.find(item.first);
        if (theirs == nullptr) return false;
        wire::Writer a, b;
        write_head(a, item.first, item.second);
        write_head(b, item.first, *theirs);
        return equal_constant_time(a.get(), b.get());
    };
    return size() == other.size() && tree_.root() == other.tree_.root() && commits_.size() == other.commits_.size() &&
           enclaves_.size() == other.enclaves_.size() && policies_.size() == other.policies_.size() &&
           slots_ == other.slots_ && heads_.size() == other.heads_.size() && std::ranges::all_of(heads_, same_head);
}

}  // namespace concordat::ledger::confidential
