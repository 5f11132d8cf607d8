// TLS 1.3 (RFC 8446) without sockets: bytes in, bytes out. Both sides show a throw-away self-signed P-256 certificate
// and accept any: who the peer is, is decided inside the tunnel. No resumption, no tickets, no early data, no older
// version.
#pragma once
#include <base/bytes.hpp>
#include <memory>

struct ssl_st;

namespace concordat::attest {

// Loads what OpenSSL loads lazily, without its configuration file. Call before entering a sandbox without a file
// system.
void prepare_tls();

class TlsPipe {
  public:
    enum class Role { client, server };
    explicit TlsPipe(Role role);  // throws Error(protocol) when OpenSSL cannot

    // All take and leave OpenSSL's memory buffers; errors are Error(protocol) with OpenSSL's reason.
    void feed(ByteView tls_bytes);
    bool handshake();                   // true once done
    Bytes read(std::size_t max_bytes);  // plaintext, empty when there is none now; the peer's close is an error
    void write(ByteView plaintext);
    Bytes take_output();                             // TLS bytes for the peer
    Hash256 exporter(std::string_view label) const;  // RFC 8446 §7.5, 32 bytes, empty context; after the handshake

  private:
    struct Free {
        void operator()(ssl_st* ssl) const;
    };
    std::unique_ptr<ssl_st, Free> ssl_;
};

}  // namespace concordat::attest
