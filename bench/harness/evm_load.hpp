// Calls on anvil without anything in between: what the measurements of Ethereum are compared with.
#pragma once
#include <ledger/evm/kind/kind.hpp>
#include <ledger/evm/network/network.hpp>

#include "measurements.hpp"

namespace concordat::bench {

namespace evm = ledger::evm;

inline constexpr std::size_t account_count = 16;
inline constexpr int rounds = 3;  // measurement and bound take turns, as the chain grows under both
inline constexpr auto poll_pause = std::chrono::milliseconds(20);

struct Account {
    SecretKey key;
    ledger::Pin pin;  // the next one

    Bytes sign() const { return evm::EvmKind().sign(pin, ledger::Purpose::call, pin.ceiling / 2, key); }
};

evm::Network start_anvil(const std::filesystem::path& folder);
// With money.
std::vector<Account> make_accounts(evm::PlainClient& client, const std::string& chain);
// Calls a second, sent and seen in a block, each account's one after the other.
double bare_rate(std::vector<Account>& accounts, std::uint16_t port, double seconds);
// Of one such call, looked for each millisecond.
double bare_latency_ms(Account& account, evm::PlainClient& client);

}  // namespace concordat::bench
