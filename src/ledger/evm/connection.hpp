// JSON-RPC by HTTP POST to one server over a few kept connections. One thread, the io_context's.
#pragma once
#include <boost/beast/core/flat_buffer.hpp>
#include <deque>

#include "stream.hpp"
#include "waiter.hpp"

namespace concordat::ledger::evm {

class Connections final : public Transport {
  public:
    Connections(boost::asio::io_context& io, Url url, Trust trust, std::size_t most);

    boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline) override;
    void close() override;

  private:
    // The body of an answer with status 200. A kept connection that turns out to be closed is replaced once: what is
    // sent here does no harm when it arrives twice.
    boost::asio::awaitable<std::string> post(std::string body, Deadline deadline);

    struct Connection {
        Connection(boost::asio::io_context& io, const Url& url, const Trust& trust) : stream(io, url, trust) {}
        Stream stream;
        boost::beast::flat_buffer buffer;
    };
    using Held = std::shared_ptr<Connection>;
    struct Answer {
        bool stale = false;  // the server had closed the connection before this request
        bool keep = false;
        std::string body;
    };

    boost::asio::awaitable<void> enter(Deadline deadline);
    void leave();
    void wake();
    boost::asio::awaitable<Held> open(Deadline deadline);
    boost::asio::awaitable<Answer> exchange(Held connection, const std::string& body, bool reused);
    boost::asio::awaitable<std::string> post_within(const std::string& body, Deadline deadline);

    boost::asio::io_context& io_;
    Url url_;
    Trust trust_;
    std::size_t most_;
    std::size_t busy_ = 0;
    bool closed_ = false;
    std::vector<Held> idle_;
    std::vector<std::weak_ptr<Connection>> open_;
    std::deque<std::shared_ptr<Waiter>> waiting_;
};

}  // namespace concordat::ledger::evm
