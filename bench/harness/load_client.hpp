// HTTP/1.1 load from one thread over many keep-alive connections (epoll): each connection has one request under way and
// sends the next as soon as the answer is there.
#pragma once
#include <base/file.hpp>
#include <functional>
#include <string>
#include <vector>

namespace concordat::bench {

// The bytes of one POST of `body`.
std::string post_request(std::string_view target, std::string_view body);

class LoadClient {
  public:
    LoadClient(std::uint16_t port, std::size_t connections);

    // The next request of a connection, or "" when it has none.
    using Next = std::function<std::string(std::size_t connection)>;
    // Told of each answer before the connection's next request is asked for.
    using Answer = std::function<void(std::size_t connection, int status, std::string_view body)>;
    // Until every connection has nothing more to send and all answers are there. Throws Error(unavailable | timeout).
    void run(const Next& next, const Answer& answer);

  private:
    struct Connection {
        UniqueFd fd;
        std::string out, in;
        std::size_t sent = 0;
        bool busy = false;
    };
    void send_next(std::size_t index, const Next& next);
    void flush(Connection& connection);
    void receive(std::size_t index, const Next& next, const Answer& answer);

    UniqueFd epoll_;
    std::vector<Connection> connections_;
    std::size_t busy_ = 0;
};

}  // namespace concordat::bench
