#include "transport.hpp"

#include <base/error.hpp>
#include <boost/url.hpp>

namespace concordat::ledger::evm {

Url Url::parse(const std::string& text, const std::string& field) {
    const auto url = boost::urls::parse_uri(text);
    if (!url || (url->scheme() != "http" && url->scheme() != "ws") || url->host().empty() || url->has_userinfo() ||
        url->has_fragment()) {
        throw Error(Code::config, field, "must be http://host:port/path or ws://…");
    }
    Url out{.socket = url->scheme() == "ws",
            .host = std::string(url->host_address()),
            .port = std::string(url->port()),
            .authority = std::string(url->encoded_host_and_port()),
            .target = {}};
    if (out.port.empty()) out.port = "80";
    out.target = std::string(url->encoded_target());
    if (out.target.empty()) out.target = "/";
    return out;
}

}  // namespace concordat::ledger::evm
