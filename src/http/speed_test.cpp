#include <time.h>

#include "fixture_test.hpp"

namespace concordat::http {
namespace {

double thread_cpu_seconds() {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) / 1e9;
}

// 32 keep-alive connections, one request in flight on each. What counts is the server thread's own CPU time: the
// machine has other things to do.
TEST(Speed, SmallKeepAliveRequests) {
    RunningServer running([](Server& server, boost::asio::io_context&) {
        server.route(Method::get, "/v1/bindings/{binding}", [](Request request) -> boost::asio::awaitable<Response> {
            co_return Response{200, "application/json", {}, "{\"binding\":\"" + request.param("binding") + "\"}"};
        });
    });
    constexpr std::string_view request =
        "GET /v1/bindings/0123456789abcdef HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\nUser-Agent: "
        "test\r\n\r\n";
    constexpr std::size_t count = 32;
    constexpr int rounds = 1000;
    std::vector<RawSocket> sockets;
    for (std::size_t i = 0; i < count; ++i) sockets.emplace_back(running.port);
    const double cpu = running.on_thread(thread_cpu_seconds);
    const auto started = monotonic_ns();
    for (int round = 0; round < rounds; ++round) {
        for (auto& socket : sockets) socket.send(request);
        for (auto& socket : sockets) ASSERT_TRUE(socket.receive("}").starts_with("HTTP/1.1 200"));
    }
    const double wall = static_cast<double>(monotonic_ns() - started) / 1e9;
    const double busy = running.on_thread(thread_cpu_seconds) - cpu;
    const double total = static_cast<double>(count) * rounds;
    std::printf("http: %.0f requests/s by the clock, %.0f per second of the server thread's CPU\n", total / wall,
                total / busy);
    EXPECT_GT(total / busy, 1000);  // loose: sanitisers and debug builds run this too
}

}  // namespace
}  // namespace concordat::http
