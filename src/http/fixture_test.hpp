// A server on a thread of its own, and a raw socket for what a decent client would not send.
#pragma once
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <base/clock.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>

#include "client.hpp"
#include "server.hpp"

namespace concordat::http {

class RunningServer {
  public:
    using Setup = std::function<void(Server&, boost::asio::io_context&)>;
    explicit RunningServer(const Setup& setup, Limits limits = {}) : server(context, {"127.0.0.1", 0, limits}) {
        setup(server, context);
        server.start();
        port = server.port();
        thread_ = std::thread([this] { context.run(); });
    }
    ~RunningServer() { stop(milliseconds(0)); }
    void stop(milliseconds deadline) {
        if (!thread_.joinable()) return;
        boost::asio::co_spawn(context, server.stop(deadline), boost::asio::use_future).get();
        thread_.join();  // nothing is left to run
    }
    template <class Call>
    auto on_thread(Call call) {
        return boost::asio::co_spawn(
                   context, [call]() -> boost::asio::awaitable<decltype(call())> { co_return call(); },
                   boost::asio::use_future)
            .get();
    }
    HttpClient client() const { return HttpClient("127.0.0.1", port); }

    boost::asio::io_context context{1};
    Server server;
    std::uint16_t port = 0;

  private:
    std::thread thread_;
};

class RawSocket {
  public:
    explicit RawSocket(std::uint16_t port) { socket_.connect("127.0.0.1", port, soon()); }
    void send(std::string_view bytes) { socket_.send(bytes, soon()); }
    // Everything until the server closes, or until `enough` occurs `times` times.
    std::string receive(std::string_view enough = "\xff", int times = 1) {
        std::string out;
        char chunk[65536];
        for (;;) {
            int seen = 0;
            for (auto at = out.find(enough); at != std::string::npos; at = out.find(enough, at + 1)) ++seen;
            if (seen >= times) return out;
            const auto size = socket_.receive(chunk, sizeof chunk, soon());
            if (size == 0) return out;
            out.append(chunk, size);
        }
    }
    void close() { socket_.close(); }

  private:
    static std::int64_t soon() { return monotonic_ns() + 10'000'000'000; }
    ClientSocket socket_;
};

}  // namespace concordat::http
