// What the record ledger holds, as this node knows it: takes in each entry once, from an enclave that announced it or
// from the ledger itself, keeps the index and the bindings' heads, and finds entries again. Loop thread only.
#pragma once
#include <contract/binding.hpp>
#include <enclave/host/pool.hpp>
#include <enclave/protocol/protocol.hpp>
#include <functional>
#include <ledger/confidential/host/client.hpp>
#include <memory>
#include <process/link/outcome.hpp>
#include <set>
#include <unordered_map>

#include "entry_view.hpp"
#include "index.hpp"

namespace concordat::node {

namespace ccl = ledger::confidential;
using process::Nothing;
using process::Outcome;
using process::Then;

// Which enclave serves such a binding.
enclave::Route route_of(const contract::Binding& binding);

// prepare, cancelling, step, outcome, disputed.
bool is_of_transaction(contract::EntryType type);

// One appended entry with its evidence, immutable and shared.
struct Commit {
    std::uint64_t index = 0;  // in the ledger
    std::string kid;          // of the enclave that claims it
    Bytes raw;                // encoded enclave::Committed; the views point into it
    ByteView document, input, state, disclosures, private_state;
    EntryView entry;

    explicit Commit(Bytes committed);
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
    enclave::Committed decode() const { return enclave::decode_committed(raw); }
};
using CommitPtr = std::shared_ptr<const Commit>;

struct BindingState {
    BindingRow row;
    std::optional<EntryRow> head;  // absent: not looked up yet
};

class Chronicle {
  public:
    struct Options {
        std::size_t max_cached_bytes = std::size_t{64} << 20;
        std::size_t max_bindings = 65'536;
    };
    // `tenant_of` names the tenant of a binding that is seen for the first time.
    Chronicle(boost::asio::io_context& loop, Index& index, ccl::Ledger& ledger,
              std::function<std::string(const Hash256&)> tenant_of, Options options);

    // The ledger has started: compares it with the index. Error(rolled_back) when it is shorter or another one. Then
    // reads what is missing.
    void open(const ccl::IdentityReply& identity, Then<Nothing> then);
    // Reads every entry that the ledger has and the index has not. Callers that come while it runs share the next run.
    void catch_up(Then<Nothing> then);

    CommitPtr take(Bytes committed);
    void enclave_seen(const std::string& kid, const std::string& key, const std::string& evidence);

    // Null when this node knows no such binding.
    const BindingState* binding(const Hash256& id);
    const EntryRow* head(const Hash256& binding);
    void find(const EntryRow& row, Then<CommitPtr> then);
    // Many, in the order of the ledger, which gives neighbours together. What is read for this is not kept.
    void find_all(std::vector<EntryRow> rows, Then<std::vector<CommitPtr>> then);
    // Null when no entry has this input.
    void find_input(const Hash256& binding, const Hash256& input, Then<CommitPtr> then);
    void find_entry(const Hash256& binding, std::uint64_t sequence, Then<CommitPtr> then);  // Error(not_found)

    Index& index() { return index_; }
    std::uint64_t watermark() const { return watermark_; }  // every entry below is known
    bool full() const { return index_.full(); }

    // Told each entry of a transaction, in its binding's order, once it is taken.
    void on_transaction(std::function<void(const CommitPtr&, const contract::Entry&)> call) {
        transaction_ = std::move(call);
    }

    // Called, once per turn of the loop, when the watermark has moved. Returns a number for unsubscribe.
    std::uint64_t subscribe(std::function<void()> call);
    void unsubscribe(std::uint64_t number) { subscribers_.erase(number); }

  private:
    struct Search;  // of find_all()
    void go_on(const std::shared_ptr<Search>& search);
    static void take_found(Search& search, ccl::ReadReply& reply);
    void read_more();
    void on_read(Outcome<ccl::ReadReply> reply);
    void finish_catch_up(const std::optional<Error>& error);
    void check_last_entry(std::uint64_t size, std::uint64_t seen, Then<Nothing> then);
    void take(const CommitPtr& commit);
    void take_structural(BindingState& state, const Commit& commit, const contract::Entry& entry);
    void take_version(BindingState& state, const Commit& commit, const contract::Entry& entry);
    void take_transaction(BindingState& state, const Commit& commit, const contract::Entry& entry);
    BindingState& state_of(const Commit& commit);
    BindingState* load(const Hash256& id);
    void advance(std::uint64_t index);
    void cache(const CommitPtr& commit);
    void forget_old_bindings();

    boost::asio::io_context& loop_;
    Index& index_;
    ccl::Ledger& ledger_;
    std::function<std::string(const Hash256&)> tenant_of_;
    Options options_;
    std::uint64_t watermark_ = 0;
    std::set<std::uint64_t> ahead_;  // taken, above the watermark
    std::int64_t last_local_ = 0;
    std::unordered_map<Hash256, std::pair<BindingState, std::uint64_t>, Hash256Hasher>
        bindings_;  // with the turn of last use
    std::uint64_t turn_ = 0;
    bool forgetting_ = false;
    std::unordered_map<std::uint64_t, CommitPtr> cached_;
    std::deque<std::uint64_t> cached_order_;
    std::size_t cached_bytes_ = 0;
    std::map<std::string, EnclaveRow> known_enclaves_;  // since this node started; a few for each enclave that ran
    bool catching_up_ = false;
    std::vector<Then<Nothing>> catch_up_now_, catch_up_next_;
    std::map<std::uint64_t, std::function<void()>> subscribers_;
    std::uint64_t next_subscriber_ = 1;
    bool notify_posted_ = false;
    int catch_up_attempts_ = 0;
    std::function<void(const CommitPtr&, const contract::Entry&)> transaction_;
    boost::asio::steady_timer retry_, again_;
};

}  // namespace concordat::node
