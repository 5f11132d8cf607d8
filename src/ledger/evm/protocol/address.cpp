#include "address.hpp"

#include <algorithm>

#include "keccak.hpp"
#include "rlp.hpp"

namespace concordat::ledger::evm {
namespace {

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

Address last_twenty(const Hash256& hash) { return Address::from(hash.view().subspan(12)); }

char lower_case(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr std::string_view prefix = "eip155:";

}  // namespace

Address Address::from(ByteView twenty_bytes) {
    if (twenty_bytes.size() != 20) panic("an address of another size");
    Address out;
    std::copy(twenty_bytes.begin(), twenty_bytes.end(), out.bytes.begin());
    return out;
}

std::string Address::lower() const { return to_0x(bytes); }

std::string Address::text() const {
    std::string out = lower();
    const Hash256 hash = keccak256(std::string_view(out).substr(2));
    for (std::size_t i = 0; i < 40; ++i) {
        const int nibble = hash.bytes[i / 2] >> (i % 2 == 0 ? 4 : 0) & 0xf;
        char& c = out[2 + i];
        if (nibble >= 8 && c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    }
    return out;
}

Address Address::parse(std::string_view text, std::string_view field) {
    constexpr std::string_view rule = "must be 0x and 40 hex digits, in lower case or with the upper case of EIP-55";
    if (text.size() != 42 || !text.starts_with("0x")) refuse(field, std::string(rule));
    std::string lower(text);
    std::transform(lower.begin(), lower.end(), lower.begin(), lower_case);
    const auto bytes = from_hex(std::string_view(lower).substr(2));
    if (!bytes) refuse(field, std::string(rule));
    const Address out = from(*bytes);
    if (text != lower && text != out.text()) refuse(field, std::string(rule) + ": its checksum does not hold");
    return out;
}

Address address_of(const crypto::Secp256k1Point& public_key) {
    return last_twenty(keccak256(ByteView(public_key).subspan(1)));
}

Address address_of(const crypto::PublicKey& key, std::string_view field) {
    if (!key || key.alg() != crypto::Alg::es256k) refuse(field, "must be a key on secp256k1 (ES256K)");
    const json::Object jwk = key.jwk();
    const auto x = from_base64url(jwk.at("x").as_string());
    const auto y = from_base64url(jwk.at("y").as_string());
    if (!x || !y) panic("a key whose coordinates are not base64url");
    return last_twenty(keccak256({*x, *y}));
}

Address created_address(const Address& sender, std::uint64_t nonce) {
    Bytes payload;
    rlp::append(payload, sender.view());
    rlp::append(payload, U256(nonce));
    return last_twenty(keccak256(rlp::list(payload)));
}

Address created_address(const Address& sender, const Hash256& salt, const Hash256& init_code_hash) {
    const std::array<std::uint8_t, 1> marker{0xff};
    return last_twenty(keccak256({marker, sender.view(), salt.view(), init_code_hash.view()}));
}

std::string ChainId::text() const { return std::string(prefix) + std::to_string(value); }

ChainId ChainId::parse(std::string_view text, std::string_view field) {
    constexpr std::string_view rule = "must be eip155: and a decimal chain id from 1 to 2^63−1";
    if (!text.starts_with(prefix)) refuse(field, std::string(rule));
    try {
        const U256 value = parse_u256(text.substr(prefix.size()), field);
        if (value != 0 && value < U256(1) << 63) return {static_cast<std::uint64_t>(value)};
    } catch (const Error&) {  // the rule below says more than that of a bare integer
    }
    refuse(field, std::string(rule));
}

std::string Account::text() const { return chain.text() + ":" + address.text(); }

Account Account::parse(std::string_view text, std::string_view field) {
    const auto colon = text.rfind(':');
    if (!text.starts_with(prefix) || colon < prefix.size()) refuse(field, "must be eip155:<chain id>:<address>");
    return {ChainId::parse(text.substr(0, colon), field), Address::parse(text.substr(colon + 1), field)};
}

}  // namespace concordat::ledger::evm
