#include "connection.hpp"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http.hpp>

namespace concordat::ledger::evm {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t max_waiting = 4096;
constexpr std::size_t max_header_bytes = 16 * 1024;

}  // namespace

Connections::Connections(asio::io_context& io, Url url, Trust trust, std::size_t most)
    : io_(io), url_(std::move(url)), trust_(std::move(trust)), most_(most) {}

asio::awaitable<std::vector<Reply>> Connections::ask(std::span<const Request> requests, Deadline deadline) {
    const std::size_t count = requests.size();
    co_return parse_replies(co_await post(request_text(requests), deadline), count);
}

void Connections::close() {
    closed_ = true;
    idle_.clear();
    for (const auto& one : open_) {
        if (const Held connection = one.lock()) connection->stream.close();
    }
    for (const auto& waiter : std::exchange(waiting_, {})) waiter->wake();
}

asio::awaitable<void> Connections::enter(Deadline deadline) {
    while (busy_ >= most_ && !closed_) {
        if (waiting_.size() >= max_waiting) throw Error(Code::busy, "endpoint", "too many requests wait for it");
        const auto waiter = std::make_shared<Waiter>(io_.get_executor(), deadline);
        waiting_.push_back(waiter);
        if (!co_await waiter->wait()) {
            std::erase(waiting_, waiter);
            throw Error(Code::timeout, "endpoint", "was busy for too long");
        }
    }
    if (closed_) throw Error(Code::unavailable, "endpoint", "is closed");
    ++busy_;
}

void Connections::leave() {
    --busy_;
    wake();
}

void Connections::wake() {
    if (waiting_.empty()) return;
    waiting_.front()->wake();
    waiting_.pop_front();
}

asio::awaitable<Connections::Held> Connections::open(Deadline deadline) {
    const auto connection = std::make_shared<Connection>(io_, url_, trust_);
    std::erase_if(open_, [](const auto& one) { return one.expired(); });
    open_.push_back(connection);
    co_await connection->stream.connect(url_, deadline);
    co_return connection;
}

asio::awaitable<Connections::Answer> Connections::exchange(Held connection, const std::string& body, bool reused) {
    Answer out;
    http::request<http::string_body> request(http::verb::post, url_.target, 11);
    request.set(http::field::host, url_.authority);
    request.set(http::field::content_type, "application/json");
    request.set(http::field::accept, "application/json");
    request.body() = body;
    request.prepare_payload();
    const auto [unsent, sent] = co_await http::async_write(connection->stream, request, quiet);
    http::response_parser<http::string_body> parser;
    parser.body_limit(max_answer_bytes);
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
    const unsigned status = parser.get().result_int();
    if (status == 429) throw Error(Code::busy, "endpoint", "asks for fewer requests (HTTP 429)");
    if (status != 200) throw Error(Code::unavailable, "endpoint", "answers HTTP " + std::to_string(status));
    out.keep = parser.get().keep_alive();
    out.body = std::move(parser.get().body());
    co_return out;
}

asio::awaitable<std::string> Connections::post_within(const std::string& body, Deadline deadline) {
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
        Answer answer = co_await exchange(connection, body, reused);
        if (answer.stale) continue;  // as often as there are idle ones
        connection->stream.next_layer().expires_never();
        if (answer.keep && !closed_) idle_.push_back(std::move(connection));
        co_return std::move(answer.body);
    }
}

asio::awaitable<std::string> Connections::post(std::string body, Deadline deadline) {
    co_await enter(deadline);
    struct Leave {
        Connections& all;
        ~Leave() { all.leave(); }
    } const at_end{*this};
    std::string answer = co_await post_within(body, deadline);
    co_return answer;
}

}  // namespace concordat::ledger::evm
