// The record ledger: appends entries by compare-and-swap on (binding, sequence, previous), commits whole groups with
// one durable write, signs one root for each, and gives out bindings' keys only to enclaves that the binding itself
// accepts. Synchronous and deterministic: disk, clock, randomness and sealing are injected. Not thread-safe.
//
// Errors beside those named below: Error(disk) when a write fails, after which nothing has changed; Error(tampered)
// when the disk does not hold what was left there; Error(unavailable, "ledger") once halted.
#pragma once
#include <optional>
#include <variant>

#include <contract/binding.hpp>

#include "snapshot.hpp"

namespace concordat::ledger::confidential {

// report_data of evidence for an enclave's and for a ledger's signing key (docs/formats.md §7).
Hash256 enclave_report_data(const crypto::PublicKey& key);
Hash256 ledger_report_data(const crypto::PublicKey& key);

struct LedgerKeys {
    crypto::PrivateKey service;
    crypto::EncryptionPrivateKey encryption;
    TimeMs created = 0;
};

// An enclave that was admitted; a slot among max_enclaves. It stays good until another enclave is given its slot, which
// happens only after leave().
using EnclaveId = std::uint32_t;
inline constexpr std::size_t max_enclaves = 64;

struct AppendRequest {
    EnclaveId enclave = 0;
    const Append* append = nullptr;
};
using AppendOutcome = std::variant<AppendResult, Refused>;

struct AuditReport {
    std::uint64_t entries = 0, bindings = 0, commits = 0, cut_bytes = 0;
    std::uint32_t segments = 0;
    Hash256 root;
};

class RecordLedger {
  public:
    struct Options {
        std::uint64_t snapshot_bytes = std::uint64_t{64} << 20;  // of log between two snapshots
        std::uint64_t segment_bytes = std::uint64_t{256} << 20;
        std::size_t group_bytes = std::size_t{16} << 20;  // a group commit takes no further request beyond this
    };

    // Opens the log: newest snapshot, then the rest of the log. Makes the ledger's keys when the folder is empty.
    RecordLedger(Ports ports, Options options);
    explicit RecordLedger(Ports ports) : RecordLedger(std::move(ports), Options()) {}

    const crypto::PublicKey& service_key() const { return keys_.service.public_key(); }
    const crypto::PrivateKey& signing_key() const { return keys_.service; }  // proves this ledger in attested channels
    const std::string& chain() const { return chain_; }
    const std::string& identity() const { return identity_; }  // compact JWS
    std::uint64_t size() const { return state_.size(); }
    std::size_t bindings() const { return state_.bindings(); }
    bool halted() const { return log_->halted(); }

    // --- Enclaves. `peer` is the key that the channel proved. Error(bad_evidence | bad_format | busy).
    EnclaveId admit(const Hello& hello, const crypto::PublicKey& peer);
    void leave(EnclaveId enclave);

    // --- Key authority. Error(bad_evidence) when a policy refuses the enclave, (wrong_ledger) when the document names
    // another ledger, (conflict) when the binding exists already, (not_found), (forbidden) when sealed terms were
    // sealed for another choice of enclaves.
    KeyReleased create_key(EnclaveId enclave, ByteView binding_jws);
    KeyReleased release_key(EnclaveId enclave, const Hash256& binding);
    KeyReleased open_terms(EnclaveId enclave, ByteView binding_jws);

    // --- Appending. One outcome for each request, in order. A request is Refused whole when its signature, its records
    // or its rights do not hold; an item whose compare-and-swap fails is answered with the head. Checks of
    // heads see what the items before them leave, and hold only if that was written. Requests go into one
    // group commit (or several, by Options::group_bytes). When a group cannot be written, its requests are Refused with
    // the code, and nothing has changed.
    std::vector<AppendOutcome> append(std::span<const AppendRequest> requests);

    // --- History. At most 4 MiB, but at least one entry when there is one.
    ReadReply read(std::uint64_t from, std::uint32_t limit);
    HeadStatement head(const Hash256& binding, const Hash256& nonce);        // Error(not_found)
    std::vector<Hash256> consistency(std::uint64_t from, std::uint64_t to);  // Error(bad_format)
    SignedRoot signed_root();

    void snapshot();
    // Snapshots when Options::snapshot_bytes have been logged since the last one. A failure is logged, not thrown: the
    // log alone is enough.
    void snapshot_if_due();

    // Reads everything from the first entry on and compares chain, tree, rules, digests, enclave signatures and the
    // snapshot. Changes nothing.
    static AuditReport audit(Ports ports);

  private:
    struct Admitted {
        crypto::PublicKey key;
        attest::Claims claims;
        EnclaveIdentity identity;
        std::uint32_t channels = 0;  // 0: the slot may be given to another
        std::uint64_t left_at = 0;   // order in which slots became free
        bool used = false;
    };
    struct Pending {
        SecretKey key;
        std::uint64_t released = 0;
        std::uint64_t made = 0;
    };
    struct Stage;

    void replay();
    const Admitted& admitted(EnclaveId enclave) const;
    EnclaveId slot_for(const Hash256& thumbprint);
    void forget_releases(EnclaveId enclave);
    SecretKey accounts_of(const attest::Policy& policy) const;
    std::vector<SecretBytes> open_sealed_terms(const contract::Binding& binding) const;
    void require_ours(const contract::Binding& binding) const;
    Pending& pending_for(const Hash256& binding);
    GroupItem item_at(std::uint64_t index, SecretBytes& hold);

    void append_group(std::span<const AppendRequest> requests, std::vector<AppendOutcome>& outcomes);
    AppendOutcome stage_request(Stage& stage, const AppendRequest& request);
    AppendResult check_request(Stage& stage, const AppendRequest& request, GroupBatch& batch);
    void check_item(Stage& stage, EnclaveId enclave, GroupItem& item, ItemResult& result);
    std::uint64_t released_to(const Hash256& binding) const;
    void check_version(Stage& stage, const HeadState* now, GroupItem& item);
    contract::Binding binding_in_force(Stage& stage, const HeadState& now, const Hash256& binding);
    void commit(Stage& stage);
    void settle_keys(const Group& group);
    void fill_receipts(const Stage& stage, std::span<AppendOutcome> outcomes);
    const SignedRoot& current_root();

    Ports ports_;
    Options options_;
    LedgerKeys keys_;
    std::string chain_, identity_;
    State state_;
    std::unique_ptr<Log> log_;
    std::uint32_t snapshot_number_ = 0;
    std::uint64_t snapshot_at_bytes_ = 0;
    std::vector<Admitted> enclaves_;
    std::uint64_t leave_counter_ = 0, pending_counter_ = 0;
    std::unordered_map<Hash256, Pending, Hash256Hasher> pending_;
    std::optional<SignedRoot> root_;  // of the current size
};

}  // namespace concordat::ledger::confidential
