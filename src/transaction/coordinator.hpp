// What to do next about a transaction: a pure function of what is recorded, what the ledger shows, and the time. It
// keeps nothing, so a crash costs it nothing: whoever comes after asks again.
#pragma once
#include <ledger/ledger.hpp>
#include <variant>

#include "journal.hpp"

namespace concordat::transaction {

struct Policy {
    TimeMs look_every_ms = 1'000;
    TimeMs silent_look_every_ms = 5'000;  // where the ledger tells of its blocks, while it tells of none
    std::size_t most_at_once = 64;        // questions to one ledger that are under way; more wait for their turn
    TimeMs replace_after_ms = 15'000;     // a transaction that waits that long in the pool is offered a higher price
    unsigned raise_percent = 13;          // pools ask for 10 or more
    std::uint64_t watch_blocks = 16;      // below the finality depth, an outcome is still watched for a reorg
    TimeMs dispute_after_ms = 30'000;     // a ledger that contradicts an outcome must do so that long
};

// What the driver last sent. Lost in a crash, and then only a price is found out again. `at`: as Facts::passed.
struct Attempt {
    ledger::Purpose purpose{};
    ledger::Price price = 0;
    TimeMs at = 0;
    ledger::Submission::Status status{};
};

struct Facts {
    ledger::View view;
    std::optional<ledger::Conditions> conditions;
    std::optional<Attempt> last;
    TimeMs now = 0;     // by the clock, as deadlines are
    TimeMs passed = 0;  // since some instant, whatever is done to the clock: what has waited is told by it
    // Of an outcome that is watched: how far the ledger had come when it was final (an endpoint that is behind knows
    // nothing of it), and since when the view contradicts it from there or beyond.
    std::uint64_t reached = 0;
    std::optional<TimeMs> contradicts_since{};
    std::optional<TimeMs> failed_since{};  // of what must succeed: since when the ledger shows for good that it did not
};

// Why what was handed in does not get in, for people; empty where nothing is known to be wrong.
std::string_view trouble(ledger::Submission::Status status);
// What was final is gone, or something else is there for good.
bool contradicts(const Journal& journal, const ledger::View& view);
// Its slot is filled for good, and not by the call that must succeed.
bool failed(const Journal& journal, const ledger::View& view);

struct Wait {  // and look again; `why` is for people, empty when all goes its way
    TimeMs ms = 0;
    std::string_view why;
    bool operator==(const Wait&) const = default;
};
struct Send {  // have it signed, submit it
    ledger::Purpose purpose{};
    ledger::Price price = 0;
    bool operator==(const Send&) const = default;
};
struct Append {  // an outcome needs evidence: have the ledger prove it first
    contract::EntryType type{};
    bool operator==(const Append&) const = default;
};
struct Done {  // nothing more will happen
    bool operator==(const Done&) const = default;
};
using Step = std::variant<Wait, Send, Append, Done>;

Step next(const Journal& journal, const Facts& facts, const Policy& policy);

}  // namespace concordat::transaction
