#include "balances.hpp"

#include <algorithm>
#include <base/log.hpp>

namespace concordat::node {

using boost::multiprecision::cpp_int;

void Balances::check(ledger::Ledger& ledger, const std::string& chain, const std::string& account,
                     const cpp_int& most) {
    const std::pair key{chain, account};
    if (accounts_.size() >= max_accounts && !accounts_.contains(key)) accounts_.clear();
    Account& known = accounts_[key];
    const TimeMs now = clock_.now();
    if (known.asked && now - *known.asked < (known.low ? low_asked_every_ms : asked_every_ms)) return;
    known.asked = now;
    ledger.conditions(account, [this, alive = alive_, key, most](const std::optional<ledger::Conditions>& conditions) {
        if (!*alive) return;
        const auto found = accounts_.find(key);
        if (found == accounts_.end()) return;
        if (!conditions) {
            found->second.asked.reset();
            return;
        }
        const bool low = cpp_int(conditions->balance) < most * calls_kept;
        if (low == std::exchange(found->second.low, low)) return;
        const std::string calls = cpp_int(cpp_int(conditions->balance) / most).str();
        if (low) {
            log::warning("account_low", {{"chain", key.first},
                                         {"account", key.second},
                                         {"balance", conditions->balance},
                                         {"rule", "pays for " + calls + " more calls at their dearest: fund it"}});
        } else {
            log::info("account_funded",
                      {{"chain", key.first}, {"account", key.second}, {"balance", conditions->balance}});
        }
    });
}

std::size_t Balances::low() const {
    return static_cast<std::size_t>(std::ranges::count_if(accounts_, [](const auto& one) { return one.second.low; }));
}

}  // namespace concordat::node
