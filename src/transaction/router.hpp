// Which of a ledger's candidates a new transaction uses, and when a ledger that failed is tried again. Pure rules over
// what a node knows: what is chosen is for the parties' signatures to allow and for the entry to say, and what is
// chosen among is theirs alone (contract/places.hpp).
#pragma once
#include <base/clock.hpp>
#include <contract/places.hpp>
#include <contract/steps.hpp>
#include <span>

namespace concordat::transaction {

// What a node knows of one candidate now.
struct Outlook {
    bool configured = false;
    bool right_genesis = false;  // false also where it is not known
    bool answers = false;        // when it was asked last
    bool admitted = false;       // by its breaker
    bool funded = false;         // for one call at the ceiling
    ledger::Price price = 0;
    std::size_t open = 0;  // transactions that are open there, or about to be
};

// The cheapest of the candidates that can be used, as a share of what one call may cost in its asset where the needs
// say that; of the cheapest the one with the fewest open transactions; of those the first in the document. `known` is
// in the candidates' order; at most `max_open` transactions are open on a ledger. The route's chain is empty where none
// can be used.
contract::Route choose(const contract::LedgerPlace& place, std::span<const Outlook> known, std::size_t max_open);

// Keeps new transactions away from a ledger that fails: after three failures in a row it rests, longer each time; then
// one transaction tries it, and what becomes of that decides.
class Breaker {
  public:
    static constexpr unsigned failures_allowed = 2;  // in a row, before it rests
    static constexpr TimeMs first_rest_ms = 5'000, longest_rest_ms = 300'000;

    enum class State : std::uint8_t { closed, open, half_open };
    State state(TimeMs now) const;
    // Whether a transaction may begin there.
    bool admits(TimeMs now) const;
    TimeMs rests_until() const { return rests_until_; }

    void begins(TimeMs now);  // one is about to: where it was half open, that is the one that tries
    void withdrawn();         // it did not after all
    void silent(TimeMs now);  // it was asked and did not answer
    void answered();
    void expired(TimeMs now);  // what was begun there was given up
    void worked();             // a call that was begun there is final

  private:
    void fail(TimeMs now, unsigned& in_a_row);

    unsigned silences_ = 0, expiries_ = 0, rests_ = 0;
    TimeMs rests_until_ = 0;
    bool tried_ = false;
};
std::string_view breaker_state_name(Breaker::State state);

}  // namespace concordat::transaction
