// HTTP/1.1 requests to one server over a few kept connections. One thread, the io_context's.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <string_view>
#include <utility>
#include <vector>

#include "gate.hpp"
#include "stream.hpp"

namespace concordat::ledger::net {

struct HttpRequest {
    bool post = false;         // else GET
    std::string target;        // empty: the URL's own
    std::string content_type;  // of the body, where there is one
    std::string accept;
    std::vector<std::pair<std::string, std::string>> fields{};  // besides these
    std::string body{};
};

inline constexpr std::string_view problem_type = "application/problem+json";  // RFC 9457

struct HttpAnswer {
    unsigned status = 0;
    std::string content_type;  // without parameters, in lower case
    std::string body;
};

class HttpClient {
  public:
    // At most `connections` at a time, answers of at most `max_body` bytes. More requests wait, max_waiting of them.
    HttpClient(boost::asio::io_context& io, Url url, Trust trust, std::size_t connections, std::size_t max_body);

    // It is begun before the deadline, or not at all: then Error(busy), which says nothing of the server. From then on
    // the server has `timeout` to answer. A kept connection that turns out to be closed is replaced: what is sent here
    // must do no harm when it arrives twice. Throws Error(unavailable | timeout | protocol | too_large | busy). Must
    // outlive the call.
    boost::asio::awaitable<HttpAnswer> exchange(HttpRequest request, Deadline deadline,
                                                std::chrono::milliseconds timeout);
    void close();  // for good; every call that is under way ends with an error

    static constexpr std::size_t max_waiting = 4096;

  private:
    struct Connection {
        Connection(boost::asio::io_context& io, const Url& url, const Trust& trust) : stream(io, url, trust) {}
        Stream stream;
        boost::beast::flat_buffer buffer;
    };
    using Held = std::shared_ptr<Connection>;
    struct Result {
        bool stale = false;  // the server had closed the connection before this request
        bool keep = false;
        HttpAnswer answer;
    };

    boost::asio::awaitable<Held> open(Deadline deadline);
    boost::asio::awaitable<Result> send(Held connection, const HttpRequest& request, bool reused);
    boost::asio::awaitable<HttpAnswer> send_within(const HttpRequest& request, Deadline deadline);

    boost::asio::io_context& io_;
    Url url_;
    Trust trust_;
    std::size_t max_body_;
    Gate gate_;
    bool closed_ = false;
    std::vector<Held> idle_;
    std::vector<std::weak_ptr<Connection>> open_;
};

}  // namespace concordat::ledger::net
