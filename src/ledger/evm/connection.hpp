// JSON-RPC by HTTP POST to one server over a few kept connections. One thread, the io_context's.
#pragma once
#include <ledger/net/client.hpp>

#include "transport.hpp"

namespace concordat::ledger::evm {

class Connections final : public Transport {
  public:
    Connections(boost::asio::io_context& io, Url url, Trust trust, std::size_t most);

    // What is sent here does no harm when it arrives twice.
    boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline,
                                                   std::chrono::milliseconds timeout) override;
    void close() override { client_.close(); }

  private:
    net::HttpClient client_;
};

}  // namespace concordat::ledger::evm
