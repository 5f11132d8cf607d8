// One place in the pool: the enclave process that fills it now, and what waits for it.
#pragma once
#include "pool.hpp"

namespace concordat::enclave {

struct EnclavePool::Slot {
    enum class State { down, starting, ready };

    Slot(boost::asio::io_context& loop, std::uint64_t number) : id(number), restart_timer(loop) {}

    std::uint64_t id;
    State state = State::down;
    std::unique_ptr<process::ChildLink> link;
    HelloReply hello;
    std::string kid;
    std::optional<std::uint64_t> channel;
    std::unordered_map<std::uint64_t, Request> sent;
    std::deque<Request> waiting;  // until the enclave is ready
    boost::asio::steady_timer restart_timer;
    bool dedicated = false;
    Hash256 binding;  // of a dedicated one
    std::int64_t started_ns = 0, last_frame_ns = 0, ping_ns = 0, last_used_ns = 0;
    bool ping_open = false;
    std::size_t bindings = 0;
    int failures = 0;
    std::uint64_t restarts = 0;

    std::size_t load() const { return sent.size() + waiting.size(); }
};

}  // namespace concordat::enclave
