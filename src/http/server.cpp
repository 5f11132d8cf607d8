#include "server.hpp"

#include <algorithm>
#include <base/clock.hpp>
#include <base/id.hpp>
#include <base/log.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <ctime>

#include "server_impl.hpp"
#include "session.hpp"

namespace concordat::http {
namespace asio = boost::asio;
namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
constexpr milliseconds sweep_interval{100};
constexpr milliseconds accept_pause{100};

std::uint64_t random_seed() {
    std::uint64_t seed;
    SystemRandom().fill({reinterpret_cast<std::uint8_t*>(&seed), sizeof seed});
    return seed;
}

}  // namespace

Server::Impl::Impl(asio::io_context& io, ServerOptions given)
    : context(io),
      options(std::move(given)),
      unrouted(metrics.route("", "")),
      rates(options.limits.requests_per_second, options.limits.burst),
      acceptor(io),
      sweep_(io),
      drained_(io),
      trace_numbers_(random_seed()) {}

void Server::Impl::listen() {
    try {
        const Tcp::endpoint endpoint(asio::ip::make_address(options.host), options.port);
        acceptor.open(endpoint.protocol());
        acceptor.set_option(asio::socket_base::reuse_address(true));
        acceptor.bind(endpoint);
        acceptor.listen();
    } catch (const boost::system::system_error& error) {
        throw Error(Code::config, "listen",
                    "must be an address and port that can be had: " + options.host + ":" +
                        std::to_string(options.port) + ": " + error.code().message());
    }
}

asio::awaitable<void> Server::Impl::accept_connections() {
    const auto self = shared_from_this();
    while (acceptor.is_open()) {
        auto [error, socket] = co_await acceptor.async_accept(quiet);
        if (!error) {
            admit(std::move(socket));
        } else if (acceptor.is_open()) {
            log::warning("http.accept_failed", {{"reason", error.message()}});  // out of descriptors, most likely
            asio::steady_timer pause(context, accept_pause);
            co_await pause.async_wait(quiet);
        }
    }
}

void Server::Impl::admit(Tcp::socket socket) {
    boost::system::error_code error;
    const auto peer = socket.remote_endpoint(error).address();
    if (error) return;  // gone already
    socket.non_blocking(true, error);
    socket.set_option(Tcp::no_delay(true), error);
    if (sessions.size() >= options.limits.connections) {
        static constexpr std::string_view full =
            "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        socket.write_some(asio::buffer(full), error);
        return;
    }
    auto session = std::make_shared<Session>(shared_from_this(), std::move(socket), peer);
    asio::co_spawn(context, session->run(), [session](std::exception_ptr) {});  // keeps it until the coroutine ends
}

asio::awaitable<void> Server::Impl::watch_deadlines() {
    const auto self = shared_from_this();
    while (acceptor.is_open() || !sessions.empty()) {
        sweep_.expires_after(sweep_interval);
        co_await sweep_.async_wait(quiet);
        const std::int64_t now_ms = monotonic_ns() / 1'000'000;
        for (Session* session : sessions) session->check_deadline(now_ms);
    }
}

asio::awaitable<void> Server::Impl::stop(milliseconds deadline) {
    const auto self = shared_from_this();
    stopping = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    const std::vector<Session*> now(sessions.begin(), sessions.end());  // ending a stream may call the application
    for (Session* session : now) {
        if (sessions.contains(session)) session->drain();
    }
    drained_.expires_after(deadline);
    const auto until = drained_.expiry();
    while (!sessions.empty() && asio::steady_timer::clock_type::now() < until) {
        drained_.expires_at(until);
        co_await drained_.async_wait(quiet);
    }
    abort_all();
}

void Server::Impl::abort_all() {
    stopping = true;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (Session* session : sessions) session->abort();
    sweep_.cancel();
}

void Server::Impl::enter(Session& session) {
    sessions.insert(&session);
    metrics.connections().Increment();
}

void Server::Impl::leave(Session& session) {
    sessions.erase(&session);
    metrics.connections().Decrement();
    if (stopping && sessions.empty()) drained_.cancel();
}

// Trace ids are no secrets: a fast generator does.
std::string Server::Impl::new_trace() {
    const std::uint64_t numbers[2] = {trace_numbers_(), trace_numbers_()};
    return to_hex({reinterpret_cast<const std::uint8_t*>(numbers), sizeof numbers});
}

const std::string& Server::Impl::date() {
    const std::time_t now = std::time(nullptr);
    if (now != date_second_) {
        date_second_ = now;
        std::tm parts{};
        gmtime_r(&now, &parts);
        char text[64];
        date_.assign(text, std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &parts));
    }
    return date_;
}

Server::Server(asio::io_context& context, ServerOptions options)
    : impl_(std::make_shared<Impl>(context, std::move(options))) {}

Server::~Server() { impl_->abort_all(); }

void Server::route(Method method, std::string_view pattern, Handler handler, RouteOptions options) {
    const auto bytes = options.body_bytes != 0 ? options.body_bytes : impl_->options.limits.body_bytes;
    auto route =
        std::make_unique<Route>(Route{std::move(handler), bytes, impl_->metrics.route(pattern, method_name(method))});
    impl_->router.add(method, pattern, std::move(route));
}

void Server::start() {
    impl_->listen();
    asio::co_spawn(impl_->context, impl_->accept_connections(), asio::detached);
    asio::co_spawn(impl_->context, impl_->watch_deadlines(), asio::detached);
}

std::uint16_t Server::port() const { return impl_->acceptor.local_endpoint().port(); }
std::size_t Server::connections() const { return impl_->sessions.size(); }
asio::awaitable<void> Server::stop(milliseconds deadline) { return impl_->stop(deadline); }
std::string Server::metrics_text() const { return impl_->metrics.text(); }
prometheus::Registry& Server::registry() { return impl_->metrics.registry(); }

}  // namespace concordat::http
