#include "link.hpp"

#include <sys/socket.h>

#include <base/error.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <cerrno>
#include <optional>

namespace concordat::process {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {
constexpr std::size_t chunk_bytes = 1 << 18;
constexpr std::size_t kept_bytes = 1 << 20;  // by a buffer that has nothing in it
constexpr int reap_timeout_ms = 2000;
constexpr int exit_grace_ms = 100;  // between a socket's end and the process's, so that the log tells why it ended
}  // namespace

struct ChildLink::State : std::enable_shared_from_this<ChildLink::State> {
    asio::io_context& loop;
    ChildProcess child;
    asio::local::stream_protocol::socket socket;
    asio::posix::stream_descriptor exit_watch;
    Events events;
    FrameBuffer in;
    Bytes chunk = Bytes(chunk_bytes);
    Bytes gathering, sending;
    bool flush_posted = false, writing = false, over = false;

    State(asio::io_context& l, const ChildOptions& options, Events e)
        : loop(l), child(ChildProcess::spawn(options)), socket(l), exit_watch(l), events(std::move(e)) {
        socket.assign(asio::local::stream_protocol(), child.take_socket().release());
        socket.non_blocking(true);
        exit_watch.assign(::dup(child.pidfd()));
    }

    void start() {
        read_more();
        exit_watch.async_wait(asio::posix::stream_descriptor::wait_read, [self = shared_from_this()](error_code error) {
            if (!error) self->drain_then_finish();
        });
    }

    void read_more() {
        socket.async_read_some(asio::buffer(chunk), [self = shared_from_this()](error_code error, std::size_t got) {
            if (self->over) return;
            if (error) return self->finish("closed its socket");
            if (self->take({self->chunk.data(), got})) self->read_more();
        });
    }

    // False once the link is over: an event may have ended it.
    bool take(ByteView bytes) {
        try {
            in.append(bytes);
            while (!over) {
                auto frame = in.next();
                if (!frame) return true;
                events.frame(std::move(*frame));
            }
        } catch (const Error& error) {
            finish(std::string("broke the protocol: ") + error.what());
        }
        return false;
    }

    // What the child said before it ended still counts: a commit that it announced has happened.
    void drain_then_finish() {
        while (!over) {
            error_code error;
            const std::size_t got = socket.read_some(asio::buffer(chunk), error);
            if (error || got == 0) break;
            if (!take({chunk.data(), got})) return;
        }
        finish("");
    }

    void finish(const std::string& why) {
        if (over) return;
        over = true;
        std::string reason = why;
        const auto by_itself = child.wait(exit_grace_ms);
        const auto status = by_itself ? by_itself : end_child();
        if (status && (by_itself || reason.empty())) reason = status->text();
        close();
        const auto ended = std::move(events.ended);
        events = {};
        if (ended) ended(reason);
    }

    std::optional<ExitStatus> end_child() {
        if (auto status = child.wait(0)) return status;
        child.kill();
        return child.wait(reap_timeout_ms);
    }

    void close() {
        error_code ignored;
        socket.close(ignored);
        exit_watch.close(ignored);
    }

    void send(std::uint16_t type, std::uint64_t id, ByteView payload) {
        if (over) return;
        if (gathering.size() + sending.size() + payload.size() > max_pending_bytes)
            throw Error(Code::busy, "", "too many bytes wait for a child process");
        if (payload.size() > max_frame_bytes / 2)
            throw Error(Code::too_large, "", "must fit a frame to a child process");
        append_frame(gathering, type, id, payload);
        if (flush_posted || writing) return;
        flush_posted = true;
        asio::post(loop, [self = shared_from_this()] {
            self->flush_posted = false;
            self->flush();
        });
    }

    void flush() {
        if (over || writing || gathering.empty()) return;
        sending.swap(gathering);
        gathering.clear();
        // Most often the socket takes everything at once, without a round through the reactor.
        const ssize_t sent =
            ::send(socket.native_handle(), sending.data(), sending.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        const std::size_t done = sent > 0 ? static_cast<std::size_t>(sent) : 0;
        if (done == sending.size()) return sent_all();
        writing = true;
        asio::async_write(socket, asio::buffer(sending.data() + done, sending.size() - done),
                          [self = shared_from_this()](error_code error, std::size_t) {
                              self->writing = false;
                              self->sent_all();
                              if (!error) self->flush();
                          });
    }

    // The buffers are used in turns; one that was needed for much once is not kept.
    void sent_all() {
        sending.clear();
        if (sending.capacity() > kept_bytes) sending = Bytes();
    }
};

ChildLink::ChildLink(asio::io_context& loop, const ChildOptions& options, Events events)
    : state_(std::make_shared<State>(loop, options, std::move(events))) {
    state_->start();
}

ChildLink::~ChildLink() {
    // The events stay where they are: one of them may be what runs right now. They are not called again.
    state_->over = true;
    state_->end_child();
    state_->close();
}

void ChildLink::send(std::uint16_t type, std::uint64_t id, ByteView payload) { state_->send(type, id, payload); }
void ChildLink::kill(int signal) { state_->child.kill(signal); }
pid_t ChildLink::pid() const { return state_->child.pid(); }

}  // namespace concordat::process
