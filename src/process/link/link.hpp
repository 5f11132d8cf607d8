// A child process on an event loop: frames out are gathered and leave in one send per turn of the loop, frames in are
// handed on one by one, and the child's end is told exactly once. Everything runs on the loop's one thread, which must
// be the thread that made the link (a child ends with the thread that started it).
#pragma once
#include <base/frame.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <memory>
#include <process/child.hpp>
#include <string>

namespace concordat::process {

class ChildLink {
  public:
    struct Events {
        std::function<void(Frame)> frame;
        std::function<void(const std::string& why)> ended;  // the child is reaped; no event follows
    };

    // Throws what ChildProcess::spawn throws.
    ChildLink(boost::asio::io_context& loop, const ChildOptions& options, Events events);
    // Kills the child; no event follows.
    ~ChildLink();
    ChildLink(const ChildLink&) = delete;
    ChildLink& operator=(const ChildLink&) = delete;

    // Throws Error(busy) when more than max_pending_bytes wait to be sent, Error(too_large). Silently dropped once the
    // child has ended: `ended` tells.
    void send(std::uint16_t type, std::uint64_t id, ByteView payload);
    void kill(int signal = 9);
    pid_t pid() const;

    static constexpr std::size_t max_pending_bytes = std::size_t{1} << 28;

  private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the handlers that are under way, which outlive the link
};

}  // namespace concordat::process
