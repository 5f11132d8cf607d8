// An Ethereum chain behind JSON-RPC endpoints, as the port to a ledger (ledger/ledger.hpp). Operations run on the
// io_context that is given; callbacks are called there. An operation asks one endpoint; when that fails, the next one.
// Endpoints that fail rest for a while, longer each time; one of another chain id or genesis is not believed. What is
// remembered (hashes of transactions) only saves searching: a new object over the same chain shows the same.
#pragma once
#include <ledger/ledger.hpp>

#include "endpoint.hpp"

namespace concordat::ledger::evm {

struct EvmOptions {
    std::uint64_t chain_id = 0;
    // Without it the first endpoint's that answers counts: for local networks, which are new each time.
    std::optional<Hash256> genesis;
    // https://host:port/path, or http, wss or ws; the preferred one first; 1 … 16.
    std::vector<std::string> endpoints;
    std::string ca;  // certificates (PEM) of authorities that count for them, besides the system's
    EndpointLimits limits;
    std::chrono::milliseconds operation_timeout{15'000};
    std::size_t max_operations = 64;   // at a time; more wait
    std::size_t max_waiting = 16'384;  // more than these are `unknown` at once
    std::size_t scan_blocks = 2048;    // that a search without states looks at in one operation
};

class EvmLedger final : public Ledger {
  public:
    // Throws Error(config) naming the option. When the ledger is destroyed, what is under way is not answered.
    EvmLedger(boost::asio::io_context& io, EvmOptions options);
    ~EvmLedger() override;

    const Kind& kind() const override;
    // The genesis is empty until it is given or an endpoint has told it.
    Description describe() const override;
    void conditions(const std::string& account, Then<std::optional<Conditions>> then) override;
    // `call` is EvmKind's, in which "value" (0), "data" (none) and "gas" (estimated) may be missing.
    void pace(Then<std::optional<Pace>> then) override;
    void plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) override;
    void submit(const Bytes& transaction, Then<Submission> then) override;
    void look(const Pin& pin, const Finality& finality, Then<View> then) override;
    void prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) override;
    // By polling. `filter` as log_filter (reading.hpp); nothing, too, for a filter or cursor of another form.
    void events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                Then<std::optional<EventPage>> then) override;

    // By endpoints with wss:// or ws:// addresses.
    void on_change(std::function<void()> changed) override;
    bool announces() const override;

    std::vector<Health> health() const override;

    struct Impl;

  private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace concordat::ledger::evm
