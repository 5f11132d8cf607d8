#include "names.hpp"

#include <algorithm>
#include <base/clock.hpp>

namespace concordat::contract {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

}  // namespace

void check_name(std::string_view name, std::string_view field) {
    const bool fits = !name.empty() && name.size() <= max_name_bytes && is_letter(name.front());
    const auto allowed = [](char c) { return is_letter(c) || is_digit(c) || c == '_' || c == '-'; };
    if (!fits || !std::ranges::all_of(name, allowed)) {
        refuse(field, "must be a letter, then letters, digits, _ or -, at most 64 characters");
    }
}

void check_id(std::string_view id, std::string_view field) {
    const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
    if (id.empty() || id.size() > max_id_bytes || std::ranges::any_of(id, control)) {
        refuse(field, "must be 1 to 256 bytes without control characters");
    }
}

std::vector<std::string> audience_roles(std::string_view audience, std::string_view field) {
    std::vector<std::string> roles;
    for (std::size_t start = 0; start <= audience.size();) {
        const std::size_t end = std::min(audience.find('+', start), audience.size());
        const std::string_view role = audience.substr(start, end - start);
        check_name(role, field);
        if (!roles.empty() && roles.back() >= role) refuse(field, "must list its roles in ascending order, each once");
        roles.emplace_back(role);
        start = end + 1;
    }
    return roles;
}

Hash256 thumbprint_of(std::string_view kid, std::string_view field) {
    const auto bytes = from_base64url(kid);
    if (!bytes || bytes->size() != 32) refuse(field, "must be an RFC 7638 thumbprint: 32 bytes in base64url");
    return Hash256::from(*bytes);
}

void check_chain(std::string_view chain, std::string_view field) {
    const auto hex = [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f'); };
    if (chain.size() != 36 || !chain.starts_with("ccl:") || !std::ranges::all_of(chain.substr(4), hex)) {
        refuse(field, "must be \"ccl:\" and 32 lower-case hex digits");
    }
}

crypto::PublicKey read_key(const json::Value& jwk, std::string_view field) {
    auto key = crypto::PublicKey::from_jwk(jwk, field);
    if (jwk != json::Value(key.jwk())) refuse(field, "must be a JWK with the required members only");
    return key;
}

crypto::EncryptionPublicKey read_encryption_key(const json::Value& jwk, std::string_view field) {
    auto key = crypto::EncryptionPublicKey::from_jwk(jwk, field);
    if (jwk != json::Value(key.jwk())) refuse(field, "must be a JWK with the required members only");
    return key;
}

std::int64_t read_time(json::Reader& reader, std::string_view name) {
    return parse_time(reader.string(name, 64), reader.at(name));
}

}  // namespace concordat::contract
