// One connection; internal to this module.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>

#include "server_impl.hpp"

namespace concordat::http {

class RequestParser;

class Session : public std::enable_shared_from_this<Session> {
  public:
    Session(std::shared_ptr<Server::Impl> server, Tcp::socket socket, boost::asio::ip::address peer);
    ~Session();
    boost::asio::awaitable<void> run();

    void check_deadline(std::int64_t now_ms);
    void drain();  // the server is stopping: end when the request in flight, if any, is answered
    void abort();

  private:
    template <class T>
    using awaitable = boost::asio::awaitable<T>;
    enum class Phase : std::uint8_t { idle, reading, handling, writing, streaming };
    struct Refusal {
        int status;
        Error error;
    };

    awaitable<bool> serve_one();
    awaitable<bool> refuse_request(RequestParser& parser, Route* route, std::int64_t started_ns);
    awaitable<bool> read_header(RequestParser& parser);
    awaitable<bool> read_body(RequestParser& parser, std::size_t limit);
    awaitable<bool> fill();
    awaitable<Response> handle(const Route& route, Request request);
    awaitable<bool> respond(Response& response, bool head_only, bool keep, bool is_http10);
    awaitable<void> stream(Response& response);
    awaitable<bool> write(std::string_view head, std::string_view body);
    awaitable<void> linger();

    Route* find_route(RequestParser& parser);
    void refuse(int status, Code code, std::string field, std::string rule);
    void refuse_parse(const boost::system::error_code& error);
    void append_head(const Response& response, std::string_view connection, bool with_length);
    void watch_for_disconnect(const std::shared_ptr<EventStream>& events);
    void enter_phase(Phase phase, milliseconds limit);

    std::shared_ptr<Server::Impl> server_;
    Tcp::socket socket_;
    boost::asio::ip::address peer_;
    std::string peer_text_;
    boost::beast::flat_buffer buffer_;
    std::string head_;
    std::optional<Refusal> refusal_;
    Pairs refusal_headers_;
    std::shared_ptr<EventStream> events_;  // while streaming
    Phase phase_ = Phase::idle;
    std::int64_t deadline_ms_ = 0;  // 0 is none; compared with monotonic_ns
    bool timed_out_ = false;
    bool unread_ = false;  // a refused request's rest may still be under way
};

}  // namespace concordat::http
