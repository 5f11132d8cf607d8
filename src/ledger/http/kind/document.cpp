#include <crypto/hash.hpp>

#include "kind.hpp"

namespace concordat::ledger::http {

namespace {

constexpr std::size_t max_detail_bytes = 1024;
constexpr std::size_t max_account_bytes = 64;

crypto::Jws open(std::string_view text, std::string_view typ, std::string_view field, std::size_t max_bytes) {
    crypto::Jws jws = crypto::parse_compact(text, field, max_bytes);
    if (jws.header.typ != typ) {
        throw Error(Code::bad_format, std::string(field), "must have the typ " + std::string(typ));
    }
    return jws;
}

}  // namespace

std::string chain_of(const crypto::PublicKey& participant_key) {
    return "http:" + participant_key.thumbprint().hex().substr(0, 32);
}

Hash256 digest_of(const json::Object& call) { return crypto::sha256(json::canonical(call)); }

std::string transaction_of(const std::string& account, std::uint64_t number) {
    return account + "/" + std::to_string(number);
}

Request Request::parse(std::string_view compact_jws, std::string_view field) {
    const crypto::Jws jws = open(compact_jws, request_typ, field, max_request_bytes);
    const json::Value value = json::parse(text_of(jws.payload), field, {.bytes = max_request_bytes});
    json::Reader in(value, std::string(field));
    in.expect("typ", request_typ);
    Request out;
    out.participant = in.string("participant", max_account_bytes);
    out.key = crypto::PublicKey::from_jwk(in.any("key"), in.at("key"));
    if (out.key.alg() != crypto::Alg::es256k) in.fail("key", "must be an ES256K key");
    in.expect("account", out.key.kid());
    out.number = read_number(in, "number");
    out.purpose = purpose_from_name(in.string("purpose", 8), in.at("purpose"));
    out.call = in.object("call");
    in.finish();
    jws.verify(out.key, field);
    return out;
}

Answer Answer::parse(std::string_view compact_jws, const crypto::PublicKey& key, const std::string& field) {
    const crypto::Jws jws = open(compact_jws, answer_typ, field, max_answer_bytes);
    jws.verify(key, field);
    const json::Value value = json::parse(text_of(jws.payload), field, {.bytes = max_answer_bytes});
    json::Reader in(value, field);
    in.expect("typ", answer_typ);
    Answer out;
    out.participant = in.string("participant", max_account_bytes);
    out.account = in.string("account", max_account_bytes);
    out.number = read_number(in, "number");
    out.request = in.hash("request");
    out.fate = fate_from_name(in.string("fate", 16), in.at("fate"));
    if (in.find("detail") != nullptr) out.detail = in.string("detail", max_detail_bytes);
    if (in.find("holds_until") != nullptr) {
        out.holds_until = parse_time(in.string("holds_until", 32), in.at("holds_until"));
    }
    out.time = parse_time(in.string("time", 32), in.at("time"));
    in.finish();
    return out;
}

std::string Answer::sign(const crypto::PrivateKey& key) const {
    json::Object payload{{"typ", answer_typ},         {"participant", participant},
                         {"account", account},        {"number", std::to_string(number)},
                         {"request", request.text()}, {"fate", fate_name(fate)},
                         {"time", format_time(time)}};
    if (!detail.empty()) payload["detail"] = detail;
    if (holds_until) payload["holds_until"] = format_time(*holds_until);
    return crypto::sign_compact(bytes_of(json::canonical(payload)), answer_typ, key);
}

}  // namespace concordat::ledger::http
