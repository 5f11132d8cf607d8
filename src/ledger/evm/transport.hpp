// How JSON-RPC requests reach one node. One thread, the io_context's.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <string>

#include "json_rpc.hpp"

namespace boost::asio::ssl {
class context;  // NOLINT(readability-identifier-naming): Boost's
}

namespace concordat::ledger::evm {

using Deadline = std::chrono::steady_clock::time_point;

struct Url {
    bool socket = false;  // ws or wss, not http or https
    bool tls = false;     // https or wss
    std::string host;
    std::string port;
    std::string authority;  // both, as the Host field has them
    std::string target;
    // "https://host[:port][/path]", or http, wss or ws. Throws Error(config) naming `field`.
    static Url parse(const std::string& text, const std::string& field);
};

// Whose word on a server's name counts (stream.hpp); null where no TLS is spoken.
using Trust = std::shared_ptr<boost::asio::ssl::context>;

class Transport {
  public:
    virtual ~Transport() = default;
    // The replies in the order of the requests, of which there are at least one, at most max_batch. What is sent does
    // no harm when it arrives twice. Throws Error(unavailable | timeout | protocol | too_large | busy). Must outlive
    // the call.
    virtual boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline) = 0;
    virtual bool lost() const { return false; }  // a connection that subscriptions were made on has broken
    virtual void drop() {}     // who answers there next may be somebody else: no subscription holds any more
    virtual void close() = 0;  // for good; every call that is under way ends with an error
};

}  // namespace concordat::ledger::evm
