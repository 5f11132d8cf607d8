#include "sealing.hpp"

#include <crypto/hash.hpp>

namespace concordat::contract {
namespace {

// The key is used for one plaintext only, because the iv that it is derived from is a MAC of that plaintext.
constexpr crypto::Nonce zero_nonce{};

Hash256 synthetic_iv(const SecretKey& audience_key, ByteView aad, ByteView plaintext) {
    const SecretKey mac = crypto::derive_key(audience_key.expose(), {bytes_of("iv")});
    return crypto::hmac_sha256(mac.expose(), {aad, plaintext});
}

SecretKey content_key(const SecretKey& audience_key, const Hash256& iv) {
    return crypto::derive_key(audience_key.expose(), {bytes_of("key"), iv.view()});
}

Bytes aad_of(std::string_view what, const Hash256& binding, std::string_view audience) {
    Bytes out = to_bytes(bytes_of(what));
    out.insert(out.end(), binding.bytes.begin(), binding.bytes.end());
    out.insert(out.end(), audience.begin(), audience.end());
    return out;
}

}  // namespace

json::Object Sealed::to_json() const {
    return {{"iv", to_base64url(iv.view())}, {"ciphertext", to_base64url(ciphertext)}};
}

Sealed Sealed::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    const Bytes iv = in.base64url("iv", 64);
    if (iv.size() != 32) in.fail("iv", "must be 32 bytes");
    Bytes ciphertext = in.base64url("ciphertext");
    if (ciphertext.size() < 16) in.fail("ciphertext", "must hold at least its 16-byte tag");
    in.finish();
    return {Hash256::from(iv), std::move(ciphertext)};
}

Sealed seal(const SecretKey& audience_key, ByteView aad, ByteView plaintext) {
    const Hash256 iv = synthetic_iv(audience_key, aad, plaintext);
    return {iv, crypto::seal(content_key(audience_key, iv), zero_nonce, aad, plaintext)};
}

SecretBytes open(const SecretKey& audience_key, ByteView aad, const Sealed& sealed, std::string_view field) {
    auto plaintext = crypto::open(content_key(audience_key, sealed.iv), zero_nonce, aad, sealed.ciphertext);
    if (!plaintext) throw Error(Code::bad_signature, std::string(field), "does not open under this audience's key");
    SecretBytes out(std::move(*plaintext));
    // Whoever holds the key could seal under an iv of their choice; only the MAC makes the sealing the one of its
    // content.
    if (synthetic_iv(audience_key, aad, out.expose()) != sealed.iv) {
        throw Error(Code::bad_signature, std::string(field) + "/iv", "must be the MAC of what is sealed");
    }
    return out;
}

Bytes message_aad(const Hash256& binding, std::string_view audience) {
    return aad_of("concordat/message/1", binding, audience);
}

Bytes entry_aad(const Hash256& binding, std::string_view audience) {
    return aad_of("concordat/entry/1", binding, audience);
}

SecretKey audience_key(const SecretKey& binding_key, const Hash256& version, std::string_view audience) {
    return crypto::derive_key(binding_key.expose(),
                              {bytes_of("concordat/audience-key/1"), version.view(), bytes_of(audience)});
}

SecretKey state_key(const SecretKey& binding_key) {
    return crypto::derive_key(binding_key.expose(), {bytes_of("concordat/state-key/1")});
}

}  // namespace concordat::contract
