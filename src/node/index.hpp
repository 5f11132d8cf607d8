// index.db: what the record ledger's entries say, by binding, sequence and input, so that nothing needs a scan. Only
// keys and digests: the entries' bytes stay in the ledger. Everything here can be made again from the ledger, except
// the tenant of a binding, which the journal knows.
//
// Writes are staged and go to a thread in batches; reads see what was written before the last barrier. Loop thread
// only.
#pragma once
#include <boost/asio/steady_timer.hpp>
#include <contract/entry.hpp>
#include <filesystem>
#include <optional>
#include <set>
#include <store/database.hpp>
#include <vector>

#include "disk_thread.hpp"

namespace concordat::node {

struct BindingRow {
    std::int64_t local = 0;  // stands for (tenant, id) in the other tables
    Hash256 id;
    std::string tenant;
    std::string status;       // "running" "terminated"
    std::int64_t number = 1;  // of the version in force
    Hash256 version, package;
    bool dedicated = false;
    Hash256 group;        // bindings of one group run in one enclave: those that act through one account, or this alone
    Hash256 transaction;  // open one that holds the binding: its prepare entry; zero when none
    std::set<Hash256> free_open;  // those whose state holds: committed early, or decided
    Hash256 proposal;             // open amendment; zero when none
    TimeMs deadline = 0;          // of the proposal
    TimeMs created = 0;
};

struct EntryRow {
    std::uint64_t index = 0;   // in the ledger
    std::int64_t binding = 0;  // local
    std::uint64_t sequence = 0;
    contract::EntryType type{};
    Hash256 entry, input;
};

struct VersionRow {
    std::int64_t binding = 0, number = 0;
    Hash256 hash, package;
    std::uint64_t index = 0;  // of its bind or amend entry
    Bytes jws;
};

// A transaction across ledgers, as the entries up to `last` have it.
struct TransactionRow {
    Hash256 id;  // of its prepare entry
    std::int64_t binding = 0;
    std::uint64_t prepare = 0, last = 0;  // indexes of its first and its newest entry
    std::uint64_t outcome = 0;            // and of that one; 0 while there is none
    TimeMs changed = 0;                   // the newest entry's time
    bool cancelling = false, disputed = false;
    std::string ending;  // "committed", "aborted"; empty while it is open
};

// The entry that a call of another binding made (contract/call.hpp).
struct CallRow {
    std::int64_t binding = 0;
    Hash256 key;  // the caller's account
    std::int64_t number = 0;
    std::uint64_t index = 0;
};

struct EnclaveRow {
    std::string kid, key, evidence;
};

class Index {
  public:
    // Throws what store::Database throws.
    Index(boost::asio::io_context& loop, const std::filesystem::path& file);
    ~Index();

    // --- Writing.
    void stage(const EntryRow& row);
    void stage(BindingRow row);
    void stage(VersionRow row);
    void stage(EnclaveRow row);
    void stage(TransactionRow row);
    void stage(const CallRow& row);
    // Every entry below is staged or written: the next batch says so.
    void set_watermark(std::uint64_t watermark) { watermark_ = watermark; }
    void set_chain(const std::string& chain);
    bool full() const { return disk_->full(); }
    void barrier(std::function<void()> then);  // after all that is staged now
    void finish();                             // blocks until all that is staged is written
    // Told when a batch could not be written: what is missing is read from the ledger again.
    void on_failure(std::function<void(const Error&)> call) { failed_ = std::move(call); }

    // --- Reading.
    std::uint64_t stored_watermark();
    std::uint64_t seen();  // every entry below was indexed once, even where a migration has them read again
    std::string chain();
    std::int64_t last_local();
    std::optional<BindingRow> binding(const Hash256& id);
    std::optional<BindingRow> binding(std::int64_t local);
    // By id, after `after`.
    std::vector<BindingRow> bindings(std::string_view tenant, const Hash256& after, std::size_t limit);
    std::vector<BindingRow> with_open_proposal(std::size_t limit);
    std::optional<EntryRow> entry(std::int64_t binding, std::uint64_t sequence);
    std::optional<EntryRow> last_entry(std::int64_t binding);
    std::optional<EntryRow> entry_at(std::uint64_t index);
    std::optional<EntryRow> by_input(std::int64_t binding, const Hash256& input);
    std::optional<EntryRow> by_input(const Hash256& input);  // of any binding
    std::vector<EntryRow> entries(std::int64_t binding, std::uint64_t from_sequence, std::size_t limit);
    std::vector<EntryRow> entries_from(std::uint64_t index, std::size_t limit);
    // Of one binding, from that index of the ledger on.
    std::vector<EntryRow> entries_of_from(std::int64_t binding, std::uint64_t index, std::size_t limit);
    // Of one binding, above that sequence and up to the other: those that carry transactions on.
    std::vector<EntryRow> later_steps(std::int64_t binding, std::uint64_t above, std::uint64_t up_to);
    // From the last sequence down to the first.
    std::vector<EntryRow> newest(std::int64_t binding, std::size_t limit);
    std::vector<VersionRow> versions(std::int64_t binding, bool with_jws);
    std::optional<VersionRow> version(std::int64_t binding, std::int64_t number);
    std::optional<EnclaveRow> enclave(std::string_view kid);
    std::optional<TransactionRow> transaction(const Hash256& id);
    std::optional<EntryRow> by_call(std::int64_t binding, const Hash256& key, std::int64_t number);
    // The first whose id begins with these 32 hex digits.
    std::optional<BindingRow> binding_named(std::string_view start);
    // In the order of the ledger: those that are open or disputed, and those that changed since `since`.
    std::vector<TransactionRow> unsettled(TimeMs since);
    // Of one binding, the newest first, those that were prepared before that index.
    std::vector<TransactionRow> transactions(std::int64_t binding, std::uint64_t before, std::size_t limit);

  private:
    struct Batch;
    void staged();
    void flush();

    store::Database writer_, reader_;
    std::unique_ptr<Batch> batch_;
    std::uint64_t watermark_ = 0;
    std::function<void(const Error&)> failed_;
    boost::asio::steady_timer timer_;
    bool timer_set_ = false;
    std::optional<store::Transaction> transaction_;  // the thread's
    std::unique_ptr<DiskThread> disk_;               // last: its end writes what is left
};

}  // namespace concordat::node
