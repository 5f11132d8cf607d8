// Server-sent events (WHATWG HTML, section 9.2): what an application pushes is sent to one client, in order.
// Used on the server's io_context thread only.
#pragma once
#include <functional>
#include <string>

namespace concordat::http {

struct Event {
    std::string id;      // "" sends none; the client sends its last one as Last-Event-ID when it comes back
    std::string event;   // "" is "message"
    std::string data;    // may hold line breaks
    bool place = false;  // only `id` is sent: a client remembers it and tells nobody
};

std::string format_event(const Event& event);  // line breaks in id and event are dropped

class EventStream {
  public:
    explicit EventStream(std::size_t max_buffered_bytes = 1 << 20) : max_bytes_(max_buffered_bytes) {}
    // False when the stream has ended. A client that reads too slowly, so that the buffer would overflow, is cut off:
    // it comes back with Last-Event-ID and loses nothing that the application can still replay.
    bool push(const Event& event);
    void close();  // ends the response after what is buffered
    bool closed() const { return closed_; }
    // Called once, when the stream ends for whatever reason: the place to unsubscribe.
    void on_close(std::function<void()> call) { on_close_ = std::move(call); }

  private:
    friend class Session;
    std::string buffer_;
    std::size_t max_bytes_;
    bool closed_ = false;
    std::function<void()> wake_;  // set by the session that sends
    std::function<void()> on_close_;
};

}  // namespace concordat::http
