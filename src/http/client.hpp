// A blocking HTTP/1.1 client over plain TCP, for the command line, the bench and tests.
#pragma once
#include <base/file.hpp>
#include <optional>

#include "event_stream.hpp"
#include "message.hpp"

namespace concordat::http {

struct ClientResponse {
    int status = 0;
    Headers headers;
    std::string body;
};

// A byte stream with a deadline for each call; internal to the two classes below.
class ClientSocket {
  public:
    void connect(const std::string& host, std::uint16_t port, std::int64_t deadline_ns);
    void send(std::string_view bytes, std::int64_t deadline_ns);
    // The bytes read; 0 at the end of the stream.
    std::size_t receive(char* out, std::size_t size, std::int64_t deadline_ns);
    bool usable() const;  // connected, and the peer has neither closed nor sent what nobody asked for
    void close() { fd_.reset(); }

  private:
    void wait(short events, std::int64_t deadline_ns);
    UniqueFd fd_;
};

// One keep-alive connection, opened when needed; not for use by two threads at once. A request is sent once and never
// repeated by itself: after an error it is unknown whether the server acted on it.
// Errors: Error(unavailable) no connection, Error(timeout), Error(protocol) the answer is not HTTP, Error(too_large).
class HttpClient {
  public:
    static constexpr std::size_t max_body_bytes = std::size_t{1} << 28;

    HttpClient(std::string host, std::uint16_t port) : host_(std::move(host)), port_(port) {}
    ClientResponse request(std::string_view method, std::string_view target, const Pairs& headers = {},
                           std::string_view body = {}, int timeout_ms = 30'000);

  private:
    ClientResponse read_response(bool head, std::int64_t deadline_ns);
    std::string host_;
    std::uint16_t port_;
    ClientSocket socket_;
    std::string pending_;  // received, not yet parsed
};

// Reads server-sent events over a connection of its own. Send Last-Event-ID among the headers to resume.
class EventReader {
  public:
    // Throws as HttpClient does; a status other than 200 is thrown as the Error that its problem document names.
    EventReader(const std::string& host, std::uint16_t port, std::string_view target, const Pairs& headers = {},
                int timeout_ms = 30'000);
    // The next event; empty when the stream ended. Throws Error(timeout).
    std::optional<Event> next(int timeout_ms);
    const std::string& last_id() const { return last_id_; }

  private:
    std::optional<Event> take_event();
    ClientSocket socket_;
    std::string buffer_;
    std::string last_id_;
};

// The Error that a problem document (RFC 9457, as message.hpp makes it) stands for.
Error error_of(const ClientResponse& response);

}  // namespace concordat::http
