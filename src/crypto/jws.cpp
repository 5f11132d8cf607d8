#include "jws.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <unordered_map>

namespace concordat::crypto {
namespace {

constexpr std::size_t max_header_bytes = 1024;
constexpr std::size_t max_kid_bytes = 512;
constexpr std::size_t max_typ_bytes = 128;

[[noreturn]] void fail(std::string_view field, std::string_view rule) {
    throw Error(Code::bad_format, std::string(field), std::string(rule));
}

Bytes decode(std::string_view text, std::string_view field, std::string_view part) {
    auto bytes = from_base64url(text);
    if (!bytes) fail(field, std::string(part) + " must be strict base64url without padding");
    return std::move(*bytes);
}

Signature decode_signature(std::string_view text, std::string_view field) {
    const Bytes bytes = decode(text, field, "the signature");
    Signature signature;
    if (bytes.size() != signature.size()) fail(field, "the signature must be 64 bytes");
    std::copy(bytes.begin(), bytes.end(), signature.begin());
    return signature;
}

JwsHeader parse_header(std::string_view text, std::string_view field) {
    const Bytes bytes = decode(text, field, "the protected header");
    const json::Value value = json::parse(text_of(bytes), field, {.bytes = max_header_bytes, .depth = 2});
    json::Reader in(value, std::string(field));
    JwsHeader header;
    header.alg = alg_from_name(in.string("alg", 16), in.at("alg"));
    header.kid = in.string("kid", max_kid_bytes);
    header.typ = in.string("typ", max_typ_bytes);
    in.finish();
    return header;
}

struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
};

// A key's headers are the same bytes for every document of a kind: what they say is found out once.
JwsHeader decode_header(std::string_view text, std::string_view field) {
    constexpr std::size_t max_kept = 1024, max_kept_bytes = 512;
    thread_local std::unordered_map<std::string, JwsHeader, TextHash, std::equal_to<>> kept;
    if (const auto known = kept.find(text); known != kept.end()) return known->second;
    JwsHeader header = parse_header(text, field);
    if (kept.size() >= max_kept) kept.clear();
    if (text.size() <= max_kept_bytes) kept.emplace(text, header);
    return header;
}

std::string encode_header(std::string_view typ, const PublicKey& key) {
    const json::Object header{{"alg", alg_name(key.alg())}, {"kid", key.kid()}, {"typ", typ}};
    return to_base64url(bytes_of(json::canonical(header)));
}

// Why the header may not be used with the key; empty if it may.
std::string_view mismatch(const JwsHeader& header, const PublicKey& key) {
    if (!key) return "must be signed by a key that is known";
    if (header.alg != key.alg()) return "alg must be the key's own algorithm";
    if (!key.answers_to(header.kid)) return "kid must be the key's thumbprint or its DID URL";
    return "";
}

}  // namespace

Jws parse_compact(std::string_view text, std::string_view field, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        throw Error(Code::too_large, std::string(field), "must be at most " + std::to_string(max_bytes) + " bytes");
    }
    const std::size_t first = text.find('.');
    const std::size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
    if (second == text.npos) fail(field, "must be a compact JWS: header.payload.signature");
    Jws jws;
    // A third dot would stand in the signature, where it is not base64url.
    jws.signature = decode_signature(text.substr(second + 1), field);
    jws.header = decode_header(text.substr(0, first), field);
    jws.payload = decode(text.substr(first + 1, second - first - 1), field, "the payload");
    jws.signing_input = text.substr(0, second);
    return jws;
}

void Jws::verify(const PublicKey& key, std::string_view field) const {
    std::string_view reason = mismatch(header, key);
    if (reason.empty() && !key.verify(bytes_of(signing_input), signature)) reason = "the signature must hold";
    if (!reason.empty()) throw Error(Code::bad_signature, std::string(field), std::string(reason));
}

std::string sign_compact(ByteView payload, std::string_view typ, const PrivateKey& key) {
    std::string text = encode_header(typ, key.public_key());
    text += '.';
    text += to_base64url(payload);
    const Signature signature = key.sign(bytes_of(text));
    text += '.';
    text += to_base64url(signature);
    return text;
}

GeneralJws GeneralJws::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    GeneralJws jws;
    const auto* payload = in.any("payload").if_string();
    if (payload == nullptr) in.fail("payload", "must be a base64url string");
    jws.payload_text = *payload;
    jws.payload = decode(jws.payload_text, in.at("payload"), "the payload");
    std::size_t i = 0;
    for (const json::Value& item : in.array("signatures", max_signatures)) {
        json::Reader each(item, in.at("signatures") + "/" + std::to_string(i++));
        One one;
        one.protected_header = each.string("protected", max_header_bytes * 2);
        one.header = decode_header(one.protected_header, each.at("protected"));
        one.signature = decode_signature(each.string("signature", 128), each.at("signature"));
        each.finish();
        jws.signatures.push_back(std::move(one));
    }
    in.finish();
    return jws;
}

json::Object GeneralJws::to_json() const {
    json::Array list;
    for (const One& one : signatures) {
        list.push_back(json::Object{{"protected", one.protected_header}, {"signature", to_base64url(one.signature)}});
    }
    json::Object object;
    object["payload"] = payload_text;
    object["signatures"] = std::move(list);
    return object;
}

void GeneralJws::add(std::string_view typ, const PrivateKey& key) {
    if (signatures.size() >= max_signatures) throw Error(Code::too_large, "signatures", "must be at most 64 items");
    One one;
    one.protected_header = encode_header(typ, key.public_key());
    one.header = {key.public_key().alg(), key.public_key().kid(), std::string(typ)};
    one.signature = key.sign(bytes_of(one.protected_header + "." + payload_text));
    signatures.push_back(std::move(one));
}

bool GeneralJws::verify(std::size_t index, const PublicKey& key) const {
    if (index >= signatures.size()) return false;
    const One& one = signatures[index];
    if (!mismatch(one.header, key).empty()) return false;
    return key.verify(bytes_of(one.protected_header + "." + payload_text), one.signature);
}

GeneralJws GeneralJws::of(ByteView payload) {
    GeneralJws jws;
    jws.payload_text = to_base64url(payload);
    jws.payload = to_bytes(payload);
    return jws;
}

}  // namespace concordat::crypto
