// A binding on another node, over that node's REST API (docs/node.md). One thread, the io_context's.
#pragma once
#include <boost/asio/io_context.hpp>
#include <chrono>

#include "peer.hpp"

namespace concordat::ledger::binding {

struct HttpPeerOptions {
    Hash256 binding;
    std::string url;  // of the node: https://host:port/path, or http on this machine
    std::string ca;   // certificates (PEM) of authorities that count for it, besides the system's
    std::chrono::milliseconds request_timeout{5'000}, timeout{15'000};  // of one request; of an operation
    std::size_t connections = 8;
    std::size_t max_operations = 4096;  // at a time; more are not done
};

// Throws Error(config) naming the option.
std::shared_ptr<Peer> make_http_peer(boost::asio::io_context& io, HttpPeerOptions options);

}  // namespace concordat::ledger::binding
