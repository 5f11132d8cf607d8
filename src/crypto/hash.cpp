// OpenSSL 3.0's one-shot SHA256() and EVP_Q_digest fetch the algorithm anew at each call, which costs more than hashing
// a small message; the low-level functions, deprecated but kept, use the same SHA-NI code without that.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "hash.hpp"

#include <openssl/sha.h>

namespace concordat::crypto {
namespace {

class Sha256 {
  public:
    Sha256() { SHA256_Init(&state_); }
    ~Sha256() { wipe(&state_, sizeof state_); }
    Sha256(const Sha256&) = default;
    Sha256& operator=(const Sha256&) = delete;
    void add(ByteView data) { SHA256_Update(&state_, data.data(), data.size()); }
    Hash256 finish() {
        Hash256 hash;
        SHA256_Final(hash.bytes.data(), &state_);
        return hash;
    }

  private:
    SHA256_CTX state_;
};

// RFC 2104 over parts that are added as they come.
class Hmac {
  public:
    explicit Hmac(ByteView key) {
        std::array<std::uint8_t, SHA256_CBLOCK> block{};
        if (key.size() > block.size()) {
            const Hash256 short_key = sha256(key);
            std::memcpy(block.data(), short_key.bytes.data(), short_key.bytes.size());
        } else if (!key.empty()) {
            std::memcpy(block.data(), key.data(), key.size());
        }
        for (auto& byte : block) byte ^= 0x36;
        inner_.add(block);
        for (auto& byte : block) byte ^= 0x36 ^ 0x5c;
        outer_.add(block);
        wipe(block.data(), block.size());
    }
    void add(ByteView data) { inner_.add(data); }
    Hash256 finish() {
        Hash256 inner = inner_.finish();
        outer_.add(inner.view());
        wipe(inner.bytes.data(), inner.bytes.size());
        return outer_.finish();
    }

  private:
    Sha256 inner_, outer_;
};

}  // namespace

Hash256 sha256(ByteView data) {
    SHA256_CTX state;
    Hash256 hash;
    SHA256_Init(&state);
    SHA256_Update(&state, data.data(), data.size());
    SHA256_Final(hash.bytes.data(), &state);
    return hash;
}

Hash256 sha256(std::initializer_list<ByteView> parts) {
    Sha256 state;
    for (const ByteView part : parts) state.add(part);
    return state.finish();
}

Hash256 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts) {
    Hmac mac(key);
    for (const ByteView part : parts) mac.add(part);
    return mac.finish();
}

SecretKey hkdf_sha256(ByteView salt, ByteView secret, std::initializer_list<ByteView> info) {
    Hash256 extracted = hmac_sha256(salt, {secret});
    Hmac expand(extracted.view());
    wipe(extracted.bytes.data(), extracted.bytes.size());
    for (const ByteView part : info) expand.add(part);
    expand.add(std::array<std::uint8_t, 1>{1});
    return SecretKey(expand.finish().bytes);
}

SecretKey derive_key(ByteView secret, std::initializer_list<ByteView> info) {
    Bytes joined;
    for (const ByteView part : info) {
        for (int shift = 24; shift >= 0; shift -= 8) joined.push_back(static_cast<std::uint8_t>(part.size() >> shift));
        joined.insert(joined.end(), part.begin(), part.end());
    }
    return hkdf_sha256({}, secret, {joined});
}

}  // namespace concordat::crypto
