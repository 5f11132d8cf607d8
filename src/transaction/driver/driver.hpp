// Carries calls on other ledgers to their end: looks at the ledger, asks the coordinator, does what it says, again and
// again. It remembers only what it last tried, so it may be lost at any instant: whoever starts the open journals again
// goes on. Untrusted, as all of the node: signing and recording is the enclave's and the record ledger's, behind
// `Recorder`. One thread, the timeline's.
//
// However many transactions there are, a ledger is asked a few questions at a time, and those that only look wait the
// longer for their turn the more there are: it is not to fail under our own load.
#pragma once
#include <base/timeline.hpp>
#include <deque>
#include <map>
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

// How far a ledger had come when what `evidence` shows was final.
std::uint64_t reached_with(const ledger::Kind& kind, const Journal& journal, const json::Value& evidence);

struct Progress {
    Journal journal;
    std::string waits_for;  // empty when all goes its way
    std::string transaction;     // its id on the ledger, where one is known
    std::uint64_t reached = 0;   // of one with an outcome, as Facts has it
    TimeMs moved = 0;            // when something last happened to it, by the clock
};

// Told of each new journal; and, after all, that nothing more will happen.
struct Listener {
    std::function<void(const Hash256&, const Journal&)> changed = [](const Hash256&, const Journal&) {};
    std::function<void(const Hash256&)> forgotten = [](const Hash256&) {};
};

class Driver {
  public:
    Driver(Timeline& timeline, Recorder& recorder, Policy policy, Listener listener);
    ~Driver();
    // A transaction here is one call of it: `transaction` is the call's name (call_id). The ledger must outlive the
    // driver. `reached`: of one with an outcome, as Facts has it. Known already: nothing happens.
    void start(const Hash256& transaction, const Journal& journal, ledger::Ledger& ledger, std::uint64_t reached = 0);
    // What another call of the same transaction, or another node, made of its journal. `reached`: as start() has it; 0
    // where it is not known.
    void update(const Hash256& transaction, const Journal& journal, std::uint64_t reached = 0);
    std::size_t size() const { return open_.size(); }
    const Progress* progress(const Hash256& transaction) const;

  private:
    // Of one ledger.
    struct Line {
        std::deque<std::function<void()>> first, rest;  // what moves a transaction on, and what only looks
        std::size_t under_way = 0, open = 0;            // questions; transactions
        std::uint64_t changes = 0;                      // that it has told of
        bool telling = false;                           // those who wait will be woken
    };
    struct Open {
        Progress progress;
        ledger::Ledger* ledger = nullptr;
        Line* line = nullptr;
        std::optional<Attempt> last;
        bool waits = false;
        std::uint64_t turn = 0;     // a wait that was cut short is not ended again
        std::uint64_t changes = 0;  // of the ledger, when it was last looked at
        TimeMs moved = 0;           // these by Timeline::passed
        std::optional<TimeMs> contradicts_since, failed_since;
    };
    // Calls `what(open)` later, unless driver or transaction is gone by then.
    template <class T, class F>
    std::function<void(T)> later(const Hash256& transaction, F what);
    // The same of a question to the ledger, which is put when its turn comes.
    template <class T, class Question, class F>
    void ask(const Hash256& transaction, std::deque<std::function<void()>>& where, Question question, F what);
    void go_on(Line& line);
    void again_in(const Hash256& transaction, TimeMs ms);
    void wait(const Hash256& transaction, TimeMs ms);  // the same, or as soon as the ledger has changed
    void again_soon(const Hash256& transaction, Open& open);
    TimeMs pause_of(const Open& open) const;
    void note_move(Open& open);
    static TimeMs pause_of_waking(const Line& line);
    Line& line_of(ledger::Ledger& ledger);
    void wake_waiting(Line& line);
    void look(const Hash256& transaction);
    void looked(const Hash256& transaction, Open& open, ledger::View view);
    void decide(const Hash256& transaction, Open& open, ledger::View view,
                std::optional<ledger::Conditions> conditions);
    void send(const Hash256& transaction, const Send& step);
    void submit(const Hash256& transaction, Open& open, const Send& step, Bytes bytes);
    void append(const Hash256& transaction, contract::EntryType type, const std::optional<json::Value>& evidence);

    Timeline& timeline_;
    Recorder& recorder_;
    Policy policy_;
    Listener listener_;
    std::unordered_map<Hash256, Open, Hash256Hasher> open_;
    std::map<ledger::Ledger*, Line> lines_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::transaction
