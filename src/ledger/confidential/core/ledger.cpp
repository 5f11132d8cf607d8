// Opening, snapshots, enclaves and history. Appending is in append.cpp, the key authority in authority.cpp.
#include "ledger.hpp"

#include <algorithm>
#include <base/error.hpp>
#include <base/log.hpp>
#include <crypto/hash.hpp>

#include "keys.hpp"

namespace concordat::ledger::confidential {
namespace {

constexpr std::size_t read_bytes = std::size_t{4} << 20;
constexpr std::size_t proof_bytes = 4096;  // about what claim and receipt of one entry take
constexpr std::uint32_t max_read = 4096;

Hash256 report_data(std::string_view label, const crypto::PublicKey& key) {
    static constexpr std::uint8_t zero = 0;
    return crypto::sha256({bytes_of(label), ByteView(&zero, 1), key.thumbprint().view()});
}

// What an atomic write left behind when the power went: never complete, never named by anything.
void remove_leftovers(Disk& disk) {
    for (const std::string& name : disk.list()) {
        if (name.find(".new.") != std::string::npos) disk.remove(name);
    }
}

bool same_code(const attest::Claims& a, const attest::Claims& b) {
    return a.kind == b.kind && a.measurement == b.measurement && a.svn == b.svn && a.root == b.root;
}

std::size_t bytes_of_item(const GroupItem& item) {
    return item.document.size() + item.input.size() + item.state.size() + item.disclosures.size() +
           item.private_state.size() + proof_bytes;
}

}  // namespace

Hash256 enclave_report_data(const crypto::PublicKey& key) { return report_data("concordat/enclave-key/1", key); }
Hash256 ledger_report_data(const crypto::PublicKey& key) { return report_data("concordat/ledger-key/1", key); }

RecordLedger::RecordLedger(Ports ports, Options options)
    : ports_(std::move(ports)),
      options_(options),
      keys_(load_keys(ports_, true)),
      chain_(chain_of(service_key())),
      identity_(Identity::write(keys_.service, keys_.encryption.public_key(), keys_.created)) {
    remove_leftovers(ports_.disk);
    replay();
    enclaves_.reserve(max_enclaves);
}

void RecordLedger::replay() {
    const std::int64_t began = monotonic_ns();
    Snapshot snapshot = load_snapshot(ports_);
    snapshot_number_ = snapshot.number;
    state_ = std::move(snapshot.state);
    const std::uint64_t before = state_.size();
    const auto each = [&](const RecordRef& at, ByteView plaintext) {
        try {
            state_.apply(decode_group(plaintext), at);
        } catch (const Error& error) {
            throw Error(Code::tampered, segment_name(at.segment) + " at " + std::to_string(at.offset), error.what());
        }
    };
    log_ = std::make_unique<Log>(ports_, Log::Options{options_.segment_bytes, true}, snapshot.start, each);
    std::uint64_t seen = snapshot.start.position.offset;
    for (std::size_t i = 0; i + 1 < snapshot.start.sizes.size(); ++i) seen += snapshot.start.sizes[i];
    snapshot_at_bytes_ = seen;
    log::info("ledger_opened", {{"entries", state_.size()},
                                {"bindings", state_.bindings()},
                                {"replayed", state_.size() - before},
                                {"log_bytes", log_->bytes()},
                                {"took_ms", (monotonic_ns() - began) / 1'000'000}});
}

void RecordLedger::snapshot() {
    if (log_->bytes() == snapshot_at_bytes_) return;
    write_snapshot(ports_, snapshot_number_ + 1, *log_, state_);
    ++snapshot_number_;
    snapshot_at_bytes_ = log_->bytes();
    log::info("ledger_snapshot", {{"number", snapshot_number_}, {"entries", state_.size()}});
}

void RecordLedger::snapshot_if_due() {
    if (log_->bytes() - snapshot_at_bytes_ < options_.snapshot_bytes || halted()) return;
    try {
        snapshot();
    } catch (const Error& error) {
        // Not tried again with every append: the next one is due after as many bytes.
        snapshot_at_bytes_ = log_->bytes();
        log::warning("ledger_snapshot_failed", {{"why", error.what()}});
    }
}

EnclaveId RecordLedger::admit(const Hello& hello, const crypto::PublicKey& peer) {
    const auto key = crypto::PublicKey::from_jwk(json::parse(hello.enclave.key, "/key"), "/key");
    if (!(key == peer)) throw Error(Code::bad_evidence, "/key", "must be the key that the channel proved");
    if (key.alg() != crypto::Alg::es256k) throw Error(Code::bad_format, "/key", "must be an ES256K key");
    const json::Value evidence = json::parse(hello.enclave.evidence, "/evidence");
    const attest::Claims claims = attest::verify_evidence(evidence, "/evidence");
    if (claims.report_data != enclave_report_data(key)) {
        throw Error(Code::bad_evidence, "/evidence/report_data", "must bind the enclave's signing key");
    }
    if (claims.product != "concordat-enclave") {
        throw Error(Code::bad_evidence, "/evidence/product", "must be \"concordat-enclave\"");
    }
    const EnclaveId id = slot_for(key.thumbprint());
    Admitted& slot = enclaves_[id];
    // The same key behind other code would inherit what was released to the first.
    if (slot.used && !same_code(slot.claims, claims)) forget_releases(id);
    const std::uint32_t channels = slot.used ? slot.channels : 0;
    slot = {key, claims, {json::canonical(key.jwk()), json::canonical(evidence)}, channels + 1, 0, true};
    return id;
}

// The slot that this enclave has, a new one, or the one that was left first. Its marks go with its old owner.
EnclaveId RecordLedger::slot_for(const Hash256& thumbprint) {
    for (EnclaveId id = 0; id < enclaves_.size(); ++id) {
        if (enclaves_[id].used && enclaves_[id].key.thumbprint() == thumbprint) return id;
    }
    if (enclaves_.size() < max_enclaves) {
        enclaves_.emplace_back();
        return static_cast<EnclaveId>(enclaves_.size() - 1);
    }
    std::optional<EnclaveId> free;
    for (EnclaveId id = 0; id < enclaves_.size(); ++id) {
        if (enclaves_[id].channels == 0 && (!free || enclaves_[id].left_at < enclaves_[*free].left_at)) free = id;
    }
    if (!free) throw Error(Code::busy, "", "at most 64 enclaves can be connected");
    forget_releases(*free);
    enclaves_[*free] = {};
    return *free;
}

void RecordLedger::forget_releases(EnclaveId enclave) {
    const std::uint64_t bit = std::uint64_t{1} << enclave;
    state_.forget_release(bit);
    for (auto& [binding, pending] : pending_) pending.released &= ~bit;
}

void RecordLedger::leave(EnclaveId enclave) {
    Admitted& slot = enclaves_.at(enclave);
    if (slot.channels == 0) panic("an enclave left that was not there");
    if (--slot.channels == 0) slot.left_at = ++leave_counter_;
}

const RecordLedger::Admitted& RecordLedger::admitted(EnclaveId enclave) const {
    const Admitted& slot = enclaves_.at(enclave);
    if (slot.channels == 0) panic("an enclave that is not admitted");
    return slot;
}

const SignedRoot& RecordLedger::current_root() {
    if (!root_ || root_->size != size()) {
        SignedRoot root{size(), state_.tree().root(), ports_.clock.now(), flag_single_node, {}};
        root.signature = keys_.service.sign(
            ledger_root_statement(service_key().thumbprint(), root.size, root.root, root.time, root.flags));
        root_ = root;
    }
    return *root_;
}

SignedRoot RecordLedger::signed_root() {
    root_.reset();  // an anchor wants the time at which it asked
    return current_root();
}

std::vector<Hash256> RecordLedger::consistency(std::uint64_t from, std::uint64_t to) {
    if (from == 0 || from > to || to > size()) {
        throw Error(Code::bad_format, "/from", "must be at least 1, at most /to, which is at most the log's size");
    }
    return state_.tree().consistency(from, to);
}

HeadStatement RecordLedger::head(const Hash256& binding, const Hash256& nonce) {
    const Head* found = state_.find(binding);
    if (found == nullptr) throw Error(Code::not_found, "/binding", "must be a binding of this ledger");
    const SignedRoot& root = current_root();
    HeadStatement out;
    out.binding = binding;
    out.entry_id = found->entry;
    out.nonce = nonce;
    out.root = root.root;
    out.sequence = found->sequence;
    out.size = root.size;
    out.flags = flag_single_node;
    out.time = ports_.clock.now();
    out.signature = keys_.service.sign(out.statement(service_key().thumbprint()));
    return out;
}

namespace {

// Walks one record's entries from a global index on, until the reply is full.
struct ReplyFiller {
    ReadReply& reply;
    const State& state;
    const SignedRoot& root;
    std::uint64_t next, end;
    std::size_t bytes = 0;
    std::vector<bool> named;

    bool add_batch(const GroupBatch& batch, std::uint64_t& index) {
        const crypto::PublicKey& key = state.enclave(batch.enclave).key;
        crypto::MerkleTree tree;
        for (const Hash256& leaf : batch.leaves()) tree.append(leaf);
        for (std::size_t i = 0; i < batch.items.size(); ++i) {
            const GroupItem& item = batch.items[i];
            if (!item.accepted || index++ != next) continue;
            if (next == end || (!reply.entries.empty() && bytes + bytes_of_item(item) > read_bytes)) return false;
            Appended out;
            out.record = item.record();
            out.claim = {key.kid(), i, tree.size(), tree.inclusion(i, tree.size()), batch.root_signature};
            out.receipt = {next,      root.size,  state.tree().inclusion(next, root.size),
                           root.time, root.flags, root.signature};
            out.enclave_key = key.thumbprint();
            reply.entries.push_back(std::move(out));
            bytes += bytes_of_item(item);
            name(batch.enclave);
            ++next;
        }
        return true;
    }

    void name(std::uint32_t enclave) {
        if (named.size() <= enclave) named.resize(enclave + 1);
        if (named[enclave]) return;
        named[enclave] = true;
        const EnclaveIdentity& identity = state.enclave(enclave).identity;
        bytes += identity.key.size() + identity.evidence.size();
        reply.enclaves.push_back(identity);
    }
};

}  // namespace

ReadReply RecordLedger::read(std::uint64_t from, std::uint32_t limit) {
    ReadReply reply;
    reply.size = size();
    if (from >= size() || limit == 0) return reply;
    const std::uint64_t end = std::min<std::uint64_t>(size(), from + std::min(limit, max_read));
    ReplyFiller filler{reply, state_, current_root(), from, end, 0, {}};
    while (filler.next < end) {
        const RecordRef& at = state_.record_of(filler.next);
        const SecretBytes plaintext = log_->read(at);
        const Group group = decode_group(plaintext.expose());
        std::uint64_t index = at.first_index;
        for (const GroupBatch& batch : group.batches) {
            if (!filler.add_batch(batch, index)) return reply;
        }
    }
    return reply;
}

// The views in the result point into `hold`.
GroupItem RecordLedger::item_at(std::uint64_t wanted, SecretBytes& hold) {
    const RecordRef& at = state_.record_of(wanted);
    hold = log_->read(at);
    const Group group = decode_group(hold.expose());
    std::uint64_t index = at.first_index;
    for (const GroupBatch& batch : group.batches) {
        for (const GroupItem& item : batch.items) {
            if (item.accepted && index++ == wanted) return item;
        }
    }
    panic("a record without an entry that it holds");
}

}  // namespace concordat::ledger::confidential
