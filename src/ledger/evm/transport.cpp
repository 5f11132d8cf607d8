#include "transport.hpp"

#include <base/error.hpp>
#include <boost/url.hpp>

namespace concordat::ledger::evm {

Url Url::parse(const std::string& text, const std::string& field) {
    using boost::urls::scheme;
    const auto url = boost::urls::parse_uri(text);
    const scheme which = url ? url->scheme_id() : scheme::none;
    const bool tls = which == scheme::https || which == scheme::wss;
    const bool socket = which == scheme::ws || which == scheme::wss;
    if ((!tls && !socket && which != scheme::http) || url->host().empty() || url->has_userinfo() ||
        url->has_fragment()) {
        throw Error(Code::config, field, "must be https://host:port/path, or http, wss or ws");
    }
    Url out{.socket = socket,
            .tls = tls,
            .host = std::string(url->host_address()),
            .port = std::string(url->port()),
            .authority = std::string(url->encoded_host_and_port()),
            .target = {}};
    if (out.port.empty()) out.port = tls ? "443" : "80";
    out.target = std::string(url->encoded_target());
    if (out.target.empty()) out.target = "/";
    return out;
}

}  // namespace concordat::ledger::evm
