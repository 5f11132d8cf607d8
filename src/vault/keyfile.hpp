// A party's own keys in a file (mode 0600):
//   {"typ":"concordat/key-file/1","id":"did:web:bank-a.example","keys":[private JWK…],"encryption":private P-256 JWK}
// or, under a passphrase, with "sealed" in place of "keys" and "encryption":
//   {"kdf":"argon2id","salt":16 bytes,"passes":3,"memory_kib":65536,"enc":"A256GCM","nonce":12 bytes,"content":…}
// (bytes in base64url). The content is {"keys","encryption"} under AES-256-GCM; the additional data is the whole
// document without "content", canonical, so that neither the name nor a parameter can be exchanged. Argon2id
// version 1.3 (RFC 9106) with one lane, by libsodium.
#pragma once
#include <crypto/key.hpp>
#include <filesystem>
#include <optional>
#include <vector>

namespace concordat::vault {

inline constexpr std::string_view key_file_typ = "concordat/key-file/1";

struct KeyFile {
    std::string id;                        // a DID or a name, 1 to 256 bytes
    std::vector<crypto::PrivateKey> keys;  // for signing, 1 to 16; the first is the one to sign with
    crypto::EncryptionPrivateKey encryption;

    // Makes fresh keys and the file. Throws Error(conflict) when the file exists (it is never overwritten),
    // Error(disk), Error(bad_format) for an id or a passphrase (1 to 1024 bytes) that cannot be.
    static KeyFile create(const std::filesystem::path& path, std::string_view id, crypto::Alg alg, Random& random,
                          std::optional<std::string_view> passphrase = {});
    // Throws Error(not_found); Error(forbidden) when others than the owner can access the file; Error(unauthenticated)
    // when a passphrase is needed and missing or wrong; Error(bad_json | bad_format | …) naming the member. A
    // passphrase for a file that needs none is ignored.
    static KeyFile load(const std::filesystem::path& path, std::optional<std::string_view> passphrase = {});
};

}  // namespace concordat::vault
