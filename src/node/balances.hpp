// Whether the accounts that pay on other ledgers still have enough for a few more calls: people get to know while there
// is time to fund them, not when a transaction waits for money.
#pragma once
#include <base/clock.hpp>
#include <boost/multiprecision/cpp_int.hpp>
#include <ledger/ledger.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>

namespace concordat::node {

class Balances {
  public:
    static constexpr unsigned calls_kept = 10;           // fewer calls' dearest price than that is low
    static constexpr TimeMs asked_every_ms = 60'000;     // of an account that is in use
    static constexpr TimeMs low_asked_every_ms = 1'000;  // of one that was low
    static constexpr std::size_t max_accounts = 4096;

    explicit Balances(Clock& clock) : clock_(clock) {}
    ~Balances() { *alive_ = false; }
    // Asks the ledger unless that was done lately, and logs it when an account has become low, or is no more. `most` is
    // the most that one call may cost, in the ledger's smallest unit.
    void check(ledger::Ledger& ledger, const std::string& chain, const std::string& account,
               const boost::multiprecision::cpp_int& most);
    std::size_t low() const;

  private:
    struct Account {
        std::optional<TimeMs> asked;
        bool low = false;
    };
    Clock& clock_;
    std::map<std::pair<std::string, std::string>, Account> accounts_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::node
