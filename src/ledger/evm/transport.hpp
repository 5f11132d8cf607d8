// How JSON-RPC requests reach one node. One thread, the io_context's.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <ledger/net/stream.hpp>
#include <ledger/net/waiter.hpp>
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
    // The replies in the order of the requests, of which there are at least one, at most max_batch. What is sent does
    // no harm when it arrives twice. Throws Error(unavailable | timeout | protocol | too_large | busy). Must outlive
    // the call.
    virtual boost::asio::awaitable<std::vector<Reply>> ask(std::span<const Request> requests, Deadline deadline) = 0;
    virtual bool lost() const { return false; }  // a connection that subscriptions were made on has broken
    virtual void drop() {}     // who answers there next may be somebody else: no subscription holds any more
    virtual void close() = 0;  // for good; every call that is under way ends with an error
};

}  // namespace concordat::ledger::evm
