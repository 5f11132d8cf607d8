#include "client.hpp"

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

namespace concordat::ledger::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t max_header_bytes = 16 * 1024;

http::request<http::string_body> message_of(const HttpRequest& given, const Url& url) {
    http::request<http::string_body> request(given.post ? http::verb::post : http::verb::get,
                                             given.target.empty() ? url.target : given.target, 11);
    request.set(http::field::host, url.authority);
    if (!given.content_type.empty()) request.set(http::field::content_type, given.content_type);
    request.set(http::field::accept, given.accept);
    for (const auto& [name, value] : given.fields) request.set(name, value);
    request.body() = given.body;
    request.prepare_payload();
    return request;
}

std::string media_type(std::string_view field) {
    std::string out(field.substr(0, field.find(';')));
    std::erase(out, ' ');
    std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? char(c - 'A' + 'a') : c; });
    return out;
}

}  // namespace

HttpClient::HttpClient(asio::io_context& io, Url url, Trust trust, std::size_t connections, std::size_t max_body)
    : io_(io),
      url_(std::move(url)),
      trust_(std::move(trust)),
      max_body_(max_body),
      gate_(io.get_executor(), connections, max_waiting) {}

void HttpClient::close() {
    closed_ = true;
    idle_.clear();
    for (const auto& one : open_) {
        if (const Held connection = one.lock()) connection->stream.close();
    }
    gate_.close();
}

asio::awaitable<HttpClient::Held> HttpClient::open(Deadline deadline) {
    const auto connection = std::make_shared<Connection>(io_, url_, trust_);
    std::erase_if(open_, [](const auto& one) { return one.expired(); });
    open_.push_back(connection);
    co_await connection->stream.connect(url_, deadline);
    co_return connection;
}

asio::awaitable<HttpClient::Result> HttpClient::send(Held connection, const HttpRequest& given, bool reused) {
    Result out;
    const auto request = message_of(given, url_);
    const auto [unsent, sent] = co_await http::async_write(connection->stream, request, quiet);
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_body_);
    parser.header_limit(max_header_bytes);
    error_code problem = unsent;
    if (!problem) {
        const auto [unread, got] = co_await http::async_read(connection->stream, connection->buffer, parser, quiet);
        problem = unread;
    }
    if (problem) {
        const bool nothing_came = !parser.got_some() && problem != beast::error::timeout;
        out.stale = reused && nothing_came;
        if (out.stale) co_return out;
        throw error_of(problem);
    }
    auto& message = parser.get();
    out.keep = message.keep_alive();
    out.answer = {.status = message.result_int(),
                  .content_type = media_type(message[http::field::content_type]),
                  .body = std::move(message.body())};
    co_return out;
}

asio::awaitable<HttpAnswer> HttpClient::send_within(const HttpRequest& request, Deadline deadline) {
    for (;;) {
        Held connection;
        const bool reused = !idle_.empty();
        if (reused) {
            connection = std::move(idle_.back());
            idle_.pop_back();
        } else {
            connection = co_await open(deadline);
        }
        // One limit for the whole exchange: an answer that drips does not move it.
        connection->stream.next_layer().expires_at(deadline);
        Result result = co_await send(connection, request, reused);
        if (result.stale) continue;  // as often as there are idle ones
        connection->stream.next_layer().expires_never();
        if (result.keep && !closed_) idle_.push_back(std::move(connection));
        co_return std::move(result.answer);
    }
}

asio::awaitable<HttpAnswer> HttpClient::exchange(HttpRequest request, Deadline deadline,
                                                 std::chrono::milliseconds timeout) {
    const Gate::Turn turn = co_await gate_.enter(deadline);
    HttpAnswer answer = co_await send_within(request, std::chrono::steady_clock::now() + timeout);
    co_return answer;
}

}  // namespace concordat::ledger::net
