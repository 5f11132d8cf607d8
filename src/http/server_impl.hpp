// What the server's connections share; internal to this module.
#pragma once
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <random>
#include <unordered_set>

#include "metrics.hpp"
#include "rate_limit.hpp"
#include "router.hpp"
#include "server.hpp"

namespace concordat::http {

class Session;
using Tcp = boost::asio::ip::tcp;

struct Route {
    Handler handler;
    std::size_t body_bytes;
    RouteMetrics metrics;
};

class Server::Impl : public std::enable_shared_from_this<Server::Impl> {
  public:
    Impl(boost::asio::io_context& io, ServerOptions given);

    void listen();
    boost::asio::awaitable<void> accept_connections();
    boost::asio::awaitable<void> watch_deadlines();
    boost::asio::awaitable<void> stop(milliseconds deadline);
    void abort_all();

    void enter(Session& session);
    void leave(Session& session);
    std::string new_trace();
    const std::string& date();  // RFC 9110, section 5.6.7; made once a second

    boost::asio::io_context& context;
    ServerOptions options;
    Router<Route> router;
    Metrics metrics;
    RouteMetrics unrouted;  // answers that no route gave
    RateLimit<boost::asio::ip::address> rates;
    bool stopping = false;
    Tcp::acceptor acceptor;
    std::unordered_set<Session*> sessions;

  private:
    void admit(Tcp::socket socket);

    boost::asio::steady_timer sweep_;
    boost::asio::steady_timer drained_;
    std::mt19937_64 trace_numbers_;
    std::int64_t date_second_ = -1;
    std::string date_;
};

}  // namespace concordat::http
