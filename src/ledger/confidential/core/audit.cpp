// The audit: the whole log read again from its first entry, and everything in it compared with what it says of itself.
#include <base/error.hpp>
#include <crypto/hash.hpp>

#include "keys.hpp"

namespace concordat::ledger::confidential {
namespace {

[[noreturn]] void tampered(const RecordRef& at, std::string rule) {
    throw Error(Code::tampered, segment_name(at.segment) + " at " + std::to_string(at.offset), std::move(rule));
}

// What a replay takes from the record's summary, checked against the entry itself.
void check_item(const GroupItem& item, std::string_view chain) {
    const contract::EntryRecord record = item.record();
    const contract::Entry entry = record.check();
    const bool same = entry.id(record.document) == item.id && entry.type == item.type &&
                      entry.binding == item.binding && entry.version == item.version &&
                      entry.previous == item.previous && static_cast<std::uint64_t>(entry.sequence) == item.sequence &&
                      entry.ledger == chain;
    if (!same) throw Error(Code::tampered, "/entry", "is not what the record says of it");
}

void check_group(const Group& group, const State& before, const std::vector<crypto::PublicKey>& enclaves,
                 std::string_view chain) {
    if (group.root_before != before.tree().root())
        throw Error(Code::tampered, "/root", "is not the root of what is before");
    for (const GroupBatch& batch : group.batches) {
        for (const GroupItem& item : batch.items) {
            if (item.accepted) check_item(item, chain);
        }
        const crypto::PublicKey& key = enclaves.at(batch.enclave);
        const Bytes statement =
            enclave_root_statement(key.thumbprint(), chain, batch.items.size(), crypto::merkle_root(batch.leaves()));
        if (!key.verify(statement, batch.root_signature)) throw Error(Code::tampered, "/signature", "does not hold");
    }
}

}  // namespace

AuditReport RecordLedger::audit(Ports ports) {
    const LedgerKeys keys = load_keys(ports, false);
    const std::string chain = chain_of(keys.service.public_key());
    const Snapshot snapshot = load_snapshot(ports);
    State state;
    std::vector<crypto::PublicKey> enclaves;
    bool snapshot_met = snapshot.number == 0;
    const auto meet_snapshot = [&] {
        if (snapshot.number == 0 || state.size() != snapshot.state.size()) return;
        if (!state.same_as(snapshot.state)) throw Error(Code::tampered, "snapshot", "is not what the log leads to");
        snapshot_met = true;
    };
    meet_snapshot();
    const auto each = [&](const RecordRef& at, ByteView plaintext) {
        try {
            const Group group = decode_group(plaintext);
            for (const EnclaveIdentity& enclave : group.new_enclaves) {
                enclaves.push_back(crypto::PublicKey::from_jwk(json::parse(enclave.key, "/key"), "/key"));
            }
            check_group(group, state, enclaves, chain);
            state.apply(group, at);
            meet_snapshot();
        } catch (const Error& error) {
            tampered(at, error.what());
        }
    };
    const Log log(ports, Log::Options{.repair = false}, {}, each);
    if (!snapshot_met) throw Error(Code::tampered, "snapshot", "speaks of entries that the log does not have");
    return {state.size(),
            state.bindings(),
            state.commits(),
            log.cut_bytes(),
            static_cast<std::uint32_t>(log.sizes().size()),
            state.tree().root()};
}

}  // namespace concordat::ledger::confidential
