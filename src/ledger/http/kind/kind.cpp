#include "kind.hpp"

#include <algorithm>

namespace concordat::ledger::http {

namespace {

constexpr std::size_t max_resource_bytes = 128;
constexpr std::size_t max_operation_bytes = 64;
constexpr std::int64_t max_hold_minutes = std::int64_t{60} * 24 * 366;

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

// They stand in signed documents, logs and, with some participants, in paths: nothing there that needs an escape.
bool is_plain(std::string_view text, std::string_view others) {
    const auto plain = [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               others.find(c) != std::string_view::npos;
    };
    return !text.empty() && std::ranges::all_of(text, plain);
}

void check_resource(std::string_view text, const std::string& field) {
    if (text.size() <= max_resource_bytes && is_plain(text, "-._~/")) return;
    throw Error(Code::bad_format, field, "must be 1 to 128 letters, digits and -._~/");
}

void check_operation(std::string_view text, const std::string& field) {
    if (text.size() <= max_operation_bytes && is_plain(text, "-._~")) return;
    throw Error(Code::bad_format, field, "must be 1 to 64 letters, digits and -._~");
}

void check_arguments(const json::Object& arguments, bool may_have_some, const std::string& field) {
    if (!may_have_some && !arguments.empty()) {
        throw Error(Code::bad_format, field, "must be empty: the step's name says all");
    }
    if (json::canonical(arguments).size() > max_arguments_bytes) {
        throw Error(Code::too_large, field, "must be at most 64 KiB");
    }
}

// The whole of a call's form.
void check_call(const json::Object& call) {
    json::Reader in(call, "/call");
    check_resource(in.string("resource"), in.at("resource"));
    check_operation(in.string("operation"), in.at("operation"));
    const Role role = role_from_name(in.string("role", 16), in.at("role"));
    in.hash("step");
    check_arguments(in.object("arguments"), role == Role::call, in.at("arguments"));
    in.finish();
}

void check_account(std::string_view account) {
    const auto bytes = from_base64url(account);
    if (bytes && bytes->size() == 32) return;
    throw Error(Code::bad_format, "/account", "must be a key's thumbprint (RFC 7638)");
}

bool is_try(const Pin& pin) { return pin.call->at("role").as_string() == role_name(Role::call); }

}  // namespace

void check_chain(std::string_view chain, const std::string& field) {
    constexpr std::string_view space = "http:";
    const bool right = chain.starts_with(space) && chain.size() == space.size() + 32 &&
                       chain.find_first_not_of("0123456789abcdef", space.size()) == std::string_view::npos;
    if (!right) throw Error(Code::bad_format, field, "must be http: and 32 hex digits of the participant's key");
}

Terms Terms::parse(const Finality& finality) {
    if (finality.witness != signature_witness) {
        throw Error(Code::bad_format, "/finality/witness", "must be signature: an answer without one says nothing");
    }
    if (finality.blocks != 1) throw Error(Code::bad_format, "/finality/blocks", "must be 1: there are no blocks");
    json::Reader in(finality.parameters, "/finality/parameters");
    Terms out{.key = crypto::PublicKey::from_jwk(in.any("key"), in.at("key")), .hold_ms = {}};
    if (in.find("hold_minutes") != nullptr) out.hold_ms = in.integer("hold_minutes", 1, max_hold_minutes) * 60'000;
    in.finish();
    return out;
}

Fate fate_of(const Pin& pin, const Answer& answer, const std::optional<TimeMs>& hold_ms, const std::string& field) {
    if (answer.participant != pin.chain) refuse(field + "/participant", "must be " + pin.chain);
    if (answer.account != pin.account) refuse(field + "/account", "must be " + pin.account);
    if (answer.number != pin.slot) refuse(field + "/number", "must be " + std::to_string(pin.slot));
    // Somebody else used the account's key: that is another transaction.
    if (answer.request != digest_of(*pin.call)) return Fate::cancelled;
    if (answer.fate != Fate::called || !is_try(pin) || !answer.holds_until) return answer.fate;
    // What may be gone before it is made to hold is no reservation. It goes by itself, as its answer says.
    const bool long_enough = hold_ms && *answer.holds_until - answer.time >= *hold_ms;
    return long_enough ? Fate::called : Fate::failed;
}

void HttpKind::check(const Pin& pin) const {
    check_chain(pin.chain, "/chain");
    check_account(pin.account);
    check_call(*pin.call);
}

void HttpKind::check(const Target& target, const Finality& finality) const {
    Terms::parse(finality);
    if (!target.interface.is_null()) throw Error(Code::bad_format, "/interface", "must be left out for this kind");
    check_resource(target.address, "/address");
    check_operation(target.call, "/call");
}

json::Object HttpKind::call(const Target& target, const json::Object& arguments, const std::string& field) const {
    check_resource(target.address, "/address");
    check_operation(target.call, "/call");
    check_arguments(arguments, target.role == Role::call, field);
    return {{"resource", target.address},
            {"operation", target.call},
            {"role", role_name(target.role)},
            {"step", target.step.text()},
            {"arguments", arguments}};
}

std::string HttpKind::account(const SecretKey& key) const {
    return crypto::PrivateKey::from_secret(crypto::Alg::es256k, key).public_key().kid();
}

Bytes HttpKind::sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const {
    check(pin);
    const crypto::PrivateKey signer = crypto::PrivateKey::from_secret(crypto::Alg::es256k, key);
    if (signer.public_key().kid() != pin.account) throw Error(Code::bad_format, "/account", "must be the key's");
    if (const Price limit = price_limit(pin, purpose); price > limit) {
        throw Error(Code::action_refused, "/price", "must be at most " + std::to_string(limit));
    }
    const json::Object payload{{"typ", request_typ},
                               {"participant", pin.chain},
                               {"account", pin.account},
                               {"key", signer.public_key().jwk()},
                               {"number", std::to_string(pin.slot)},
                               {"purpose", purpose == Purpose::call ? "call" : "cancel"},
                               {"call", *pin.call}};
    return to_bytes(bytes_of(crypto::sign_compact(bytes_of(json::canonical(payload)), request_typ, signer)));
}

Judgement HttpKind::judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const {
    check(pin);
    const Terms terms = Terms::parse(finality);
    if (chain_of(terms.key) != pin.chain) {
        refuse("/finality/parameters/key", "must be the key that " + pin.chain + " is named after");
    }
    json::Reader in(evidence, "/evidence");
    const std::string_view text = in.string("answer", max_answer_bytes);
    const std::string field = in.at("answer");
    in.finish();
    const Answer answer = Answer::parse(text, terms.key, field);
    return {.fate = fate_of(pin, answer, terms.hold_ms, field),
            .proved = true,
            .transaction = transaction_of(pin.account, pin.slot),
            .block = 0};
}

}  // namespace concordat::ledger::http
