// A small HTTP/1.1 server (RFC 9112) for our API: routes, limits, problems (RFC 9457), server-sent events, metrics.
// Everything runs on the caller's io_context, which one thread runs; every call is made on that thread (start() and
// route() also before it runs). Plain HTTP: it listens on the loopback interface unless told otherwise.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>

#include "event_stream.hpp"
#include "message.hpp"

namespace prometheus {
class Registry;
}

namespace concordat::http {

using std::chrono::milliseconds;

struct Limits {
    std::size_t header_bytes = 16 * 1024;  // request line and fields; over: 431
    std::size_t body_bytes = 1 << 20;      // unless the route says otherwise; over: 413
    std::size_t connections = 1024;        // over: 503 and closed
    double requests_per_second = 0;        // per peer address; 0 is without limit; over: 429 with Retry-After
    double burst = 100;                    // requests a quiet peer may make at once
    milliseconds header_timeout{10'000};   // from the first byte of a request to the end of its header: 408
    milliseconds body_timeout{30'000};     // for the whole body: 408
    milliseconds idle_timeout{60'000};     // between requests: closed
    milliseconds write_timeout{30'000};    // a client that does not read: closed
    milliseconds heartbeat{15'000};        // comment lines in an event stream
};

struct ServerOptions {
    std::string host = "127.0.0.1";  // an address
    std::uint16_t port = 0;          // 0 lets the system choose
    Limits limits{};
};

// A thrown concordat::Error becomes its problem document; any other exception is logged and becomes `internal`.
using Handler = std::function<boost::asio::awaitable<Response>(Request)>;

struct RouteOptions {
    std::size_t body_bytes = 0;  // 0: the server's limit
};

class Server {
  public:
    Server(boost::asio::io_context& context, ServerOptions options);
    ~Server();  // stops listening; open connections end with the io_context, or await stop() first
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Pattern: "/v1/bindings/{binding}/messages"; a last segment "{rest*}" takes the rest of the path, slashes and all,
    // even if empty. Literal segments win over parameters. GET serves HEAD as well. Aborts on a pattern given twice.
    void route(Method method, std::string_view pattern, Handler handler, RouteOptions options = {});
    void start();                // throws Error(config) when the address cannot be had
    std::uint16_t port() const;  // after start()
    std::size_t connections() const;
    // Stops listening, closes idle connections, ends event streams, lets requests in flight finish until the deadline,
    // then closes what is left.
    boost::asio::awaitable<void> stop(milliseconds deadline);

    // Text format 0.0.4: concordat_http_requests_total {route, method, status}, concordat_http_request_seconds {route},
    // concordat_http_connections, and whatever else was put into the registry.
    std::string metrics_text() const;
    prometheus::Registry& registry();

    class Impl;

  private:
    std::shared_ptr<Impl> impl_;  // shared with the connections' coroutines, which may outlive this object
};

}  // namespace concordat::http
