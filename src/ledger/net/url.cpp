#include "url.hpp"

#include <base/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/url.hpp>

namespace concordat::ledger::net {

namespace {

// Boost.URL 1.81 takes "127.0.0.1.example.org" for the address that it begins with.
bool is_read_whole(std::string_view text, std::string_view authority) {
    text.remove_prefix(text.find("://") + 3);
    return text.substr(0, text.find_first_of("/?#")) == authority;
}

}  // namespace

Url Url::parse(const std::string& text, const std::string& field) {
    using boost::urls::scheme;
    const auto url = boost::urls::parse_uri(text);
    const scheme which = url ? url->scheme_id() : scheme::none;
    const bool tls = which == scheme::https || which == scheme::wss;
    const bool socket = which == scheme::ws || which == scheme::wss;
    if ((!tls && !socket && which != scheme::http) || url->host().empty() || url->has_userinfo() ||
        url->has_fragment() || !is_read_whole(text, std::string(url->encoded_host_and_port()))) {
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

Url Url::service(const std::string& text, const std::string& field) {
    Url url = parse(text, field);
    if (url.socket || url.target.find('?') != std::string::npos) {
        throw Error(Code::config, field, "must be https://host:port/path");
    }
    if (!url.tls && !url.is_loopback()) {
        throw Error(Code::config, field, "must be https:// where it is not on this machine");
    }
    while (url.target.ends_with('/')) url.target.pop_back();
    return url;
}

bool Url::is_loopback() const {
    boost::system::error_code is_name;
    const auto address = boost::asio::ip::make_address(host, is_name);
    return is_name ? host == "localhost" : address.is_loopback();
}

}  // namespace concordat::ledger::net
