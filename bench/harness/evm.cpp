// The Ethereum adapter on anvil: calls that are signed, handed in and seen in a block, sixteen accounts at once, each
// after its last; against the same over a bare JSON-RPC client.
#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <crypto/hash.hpp>
#include <ledger/evm/evm_ledger.hpp>
#include <thread>

#include "evm_load.hpp"

namespace concordat::bench {

namespace {

using namespace std::chrono_literals;

const ledger::Finality at_once{.blocks = 1, .witness = "host", .parameters = {}};

// One account's calls, one after the other, until it is time. Gives how many.
std::size_t bare_calls(Account& account, std::uint16_t port, std::int64_t end_ns) {
    evm::PlainClient client(port);
    std::size_t count = 0;
    while (monotonic_ns() < end_ns) {
        const json::Value hash = client.ask("eth_sendRawTransaction", {json::Value(evm::to_0x(account.sign()))});
        while (client.ask("eth_getTransactionReceipt", {hash}).is_null()) std::this_thread::sleep_for(poll_pause);
        ++account.pin.slot;
        ++count;
    }
    return count;
}

class AdapterLoad {
  public:
    AdapterLoad(std::vector<Account>& accounts, const evm::NetworkDescription& network) : accounts_(accounts) {
        evm::EvmOptions options;
        options.chain_id = network.chain.value;
        options.genesis = network.genesis;
        options.endpoints = network.endpoints("ws");
        options.limits.connections = account_count;
        ledger_ = std::make_unique<evm::EvmLedger>(io_, options);
    }

    double rate(double seconds) {
        const std::int64_t began = monotonic_ns();
        end_ns_ = began + static_cast<std::int64_t>(seconds * 1e9);
        count_ = 0;
        under_way_ = accounts_.size();
        for (Account& account : accounts_) next(account);
        io_.restart();
        io_.run();
        return static_cast<double>(count_) / seconds_since(began);
    }

  private:
    void next(Account& account) {
        if (monotonic_ns() >= end_ns_) {
            if (--under_way_ == 0) io_.stop();
            return;
        }
        ledger_->submit(account.sign(), [this, &account](const ledger::Submission&) { look(account); });
    }
    void look(Account& account) {
        ledger_->look(account.pin, at_once, [this, &account](const ledger::View& view) {
            if (view.status != ledger::View::Status::final) return look_later(account);
            ++account.pin.slot;
            ++count_;
            next(account);
        });
    }
    void look_later(Account& account) {
        const auto timer = std::make_shared<boost::asio::steady_timer>(io_, poll_pause);
        timer->async_wait([this, &account, timer](const boost::system::error_code&) { look(account); });
    }

    std::vector<Account>& accounts_;
    boost::asio::io_context io_;
    std::unique_ptr<evm::EvmLedger> ledger_;
    std::int64_t end_ns_ = 0;
    std::size_t count_ = 0, under_way_ = 0;
};

}  // namespace

evm::Network start_anvil(const std::filesystem::path& folder) {
    evm::NetworkOptions wanted;
    wanted.kind = "anvil";
    wanted.folder = folder;
    wanted.toolchain = std::filesystem::path(CONCORDAT_SOURCE_DIR) / "build/toolchain";
    wanted.keep_state = false;
    return evm::Network::start(wanted);
}

std::vector<Account> make_accounts(evm::PlainClient& client, const std::string& chain) {
    std::vector<Account> out;
    for (std::size_t i = 0; i < account_count; ++i) {
        std::array<std::uint8_t, 32> bytes = crypto::sha256("bench account " + std::to_string(i)).bytes;
        SecretKey key(std::move(bytes));
        const std::string address = evm::EvmKind().account(key);
        client.ask("anvil_setBalance", {json::Value(address), json::Value("0xd3c21bcecceda1000000")});
        ledger::Pin pin{.chain = chain,
                        .account = address,
                        .slot = 0,
                        .call = json::Object{{"to", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
                                             {"data", "0x"},
                                             {"value", "1"},
                                             {"gas", "21000"}},
                        .ceiling = 20'000'000'000};
        out.push_back({std::move(key), std::move(pin)});
    }
    return out;
}

double bare_rate(std::vector<Account>& accounts, std::uint16_t port, double seconds) {
    const std::int64_t began = monotonic_ns();
    const std::int64_t end = began + static_cast<std::int64_t>(seconds * 1e9);
    std::atomic<std::size_t> count = 0;
    std::vector<std::thread> threads;
    for (Account& account : accounts) {
        threads.emplace_back([&] {
            try {
                count += bare_calls(account, port, end);
            } catch (const Error&) {  // fewer calls: that is seen in the rate
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    return static_cast<double>(count) / seconds_since(began);
}

double bare_latency_ms(Account& account, evm::PlainClient& client) {
    const std::string call = evm::to_0x(account.sign());
    ++account.pin.slot;
    const std::int64_t began = monotonic_ns();
    const json::Value hash = client.ask("eth_sendRawTransaction", {json::Value(call)});
    while (client.ask("eth_getTransactionReceipt", {hash}).is_null()) std::this_thread::sleep_for(1ms);
    return seconds_since(began) * 1e3;
}

Results measure_evm(const Options& options) {
    const evm::Network network = start_anvil(options.scratch / "anvil");
    const evm::NetworkDescription& description = network.description();
    evm::PlainClient client(description.ports.front());
    std::vector<Account> accounts = make_accounts(client, description.chain.text());
    AdapterLoad load(accounts, description);
    std::vector<double> bare, adapter;
    for (int i = 0; i < rounds; ++i) {
        bare.push_back(bare_rate(accounts, description.ports.front(), options.seconds / rounds));
        adapter.push_back(load.rate(options.seconds / rounds));
    }
    return {{.name = "evm_confirm_rate",
             .value = quantile(adapter, 0.5),
             .unit = "1/s",
             .bound = quantile(bare, 0.5),
             .target = 0.8,
             .note = "calls signed, handed in and seen in a block on anvil, 16 accounts; bound: sendRawTransaction and "
                     "polling for the receipt from 16 threads; medians of 3"}};
}

}  // namespace concordat::bench
