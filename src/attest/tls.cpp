#include "tls.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <algorithm>
#include <array>
#include <base/error.hpp>

namespace concordat::attest {
namespace {

template <auto function>
struct FreeBy {
    template <class T>
    void operator()(T* object) const {
        function(object);
    }
};
using Context = std::unique_ptr<SSL_CTX, FreeBy<SSL_CTX_free>>;
using Certificate = std::unique_ptr<X509, FreeBy<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, FreeBy<EVP_PKEY_free>>;

[[noreturn]] void fail(const char* step) {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code ? ERR_reason_error_string(code) : nullptr;
    ERR_clear_error();
    throw Error(Code::protocol, "tls", std::string(step) + (reason ? ": " + std::string(reason) : " failed"));
}

void require(bool fine, const char* step) {
    if (!fine) fail(step);
}

// Certificates have no meaning here beyond carrying a key; the validity is the widest that X.509 can say.
Certificate self_signed(EVP_PKEY* key) {
    Certificate certificate(X509_new());
    require(certificate != nullptr, "certificate");
    X509* x = certificate.get();
    X509_NAME* name = X509_get_subject_name(x);
    const bool made = X509_set_version(x, X509_VERSION_3) && ASN1_INTEGER_set(X509_get_serialNumber(x), 1) &&
                      ASN1_TIME_set_string_X509(X509_getm_notBefore(x), "19700101000000Z") &&
                      ASN1_TIME_set_string_X509(X509_getm_notAfter(x), "99991231235959Z") &&
                      X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                                 reinterpret_cast<const unsigned char*>("attested"), -1, -1, 0) &&
                      X509_set_issuer_name(x, name) && X509_set_pubkey(x, key) && X509_sign(x, key, EVP_sha256()) > 0;
    require(made, "certificate");
    return certificate;
}

int accept_any(X509_STORE_CTX*, void*) { return 1; }

void restrict_context(SSL_CTX* context) {
    const bool set = SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) &&
                     SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) &&
                     SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256") &&
                     SSL_CTX_set1_groups_list(context, "X25519:P-256") && SSL_CTX_set_num_tickets(context, 0) &&
                     SSL_CTX_set_max_early_data(context, 0) && SSL_CTX_set_recv_max_early_data(context, 0);
    require(set, "settings");
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    SSL_CTX_set_cert_verify_callback(context, accept_any, nullptr);
}

Context make_context() {
    Context context(SSL_CTX_new(TLS_method()));
    require(context != nullptr, "context");
    restrict_context(context.get());
    const Key key(EVP_EC_gen("P-256"));
    require(key != nullptr, "key");
    const Certificate certificate = self_signed(key.get());
    require(SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
                SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1,
            "certificate");
    return context;
}

}  // namespace

void TlsPipe::Free::operator()(ssl_st* ssl) const { SSL_free(ssl); }

void prepare_tls() {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    TlsPipe client(TlsPipe::Role::client), server(TlsPipe::Role::server);
    for (bool both = false; !both;) {
        const bool one = client.handshake();
        server.feed(client.take_output());
        both = server.handshake() && one;
        client.feed(server.take_output());
    }
}

TlsPipe::TlsPipe(Role role) {
    OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
    ERR_clear_error();
    const Context context = make_context();  // the connection keeps what it needs of it
    ssl_.reset(SSL_new(context.get()));
    BIO* in = BIO_new(BIO_s_mem());
    BIO* out = BIO_new(BIO_s_mem());
    if (!ssl_ || !in || !out) {
        BIO_free(in);
        BIO_free(out);
        fail("connection");
    }
    SSL_set_bio(ssl_.get(), in, out);
    if (role == Role::client)
        SSL_set_connect_state(ssl_.get());
    else
        SSL_set_accept_state(ssl_.get());
}

void TlsPipe::feed(ByteView tls_bytes) {
    std::size_t written = 0;
    if (tls_bytes.empty()) return;
    require(BIO_write_ex(SSL_get_rbio(ssl_.get()), tls_bytes.data(), tls_bytes.size(), &written) == 1 &&
                written == tls_bytes.size(),
            "buffer");
}

bool TlsPipe::handshake() {
    ERR_clear_error();
    const int result = SSL_do_handshake(ssl_.get());
    if (result == 1) return true;
    require(SSL_get_error(ssl_.get(), result) == SSL_ERROR_WANT_READ, "handshake");
    return false;
}

Bytes TlsPipe::read(std::size_t max_bytes) {
    ERR_clear_error();
    // One call gives one TLS record at most. A buffer of the size asked for would be cleared for each.
    std::array<std::uint8_t, 1 << 14> record;
    std::size_t got = 0;
    const int result = SSL_read_ex(ssl_.get(), record.data(), std::min(record.size(), max_bytes), &got);
    if (result != 1) {
        const int error = SSL_get_error(ssl_.get(), result);
        if (error == SSL_ERROR_ZERO_RETURN) throw Error(Code::protocol, "tls", "the peer closed the tunnel");
        require(error == SSL_ERROR_WANT_READ, "read");
    }
    return {record.begin(), record.begin() + static_cast<std::ptrdiff_t>(got)};
}

void TlsPipe::write(ByteView plaintext) {
    ERR_clear_error();
    std::size_t written = 0;
    require(SSL_write_ex(ssl_.get(), plaintext.data(), plaintext.size(), &written) == 1 && written == plaintext.size(),
            "write");
}

Bytes TlsPipe::take_output() {
    BIO* bio = SSL_get_wbio(ssl_.get());
    Bytes out(BIO_ctrl_pending(bio));
    std::size_t got = 0;
    if (!out.empty()) require(BIO_read_ex(bio, out.data(), out.size(), &got) == 1 && got == out.size(), "buffer");
    return out;
}

Hash256 TlsPipe::exporter(std::string_view label) const {
    Hash256 out;
    require(SSL_export_keying_material(ssl_.get(), out.bytes.data(), out.bytes.size(), label.data(), label.size(),
                                       nullptr, 0, 0) == 1,
            "exporter");
    return out;
}

}  // namespace concordat::attest
