// Asking a node plainly: one request at a time, blocking, believed. For starting networks and for tests; what matters
// goes through EvmLedger.
#pragma once
#include <base/json.hpp>
#include <http/client.hpp>
#include <ledger/evm/protocol/transaction.hpp>
#include <optional>
#include <string>

namespace concordat::ledger::evm {

class PlainClient {
  public:
    explicit PlainClient(std::uint16_t port) : port_(port), client_("127.0.0.1", port) {}
    std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

    // Throws Error(unavailable) at the method's name with the node's words when it refuses; as HttpClient otherwise.
    json::Value ask(const std::string& method, json::Array params = {});
    std::uint64_t number(const std::string& method, json::Array params = {});  // of a quantity
    std::uint64_t height() { return number("eth_blockNumber"); }
    std::optional<json::Value> find_receipt(const std::string& transaction, int patience_ms);
    // The receipt, once there is one. Throws Error(timeout).
    json::Value receipt(const std::string& transaction, int patience_ms = 30'000);

  private:
    std::uint16_t port_;
    concordat::http::HttpClient client_;
};

}  // namespace concordat::ledger::evm
