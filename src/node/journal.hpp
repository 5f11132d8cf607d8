// node.db: what cannot be made again from the ledger. The durable inbox, anchors, drafts (documents on their way to
// being signed by all), the tenants of bindings, operator tokens, and the answers of operator requests that carry an
// idempotency key. Each commit is on the disk before anybody is told. Loop thread only.
#pragma once
#include <base/clock.hpp>
#include <filesystem>
#include <ledger/confidential/protocol/statement.hpp>
#include <optional>
#include <store/database.hpp>
#include <string>
#include <vector>

#include "disk_thread.hpp"

namespace concordat::node {

enum class InboxState { waiting = 0, done = 1, failed = 2 };

struct InboxRow {
    Hash256 digest;  // of the input
    std::string tenant;
    Hash256 binding;
    std::string input;
    InboxState state = InboxState::waiting;
    std::string error_code, error_field, error_rule;
    TimeMs accepted = 0;
    std::int64_t ordinal = 0;
};

enum class DraftKind { first = 0, amendment = 1, termination = 2, resolution = 3 };

struct DraftRow {
    Hash256 document;  // version hash, or the SHA-256 of the payload
    std::string tenant;
    DraftKind kind = DraftKind::first;
    Hash256 binding;    // the document itself for a first version
    std::string jws;    // JCS general JWS with the signatures so far
    std::string state;  // "open" "locking" "locked" "declined" "withdrawn" "expired" "failed"
    std::string reason;
    std::string decisions;  // compact JWS, one a line
    TimeMs expires = 0, created = 0;
    std::string trace{};  // of the last request that moved it; for the log, and not kept
};

struct TokenRow {
    Hash256 hash;
    std::string name, tenant;
    TimeMs created = 0;
};

struct AnswerRow {
    Hash256 request;  // digest of method, path and body
    int status = 0;
    std::string body;
};

// Another ledger that this node reaches.
struct LedgerRow {
    std::string chain;     // CAIP-2
    std::string settings;  // JCS, as docs/node.md says
};

// A root of the record ledger that a contract on another chain has recorded.
struct AnchorRow {
    std::string chain, contract;
    ledger::confidential::SignedRoot root;
    std::string evidence;     // JCS; empty where it was not asked for
    std::string transaction;  // that recorded it
    std::uint64_t block = 0;
    TimeMs kept = 0;
};
inline constexpr std::size_t max_anchor_bytes = std::size_t{2} << 20;

class Journal {
  public:
    using Done = DiskThread::Done;

    Journal(boost::asio::io_context& loop, const std::filesystem::path& file);

    bool full() const { return disk_->full(); }
    void finish() { disk_->finish(); }
    void barrier(std::function<void()> then) { disk_->barrier(std::move(then)); }

    void put_inbox(InboxRow row, Done done);
    void finish_inbox(const Hash256& binding, const Hash256& digest, InboxState state, const Error* error, Done done);
    std::optional<InboxRow> inbox(const Hash256& digest);  // the first of any binding
    std::optional<InboxRow> inbox(const Hash256& binding, const Hash256& digest);
    std::vector<InboxRow> waiting_inbox(std::int64_t after_ordinal, std::size_t limit);
    std::size_t waiting_count();

    // Also remembers the binding's tenant.
    void put_draft(const DraftRow& row, Done done);
    std::optional<DraftRow> draft(const Hash256& document);
    // "open" and "locking" ones, by tenant, after `after`.
    std::vector<DraftRow> open_drafts(std::string_view tenant, const Hash256& after, std::size_t limit);
    std::vector<DraftRow> drafts_of(const Hash256& binding, std::size_t limit);
    std::vector<DraftRow> due_drafts(TimeMs now, std::size_t limit);
    std::vector<DraftRow> locking_drafts(std::size_t limit);
    std::string tenant_of(const Hash256& binding);  // "default" when unknown

    void put_token(const TokenRow& row);  // at once, on this thread: for the command line
    std::optional<TokenRow> token(const Hash256& hash);
    std::size_t token_count();

    void put_ledger(LedgerRow row, Done done);
    void remove_ledger(const std::string& chain, Done done);
    std::vector<LedgerRow> ledgers();

    // Then at most `keep` stay of this contract, those of the most entries.
    void put_anchor(AnchorRow row, std::size_t keep, Done done);
    std::vector<AnchorRow> anchors(std::size_t limit);          // without evidence, those of the most entries first
    std::optional<AnchorRow> anchor_above(std::uint64_t size);  // of the fewest entries, at least that many
    std::size_t anchor_places(const std::string& chain, const std::string& contract);  // how many others have some

    void put_answer(const std::string& key, AnswerRow row, TimeMs now, Done done);
    std::optional<AnswerRow> answer(const std::string& key);

  private:
    store::Database writer_, reader_;
    std::optional<store::Transaction> transaction_;  // the thread's
    std::unique_ptr<DiskThread> disk_;
};

}  // namespace concordat::node
