#include "session.hpp"

#include <algorithm>
#include <array>
#include <base/clock.hpp>
#include <base/log.hpp>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/status.hpp>
#include <boost/url.hpp>

#include "request_parser.hpp"

namespace concordat::http {
namespace asio = boost::asio;
using boost::system::error_code;
namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t read_bytes = 16 * 1024;
constexpr std::size_t linger_bytes = 4 << 20;
constexpr milliseconds linger_timeout{2000};

std::int64_t now_ms() { return monotonic_ns() / 1'000'000; }

// The trace id of a W3C traceparent "00-<32 hex>-<16 hex>-<2 hex>", or "".
std::string_view trace_of(std::string_view traceparent) {
    const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
    if (traceparent.size() < 55 || traceparent[2] != '-' || traceparent[35] != '-') return {};
    const auto id = traceparent.substr(3, 32);
    const bool good = std::all_of(id.begin(), id.end(), is_hex) && id.find_first_not_of('0') != std::string_view::npos;
    return good ? id : std::string_view{};
}

void append_value(std::string& out, std::string_view value) {
    for (char c : value) out += c == '\r' || c == '\n' || c == '\0' ? ' ' : c;  // no way to smuggle in a field
}

// Sets path and query from the target; false when it is not in origin form.
bool split_target(Request& request) {
    const auto url = boost::urls::parse_origin_form(request.target);
    if (!url) return false;
    const std::string_view target = request.target;
    const auto mark = target.find('?');
    request.path = target.substr(0, mark);
    if (mark == std::string_view::npos) return true;
    for (const auto& item : url->params()) request.query.emplace_back(std::string(item.key), std::string(item.value));
    return true;
}

bool decode_params(Request& request, const std::vector<std::pair<std::string_view, std::string_view>>& params) {
    request.params.reserve(params.size());
    for (const auto& [name, raw] : params) {
        if (raw.find('%') == std::string_view::npos) {
            request.params.emplace_back(name, raw);
            continue;
        }
        const auto text = boost::urls::make_pct_string_view(raw);
        if (!text) return false;
        request.params.emplace_back(name, text->decode());
    }
    return true;
}

}  // namespace

Session::Session(std::shared_ptr<Server::Impl> server, Tcp::socket socket, asio::ip::address peer)
    : server_(std::move(server)),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      peer_text_(peer_.to_string()),
      buffer_(server_->options.limits.header_bytes + 2 * read_bytes) {
    server_->enter(*this);
}

Session::~Session() { server_->leave(*this); }

asio::awaitable<void> Session::run() {
    try {
        while (co_await serve_one()) {
        }
        if (unread_) co_await linger();
    } catch (const std::exception& error) {
        log::error("http.session_failed", {{"reason", error.what()}});
    }
    abort();
}

void Session::abort() {
    error_code ignored;
    socket_.close(ignored);
    if (const auto events = std::exchange(events_, nullptr)) events->close();
}

void Session::drain() {
    if (events_) events_->close();
    error_code ignored;
    if (phase_ == Phase::idle) socket_.shutdown(Tcp::socket::shutdown_receive, ignored);
}

void Session::enter_phase(Phase phase, milliseconds limit) {
    phase_ = phase;
    deadline_ms_ = limit.count() == 0 ? 0 : now_ms() + limit.count();
}

// A reader wakes up with an end of stream and can still answer 408; a writer cannot be helped.
void Session::check_deadline(std::int64_t now) {
    if (deadline_ms_ == 0 || now < deadline_ms_) return;
    deadline_ms_ = 0;
    timed_out_ = true;
    error_code ignored;
    if (phase_ == Phase::writing || phase_ == Phase::streaming)
        socket_.close(ignored);
    else
        socket_.shutdown(Tcp::socket::shutdown_receive, ignored);
}

void Session::refuse(int status, Code code, std::string field, std::string rule) {
    refusal_.emplace(Refusal{status, Error(code, std::move(field), std::move(rule))});
}

void Session::refuse_parse(const error_code& error) {
    namespace beast_http = boost::beast::http;
    if (error == beast_http::error::header_limit)
        return refuse(431, Code::too_large, "header", "must fit the server's limit");
    if (error == beast_http::error::body_limit)
        return refuse(413, Code::too_large, "body", "must fit the route's limit");
    refuse(400, Code::bad_format, "request", "must be an HTTP/1.1 request: " + error.message());
}

asio::awaitable<bool> Session::fill() {
    if (buffer_.size() + read_bytes > buffer_.max_size()) {
        refuse(400, Code::bad_format, "request", "must not have a chunk header longer than the buffer");
        co_return false;
    }
    auto [error, size] = co_await socket_.async_read_some(buffer_.prepare(read_bytes), quiet);
    buffer_.commit(size);
    if (!error) co_return true;
    if (timed_out_ && phase_ == Phase::reading) refuse(408, Code::timeout, "request", "must arrive in time");
    co_return false;
}

asio::awaitable<bool> Session::read_header(RequestParser& parser) {
    const Limits& limits = server_->options.limits;
    enter_phase(Phase::idle, limits.idle_timeout);
    for (;;) {
        if (buffer_.size() == 0) {
            if (phase_ == Phase::idle && server_->stopping) co_return false;
        } else {
            if (phase_ == Phase::idle) enter_phase(Phase::reading, limits.header_timeout);
            error_code error;
            buffer_.consume(parser.put(buffer_.data(), error));
            if (error && error != boost::beast::http::error::need_more) {
                refuse_parse(error);
                co_return false;
            }
            if (parser.is_header_done()) co_return true;
        }
        if (!co_await fill()) co_return false;
    }
}

asio::awaitable<bool> Session::read_body(RequestParser& parser, std::size_t limit) {
    enter_phase(Phase::reading, server_->options.limits.body_timeout);
    parser.eager(true);
    parser.body_limit(limit);
    if (buffer_.size() == 0 && equal_ignoring_case(parser.request.headers["Expect"], "100-continue")) {
        if (!co_await write("HTTP/1.1 100 Continue\r\n\r\n", {})) co_return false;
        enter_phase(Phase::reading, server_->options.limits.body_timeout);
    }
    for (;;) {
        if (buffer_.size() != 0) {
            error_code error;
            buffer_.consume(parser.put(buffer_.data(), error));
            if (error && error != boost::beast::http::error::need_more) {
                refuse_parse(error);
                co_return false;
            }
            if (parser.is_done()) co_return true;
        }
        if (!co_await fill()) co_return false;
    }
}

// Null after a refusal.
Route* Session::find_route(RequestParser& parser) {
    Request& request = parser.request;
    if (parser.version_number() >= 11 && !request.headers.contains("Host")) {
        refuse(400, Code::bad_format, "header.host", "must be present in HTTP/1.1");
        return nullptr;
    }
    if (const int seconds = server_->rates.take(peer_, monotonic_ns()); seconds != 0) {
        refuse(429, Code::busy, "", "a peer may make only so many requests a second");
        refusal_headers_ = {{"Retry-After", std::to_string(seconds)}};
        return nullptr;
    }
    if (!split_target(request)) {
        refuse(400, Code::bad_format, "target", "must be a path, with a query or without");
        return nullptr;
    }
    const auto match = server_->router.find(request.method, request.path);
    if (match.route == nullptr) {
        if (match.allowed.empty()) {
            refuse(404, Code::not_found, request.path, "there is no such resource");
        } else {
            refuse(405, Code::method_not_allowed, request.path, "the resource takes " + match.allowed);
            refusal_headers_ = {{"Allow", match.allowed}};
        }
        return nullptr;
    }
    if (!decode_params(request, match.params)) {
        refuse(400, Code::bad_format, "target", "must be percent-encoded as RFC 3986 says");
        return nullptr;
    }
    const auto length = parser.content_length();
    if (length && *length > match.route->body_bytes) refuse_parse(boost::beast::http::error::body_limit);
    return match.route;
}

asio::awaitable<bool> Session::serve_one() {
    RequestParser parser(server_->options.limits.header_bytes);
    refusal_.reset();
    refusal_headers_.clear();
    if (!co_await read_header(parser)) {
        if (!refusal_) co_return false;

        co_return co_await refuse_request(parser, nullptr, monotonic_ns());
    }
    const auto started_ns = monotonic_ns();
    Request& request = parser.request;
    request.peer = peer_text_;
    request.trace = trace_of(request.headers["traceparent"]);
    if (request.trace.empty()) request.trace = server_->new_trace();
    Route* route = find_route(parser);
    if (!refusal_ && !parser.is_done()) {
        const bool whole = co_await read_body(parser, route->body_bytes);
        if (!whole && !refusal_) co_return false;
    }
    if (refusal_) co_return co_await refuse_request(parser, route, started_ns);

    enter_phase(Phase::handling, milliseconds{0});
    const bool is_head = request.method == Method::head;
    const bool keep = parser.keep_alive();
    Response response = co_await handle(*route, std::move(request));
    const int status = response.status;
    const bool more = co_await respond(response, is_head, keep && !server_->stopping, parser.version_number() < 11);
    route->metrics.count(status, static_cast<double>(monotonic_ns() - started_ns) / 1e9);
    co_return more;
}

asio::awaitable<bool> Session::refuse_request(RequestParser& parser, Route* route, std::int64_t started_ns) {
    if (parser.request.trace.empty()) parser.request.trace = server_->new_trace();
    Response response = problem(refusal_->status, refusal_->error, parser.request.trace);
    response.headers = std::move(refusal_headers_);
    unread_ = !parser.is_done();  // its rest would be taken for the next request
    const bool keep = !unread_ && parser.keep_alive() && !server_->stopping;
    const int status = response.status;
    const bool more = co_await respond(response, parser.request.method == Method::head, keep, false);
    (route != nullptr ? route->metrics : server_->unrouted)
        .count(status, static_cast<double>(monotonic_ns() - started_ns) / 1e9);
    co_return more;
}

asio::awaitable<Response> Session::handle(const Route& route, Request request) {
    const std::string trace = request.trace;
    try {
        co_return co_await route.handler(std::move(request));
    } catch (const Error& error) {
        if (http_status(error.code()) >= 500)
            log::warning("http.failed",
                         {{"code", code_name(error.code())}, {"reason", error.what()}, {"trace", trace}});
        co_return problem(error, trace);
    } catch (const std::exception& error) {
        log::error("http.failed", {{"reason", error.what()}, {"trace", trace}});
        co_return problem(Error(Code::internal, "", "the log says more, under this trace"), trace);
    }
}

void Session::append_head(const Response& response, std::string_view connection, bool with_length) {
    head_ = "HTTP/1.1 ";
    head_ += std::to_string(response.status);
    head_ += ' ';
    head_ +=
        std::string_view(boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status)));
    head_ += "\r\nDate: ";
    head_ += server_->date();
    if (!response.content_type.empty() && (!response.body.empty() || response.events)) {
        head_ += "\r\nContent-Type: ";
        append_value(head_, response.content_type);
    }
    if (with_length) {
        head_ += "\r\nContent-Length: ";
        head_ += std::to_string(response.body.size());
    }
    for (const auto& [name, value] : response.headers) {
        head_ += "\r\n";
        append_value(head_, name);
        head_ += ": ";
        append_value(head_, value);
    }
    if (!connection.empty()) {
        head_ += "\r\nConnection: ";
        head_ += connection;
    }
    head_ += "\r\n\r\n";
}

asio::awaitable<bool> Session::respond(Response& response, bool head_only, bool keep, bool is_http10) {
    if (response.events && !head_only) {
        co_await stream(response);
        co_return false;
    }
    const bool no_body = response.status == 204 || response.status == 304;
    const std::string_view connection = !keep ? "close" : is_http10 ? "keep-alive" : "";
    append_head(response, connection, !no_body && !response.events);
    const bool sent = co_await write(head_, head_only || no_body ? std::string_view{} : response.body);
    co_return sent&& keep&& socket_.is_open();
}

asio::awaitable<bool> Session::write(std::string_view head, std::string_view body) {
    enter_phase(Phase::writing, server_->options.limits.write_timeout);
    std::array<asio::const_buffer, 2> buffers{asio::buffer(head), asio::buffer(body)};
    error_code error;
    std::size_t sent = socket_.write_some(buffers, error);  // mostly takes all at once: no trip through the scheduler
    if (error && error != asio::error::would_block) co_return false;
    if (sent == head.size() + body.size()) co_return true;
    const auto skip = std::min(sent, head.size());
    buffers = {buffers[0] + skip, buffers[1] + (sent - skip)};
    const auto [failed, size] = co_await asio::async_write(socket_, buffers, quiet);
    co_return !failed;
}

void Session::watch_for_disconnect(const std::shared_ptr<EventStream>& events) {
    socket_.async_wait(Tcp::socket::wait_read, [self = shared_from_this(), events](error_code error) {
        char byte;
        if (!error) self->socket_.receive(asio::buffer(&byte, 1), asio::socket_base::message_peek, error);
        if (error && error != asio::error::would_block) events->close();
    });
}

asio::awaitable<void> Session::stream(Response& response) {
    struct Unwatch {  // also when the io_context goes away under us
        std::shared_ptr<EventStream> events;
        void operator()() const { events->wake_ = nullptr; }
    };
    const auto events = response.events;
    asio::steady_timer wake(server_->context);
    events->wake_ = [&wake] { wake.cancel(); };
    const auto unwatch_call = Unwatch{events};
    const std::unique_ptr<const Unwatch, void (*)(const Unwatch*)> unwatch(&unwatch_call,
                                                                           [](const Unwatch* u) { (*u)(); });
    events_ = events;
    if (server_->stopping) events->close();
    response.content_type = "text/event-stream";
    response.headers.emplace_back("Cache-Control", "no-store");
    append_head(response, "close", false);
    watch_for_disconnect(events);
    bool good = co_await write(head_, {});
    std::string sending;
    while (good && !(events->closed_ && events->buffer_.empty())) {
        if (events->buffer_.empty()) {
            enter_phase(Phase::streaming, milliseconds{0});
            wake.expires_after(server_->options.limits.heartbeat);
            const auto [cancelled] = co_await wake.async_wait(quiet);
            if (!cancelled && events->buffer_.empty()) events->buffer_ = ":\n\n";
            continue;
        }
        sending.clear();
        sending.swap(events->buffer_);
        good = co_await write(sending, {});
    }
    events_ = nullptr;
    events->close();
}

// Closing at once with bytes unread would reset the connection, and the peer might never see the answer.
asio::awaitable<void> Session::linger() {
    error_code ignored;
    socket_.shutdown(Tcp::socket::shutdown_send, ignored);
    enter_phase(Phase::handling, linger_timeout);
    buffer_.clear();
    for (std::size_t total = 0; total < linger_bytes;) {
        const auto [error, size] = co_await socket_.async_read_some(buffer_.prepare(read_bytes), quiet);
        if (error) co_return;
        total += size;
    }
}

}  // namespace concordat::http
