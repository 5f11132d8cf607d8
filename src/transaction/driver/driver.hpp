// Carries transactions to their end: looks at the ledger, asks the coordinator, does what it says, again and again. It
// remembers only what it last tried, so it may be lost at any instant: whoever starts the open journals again goes on.
// Untrusted, as all of the node: signing and recording is the enclave's and the record ledger's, behind `Recorder`.
// One thread, the timeline's.
#pragma once
#include <base/timeline.hpp>
#include <memory>
#include <unordered_map>

#include <ledger/ledger.hpp>
#include <transaction/coordinator.hpp>

namespace concordat::transaction {

// Enclave and record ledger, as the driver sees them. Each answers exactly once, never before it returns. Both may have
// happened although the answer is nothing.
class Recorder {
  public:
    virtual ~Recorder() = default;
    // The signed transaction; nothing when it cannot be had now.
    virtual void sign(const Hash256& transaction, ledger::Purpose purpose, ledger::Price price,
                      std::function<void(std::optional<Bytes>)> then) = 0;
    // The journal as it is recorded then; nothing when that could not be found out. An entry that is there already is
    // as good as a new one.
    virtual void append(const Hash256& transaction, contract::EntryType type, std::optional<json::Value> evidence,
                        std::function<void(std::optional<Journal>)> then) = 0;
};

struct Progress {
    Journal journal;
    std::string_view waits_for;  // empty when all goes its way
    std::string transaction;     // its id on the ledger, where one is known
};

class Driver {
  public:
    // `changed` is told each new journal, the last one included; then the driver forgets the transaction, unless an
    // outcome is still watched.
    Driver(Timeline& timeline, Recorder& recorder, Policy policy,
           std::function<void(const Hash256&, const Journal&)> changed);
    ~Driver();
    // `transaction` is its prepare entry's id. The ledger must outlive the driver. Known already: nothing happens.
    void start(const Hash256& transaction, const Journal& journal, ledger::Ledger& ledger);
    std::size_t size() const { return open_.size(); }
    const Progress* progress(const Hash256& transaction) const;

  private:
    struct Open {
        Progress progress;
        ledger::Ledger* ledger = nullptr;
        std::optional<Attempt> last;
        Facts facts;
    };
    // Calls `what(open)` later, unless driver or transaction is gone by then.
    template <class T, class F>
    std::function<void(T)> later(const Hash256& transaction, F what);
    void again_in(const Hash256& transaction, TimeMs ms);
    void look(const Hash256& transaction);
    void decide(const Hash256& transaction);
    void send(const Hash256& transaction, const Send& step);
    void append(const Hash256& transaction, contract::EntryType type, std::optional<json::Value> evidence);

    Timeline& timeline_;
    Recorder& recorder_;
    Policy policy_;
    std::function<void(const Hash256&, const Journal&)> changed_;
    std::unordered_map<Hash256, Open, Hash256Hasher> open_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::transaction
