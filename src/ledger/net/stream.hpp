// The bytes to and from one server: TCP, inside TLS where the URL says so. One thread, the io_context's.
#pragma once
#include <base/error.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/websocket/teardown.hpp>
#include <memory>
#include <optional>

#include "url.hpp"

namespace concordat::ledger::net {

// Whose word on a server's name counts; null where no TLS is spoken.
using Trust = std::shared_ptr<boost::asio::ssl::context>;

// TLS 1.2 or newer for servers that show a certificate for their host name or address (RFC 9525) from an authority of
// the system's (OpenSSL's places, SSL_CERT_FILE and SSL_CERT_DIR before them) or of `ca`: certificates in PEM, or
// nothing. Throws Error(config) at /ca.
Trust make_trust(const std::string& ca);
// The same where it is needed, by one server at least: the system's authorities take tens of milliseconds to read.
Trust make_trust(bool tls, const std::string& ca);

// What a failure says of an endpoint: Error(unavailable | timeout | protocol | too_large).
Error error_of(const boost::system::error_code& problem);

// Beast's AsyncReadStream and AsyncWriteStream. Must outlive what is under way on it.
class Stream {
  public:
    using next_layer_type = boost::beast::tcp_stream;
    using executor_type = next_layer_type::executor_type;

    Stream(boost::asio::io_context& io, const Url& url, const Trust& trust);

    // Looks the name up, connects and, where the URL says so, agrees on TLS; afterwards what is under way still ends at
    // the deadline. Throws error_of's, and Error(unavailable) saying why a certificate does not count.
    boost::asio::awaitable<void> connect(const Url& url, Deadline deadline);
    // For good. TLS has no farewell here: what a message is, the layers above say.
    void close();

    next_layer_type& next_layer() { return tcp_; }
    const next_layer_type& next_layer() const { return tcp_; }
    executor_type get_executor() { return tcp_.get_executor(); }
    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_read_some(buffers, std::forward<Token>(token));
        return tcp_.async_read_some(buffers, std::forward<Token>(token));
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        if (tls_) return tls_->async_write_some(buffers, std::forward<Token>(token));
        return tcp_.async_write_some(buffers, std::forward<Token>(token));
    }

  private:
    boost::asio::awaitable<void> agree();

    boost::beast::tcp_stream tcp_;
    std::optional<boost::asio::ssl::stream<boost::beast::tcp_stream&>> tls_;
    bool closed_ = false;
};

// How a websocket ends a Stream.
template <class Handler>
void async_teardown(boost::beast::role_type role, Stream& stream, Handler&& handler) {
    using boost::beast::websocket::async_teardown;
    async_teardown(role, stream.next_layer(), std::forward<Handler>(handler));
}

}  // namespace concordat::ledger::net
