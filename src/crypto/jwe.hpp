// JWE general JSON serialisation (RFC 7516) with ECDH-ES+A256KW (RFC 7518 §4.6, P-256) and A256GCM, one or more
// recipients; and plain A256GCM for data keys.
#pragma once
#include <base/json.hpp>

#include "hash.hpp"
#include "key.hpp"

namespace concordat::crypto {

inline constexpr std::size_t max_recipients = 256;

// The content key is fresh. Each recipient's header: {"alg","kid","epk"}; the protected header:
// {"enc":"A256GCM","typ"}.
json::Object encrypt_jwe(ByteView plaintext, std::string_view typ, const std::vector<EncryptionPublicKey>& readers,
                         Random& random);
// Finds the recipient by kid. Throws Error(forbidden) when the key is not among the recipients, Error(bad_signature)
// when the wrapped key or the content was changed, and the errors of json::Reader for another shape.
SecretBytes decrypt_jwe(const json::Value& jwe, std::string_view typ, const EncryptionPrivateKey& key,
                        std::string_view field);
// The two halves of decrypt_jwe, where the key's holder and the reader of the content are different processes.
SecretKey unwrap_content_key(const json::Value& jwe, const EncryptionPrivateKey& key, std::string_view field);
SecretBytes open_content(const json::Value& jwe, std::string_view typ, const SecretKey& content_key,
                         std::string_view field);

using Nonce = std::array<std::uint8_t, 12>;
// AES-256-GCM; the result is ciphertext ‖ 16-byte tag. The caller never uses a (key, nonce) pair twice.
Bytes seal(const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView plaintext);
// The same, behind what is in `out` already.
void append_sealed(Bytes& out, const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView plaintext);
std::optional<Bytes> open(const SecretKey& key, const Nonce& nonce, ByteView aad, ByteView sealed);
// AES key wrap (RFC 3394) of a 32-byte key: 40 bytes, no nonce needed.
Bytes wrap_key(const SecretKey& kek, const SecretKey& key);
std::optional<SecretKey> unwrap_key(const SecretKey& kek, ByteView wrapped);

}  // namespace concordat::crypto
