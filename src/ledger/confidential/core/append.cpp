// Appending: every request that waits is checked against the heads as the ones before it leave them, then all that
// holds is written at once.
#include <algorithm>
#include <base/error.hpp>
#include <base/log.hpp>
#include <charconv>
#include <contract/binding.hpp>
#include <crypto/hash.hpp>

#include "ledger.hpp"

namespace concordat::ledger::confidential {

// What a group commit will change, while nothing has changed yet. What the current request adds is kept apart until the
// whole request holds.
struct RecordLedger::Stage {
    struct Layer {
        std::unordered_map<Hash256, HeadState, Hash256Hasher> heads;
        std::unordered_map<Hash256, ByteView, Hash256Hasher> versions;  // inputs of bind and amend, by binding
        std::map<Hash256, std::uint64_t> slots;                         // the next one, by account
    };
    Layer group_layer, request_layer;
    Group group;
    std::vector<std::size_t> outcome_of;  // each batch's, within the group's requests
    std::map<std::string, std::uint32_t, std::less<>> new_policies;
    std::map<Hash256, std::uint32_t> new_enclaves;
    std::uint64_t accepted = 0, accepted_of_request = 0;
    std::size_t bytes = 0;

    const HeadState* head(const Hash256& binding, const State& state) const {
        for (const Layer* layer : {&request_layer, &group_layer}) {
            if (const auto found = layer->heads.find(binding); found != layer->heads.end()) return &found->second;
        }
        return state.find(binding);
    }
    std::optional<ByteView> version(const Hash256& binding) const {
        for (const Layer* layer : {&request_layer, &group_layer}) {
            if (const auto found = layer->versions.find(binding); found != layer->versions.end()) return found->second;
        }
        return std::nullopt;
    }
    std::uint64_t next_slot(const Hash256& account, const State& state) const {
        for (const Layer* layer : {&request_layer, &group_layer}) {
            if (const auto found = layer->slots.find(account); found != layer->slots.end()) return found->second;
        }
        return state.next_slot(account);
    }
    void keep_request() {
        for (const auto& [account, next] : request_layer.slots) group_layer.slots[account] = next;
        for (auto& [binding, head] : request_layer.heads) group_layer.heads[binding] = head;
        for (auto& [binding, input] : request_layer.versions) group_layer.versions[binding] = input;
        accepted += accepted_of_request;
        drop_request();
    }
    void drop_request() {
        request_layer = {};
        accepted_of_request = 0;
    }
};

namespace {

constexpr json::Limits jws_limits{std::size_t{4} << 20, 32};

std::size_t size_of(const Append& append) {
    std::size_t size = 0;
    for (const AppendItem& item : append.items) {
        const auto& r = item.record;
        size +=
            r.document.size() + r.input.size() + r.state.size() + r.disclosures.size() + r.private_state.size() + 256;
    }
    return size;
}

struct SignedVersion {
    crypto::GeneralJws jws;
    contract::Binding binding;
};

SignedVersion parse_version(ByteView input) {
    auto jws = crypto::GeneralJws::parse(json::parse(text_of(input), "/input", jws_limits), "/input");
    auto binding = contract::Binding::parse(jws.payload);
    return {std::move(jws), std::move(binding)};
}

Refused refused(const Error& error) { return {std::string(code_name(error.code())), error.field(), error.rule()}; }

// Of a pin that Entry::parse has let through.
PinnedSlot slot_of(const json::Value& pin) {
    const auto text = [&](const char* member) { return std::string_view(pin.at(member).as_string()); };
    PinnedSlot out{account_id(text("chain"), text("account")), 0};
    const std::string_view slot = text("slot");
    std::from_chars(slot.data(), slot.data() + slot.size(), out.slot);
    return out;
}

void fill_item(GroupItem& item, const contract::EntryRecord& record, const contract::Entry& entry) {
    item.id = entry.id(record.document);
    item.type = entry.type;
    item.binding = entry.binding;
    item.version = entry.version;
    item.previous = entry.previous;
    item.sequence = static_cast<std::uint64_t>(entry.sequence);
    using enum contract::EntryType;
    if (entry.type == prepare || entry.type == cancelling || entry.type == step) {
        for (const json::Value& effect : entry.effects) {
            if (const json::Value* pin = effect.as_object().if_contains("pin")) item.pins.push_back(slot_of(*pin));
        }
    } else if (!entry.effects.empty() && entry.type != execute) {
        throw Error(Code::bad_format, "/entry/effects", "must be absent where nothing is executed");
    }
    item.document = record.document;
    item.input = record.input;
    item.state = record.state;
    item.disclosures = record.disclosures;
    item.private_state = record.private_state;
}

template <class Check>
void at_item(std::size_t index, Check&& check) {
    try {
        check();
    } catch (const Error& error) {
        throw Error(error.code(), "/items/" + std::to_string(index) + error.field(), error.rule());
    }
}

bool follows(const HeadState* now, const GroupItem& item) {
    if (now == nullptr) return true;
    return item.type != contract::EntryType::bind && item.previous == now->entry && item.sequence == now->sequence + 1;
}

// Only entries that were appended are told by their trace: a host must not learn from the log that an input on a head
// that was not the newest would have made an entry. The enclave says of such an input what it says of a refused one.
void log_outcomes(std::span<const AppendRequest> requests, std::span<const AppendOutcome> outcomes) {
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
        if (const auto* refusal = std::get_if<Refused>(&outcomes[i])) {
            log::warning("append_refused", {{"code", refusal->code}, {"field", refusal->field}});
            continue;
        }
        if (!log::enabled(log::Level::debug)) continue;
        const AppendResult& result = std::get<AppendResult>(outcomes[i]);
        for (std::size_t k = 0; k < result.items.size(); ++k) {
            if (!result.items[k].appended) continue;
            log::debug("appended",
                       {{"trace", requests[i].append->items[k].trace}, {"index", result.items[k].receipt.index}});
        }
    }
}

}  // namespace

std::vector<AppendOutcome> RecordLedger::append(std::span<const AppendRequest> requests) {
    std::vector<AppendOutcome> outcomes;
    outcomes.reserve(requests.size());
    while (outcomes.size() < requests.size()) append_group(requests.subspan(outcomes.size()), outcomes);
    return outcomes;
}

// Takes requests up to the group's size; at least one.
void RecordLedger::append_group(std::span<const AppendRequest> requests, std::vector<AppendOutcome>& outcomes) {
    Stage stage;
    stage.group.first_index = size();
    stage.group.root_before = state_.tree().root();
    const std::size_t first = outcomes.size();
    std::size_t taken = 0;
    for (; taken < requests.size(); ++taken) {
        stage.bytes += size_of(*requests[taken].append);
        if (taken != 0 && stage.bytes > options_.group_bytes) break;
        const std::size_t batches = stage.group.batches.size();
        outcomes.push_back(stage_request(stage, requests[taken]));
        if (stage.group.batches.size() != batches) stage.outcome_of.push_back(taken);
    }
    const auto mine = std::span(outcomes).subspan(first);
    try {
        commit(stage);
        fill_receipts(stage, mine);
        log_outcomes(requests, mine);
    } catch (const Error& error) {
        // Also those that only met conflicts: what they were in conflict with may not exist.
        for (AppendOutcome& outcome : mine) {
            if (std::holds_alternative<AppendResult>(outcome)) outcome = refused(error);
        }
    }
}

AppendOutcome RecordLedger::stage_request(Stage& stage, const AppendRequest& request) {
    GroupBatch batch;
    try {
        AppendResult result = check_request(stage, request, batch);
        if (stage.accepted_of_request != 0) {
            const Admitted& enclave = admitted(request.enclave);
            const Hash256& thumbprint = enclave.key.thumbprint();
            if (const auto known = state_.enclave_index(thumbprint)) {
                batch.enclave = *known;
            } else {
                const auto next = state_.enclave_count() + static_cast<std::uint32_t>(stage.new_enclaves.size());
                const auto [at, fresh] = stage.new_enclaves.emplace(thumbprint, next);
                if (fresh) stage.group.new_enclaves.push_back(enclave.identity);
                batch.enclave = at->second;
            }
            stage.group.batches.push_back(std::move(batch));
        }
        stage.keep_request();
        return result;
    } catch (const Error& error) {
        stage.drop_request();
        return refused(error);
    }
}

AppendResult RecordLedger::check_request(Stage& stage, const AppendRequest& request, GroupBatch& batch) {
    const Admitted& enclave = admitted(request.enclave);
    const std::vector<AppendItem>& items = request.append->items;
    const std::vector<HeadCheck>& heads = request.append->heads;
    if (items.empty() && heads.empty()) throw Error(Code::protocol, "/items", "must hold an entry");
    batch.items.resize(items.size());
    batch.root_signature = request.append->root_signature;
    for (std::size_t i = 0; i < items.size(); ++i) {
        at_item(i, [&] {
            const contract::Entry entry = items[i].record.check();
            if (entry.ledger != chain_) throw Error(Code::wrong_ledger, "/entry/ledger", "must be this ledger's chain");
            fill_item(batch.items[i], items[i].record, entry);
        });
    }
    if (!items.empty()) {
        const Bytes statement =
            enclave_root_statement(enclave.key.thumbprint(), chain_, items.size(), crypto::merkle_root(batch.leaves()));
        if (!enclave.key.verify(statement, batch.root_signature)) {
            throw Error(Code::bad_signature, "/root_signature", "must be the enclave's over the root of the items");
        }
    }
    AppendResult result;
    result.items.resize(items.size());
    const auto check_heads = [&](std::size_t before) {
        while (result.heads.size() < heads.size() && heads[result.heads.size()].before == before) {
            const HeadCheck& check = heads[result.heads.size()];
            const HeadState* now = stage.head(check.binding, state_);
            result.heads.push_back(now != nullptr && now->entry == check.entry);
        }
    };
    for (std::size_t i = 0; i < items.size(); ++i) {
        check_heads(i);
        at_item(i, [&] { check_item(stage, request.enclave, batch.items[i], result.items[i]); });
    }
    check_heads(items.size());
    return result;
}

std::uint64_t RecordLedger::released_to(const Hash256& binding) const {
    if (const Head* head = state_.find(binding)) return head->released;
    const auto pending = pending_.find(binding);
    return pending == pending_.end() ? 0 : pending->second.released;
}

void RecordLedger::check_item(Stage& stage, EnclaveId enclave, GroupItem& item, ItemResult& result) {
    const HeadState* now = stage.head(item.binding, state_);
    const bool is_bind = item.type == contract::EntryType::bind;
    if (now == nullptr && !is_bind) throw Error(Code::not_found, "/entry/binding", "must be a binding of this ledger");
    // Of one account an entry may pin several, one after the other.
    std::map<Hash256, std::uint64_t> next_slots;
    bool slots_follow = true;
    for (const PinnedSlot& pin : item.pins) {
        const auto [next, first] = next_slots.try_emplace(pin.account, 0);
        if (first) next->second = stage.next_slot(pin.account, state_);
        slots_follow &= pin.slot == next->second++;
    }
    if (!follows(now, item) || !slots_follow) {
        result.head_sequence = now->sequence;
        result.head = now->entry;
        for (const PinnedSlot& pin : item.pins) result.slots.push_back(stage.next_slot(pin.account, state_));
        return;
    }
    if ((released_to(item.binding) >> enclave & 1) == 0) {
        throw Error(Code::forbidden, "/entry/binding", "this enclave was not given the binding's key");
    }
    if (is_bind || item.type == contract::EntryType::amend) check_version(stage, now, item);
    const auto next = head_after(now, item, size() + stage.accepted + stage.accepted_of_request);
    if (!next) throw Error(Code::bad_format, "/entry/sequence", "must be 0, with zeros before it, for bind");
    stage.request_layer.heads[item.binding] = *next;
    for (const auto& [account, next_slot] : next_slots) stage.request_layer.slots[account] = next_slot;
    item.accepted = result.appended = true;
    ++stage.accepted_of_request;
}

// The enclave has checked what the parties signed; here it is checked again, because a version's policy decides who is
// given the binding's key.
void RecordLedger::check_version(Stage& stage, const HeadState* now, GroupItem& item) {
    const SignedVersion next = parse_version(item.input);
    require_ours(next.binding);
    if (next.binding.hash != item.version || next.binding.id != item.binding) {
        throw Error(Code::wrong_version, "/input", "must be the version that the entry names");
    }
    if (now == nullptr) {
        contract::check_first(next.binding, next.jws);
        item.key = pending_.at(item.binding).key.expose();
    } else {
        const contract::Binding current = binding_in_force(stage, *now, item.binding);
        contract::check_successor(current, next.binding);
        contract::check_amendment(current, next.binding, next.jws);
    }
    item.version_number = static_cast<std::uint32_t>(next.binding.number);
    const std::string policy = json::canonical(next.binding.enclaves.to_json());
    if (const auto known = state_.policy_index(policy)) {
        item.policy = *known;
    } else {
        const auto index = state_.policy_count() + static_cast<std::uint32_t>(stage.new_policies.size());
        const auto [at, fresh] = stage.new_policies.emplace(policy, index);
        if (fresh) stage.group.new_policies.push_back(policy);
        item.policy = at->second;
    }
    stage.request_layer.versions[item.binding] = item.input;
}

contract::Binding RecordLedger::binding_in_force(Stage& stage, const HeadState& now, const Hash256& binding) {
    if (const auto staged = stage.version(binding)) return parse_version(*staged).binding;
    SecretBytes hold;
    return parse_version(item_at(now.version_entry, hold).input).binding;
}

void RecordLedger::commit(Stage& stage) {
    if (stage.accepted == 0) {
        if (halted()) log_->append({}, 0);  // says that it has halted
        return;
    }
    const SecretBytes plaintext(encode_group(stage.group));
    const RecordRef at = log_->append(plaintext.expose(), size());
    try {
        state_.apply(stage.group, at);
    } catch (const Error& error) {
        panic(std::string("a group that was checked does not apply: ") + error.what());
    }
    settle_keys(stage.group);
}

void RecordLedger::settle_keys(const Group& group) {
    for (const GroupBatch& batch : group.batches) {
        for (const GroupItem& item : batch.items) {
            if (!item.accepted) continue;
            Head& head = *state_.find(item.binding);
            if (item.type == contract::EntryType::bind) {
                const auto pending = pending_.find(item.binding);
                head.released = pending->second.released;
                pending_.erase(pending);
            } else if (item.type == contract::EntryType::amend) {
                const attest::Policy& policy = state_.policy(head.policy);
                for (EnclaveId id = 0; id < enclaves_.size(); ++id) {
                    try {
                        policy.require(enclaves_[id].claims, "concordat-enclave");
                    } catch (const Error&) {
                        head.released &= ~(std::uint64_t{1} << id);
                    }
                }
            }
        }
    }
}

void RecordLedger::fill_receipts(const Stage& stage, std::span<AppendOutcome> outcomes) {
    if (stage.accepted == 0) return;
    const SignedRoot& root = current_root();
    std::uint64_t index = stage.group.first_index;
    for (const std::size_t position : stage.outcome_of) {
        for (ItemResult& item : std::get<AppendResult>(outcomes[position]).items) {
            if (!item.appended) continue;
            item.receipt = {index,     root.size,  state_.tree().inclusion(index, root.size),
                            root.time, root.flags, root.signature};
            ++index;
        }
    }
}

}  // namespace concordat::ledger::confidential
