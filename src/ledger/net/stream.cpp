#include "stream.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/websocket/error.hpp>

namespace concordat::ledger::net {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
namespace ssl = boost::asio::ssl;
using boost::system::error_code;

namespace {

constexpr auto quiet = asio::as_tuple(asio::use_awaitable);

void require(bool fine, const char* step) {
    if (!fine) throw Error(Code::internal, "endpoint", std::string("TLS cannot be set up: ") + step);
}

bool is_http(const error_code& problem) {
    return problem.category() == http::make_error_code(http::error::end_of_stream).category() &&
           problem != http::error::end_of_stream && problem != http::error::partial_message;
}

void add_authorities(SSL_CTX* context, const std::string& ca) {
    const auto refuse = [] { throw Error(Code::config, "/ca", "must be certificates in PEM, and nothing else"); };
    // A file that holds both is easily taken, and a key has no business here.
    if (ca.find("PRIVATE KEY") != std::string::npos) refuse();
    const std::unique_ptr<BIO, decltype(&BIO_free)> text(BIO_new_mem_buf(ca.data(), static_cast<int>(ca.size())),
                                                         BIO_free);
    require(text != nullptr, "memory");
    std::size_t count = 0;
    ERR_clear_error();
    for (;; ++count) {
        const std::unique_ptr<X509, decltype(&X509_free)> one(PEM_read_bio_X509(text.get(), nullptr, nullptr, nullptr),
                                                              X509_free);
        if (!one) break;
        if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), one.get()) != 1) refuse();
    }
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (count == 0 || !at_end) refuse();
}

void expect_name(SSL* connection, const std::string& host) {
    error_code is_name;
    asio::ip::make_address(host, is_name);
    X509_VERIFY_PARAM* const rules = SSL_get0_param(connection);
    X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (is_name) {
        require(X509_VERIFY_PARAM_set1_host(rules, host.data(), host.size()) == 1, "name");
        require(SSL_set_tlsext_host_name(connection, host.c_str()) == 1, "name");
    } else {
        require(X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1, "address");
    }
}

}  // namespace

Trust make_trust(bool tls, const std::string& ca) { return tls || !ca.empty() ? make_trust(ca) : nullptr; }

Trust make_trust(const std::string& ca) {
    auto trust = std::make_shared<ssl::context>(ssl::context::tls_client);
    SSL_CTX* const context = trust->native_handle();
    require(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1, "version");
    SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
    // Without such a file there may be a folder, and without both there may be `ca`.
    SSL_CTX_set_default_verify_paths(context);
    ERR_clear_error();
    if (!ca.empty()) add_authorities(context, ca);
    return trust;
}

Error error_of(const error_code& problem) {
    if (problem == beast::error::timeout) return {Code::timeout, "endpoint", "must answer in time"};
    if (problem == http::error::body_limit || problem == beast::websocket::error::message_too_big) {
        return {Code::too_large, "endpoint", "answers with too much"};
    }
    if (is_http(problem)) return {Code::protocol, "endpoint", "must answer in HTTP"};
    return {Code::unavailable, "endpoint", "cannot be reached: " + problem.message()};
}

Stream::Stream(asio::io_context& io, const Url& url, const Trust& trust) : tcp_(io) {
    if (!url.tls) return;
    if (!trust) panic("TLS without any authority");
    tls_.emplace(tcp_, *trust);
    expect_name(tls_->native_handle(), url.host);
}

asio::awaitable<void> Stream::connect(const Url& url, Deadline deadline) {
    asio::ip::tcp::resolver resolver(tcp_.get_executor());
    // Names are looked up by the system's resolver, which has its own time limit.
    const auto [lookup, addresses] = co_await resolver.async_resolve(url.host, url.port, quiet);
    if (lookup) throw error_of(lookup);
    if (closed_) throw error_of(asio::error::operation_aborted);
    tcp_.expires_at(deadline);
    const auto [problem, peer] = co_await tcp_.async_connect(addresses, quiet);
    if (problem) throw error_of(problem);
    error_code ignored;
    tcp_.socket().set_option(asio::ip::tcp::no_delay(true), ignored);
    if (tls_) co_await agree();
}

asio::awaitable<void> Stream::agree() {
    const auto [problem] = co_await tls_->async_handshake(ssl::stream_base::client, quiet);
    if (!problem) co_return;
    const long verdict = SSL_get_verify_result(tls_->native_handle());
    if (verdict != X509_V_OK) {
        throw Error(Code::unavailable, "endpoint",
                    std::string("shows a certificate that does not count: ") + X509_verify_cert_error_string(verdict));
    }
    if (problem.category() == asio::error::get_ssl_category()) {
        throw Error(Code::protocol, "endpoint", "must speak TLS 1.2 or newer: " + problem.message());
    }
    throw error_of(problem);
}

void Stream::close() {
    closed_ = true;
    tcp_.close();
}

}  // namespace concordat::ledger::net
