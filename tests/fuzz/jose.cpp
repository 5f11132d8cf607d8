// Signed and encrypted envelopes, and keys: compact JWS, general JWS, JWE, JWK. No input may open or verify under a key
// that made none of it.
#include <base/error.hpp>
#include <crypto/jwe.hpp>
#include <crypto/jws.hpp>

#include "../support/fixture.hpp"

namespace {
using namespace concordat;

template <class Body>
void refusing(Body&& body) {
    try {
        body();
    } catch (const Error&) {
    }
}

void compact(std::string_view text, const crypto::PublicKey& key) {
    const crypto::Jws jws = crypto::parse_compact(text, "jws");
    jws.verify(key, "jws");
    __builtin_trap();
}

void general(const json::Value& value, const crypto::PublicKey& key) {
    const auto jws = crypto::GeneralJws::parse(value, "jws");
    if (json::canonical(crypto::GeneralJws::parse(jws.to_json(), "again").to_json()) !=
        json::canonical(jws.to_json())) {
        __builtin_trap();
    }
    for (std::size_t i = 0; i <= jws.signatures.size(); ++i) {
        if (jws.verify(i, key)) __builtin_trap();
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const crypto::PrivateKey key = test::signing_key("a key that signed nothing of the corpus");
    static const crypto::EncryptionPrivateKey reader = test::encryption_key("buyer encryption");
    const std::string_view text = text_of(ByteView(data, size));
    refusing([&] { compact(text, key.public_key()); });
    json::Value value;
    try {
        value = json::parse(text, "input");
    } catch (const Error&) {
        return 0;
    }
    refusing([&] { general(value, key.public_key()); });
    refusing([&] { crypto::PublicKey::from_jwk(value, "key"); });
    refusing([&] { crypto::EncryptionPublicKey::from_jwk(value, "key"); });
    refusing([&] { crypto::decrypt_jwe(value, "concordat/terms/1", reader, "jwe"); });
    return 0;
}
