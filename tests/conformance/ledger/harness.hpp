// What the suite needs of a ledger's surroundings: the ledger itself, time, accounts with money, calls with a visible
// effect, and the hand on the machine. One harness is one new chain.
#pragma once
#include <base/timeline.hpp>
#include <chrono>
#include <ledger/ledger.hpp>
#include <memory>
#include <ostream>
#include <stdexcept>

namespace concordat::ledger::conformance {

enum class Behaviour : std::uint8_t { succeeds, fails };

// What a participant's own books show of the calls that succeed: how many are held, and how many were made to hold.
struct Books {
    std::size_t held = 0, moved = 0;
    bool operator==(const Books&) const = default;
};
inline std::ostream& operator<<(std::ostream& out, const Books& books) {
    return out << books.held << " held, " << books.moved << " moved";
}

class Harness {
  public:
    virtual ~Harness() = default;
    virtual Ledger& ledger() = 0;
    virtual void restart() = 0;  // a new adapter over the same chain, which remembers nothing
    virtual Timeline& timeline() = 0;
    virtual void step() = 0;  // lets some time pass

    virtual std::string chain() const = 0;
    // Has blocks, prices, balances and events, and slots that are filled in order. A participant behind HTTP has none.
    virtual bool is_chain() const { return true; }
    virtual SecretKey account(bool with_money) = 0;  // a new one
    // With an effect that effects() counts and events() tells.
    virtual json::Object call(std::uint64_t tag, Behaviour behaviour) = 0;
    // Of the step with that tag, where there are steps.
    virtual json::Object call(std::uint64_t tag, Role role, Behaviour behaviour = Behaviour::succeeds) {
        (void)role;
        return call(tag, behaviour);
    }
    virtual void let_expire(std::uint64_t tag) { (void)tag; }  // the reservation of the step with that tag
    virtual Books books() { return {}; }                       // where there are no chains to tell
    virtual Price price() const = 0;                           // one that is good for the next block
    virtual Finality finality(std::uint64_t blocks) const = 0;
    virtual std::size_t effects(std::uint64_t tag) = 0;  // read from the chain, not through the adapter
    virtual json::Object filter() const = 0;             // for the events of the calls
    virtual std::uint64_t tag_of(const Event& event) const = 0;

    virtual void mine(std::size_t blocks) = 0;  // that many more, or a few more than that
    virtual bool can_reorganise() const = 0;
    // Takes the last blocks away and puts others there, without what was in them, or with what waits.
    virtual void reorganise(std::size_t depth) = 0;
    virtual void set_silent(bool silent) = 0;  // the chain's node takes requests and answers none
    // The chain's node is killed, and started again with what it had written.
    virtual std::string trouble() const { return {}; }  // what the adapter complains of, for people
    virtual bool can_be_killed() const { return false; }
    virtual void kill() {}
    virtual void revive() {}

    // The answer, which must come once, and not before the call returns.
    template <class T>
    T ask(const std::function<void(Ledger::Then<T>)>& what) {
        std::optional<T> answer;
        bool returned = false;
        std::string problem;
        const auto state = std::make_shared<int>(0);
        what([&answer, &returned, &problem, state](T value) {
            if (!returned) problem = "answered before the call returned";
            if (++*state > 1) problem = "answered twice";
            answer = std::move(value);
        });
        returned = true;
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
        while (!answer && std::chrono::steady_clock::now() < end) step();
        if (!answer) throw std::runtime_error("no answer within a minute");
        if (!problem.empty()) throw std::runtime_error(problem);
        return std::move(*answer);
    }
};

using Factory = std::function<std::unique_ptr<Harness>()>;
std::unique_ptr<Harness> fake_harness();
// A sample service with a database of its own; nothing when they are not installed (tools/install.sh --services).
// "http": the payment service; "http-postgres": the participant over a database's two-phase commit.
std::unique_ptr<Harness> http_harness(const std::string& name);
// Nothing when the program is not installed. "anvil"; "anvil-kept", with a state that outlives the process; "geth-dev";
// "geth-clique". With "-ws" behind it the adapter uses websockets, with "-tls" websockets inside TLS.
std::unique_ptr<Harness> evm_harness(const std::string& name);

}  // namespace concordat::ledger::conformance
