// Where a server is, and until when it may answer.
#pragma once
#include <chrono>
#include <string>

namespace concordat::ledger::net {

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
    // Of a service below a path, which `target` has without a slash at its end: https, or http on this machine; no ws
    // and no query. Throws Error(config) naming `field`.
    static Url service(const std::string& text, const std::string& field);
    // Whether what is sent there stays on this machine, whatever else listens: 127.0.0.0/8, ::1, localhost.
    bool is_loopback() const;
};

}  // namespace concordat::ledger::net
