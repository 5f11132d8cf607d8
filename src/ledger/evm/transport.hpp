// How JSON-RPC requests reach one node. One thread, the io_context's.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <ledger/net/gate.hpp>
#include <ledger/net/stream.hpp>
#include <memory>
#include <string>

#include "json_rpc.hpp"

namespace concordat::ledger::evm {

using net::Deadline;
using net::error_of;
using net::make_trust;
using net::Stream;
using net::Trust;
using net::Url;
using net::Waiter;

class Transport {
  public:
    virtual ~Transport() = default;
    // The replies in the order of the requests, of which there are at least one, at most max_batch. They are sent
    // before the deadline, or not at all: Error(busy), which says nothing of the node. From then on it has `timeout` to
    // answer. What is sent does no harm when it arrives twice. Throws Error(unavailable | timeout | protocol |
    // too_large | busy). Must outlive the call.
    virtual boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline,
                                                           std::chrono::milliseconds timeout) = 0;
    virtual bool lost() const { return false; }  // a connection that subscriptions were made on has broken
    virtual void drop() {}     // who answers there next may be somebody else: no subscription holds any more
    virtual void close() = 0;  // for good; every call that is under way ends with an error
};

}  // namespace concordat::ledger::evm
