// JWS (RFC 7515), compact and general JSON serialisation. The protected header holds alg, kid and typ, nothing else
// (no crit, no jku, no embedded key): any other member is refused. alg must be the key's own.
#pragma once
#include <base/bytes.hpp>
#include <base/json.hpp>
#include <vector>

#include "key.hpp"

namespace concordat::crypto {

inline constexpr std::size_t max_signatures = 64;

struct JwsHeader {
    Alg alg{};
    std::string kid;
    std::string typ;
};

// One signature over a payload. Views point into the text given to the parser.
struct Jws {
    JwsHeader header;
    std::string_view signing_input;  // ASCII(protected '.' payload)
    Bytes payload;
    Signature signature{};
    // Throws Error(bad_signature) naming `field`: alg differs from the key's, kid is not the key's, or it does not
    // hold.
    void verify(const PublicKey& key, std::string_view field) const;
};

// `text` must outlive the result. Throws Error(bad_format | bad_json | missing_field | unknown_field | too_large) under
// `field`.
Jws parse_compact(std::string_view text, std::string_view field, std::size_t max_bytes = 1 << 20);
std::string sign_compact(ByteView payload, std::string_view typ, const PrivateKey& key);

// The general JSON serialisation with several signatures over one payload: {"payload": …, "signatures": [{"protected",
// "signature"}]}.
struct GeneralJws {
    struct One {
        std::string protected_header;  // base64url as received
        JwsHeader header;
        Signature signature{};
    };
    std::string payload_text;  // base64url as received
    Bytes payload;
    std::vector<One> signatures;

    // Throws as parse_compact does; at most max_signatures. The signatures may be none.
    static GeneralJws parse(const json::Value& value, std::string_view field);
    json::Object to_json() const;
    void add(std::string_view typ, const PrivateKey& key);  // signs payload_text
    // False also where alg or kid are not the key's, or there is no such signature.
    bool verify(std::size_t index, const PublicKey& key) const;
    static GeneralJws of(ByteView payload);
};

}  // namespace concordat::crypto
