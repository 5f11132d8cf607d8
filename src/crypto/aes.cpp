// AES-256-GCM and AES key wrap by OpenSSL, declared in jwe.hpp.
#include <openssl/evp.h>

#include <base/error.hpp>
#include <memory>

#include "jwe.hpp"

namespace concordat::crypto {
namespace {

constexpr std::size_t tag_bytes = 16;
constexpr std::size_t wrapped_bytes = 40;

// Fetched once: a fetch by name at each use costs more than encrypting a small message.
const EVP_CIPHER* fetch(const char* name) {
    const EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
    if (cipher == nullptr) panic("OpenSSL lacks a cipher");
    return cipher;
}
const EVP_CIPHER* gcm() {
    static const EVP_CIPHER* const cipher = fetch("AES-256-GCM");
    return cipher;
}
const EVP_CIPHER* key_wrap() {
    static const EVP_CIPHER* const cipher = fetch("AES-256-WRAP");
    return cipher;
}

void must(int result) {
    if (result != 1) panic("OpenSSL refused an AES operation");
}

// The thread's context, emptied after use because it holds the expanded key.
class Context {
  public:
    Context() {
        thread_local const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> kept(EVP_CIPHER_CTX_new(),
                                                                                                EVP_CIPHER_CTX_free);
        context_ = kept.get();
        if (context_ == nullptr) panic("out of memory");
    }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;
    ~Context() { EVP_CIPHER_CTX_reset(context_); }
    EVP_CIPHER_CTX* get() const { return context_; }

  private:
    EVP_CIPHER_CTX* context_;
};

int int_size(ByteView bytes) {
    if (bytes.size() > std::size_t{1} << 30) panic("more than 1 GiB for one AES operation");
    return static_cast<int>(bytes.size());
}

}  // namespace

void append_sealed(Bytes& out, const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView plaintext) {
    const Context context;
    const std::size_t before = out.size();
    out.resize(before + plaintext.size() + tag_bytes);
    std::uint8_t* ciphertext = out.data() + before;
    int size = 0;
    must(EVP_EncryptInit_ex2(context.get(), gcm(), key.expose().data(), nonce.data(), nullptr));
    if (!aad.empty()) must(EVP_EncryptUpdate(context.get(), nullptr, &size, aad.data(), int_size(aad)));
    if (!plaintext.empty()) {
        must(EVP_EncryptUpdate(context.get(), ciphertext, &size, plaintext.data(), int_size(plaintext)));
    }
    std::uint8_t* tag = ciphertext + plaintext.size();
    must(EVP_EncryptFinal_ex(context.get(), tag, &size));
    must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, tag_bytes, tag));
}

Bytes seal(const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView plaintext) {
    Bytes out;
    append_sealed(out, key, nonce, aad, plaintext);
    return out;
}

std::optional<Bytes> open(const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView sealed) {
    if (sealed.size() < tag_bytes) return std::nullopt;
    const ByteView ciphertext = sealed.first(sealed.size() - tag_bytes);
    std::array<std::uint8_t, tag_bytes> tag;
    std::memcpy(tag.data(), sealed.data() + ciphertext.size(), tag.size());
    const Context context;
    Bytes out(ciphertext.size());
    int size = 0;
    must(EVP_DecryptInit_ex2(context.get(), gcm(), key.expose().data(), nonce.data(), nullptr));
    must(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, tag_bytes, tag.data()));
    if (!aad.empty()) must(EVP_DecryptUpdate(context.get(), nullptr, &size, aad.data(), int_size(aad)));
    if (!ciphertext.empty()) {
        must(EVP_DecryptUpdate(context.get(), out.data(), &size, ciphertext.data(), int_size(ciphertext)));
    }
    if (EVP_DecryptFinal_ex(context.get(), tag.data(), &size) == 1) return out;
    wipe(out.data(), out.size());
    return std::nullopt;
}

Bytes wrap_key(const SecretKey& kek, const SecretKey& key) {
    const Context context;
    Bytes out(wrapped_bytes);
    int size = 0;
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    must(EVP_EncryptInit_ex2(context.get(), key_wrap(), kek.expose().data(), nullptr, nullptr));
    must(EVP_EncryptUpdate(context.get(), out.data(), &size, key.expose().data(), 32));
    if (size != static_cast<int>(wrapped_bytes)) panic("AES key wrap gave another size than 40 bytes");
    return out;
}

std::optional<SecretKey> unwrap_key(const SecretKey& kek, ByteView wrapped) {
    if (wrapped.size() != wrapped_bytes) return std::nullopt;
    const Context context;
    Secret<std::array<std::uint8_t, wrapped_bytes>> out;
    int size = 0;
    EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
    must(EVP_DecryptInit_ex2(context.get(), key_wrap(), kek.expose().data(), nullptr, nullptr));
    if (EVP_DecryptUpdate(context.get(), out.expose().data(), &size, wrapped.data(), wrapped_bytes) != 1 ||
        size != 32) {
        return std::nullopt;
    }
    SecretKey key;
    std::memcpy(key.expose().data(), out.expose().data(), 32);
    return key;
}

}  // namespace concordat::crypto
