#include "load_client.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <base/error.hpp>
#include <cerrno>
#include <charconv>

namespace concordat::bench {

namespace {
constexpr int wait_ms = 30'000;
constexpr std::size_t read_bytes = 64 * 1024;

// Where the body begins and how long it is; nothing while the header is not whole.
struct Shape {
    std::size_t body = 0, length = 0;
    int status = 0;
};

std::optional<Shape> shape_of(std::string_view in) {
    const std::size_t end = in.find("\r\n\r\n");
    if (end == std::string_view::npos) return std::nullopt;
    Shape shape{end + 4, 0, 0};
    std::from_chars(in.data() + 9, in.data() + 12, shape.status);
    for (const std::string_view name : {"\r\nContent-Length: ", "\r\ncontent-length: "}) {
        const std::size_t at = in.substr(0, end).find(name);
        if (at == std::string_view::npos) continue;
        std::from_chars(in.data() + at + name.size(), in.data() + end, shape.length);
        return shape;
    }
    throw Error(Code::protocol, "/http", "an answer without a length");
}
}  // namespace

std::string post_request(std::string_view target, std::string_view body) {
    std::string out;
    out.reserve(body.size() + 256);
    out.append("POST ").append(target).append(
        " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/jose\r\nContent-Length: ");
    out.append(std::to_string(body.size())).append("\r\n\r\n").append(body);
    return out;
}

LoadClient::LoadClient(std::uint16_t port, std::size_t connections)
    : epoll_(::epoll_create1(EPOLL_CLOEXEC)), connections_(connections) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (std::size_t i = 0; i < connections_.size(); ++i) {
        UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
            throw Error(Code::unavailable, "/node", "does not take a connection");
        }
        const int yes = 1;
        ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.u64 = i;
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd.get(), &event);
        connections_[i].fd = std::move(fd);
    }
}

void LoadClient::run(const Next& next, const Answer& answer) {
    for (std::size_t i = 0; i < connections_.size(); ++i) send_next(i, next);
    std::array<epoll_event, 64> events;
    while (busy_ > 0) {
        const int n = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait_ms);
        if (n == 0) throw Error(Code::timeout, "/node", "no answer came");
        for (int i = 0; i < n; ++i) receive(events[static_cast<std::size_t>(i)].data.u64, next, answer);
    }
}

void LoadClient::send_next(std::size_t index, const Next& next) {
    Connection& connection = connections_[index];
    connection.out = next(index);
    if (connection.out.empty()) return;
    connection.busy = true;
    ++busy_;
    connection.sent = 0;
    flush(connection);
}

// Requests are small against a socket's buffer: this does not wait in practice.
void LoadClient::flush(Connection& connection) {
    while (connection.sent < connection.out.size()) {
        const ssize_t n = ::send(connection.fd.get(), connection.out.data() + connection.sent,
                                 connection.out.size() - connection.sent, MSG_NOSIGNAL);
        if (n < 0) throw Error(Code::unavailable, "/node", "closed the connection");
        connection.sent += static_cast<std::size_t>(n);
    }
}

void LoadClient::receive(std::size_t index, const Next& next, const Answer& answer) {
    Connection& connection = connections_[index];
    std::array<char, read_bytes> chunk;
    const ssize_t n = ::recv(connection.fd.get(), chunk.data(), chunk.size(), MSG_DONTWAIT);
    if (n > 0) connection.in.append(chunk.data(), static_cast<std::size_t>(n));
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) throw Error(Code::unavailable, "/node", "closed the connection");
    const std::optional<Shape> shape = shape_of(connection.in);
    if (!shape || connection.in.size() < shape->body + shape->length) return;
    connection.busy = false;
    --busy_;
    answer(index, shape->status, std::string_view(connection.in).substr(shape->body, shape->length));
    connection.in.clear();
    send_next(index, next);
}

}  // namespace concordat::bench
