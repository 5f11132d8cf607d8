// The small texts that several documents share: names, audiences, key ids, record ledgers.
#pragma once
#include <base/bytes.hpp>
#include <base/json.hpp>
#include <crypto/key.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::contract {

inline constexpr std::size_t max_name_bytes = 64;
inline constexpr std::size_t max_id_bytes = 256;

// Roles, sources, actions, effects: [A-Za-z][A-Za-z0-9_-]*, at most 64 characters. Throws Error(bad_format).
void check_name(std::string_view name, std::string_view field);
// The identifier of a party or source: 1 to 256 bytes, no control characters. Throws Error(bad_format).
void check_id(std::string_view id, std::string_view field);
// The roles of "buyer+seller": names, strictly ascending. Throws Error(bad_format).
std::vector<std::string> audience_roles(std::string_view audience, std::string_view field);
// The thumbprint behind a key id. Throws Error(bad_format).
Hash256 thumbprint_of(std::string_view kid, std::string_view field);
// A record ledger's chain: "ccl:" and 32 lower-case hex digits. Throws Error(bad_format).
void check_chain(std::string_view chain, std::string_view field);
// A JWK with the required members and no others, as signed documents hold them. Throws Error(bad_format).
crypto::PublicKey read_key(const json::Value& jwk, std::string_view field);
crypto::EncryptionPublicKey read_encryption_key(const json::Value& jwk, std::string_view field);
// A time member of a document.
std::int64_t read_time(json::Reader& reader, std::string_view name);

}  // namespace concordat::contract
