// The port to a ledger: what the node needs of one. The pure half is `Kind` (kind.hpp). What an adapter must do is what
// tests/conformance/ledger asks of it (docs/ledger-adapters.md).
//
// Every operation answers exactly once, through its callback, never before it returns, and in bounded time: an endpoint
// that does not answer becomes `unknown`. Nothing here is trusted by a party: what matters is proved to the enclave.
#pragma once
#include <functional>
#include <optional>
#include <vector>

#include "kind.hpp"

namespace concordat::ledger {

// What a ledger can do.
struct Description {
    std::string kind;   // "evm"
    std::string chain;  // CAIP-2
    std::string genesis;
    std::vector<std::string> witnesses;  // of finality, "host" among them
    bool events = false;
};

struct Health {
    std::string url;  // of an endpoint
    bool usable = false;
    std::string problem{};  // the last one, empty when it works
};

struct Conditions {
    std::uint64_t height = 0;  // of the newest block
    Price price = 0;           // what gets a transaction into one of the next blocks
    std::string balance{};     // of the account, decimal, in the chain's smallest unit
    std::uint64_t next = 0;    // the account's first slot that the newest block leaves free
};

// How fast blocks come: the middle one of the times between the newest blocks, in whole seconds, rounded up. 0 where
// there are no blocks: what is there is final.
struct Pace {
    std::uint64_t block_seconds = 0;
    std::uint64_t newest = 0;  // when the newest block was made, in seconds since 1970; 0 where there are none
};

struct Submission {
    enum class Status : std::uint8_t {
        accepted,  // it is in the pool, or was there before
        priced,    // refused for its price: the pool asks for `detail`
        filled,    // the slot is filled already
        funds,     // the account cannot pay
        rejected,  // never to be accepted: `detail` says why
        unknown    // it may or may not have arrived: look before anything else
    };
    Status status = Status::unknown;
    std::string detail;
    std::string transaction;  // its id, where accepted
};

// What a ledger shows of a pin's slot.
struct View {
    enum class Status : std::uint8_t {
        unknown,   // the endpoint did not say
        open,      // nothing fills it
        pending,   // a transaction for it waits in the pool
        included,  // a block fills it, not yet deep enough
        final
    };
    Status status = Status::unknown;
    std::optional<Fate> fate;  // pending: called or cancelled; included, final: any
    Price price = 0;           // pending: of the one that waits; 0 when not known
    std::uint64_t depth = 0;   // included, final: 1 in the newest block
    std::string transaction;
};

// Evidence that the kind accepts, and the block that it shows to be final (Judgement::block).
struct Proven {
    json::Value evidence;
    std::uint64_t block = 0;
};

struct Event {
    std::uint64_t block = 0, index = 0;
    std::string transaction;
    json::Object data;
};

// Events in order. Where the chain has left the branch that the cursor was on, `undone_above` says up to which block
// what was told before still holds.
struct EventPage {
    std::optional<std::uint64_t> undone_above;
    std::vector<Event> events;
    std::string cursor;
};

// What `prepare` is to pin, the slot apart, which the record ledger gives.
struct Plan {
    std::optional<json::Object> call;  // complete: with what the ledger had to be asked for (gas, …)
    Price ceiling = 0;                 // enough for a good while of rising prices
    std::string problem;               // why the call would fail, where it would
};

class Ledger {
  public:
    template <class T>
    using Then = std::function<void(T)>;

    virtual ~Ledger() = default;
    virtual const Kind& kind() const = 0;
    virtual Description describe() const = 0;
    virtual std::vector<Health> health() const = 0;
    // An empty account asks of the ledger alone: then `balance` and `next` say nothing.
    virtual void conditions(const std::string& account, Then<std::optional<Conditions>> then) = 0;
    // Nothing when the ledger cannot be asked now, or has too few blocks to tell.
    virtual void pace(Then<std::optional<Pace>> then) = 0;
    // `call` is in the kind's form, as far as the contract makes it. Nothing when the ledger cannot be asked now.
    virtual void plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) = 0;
    // `changed` is called, never from within an operation, when the ledger tells unasked of a new block: what was seen
    // is worth another look. An adapter need not; of several listeners the last one counts.
    virtual void on_change(std::function<void()> changed) { (void)changed; }
    // Whether it is expected to do so now: then silence says that nothing has changed.
    virtual bool announces() const { return false; }
    // Hands in what Kind::sign made. The same bytes again do no harm.
    virtual void submit(const Bytes& transaction, Then<Submission> then) = 0;
    virtual void look(const Pin& pin, const Finality& finality, Then<View> then) = 0;
    // Evidence for Kind::judge, once the view is `final`; nothing when it cannot be had now.
    virtual void prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) = 0;
    // At most `limit` events after the cursor ("" for those from now on) that `filter`, in the kind's form, asks for.
    virtual void events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                        Then<std::optional<EventPage>> then) = 0;
};

}  // namespace concordat::ledger
