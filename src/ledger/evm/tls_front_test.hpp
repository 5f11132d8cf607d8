// For tests: certificates of our own making, and TLS in front of a server that speaks none.
#pragma once
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace concordat::ledger::evm {

// A certificate with its key.
class Identity {
  public:
    struct Wish {
        std::string names = "DNS:localhost,IP:127.0.0.1";  // as OpenSSL writes alternative names; none of an authority
        std::chrono::seconds from{-3600}, until{3600};     // now
        bool authority = false;
    };
    // Signed by `issuer`, or by itself.
    explicit Identity(const Wish& wish, const Identity* issuer = nullptr)
        : key_(EVP_EC_gen("P-256"), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
        static long serial = 0;
        X509* const x = certificate_.get();
        const Identity& signer = issuer == nullptr ? *this : *issuer;
        X509_set_version(x, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(x), ++serial);
        X509_gmtime_adj(X509_getm_notBefore(x), static_cast<long>(wish.from.count()));
        X509_gmtime_adj(X509_getm_notAfter(x), static_cast<long>(wish.until.count()));
        const std::string name = "test " + std::to_string(serial);
        X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                                   reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
        X509_set_issuer_name(x, X509_get_subject_name(signer.certificate_.get()));
        X509_set_pubkey(x, key_.get());
        add(NID_basic_constraints, wish.authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
        if (!wish.names.empty()) add(NID_subject_alt_name, wish.names.c_str());
        if (X509_sign(x, signer.key_.get(), EVP_sha256()) <= 0) throw std::runtime_error("no certificate");
    }
    std::string certificate_pem() const {
        return pem([&](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
    }
    std::string key_pem() const {
        return pem([&](BIO* out) { PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr); });
    }

  private:
    void add(int what, const char* value) {
        X509V3_CTX context;
        X509V3_set_ctx(&context, certificate_.get(), certificate_.get(), nullptr, nullptr, 0);
        X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, what, value);
        if (extension == nullptr) throw std::runtime_error(std::string("no extension ") + value);
        X509_add_ext(certificate_.get(), extension, -1);
        X509_EXTENSION_free(extension);
    }
    template <class Write>
    static std::string pem(Write write) {
        const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), BIO_free);
        write(out.get());
        char* data = nullptr;
        const long size = BIO_get_mem_data(out.get(), &data);
        return {data, static_cast<std::size_t>(size)};
    }

    std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
    std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

// On 127.0.0.1. What arrives is handed on to another port there, and the answers back.
class TlsFront {
  public:
    enum class Manner : std::uint8_t { agrees, closes, hangs, drips, speaks_http };

    TlsFront(boost::asio::io_context& io, const Identity& identity, std::uint16_t behind)
        : io_(io), acceptor_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}), behind_(behind) {
        const std::string certificate = identity.certificate_pem(), key = identity.key_pem();
        context.use_certificate(boost::asio::buffer(certificate), boost::asio::ssl::context::pem);
        context.use_private_key(boost::asio::buffer(key), boost::asio::ssl::context::pem);
        boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    }
    std::string url(const std::string& scheme = "https", const std::string& server = "127.0.0.1") const {
        return scheme + "://" + server + ":" + std::to_string(acceptor_.local_endpoint().port());
    }
    void hang_up() {
        for (const auto& one : pairs_) {
            if (const auto pair = one.lock()) pair->close();
        }
    }

    Manner manner = Manner::agrees;
    boost::asio::ssl::context context{boost::asio::ssl::context::tls_server};
    std::size_t connections = 0;  // that agreed on TLS
    std::string name;             // that the last one asked for

  private:
    using Tcp = boost::asio::ip::tcp::socket;
    struct Pair {
        Pair(Tcp socket, boost::asio::ssl::context& context, boost::asio::io_context& io)
            : outside(std::move(socket), context), inside(io) {}
        void close() {
            boost::system::error_code ignored;
            outside.next_layer().close(ignored);
            inside.close(ignored);
        }
        boost::asio::ssl::stream<Tcp> outside;
        Tcp inside;
    };

    boost::asio::awaitable<void> accept() {
        for (;;) {
            Tcp socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
            socket.set_option(boost::asio::ip::tcp::no_delay(true));
            boost::asio::co_spawn(io_, serve(std::make_shared<Pair>(std::move(socket), context, io_)),
                                  boost::asio::detached);
        }
    }

    boost::asio::awaitable<void> serve(std::shared_ptr<Pair> pair) {
        try {
            co_await shake_hands(*pair);
            ++connections;
            pairs_.push_back(pair);
            co_await pair->inside.async_connect({boost::asio::ip::make_address("127.0.0.1"), behind_},
                                                boost::asio::use_awaitable);
            pair->inside.set_option(boost::asio::ip::tcp::no_delay(true));
            boost::asio::co_spawn(io_, copy(pair, pair->inside, pair->outside), boost::asio::detached);
            co_await copy(pair, pair->outside, pair->inside);
        } catch (const std::exception&) {  // the client has gone, or would not have us
        }
    }

    boost::asio::awaitable<void> shake_hands(Pair& pair) {
        Tcp& socket = pair.outside.next_layer();
        std::array<char, 1024> hello{};
        if (manner != Manner::agrees) {
            co_await socket.async_read_some(boost::asio::buffer(hello), boost::asio::use_awaitable);
        }
        if (manner == Manner::closes) throw std::runtime_error("closed");
        if (manner == Manner::hangs) co_await pause(std::chrono::seconds(30));
        if (manner == Manner::drips) co_await drip(socket);
        if (manner == Manner::speaks_http) {
            const std::string answer = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
            co_await boost::asio::async_write(socket, boost::asio::buffer(answer), boost::asio::use_awaitable);
            throw std::runtime_error("closed");
        }
        co_await pair.outside.async_handshake(boost::asio::ssl::stream_base::server, boost::asio::use_awaitable);
        const char* const asked = SSL_get_servername(pair.outside.native_handle(), TLSEXT_NAMETYPE_host_name);
        name = asked == nullptr ? "" : asked;
    }

    // A record of a handshake that never becomes whole.
    boost::asio::awaitable<void> drip(Tcp& socket) {
        std::string out("\x16\x03\x03\x3f\x00", 5);
        for (int i = 0; i < 1000; ++i) {
            co_await boost::asio::async_write(socket, boost::asio::buffer(out), boost::asio::use_awaitable);
            out = "\x02";
            co_await pause(std::chrono::milliseconds(10));
        }
    }

    boost::asio::awaitable<void> pause(std::chrono::milliseconds time) {
        boost::asio::steady_timer timer(io_, time);
        co_await timer.async_wait(boost::asio::use_awaitable);
    }

    template <class From, class To>
    static boost::asio::awaitable<void> copy(std::shared_ptr<Pair> pair, From& from, To& to) {
        std::array<char, 1 << 14> buffer{};
        try {
            for (;;) {
                const std::size_t size =
                    co_await from.async_read_some(boost::asio::buffer(buffer), boost::asio::use_awaitable);
                co_await boost::asio::async_write(to, boost::asio::buffer(buffer, size), boost::asio::use_awaitable);
            }
        } catch (const std::exception&) {  // one of them has gone
        }
        pair->close();
    }

    boost::asio::io_context& io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::uint16_t behind_;
    std::vector<std::weak_ptr<Pair>> pairs_;
};

}  // namespace concordat::ledger::evm
