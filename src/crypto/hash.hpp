// SHA-256 (FIPS 180-4), HMAC (RFC 2104), HKDF (RFC 5869).
#pragma once
#include <base/bytes.hpp>
#include <base/secret.hpp>
#include <initializer_list>

namespace concordat::crypto {

Hash256 sha256(ByteView data);
inline Hash256 sha256(std::string_view text) { return sha256(bytes_of(text)); }
Hash256 sha256(std::initializer_list<ByteView> parts);  // of the concatenation
Hash256 hmac_sha256(ByteView key, std::initializer_list<ByteView> parts);
// The first 32 bytes of HKDF-SHA-256; info parts are concatenated.
SecretKey hkdf_sha256(ByteView salt, ByteView secret, std::initializer_list<ByteView> info);
// HKDF-SHA-256 with an empty salt to a 32-byte key; info parts are joined with a u32 length before each.
SecretKey derive_key(ByteView secret, std::initializer_list<ByteView> info);

}  // namespace concordat::crypto
