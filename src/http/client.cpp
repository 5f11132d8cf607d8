#include "client.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <base/clock.hpp>
#include <base/json.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cerrno>
#include <memory>

namespace concordat::http {
namespace {

namespace beast_http = boost::beast::http;
constexpr std::size_t max_header_bytes = 64 * 1024;
constexpr std::size_t max_event_bytes = 8 << 20;

[[noreturn]] void fail(Code code, std::string rule) { throw Error(code, "server", std::move(rule)); }

std::int64_t deadline_after(int timeout_ms) { return monotonic_ns() + std::int64_t{timeout_ms} * 1'000'000; }

std::string request_text(std::string_view method, std::string_view target, const std::string& host, std::uint16_t port,
                         const Pairs& headers, std::string_view body) {
    std::string out;
    out.reserve(256 + body.size());
    out.append(method).append(" ").append(target).append(" HTTP/1.1\r\nHost: ");
    out.append(host).append(":").append(std::to_string(port));
    for (const auto& [name, value] : headers) out.append("\r\n").append(name).append(": ").append(value);
    if (!body.empty() || method == "POST" || method == "PUT" || method == "PATCH")
        out.append("\r\nContent-Length: ").append(std::to_string(body.size()));
    out.append("\r\n\r\n").append(body);
    return out;
}

template <class Parser>
ClientResponse response_of(Parser& parser) {
    ClientResponse response;
    auto& message = parser.get();
    response.status = static_cast<int>(message.result_int());
    for (const auto& field : message)
        response.headers.add({field.name_string().data(), field.name_string().size()},
                             {field.value().data(), field.value().size()});
    response.body = std::move(message.body());
    return response;
}

}  // namespace

void ClientSocket::wait(short events, std::int64_t deadline_ns) {
    for (;;) {
        const std::int64_t left_ms = (deadline_ns - monotonic_ns() + 999'999) / 1'000'000;
        if (left_ms <= 0) fail(Code::timeout, "must answer in time");
        pollfd entry{fd_.get(), events, 0};
        const int ready = ::poll(&entry, 1, static_cast<int>(std::min<std::int64_t>(left_ms, 3'600'000)));
        if (ready > 0) return;
        if (ready < 0 && errno != EINTR) fail(Code::unavailable, "cannot be waited for");
    }
}

void ClientSocket::connect(const std::string& host, std::uint16_t port, std::int64_t deadline_ns) {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    if (::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &hints, &list) != 0)
        fail(Code::unavailable, "must have an address: " + host);
    const std::unique_ptr<addrinfo, void (*)(addrinfo*)> owner(list, ::freeaddrinfo);
    for (const addrinfo* info = list; info != nullptr; info = info->ai_next) {
        fd_ = UniqueFd(::socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
        if (!fd_) continue;
        if (::connect(fd_.get(), info->ai_addr, info->ai_addrlen) != 0) {
            if (errno != EINPROGRESS) continue;
            wait(POLLOUT, deadline_ns);
            int error = 0;
            socklen_t size = sizeof error;
            if (::getsockopt(fd_.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0 || error != 0) continue;
        }
        const int on = 1;
        ::setsockopt(fd_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return;
    }
    fd_.reset();
    fail(Code::unavailable, "must accept a connection at " + host + ":" + std::to_string(port));
}

void ClientSocket::send(std::string_view bytes, std::int64_t deadline_ns) {
    while (!bytes.empty()) {
        const ssize_t size = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (size >= 0)
            bytes.remove_prefix(static_cast<std::size_t>(size));
        else if (errno == EAGAIN)
            wait(POLLOUT, deadline_ns);
        else if (errno == EPIPE || errno == ECONNRESET)
            return;  // it may have answered before it closed: read that
        else if (errno != EINTR)
            fail(Code::unavailable, "must take the request");
    }
}

std::size_t ClientSocket::receive(char* out, std::size_t size, std::int64_t deadline_ns) {
    for (;;) {
        const ssize_t got = ::recv(fd_.get(), out, size, 0);
        if (got >= 0) return static_cast<std::size_t>(got);
        if (errno == EAGAIN)
            wait(POLLIN, deadline_ns);
        else if (errno != EINTR)
            fail(Code::unavailable, "must not drop the connection");
    }
}

bool ClientSocket::usable() const {
    if (!fd_) return false;
    char byte;
    return ::recv(fd_.get(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

ClientResponse HttpClient::request(std::string_view method, std::string_view target, const Pairs& headers,
                                   std::string_view body, int timeout_ms) {
    const auto deadline_ns = deadline_after(timeout_ms);
    try {
        if (!pending_.empty() || !socket_.usable()) {
            socket_.close();
            pending_.clear();
            socket_.connect(host_, port_, deadline_ns);
        }
        socket_.send(request_text(method, target, host_, port_, headers, body), deadline_ns);
        return read_response(method == "HEAD", deadline_ns);
    } catch (...) {
        socket_.close();  // a late answer must not be taken for the next one's
        throw;
    }
}

ClientResponse HttpClient::read_response(bool head, std::int64_t deadline_ns) {
    beast_http::response_parser<beast_http::string_body> parser;
    parser.header_limit(max_header_bytes);
    parser.body_limit(max_body_bytes);
    parser.eager(true);
    parser.skip(head);
    char chunk[16 * 1024];
    while (!parser.is_done()) {
        const std::size_t size = socket_.receive(chunk, sizeof chunk, deadline_ns);
        boost::system::error_code error;
        if (size == 0) {
            if (!parser.got_some()) fail(Code::unavailable, "must not close the connection without an answer");
            parser.put_eof(error);
        } else {
            pending_.append(chunk, size);
            pending_.erase(0, parser.put(boost::asio::buffer(pending_), error));
        }
        if (error == beast_http::error::body_limit) fail(Code::too_large, "must answer with at most 256 MiB");
        if (error && error != beast_http::error::need_more)
            fail(Code::protocol, "must answer in HTTP: " + error.message());
    }
    if (!parser.keep_alive()) socket_.close();
    return response_of(parser);
}

EventReader::EventReader(const std::string& host, std::uint16_t port, std::string_view target, const Pairs& headers,
                         int timeout_ms) {
    const auto deadline_ns = deadline_after(timeout_ms);
    socket_.connect(host, port, deadline_ns);
    socket_.send(request_text("GET", target, host, port, headers, {}), deadline_ns);
    beast_http::response_parser<beast_http::string_body> parser;
    parser.header_limit(max_header_bytes);
    char chunk[16 * 1024];
    while (!parser.is_header_done()) {
        const std::size_t size = socket_.receive(chunk, sizeof chunk, deadline_ns);
        if (size == 0) fail(Code::unavailable, "must not close the connection without an answer");
        buffer_.append(chunk, size);
        boost::system::error_code error;
        buffer_.erase(0, parser.put(boost::asio::buffer(buffer_), error));
        if (error && error != beast_http::error::need_more)
            fail(Code::protocol, "must answer in HTTP: " + error.message());
    }
    if (parser.chunked()) fail(Code::protocol, "must send events without chunks");
    if (parser.get().result_int() == 200) return;
    auto response = response_of(parser);
    for (std::size_t size = 1; size != 0 && buffer_.size() < max_event_bytes;) {
        if (const auto length = parser.content_length(); length && buffer_.size() >= *length) break;
        size = socket_.receive(chunk, sizeof chunk, deadline_ns);
        buffer_.append(chunk, size);
    }
    response.body = std::move(buffer_);
    throw error_of(response);
}

std::optional<Event> EventReader::take_event() {
    for (;;) {
        const auto end = buffer_.find("\n\n");
        if (end == std::string::npos) return std::nullopt;
        const std::string block = buffer_.substr(0, end + 1);
        buffer_.erase(0, end + 2);
        Event event;
        bool has_data = false;
        for (std::size_t at = 0; at < block.size();) {
            const auto stop = block.find('\n', at);
            const std::string_view line = std::string_view(block).substr(at, stop - at);
            at = stop + 1;
            const auto colon = line.find(':');
            if (colon == 0 || colon == std::string_view::npos) continue;  // a comment, or a field without a value
            const auto name = line.substr(0, colon);
            auto value = line.substr(colon + 1);
            if (value.starts_with(' ')) value.remove_prefix(1);
            if (name == "id") event.id = last_id_ = value;
            if (name == "event") event.event = value;
            if (name == "data") (event.data += has_data ? "\n" : "") += value, has_data = true;
        }
        if (has_data) return event;
    }
}

std::optional<Event> EventReader::next(int timeout_ms) {
    const auto deadline_ns = deadline_after(timeout_ms);
    for (;;) {
        if (auto event = take_event()) return event;
        if (buffer_.size() > max_event_bytes) fail(Code::too_large, "must send events of at most 8 MiB");
        char chunk[16 * 1024];
        const std::size_t size = socket_.receive(chunk, sizeof chunk, deadline_ns);
        if (size == 0) return std::nullopt;
        buffer_.append(chunk, size);
    }
}

Error error_of(const ClientResponse& response) {
    try {
        const auto value = json::parse(response.body, "problem");
        const auto& problem = value.as_object();
        const auto text = [&](std::string_view name) { return std::string(problem.at(name).as_string()); };
        return Error(code_from_name(text("code")), text("field"), text("rule"));
    } catch (const std::exception&) {
        return Error(Code::protocol, "server", "answered with status " + std::to_string(response.status));
    }
}

}  // namespace concordat::http
