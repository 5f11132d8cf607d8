// A node's enclave: it keeps heads in memory as a cache, goes on from an entry before the record ledger has said that
// it is there, and lets nothing out, not even a refusal, before the ledger has said that the head was the newest. The
// rules of saga and journal and the chains' judgement are the production ones; those of time, order and slots are
// src/enclave/core's.
#pragma once
#include <transaction/driver/driver.hpp>

#include "machine.hpp"
#include "setting.hpp"

namespace concordat::simulation {

// What a node asks for: an entry of its type, or a signature.
struct Ask {
    std::size_t binding = 0;
    EntryType type{};
    Hash256 transaction;
    std::size_t message = 0;  // prepare
    std::size_t call = 0;
    transaction::Due given_up{};  // resolve: what people do not wait for any more
    std::optional<json::Value> evidence{};
    bool sign = false;
    ledger::Purpose purpose{};
    ledger::Price price = 0;
};

struct Reply {
    std::optional<Error> error;
    EntryPtr entry;  // recorded
    Bytes signature;
};

// The way to the record ledger: what was given to it first arrives first, or not at all.
class Line {
  public:
    virtual ~Line() = default;
    // `there` happens at the ledger and returns what it says; `back` hears it, or Error(unavailable) when it is not
    // known what became of it.
    using Word = std::variant<Record::Answer, bool>;
    virtual void carry(std::size_t binding, const EntryPtr& entry, std::function<Word()> there,
                       std::function<void(std::optional<Word>)> back) = 0;
};

class Enclave {
  public:
    using Then = std::function<void(Reply)>;
    Enclave(Setting& setting, Line& line) : setting_(setting), line_(line) {}

    bool holds(std::size_t binding) const { return contexts_.contains(binding); }
    void load(std::size_t binding, const History& history);
    // The process is gone.
    void forget();
    // `time`: what the host claims. Error(unavailable, /binding): not loaded; Error(conflict, /previous): the head is
    // another.
    void ask(const Ask& ask, TimeMs time, Then then);

  private:
    struct Context {
        History history;
        std::uint64_t generation = 0;
        enclave::Head head{};  // where the binding has something confidential
        TimeMs time() const { return history.empty() ? 0 : history.back()->time; }
    };
    // What waits for the ledger.
    struct Pending {
        std::size_t binding = 0;
        std::uint64_t generation = 0;
        EntryPtr entry;
        Bytes signature;
        std::optional<Error> refusal;
    };

    EntryPtr make(Context& context, const Ask& ask, TimeMs time);
    Entry prepare(const Context& context, const Ask& ask, TimeMs time);
    Entry step(const Context& context, const Ask& ask, TimeMs time);
    Bytes sign(const Context& context, const Ask& ask);
    void pin_due(const Message& message, Entry& entry);
    void check_leaving(const Pending& made) const;
    void send(std::size_t sequence, const EntryPtr& previous, Pending made, Then then);
    Error lose(const Pending& made, Error error);
    void tell(const Pending& made, const std::optional<Line::Word>& word, const Then& then);

    Setting& setting_;
    Line& line_;
    std::map<std::size_t, Context> contexts_;
    std::map<std::pair<std::string, std::string>, std::uint64_t> slots_;  // as this enclave believes
    std::uint64_t generations_ = 0;
};

}  // namespace concordat::simulation
