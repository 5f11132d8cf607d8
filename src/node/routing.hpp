// What this node knows of the ledgers among which bindings let it choose, and the choice: which of them answer, what a
// call costs there, whether the accounts can pay, how many transactions are open. The rules are
// transaction/router.hpp's. A ledger in use is asked every second; nothing is kept: after a start all is asked again.
// Loop thread only.
#pragma once
#include <base/asio_timeline.hpp>
#include <enclave/protocol/protocol.hpp>
#include <transaction/router.hpp>

#include "in_force.hpp"
#include "ledgers.hpp"

namespace concordat::node {

class Routing {
  public:
    static constexpr TimeMs asked_every_ms = 1'000;          // a ledger in use
    static constexpr TimeMs balance_asked_every_ms = 5'000;  // an account in use that can pay
    static constexpr TimeMs silent_after_ms = 1'500;         // a question without an answer
    static constexpr TimeMs used_for_ms = 60'000;            // since the last message that might have begun something
    static constexpr std::size_t max_bindings = 4096;        // whose candidates are remembered
    static constexpr std::size_t max_accounts = 4096;

    Routing(boost::asio::io_context& loop, Clock& clock, Chronicle& chronicle, Ledgers& ledgers, std::size_t max_open);
    ~Routing() { *alive_ = false; }

    // Calls `then` once enough is known to choose for a message of the binding, in the order of these calls: at once
    // where it has no candidates, or they are in use; else when each was asked, or after silent_after_ms.
    void ready(const Hash256& binding, std::function<void()> then);
    // A transaction on a ledger, or one about to begin, for as long as the token is held.
    using Token = std::shared_ptr<const void>;
    Token hold(const std::string& chain);
    struct Choice {
        enclave::Routes routes;
        std::vector<Token> tokens;
    };
    // For a message that may begin a transaction; empty where the binding has no candidates.
    Choice choose(const Hash256& binding);

    // What became of a transaction's call on a ledger that this node watches.
    void worked(const std::string& chain);
    void expired(const std::string& chain);

    // Of a ledger that is, or was, a candidate; nothing of others.
    struct View {
        transaction::Breaker::State breaker{};
        TimeMs rests_for_ms = 0;  // from now on, while it is open
        bool answers = false;
        std::size_t open = 0;
    };
    std::optional<View> view(const std::string& chain) const;
    std::size_t resting() const;  // ledgers whose breaker is not closed

  private:
    // A question to a ledger: when it was asked, and last got an answer or none, in passed() time.
    struct Asked {
        std::optional<TimeMs> since;  // not answered yet
        std::optional<TimeMs> known;
        const ledger::Ledger* of = nullptr;
        bool late(TimeMs now) const { return since && now - *since >= silent_after_ms; }
    };
    struct Chain {
        transaction::Breaker breaker;
        std::shared_ptr<const int> anchor = std::make_shared<const int>(0);  // each token is another hold of it
        Asked asked;
        TimeMs used = 0, counted = 0;  // the last use; when its silence was last counted
        bool answers = false;
        ledger::Price price = 0;
        std::size_t open() const { return static_cast<std::size_t>(anchor.use_count()) - 1; }
    };
    struct Account {
        Asked asked;
        TimeMs used = 0;
        std::string balance;  // decimal; empty while it is not known
        bool pays = false;
    };
    struct Candidates {
        Hash256 version;
        std::optional<InForce> in_force;  // nothing while it is read
        std::vector<std::function<void()>> waiting;
    };
    using AccountKey = std::pair<std::string, std::string>;

    bool has_candidates(const BindingRow& row);
    void read(const Hash256& binding, const Hash256& version);
    void look_after(const Hash256& binding, TimeMs since);
    void use(const InForce& in_force);
    bool is_known(const InForce& in_force);
    void ask(const std::string& chain, Chain& known);
    void ask(const AccountKey& key, Account& known);
    void learn(Chain& known, const std::optional<ledger::Conditions>& conditions);
    transaction::Outlook outlook(const std::string& account, const contract::LedgerTarget& target);
    void tick();

    mutable AsioTimeline timeline_;
    Chronicle& chronicle_;
    Ledgers& ledgers_;
    std::size_t max_open_;
    std::unordered_map<Hash256, bool, Hash256Hasher> has_candidates_;  // by version
    std::unordered_map<Hash256, Candidates, Hash256Hasher> bindings_;
    std::map<std::string, Chain> chains_;
    std::map<AccountKey, Account> accounts_;
    bool ticking_ = false;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::node
