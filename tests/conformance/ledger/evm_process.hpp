// Local Ethereum networks as processes that end with this one, and a plain way to ask them.
#pragma once
#include <sys/types.h>

#include <base/json.hpp>
#include <http/client.hpp>
#include <ledger/evm/protocol/address.hpp>
#include <memory>
#include <string>
#include <vector>

namespace concordat::ledger::conformance {

class Process {
  public:
    // Output goes to `log`. Throws std::runtime_error when it cannot be started.
    Process(const std::vector<std::string>& command, const std::string& log, const std::string& input = {});
    ~Process();
    Process(const Process&) = delete;
    Process& operator=(const Process&) = delete;
    void stop(bool stopped);  // SIGSTOP, SIGCONT

  private:
    pid_t pid_ = -1;
};

class Node {
  public:
    explicit Node(std::uint16_t port) : port_(port), client_("127.0.0.1", port) {}
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    std::uint16_t port() const { return port_; }
    json::Value ask(const std::string& method, json::Array params);  // throws Error on refusal
    std::uint64_t height();

  private:
    std::uint16_t port_;
    http::HttpClient client_;
};

// A running network with one unlocked account that has money.
class Network {
  public:
    virtual ~Network() = default;
    virtual Node& node() = 0;
    virtual std::uint64_t chain_id() const = 0;
    virtual void mine(std::size_t blocks) = 0;
    virtual void stop(bool stopped) = 0;
    virtual bool reorganises() const { return false; }
    virtual std::vector<evm::Address> signers() const { return {}; }  // of clique
    // Sends from the account with money and waits until it is included; gives the receipt.
    virtual json::Value send(json::Object transaction);
};

// Nothing when the program is not installed.
std::unique_ptr<Network> start_anvil();
std::unique_ptr<Network> start_geth_dev();

std::uint16_t free_port();

}  // namespace concordat::ledger::conformance
