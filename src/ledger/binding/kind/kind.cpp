#include "kind.hpp"

#include <algorithm>
#include <contract/input.hpp>
#include <contract/names.hpp>
#include <proof/verify.hpp>

namespace concordat::ledger::binding {

namespace {

constexpr std::string_view space = "binding:";
constexpr std::size_t max_body_bytes = 1 << 16;

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

proof::TrustFile trust_of(const Finality& finality) {
    if (finality.witness != receipt_witness) {
        throw Error(Code::bad_format, "/finality/witness", "must be receipt: only a receipt shows what was recorded");
    }
    if (finality.blocks != 1)
        throw Error(Code::bad_format, "/finality/blocks", "must be 1: an entry is there for good");
    json::Reader in(finality.parameters, "/finality/parameters");
    const json::Object& trust = in.object("trust");
    const std::string at = in.at("trust");
    in.finish();
    try {
        return proof::TrustFile::parse(json::canonical(trust));
    } catch (const Error& error) {
        throw Error(error.code(), at, error.field() + ": " + error.rule());
    }
}

void check_body(const json::Object& body, const std::string& field) {
    if (json::canonical(body).size() > max_body_bytes) throw Error(Code::too_large, field, "must be at most 64 KiB");
}

void check_verdict(const std::string& receipt, const proof::TrustFile& trust, Kinds kinds) {
    const proof::Verdict verdict = proof::verify(receipt, trust, kinds);
    if (verdict.holds) return;
    const proof::Line* line = proof::first_problem(verdict.lines);
    refuse("/evidence/receipt", line == nullptr ? "must hold" : "must hold: " + line->layer + ": " + line->problem);
}

// What the receipt is about: the entry that the input made, and the last one, which says what became of it.
struct Told {
    contract::Entry made, last;
    std::string input;
};

Told read(const std::string& text) {
    const proof::Receipt receipt = proof::Receipt::parse(text);
    const contract::Entry last = contract::Entry::parse(receipt.entries.back().document);
    const bool later = proof::follows_prepare(last.type);
    for (const proof::ReceiptEntry& one : receipt.entries) {
        const contract::Entry entry = contract::Entry::parse(one.document);
        const bool runs = entry.type == contract::EntryType::execute || entry.type == contract::EntryType::prepare;
        if (runs && one.input && (later || entry.sequence == last.sequence)) {
            return {entry, last, std::string(text_of(*one.input))};
        }
    }
    refuse("/evidence/receipt", "must be of an execution, or of its transaction");
}

// What became of the call that made these entries. It has happened for good when its state stands.
Fate fate_of(const Told& told) {
    using contract::EntryType;
    if (told.made.type == EntryType::execute) return told.made.fate.value_or(Fate::called);
    if (told.made.early || told.last.decision == "commit" || told.last.ending == "committed") return Fate::called;
    if (told.last.type == EntryType::outcome) return Fate::failed;
    refuse("/evidence/receipt", "must be of the transaction's decision or its outcome: the call is open here");
}

}  // namespace

std::string chain_of(const Hash256& binding) { return std::string(space) + binding.hex().substr(0, 32); }

void check_chain(std::string_view chain, const std::string& field) {
    const bool right = chain.starts_with(space) && chain.size() == space.size() + 32 &&
                       chain.find_first_not_of("0123456789abcdef", space.size()) == std::string_view::npos;
    if (!right) throw Error(Code::bad_format, field, "must be binding: and 32 hex digits of the binding's id");
}

json::Object account_jwk(std::string_view account, const std::string& field) {
    const auto dot = account.find('.');
    if (dot == std::string_view::npos) throw Error(Code::bad_format, field, "must be a key's x and y, joined by a dot");
    json::Object jwk{
        {"crv", "secp256k1"}, {"kty", "EC"}, {"x", account.substr(0, dot)}, {"y", account.substr(dot + 1)}};
    crypto::PublicKey::from_jwk(jwk, field);
    return jwk;
}

std::int64_t number_of(std::uint64_t slot) {
    if (slot >= static_cast<std::uint64_t>(json::max_integer)) {
        throw Error(Code::bad_format, "/slot", "must be below 2^53 - 1");
    }
    return static_cast<std::int64_t>(slot) + 1;
}

BindingKind::BindingKind(Kinds others, unsigned depth) : kinds_(others.begin(), others.end()) {
    if (depth <= 1) return;
    inner_ = std::make_unique<BindingKind>(others, depth - 1);
    kinds_.push_back(inner_.get());
}

BindingKind::~BindingKind() = default;

void BindingKind::check(const Pin& pin) const {
    check_chain(pin.chain, "/chain");
    account_jwk(pin.account, "/account");
    number_of(pin.slot);
    const contract::SubCall call = contract::SubCall::parse(*pin.call, "/call");
    check_body(call.body, "/call/body");
    if (pin.chain != chain_of(call.binding)) {
        throw Error(Code::bad_format, "/call/binding", "must be the one that " + pin.chain + " is named after");
    }
}

void BindingKind::check(const Target& target, const Finality& finality) const {
    trust_of(finality);
    if (!target.interface.is_null()) throw Error(Code::bad_format, "/interface", "must be left out for this kind");
    Hash256::parse(target.address, "/address");
    contract::check_name(target.call, "/call");
    if (target.work == 0) throw Error(Code::bad_format, "/work", "must be the fuel that a call may use, at least 1");
}

json::Object BindingKind::call(const Target& target, const json::Object& arguments, const std::string& field) const {
    contract::check_name(target.call, "/call");
    check_body(arguments, field);
    return contract::SubCall{.binding = Hash256::parse(target.address, "/address"),
                             .action = target.call,
                             .body = arguments,
                             .fuel = target.work,
                             .callers = target.callers,
                             .role = target.role,
                             .step = target.step}
        .to_json();
}

std::string BindingKind::account(const SecretKey& key) const {
    const json::Object jwk = crypto::PrivateKey::from_secret(crypto::Alg::es256k, key).public_key().jwk();
    return std::string(jwk.at("x").as_string()) + "." + std::string(jwk.at("y").as_string());
}

Bytes BindingKind::sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const {
    check(pin);
    if (account(key) != pin.account) throw Error(Code::bad_format, "/account", "must be the key's");
    if (const Price limit = price_limit(pin, purpose); price > limit) {
        throw Error(Code::action_refused, "/price", "must be at most " + std::to_string(limit));
    }
    const crypto::PrivateKey signer = crypto::PrivateKey::from_secret(crypto::Alg::es256k, key);
    const contract::CallInput input{
        .number = number_of(pin.slot), .purpose = purpose, .call = contract::SubCall::parse(*pin.call, "/call")};
    return to_bytes(bytes_of(crypto::sign_compact(bytes_of(contract::write_call(input)), contract::call_typ, signer)));
}

Judgement BindingKind::judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const {
    check(pin);
    const std::optional<Nested> inside = nested(evidence);
    const proof::TrustFile trust = trust_of(finality);
    check_verdict(inside->receipt, trust, inside->kinds);
    const Told told = read(inside->receipt);
    const contract::SubCall asked = contract::SubCall::parse(*pin.call, "/call");
    if (told.made.binding != asked.binding) refuse("/evidence/receipt", "must be of " + asked.binding.text());
    const contract::Input input = contract::Input::parse(told.input);
    const auto* call = std::get_if<contract::CallInput>(&input.content);
    const crypto::PublicKey key = crypto::PublicKey::from_jwk(account_jwk(pin.account, "/account"), "/account");
    if (call == nullptr || told.made.sender_key != key.kid()) {
        refuse("/evidence/receipt", "must be of a call of the account");
    }
    if (call->number != number_of(pin.slot)) {
        refuse("/evidence/receipt", "must be of the call with the number " + std::to_string(number_of(pin.slot)));
    }
    Fate fate = Fate::cancelled;  // somebody else used the account's key: that is another call
    if (call->purpose == Purpose::call && call->call.to_json() == *pin.call) fate = fate_of(told);
    return {.fate = fate,
            .proved = true,
            .transaction = told.made.input.text(),
            .block = static_cast<std::uint64_t>(told.last.sequence)};
}

std::optional<Nested> BindingKind::nested(const json::Value& evidence) const {
    json::Reader in(evidence, "/evidence");
    const json::Object& receipt = in.object("receipt");
    in.finish();
    return Nested{json::canonical(receipt), kinds_};
}

}  // namespace concordat::ledger::binding
