// JSON-RPC over one websocket (RFC 6455), which is opened when it is needed: many requests under way at a time, and
// what the node tells unasked. One thread, the io_context's.
#pragma once
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>

#include "transport.hpp"

namespace concordat::ledger::evm {

class Socket final : public Transport {
  public:
    // `told` gets the params of each notification.
    Socket(boost::asio::io_context& io, Url url, Trust trust, std::function<void(const json::Object& params)> told);
    ~Socket() override;

    // Where one request is not answered in time, the connection is given up, with all that is under way on it.
    boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline,
                                                   std::chrono::milliseconds timeout) override;
    bool lost() const override;
    void drop() override;
    void close() override;

    // Messages: a node answers one after the other, and has a time limit for each.
    static constexpr std::size_t max_under_way = 16;
    static constexpr std::size_t max_waiting = 4096;

  private:
    struct Link;
    using Held = std::shared_ptr<Link>;
    boost::asio::awaitable<Held> link(Deadline deadline);
    static boost::asio::awaitable<void> open(Held link, Url url, Deadline deadline);

    boost::asio::io_context& io_;
    Url url_;
    Trust trust_;
    std::function<void(const json::Object&)> told_;
    Held link_;
    net::Gate gate_;
    std::uint64_t next_id_ = 1;
    bool closed_ = false;
};

}  // namespace concordat::ledger::evm
