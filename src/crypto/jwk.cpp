#include "jwk.hpp"

#include "hash.hpp"

namespace concordat::crypto::jwk {
namespace {

constexpr std::size_t max_kid_bytes = 512;

Coordinate read_coordinate(json::Reader& in, std::string_view name) {
    Bytes bytes = in.base64url(name, 64);
    if (bytes.size() != 32) in.fail(name, "must be 32 bytes");
    Coordinate out;
    std::copy(bytes.begin(), bytes.end(), out.begin());
    wipe(bytes.data(), bytes.size());
    return out;
}

std::string_view known_curve(std::string_view crv) {
    for (const std::string_view known : {"secp256k1", "P-256", "Ed25519"}) {
        if (crv == known) return known;
    }
    return "";
}

void check_kid(const json::Reader& in, const Parsed& parsed) {
    if (parsed.kid.starts_with("did:")) return;
    if (parsed.kid != to_base64url(thumbprint(parsed.key).view())) {
        in.fail("kid", "must be the key's RFC 7638 thumbprint or a DID URL");
    }
}

void append_members(std::string& out, const Public& key, std::string_view d) {
    // Members stand in RFC 8785 order, which RFC 7638 §3.3 asks for too.
    out += "{\"crv\":\"";
    out += key.crv;
    if (!d.empty()) {
        out += "\",\"d\":\"";
        out += d;
    }
    out += key.is_ec() ? "\",\"kty\":\"EC\",\"x\":\"" : "\",\"kty\":\"OKP\",\"x\":\"";
    out += to_base64url(key.x);
    if (key.is_ec()) {
        out += "\",\"y\":\"";
        out += to_base64url(key.y);
    }
    out += "\"}";
}

}  // namespace

Parsed parse(const json::Value& value, std::string_view field, AlgOfCurve alg, std::string_view use, bool is_private) {
    json::Reader in(value, std::string(field));
    Parsed parsed;
    parsed.key.crv = known_curve(in.string("crv", 32));
    const std::string_view expected_alg = alg(parsed.key.crv);
    if (expected_alg.empty()) in.fail("crv", "must be a curve that serves here");
    in.expect("kty", parsed.key.is_ec() ? "EC" : "OKP");
    parsed.key.x = read_coordinate(in, "x");
    if (parsed.key.is_ec()) parsed.key.y = read_coordinate(in, "y");
    if (is_private) parsed.d = SecretKey(read_coordinate(in, "d"));
    if (in.find("alg") != nullptr) in.expect("alg", expected_alg);
    if (in.find("use") != nullptr) in.expect("use", use);
    if (in.find("kid") != nullptr) {
        parsed.kid = in.string("kid", max_kid_bytes);
        check_kid(in, parsed);
    }
    in.finish();
    return parsed;
}

json::Object to_json(const Public& key) {
    json::Object object;
    object["crv"] = key.crv;
    object["kty"] = key.is_ec() ? "EC" : "OKP";
    object["x"] = to_base64url(key.x);
    if (key.is_ec()) object["y"] = to_base64url(key.y);
    return object;
}

Hash256 thumbprint(const Public& key) {
    std::string text;
    append_members(text, key, "");
    return sha256(text);
}

Secret<std::string> to_private_text(const Public& key, const SecretKey& d) {
    std::string text;
    text.reserve(256);  // never grows, so no copy of the secret is left behind
    std::string encoded = to_base64url(d.expose());
    append_members(text, key, encoded);
    wipe(encoded.data(), encoded.size());
    return Secret<std::string>(std::move(text));
}

}  // namespace concordat::crypto::jwk
