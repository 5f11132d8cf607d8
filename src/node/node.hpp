// One node: starts and watches ledger and enclaves, keeps index, journal and packages, and does what the API asks. It
// is not trusted: it orders, stores and forwards, and everything that it says can be checked by a receipt. One thread,
// but for the two that write the databases.
#pragma once
#include <base/file.hpp>
#include <base/id.hpp>
#include <enclave/host/pool.hpp>
#include <registry/store.hpp>

#include "anchors.hpp"
#include "drafts.hpp"
#include "options.hpp"
#include "routing.hpp"
#include "transactions.hpp"

namespace concordat::node {

struct MessageStatus {
    enum class State { waiting, done, failed } state = State::waiting;
    CommitPtr commit;
    Hash256 binding;
    std::optional<Error> error;
};

// What became of a call of another binding.
struct CallState {
    enum class Status : std::uint8_t { open, pending, settled } status = Status::open;
    std::uint64_t sequence = 0;  // settled: of the entry whose receipt shows what became of it
};

// An account on another ledger that a binding's calls come from.
struct AccountView {
    std::string ledger, chain, account;
    std::string most_per_call;  // work times ceiling, in the chain's smallest unit
    std::optional<ledger::Conditions> conditions;
    bool enough = false;  // for one call at the ceiling
    std::string problem{};
};

class Node : private LaneHost {
  public:
    // Takes the data folder: Error(locked_directory) when another node has it.
    Node(boost::asio::io_context& loop, NodeOptions options, Clock& clock, Random& random);
    ~Node() override;

    // `then` comes once: when messages can be run, or with what keeps the node from starting (rolled_back, tampered,
    // …).
    void start(Then<Nothing> then);
    // Lets what is under way end, for at most stop_seconds, then stops enclaves and ledger.
    void stop(std::function<void()> then);

    // --- Messages and observations, as compact JWS.
    // `patient`: waits for the end of a transaction however long it takes.
    void submit(const Hash256& binding, std::string input, std::string trace, Then<CommitPtr> then,
                bool patient = false);
    // Ends when the input is in the durable inbox; it is run even if this node is killed now.
    void accept(const Hash256& binding, std::string input, std::string trace, Then<Hash256> then);
    // `key`: thumbprint of the caller's account.
    void call(const Hash256& binding, const Hash256& key, std::int64_t number, Then<CallState> then);
    void status(const Hash256& digest, const std::optional<Hash256>& binding, Then<MessageStatus> then);

    // --- Reading.
    BindingState binding(const Hash256& id);  // Error(not_found)
    void versions(const Hash256& id, Then<std::vector<VersionRow>> then);
    void entries(const Hash256& binding, std::uint64_t from_sequence, std::size_t limit,
                 Then<std::vector<CommitPtr>> then);
    void entry(const Hash256& binding, std::uint64_t sequence, Then<CommitPtr> then);
    void events(const std::optional<Hash256>& binding, std::uint64_t from_index, std::size_t limit,
                Then<std::vector<CommitPtr>> then);
    void receipt(const Hash256& binding, std::uint64_t sequence, Then<std::string> then);
    void head(const Hash256& binding, const Hash256& nonce, Then<ccl::HeadStatement> then);
    void latest(const Hash256& binding, Then<CommitPtr> then);

    // --- Transactions across ledgers, and the ledgers.
    Transactions& transactions() { return *transactions_; }
    Ledgers& ledgers() { return *ledgers_; }
    Routing& routing() { return *routing_; }
    Anchors& anchors() { return *anchors_; }
    void accounts(const Hash256& binding, Then<std::vector<AccountView>> then);

    Drafts& drafts() { return *drafts_; }
    Journal& journal() { return *journal_; }
    Chronicle& chronicle() { return *chronicle_; }
    Index& index() { return *index_; }
    registry::Store& packages() { return *packages_; }
    enclave::EnclavePool& pool() { return *pool_; }
    ccl::LedgerClient& ledger() { return *ledger_; }
    Lanes& lanes() { return *lanes_; }
    const ccl::IdentityReply& identity() const { return identity_; }
    const NodeOptions& options() const { return options_; }
    Clock& clock() { return clock_; }
    Random& random() { return random_; }
    bool ready() const;
    const std::optional<Error>& broken() const { return broken_; }

    // --- Operator tokens.
    bool operator_allowed(std::string_view bearer);

  private:
    void catch_up(Then<Nothing> then) override { chronicle_->catch_up(std::move(then)); }
    void find_input(const Hash256& binding, const Hash256& input, Then<CommitPtr> then) override;
    CommitPtr committed(Bytes payload) override { return chronicle_->take(std::move(payload)); }
    void material(const Hash256& binding, Then<Material> then) override;
    enclave::LoadPackage package(const Hash256& id) override;
    void ancestry(const Hash256& binding, const std::string& input, Then<std::vector<Bytes>> then) override;
    enclave::Route route(const Hash256& binding) override;
    Hold held(const Hash256& binding) override;
    enclave::Routes choose(const Hash256& binding, Work& work) override;
    TimeMs now() override { return clock_.now(); }

    void on_ledger_ready(const ccl::IdentityReply& identity);
    void on_caught_up(const Outcome<Nothing>& done);
    void on_ledger_failed(const std::string& why);
    void make_first_token();
    void gather(std::vector<EntryRow> rows, Then<std::vector<CommitPtr>> then);
    void add_steps_before(const EntryRow& row, const Hash256& transaction, std::vector<EntryRow> rows,
                          Then<std::vector<EntryRow>> then);
    void ask_accounts(const InForce& in_force, const Then<std::vector<AccountView>>& then);
    void submit(const Hash256& binding, const std::shared_ptr<Work>& work, Then<CommitPtr> then);
    proof::Receipt assemble(const std::vector<CommitPtr>& commits);
    void run_inbox();
    void run_accepted(const Hash256& binding, const Hash256& digest, const std::string& input,
                      const std::string& trace);
    void drain(std::int64_t deadline_ns, std::function<void()> then);
    std::shared_ptr<Work> work_of(std::string input, std::string trace) const;

    boost::asio::io_context& loop_;
    NodeOptions options_;
    Clock& clock_;
    Random& random_;
    UniqueFd lock_;
    std::unique_ptr<Index> index_;
    std::unique_ptr<Journal> journal_;
    std::unique_ptr<registry::Store> packages_;
    std::unique_ptr<ccl::LedgerClient> ledger_;
    std::unique_ptr<Chronicle> chronicle_;
    std::unique_ptr<enclave::EnclavePool> pool_;
    std::unique_ptr<Lanes> lanes_;
    std::unique_ptr<Drafts> drafts_;
    std::unique_ptr<Ledgers> ledgers_;
    std::unique_ptr<Routing> routing_;
    std::unique_ptr<Transactions> transactions_;
    std::unique_ptr<Anchors> anchors_;
    ccl::IdentityReply identity_;
    Then<Nothing> started_;
    bool running_ = false, stopping_ = false;
    int failed_starts_ = 0;
    std::optional<Error> broken_;
    std::set<std::pair<Hash256, Hash256>> inbox_running_;
    std::size_t inbox_waiting_ = 0;
    std::int64_t inbox_after_ = 0;  // where the next look at the inbox begins
    boost::asio::steady_timer inbox_timer_, stop_timer_;
    std::unordered_map<Hash256, std::int64_t, Hash256Hasher> tokens_;  // seen good, by hash, until (monotonic ns)
};

// A node's databases made anew from its ledger: removes index.db; the next start reads everything.
// Error(locked_directory) while the node runs.
void drop_index(const std::filesystem::path& data);

// Makes an operator token: the text is shown once, its hash is kept. Works while the node runs.
std::string create_token(const std::filesystem::path& data, const std::string& name, const std::string& tenant,
                         Clock& clock, Random& random);

}  // namespace concordat::node
