// A node as far as transactions concern it: the production driver over what the node knows of the record ledger, which
// may be old; one queue for each binding towards its enclave, asked again where an entry lost the race
// (src/node/lanes); clients' messages. Remembers over a crash what its index holds.
#pragma once
#include "enclave.hpp"
#include "endpoint.hpp"

namespace concordat::simulation {

class Node final : private transaction::Recorder, private Line {
  public:
    // `ledger_crashes`: the record ledger goes down, by chance, while it does something for this node.
    Node(Setting& setting, std::size_t number, std::function<void()> ledger_crashes);

    void start();
    void crash();
    bool idle() const { return driver_ && driver_->size() == 0; }
    // What people have signed comes in.
    void resolve(std::size_t binding, const Hash256& transaction, const transaction::Due& given_up);

    void freeze(TimeMs ms);
    void cut_off(TimeMs ms);  // from the record ledger
    void set_clock(TimeMs wrong_by);
    void set_lag(TimeMs lag) { lag_ = lag; }  // how late it learns what others recorded
    void set_index_full(bool full);
    void set_endpoint(const std::string& chain, Endpoint::Mood mood) { endpoints_.at(chain)->set(mood); }
    void end_troubles();

  private:
    struct Work {
        Ask ask;
        Enclave::Then then;
        int attempts = 0;
    };
    struct Lane {
        std::deque<Work> queue;
        bool busy = false;
    };
    struct CallPlace {
        std::size_t binding = 0;
        Hash256 transaction;
        std::size_t call = 0;
    };

    // Recorder.
    void sign(const Hash256& call, ledger::Purpose purpose, ledger::Price price,
              std::function<void(std::optional<Bytes>)> then) override;
    void append(const Hash256& call, EntryType type, std::optional<json::Value> evidence,
                std::function<void(std::optional<transaction::Journal>)> then) override;
    // Line.
    void carry(std::size_t binding, const EntryPtr& entry, std::function<Word()> there,
               std::function<void(std::optional<Word>)> back) override;
    std::optional<Word> arrive(std::size_t binding, const EntryPtr& entry, const std::function<Word()>& there);

    void submit(Ask ask, Enclave::Then then);
    void pump(std::size_t binding);
    void on_reply(std::size_t binding, const Reply& reply);
    void settle(std::size_t binding, const Reply& reply);
    TimeMs time_for(const Ask& ask);

    // What the ledger has by then; false: it cannot be asked.
    bool catch_up(std::size_t binding, TimeMs lag);
    void learn(std::size_t binding, const EntryPtr& entry);
    std::optional<transaction::Journal> journal_of(const Hash256& call) const;
    void drive(std::size_t binding, const Entry& entry);
    void serve(std::size_t binding);
    void answer(std::size_t binding);
    void prepare(std::size_t binding);
    void ask_ahead(const Ask& prepare);
    void trace(const std::string& what);

    Setting& setting_;
    std::size_t number_;
    std::function<void()> ledger_crashes_;
    Machine machine_;
    std::map<std::string, std::unique_ptr<Endpoint>> endpoints_;
    Enclave enclave_;
    std::unique_ptr<transaction::Driver> driver_;
    std::vector<History> known_;    // of each binding, in memory
    std::vector<History> indexed_;  // and on disk
    std::vector<Lane> lanes_;
    std::map<Hash256, CallPlace> places_;  // by the call's name
    TimeMs lag_ = 0, line_free_at_ = 0;
    unsigned cuts_ = 0;
    bool index_full_ = false;
};

}  // namespace concordat::simulation
