// Any system behind HTTP as a kind of ledger: a participant, which takes signed requests, each with a number, and
// answers each number once and for ever with a signed answer (docs/participants.md). What enclave and verifier know of
// it.
//
// The chain is "http:" and 32 hex digits of the participant's key's thumbprint; its genesis the whole thumbprint. An
// account is the thumbprint (RFC 7638) of the enclaves' public ES256K key, a slot the number of a request. Numbers do
// not wait for each other. There is no price and nothing to pay: any price may be offered, and none is told.
//
// A call is { "resource": what it is about there, "operation", "role": "call" | "commit" | "undo", "step": "sha256:…",
// "arguments": {…} }; the last is empty but for the role "call".
//
// Evidence is { "answer": compact JWS }. The witness is "signature", with parameters { "key": the participant's JWK,
// "hold_minutes": how long a reservation must hold that may expire }. Without hold_minutes none may expire. Nobody's
// bare word counts: there is no witness "host".
#pragma once
#include <base/clock.hpp>
#include <crypto/jws.hpp>
#include <ledger/kind.hpp>
#include <optional>

namespace concordat::ledger::http {

inline constexpr std::size_t max_arguments_bytes = 1 << 16;  // as RFC 8785 has them
inline constexpr std::size_t max_answer_bytes = 1 << 14;
inline constexpr std::size_t max_request_bytes = 1 << 18;
inline constexpr std::string_view request_typ = "concordat/request/1";
inline constexpr std::string_view answer_typ = "concordat/answer/1";
inline constexpr std::string_view signature_witness = "signature";

std::string chain_of(const crypto::PublicKey& participant_key);

// What is asked of a participant under one number.
struct Request {
    std::string participant;  // its chain
    crypto::PublicKey key;    // the account's
    std::uint64_t number = 0;
    Purpose purpose{};
    json::Object call;

    std::string account() const { return key.kid(); }
    // Throws Error(bad_format | bad_signature | …) naming the member, also where it is not signed by its own key.
    static Request parse(std::string_view compact_jws, std::string_view field);
};

// What a participant said to it.
struct Answer {
    std::string participant, account;
    std::uint64_t number = 0;
    Hash256 request;  // SHA-256 of the call that fixed the number's fate, as RFC 8785 has it
    Fate fate{};
    std::string detail{};                 // for people
    std::optional<TimeMs> holds_until{};  // of a reservation that may expire
    TimeMs time = 0;

    // Throws Error(bad_format | bad_signature | …) below `field`, naming the member, unless `key` signed it.
    static Answer parse(std::string_view compact_jws, const crypto::PublicKey& key, const std::string& field);
    // By the participant.
    std::string sign(const crypto::PrivateKey& key) const;
};

// Throws Error(bad_format) at `field` unless it is the name of a participant.
void check_chain(std::string_view chain, const std::string& field);
Hash256 digest_of(const json::Object& call);
// The name of a request's outcome: "account/number".
std::string transaction_of(const std::string& account, std::uint64_t number);

// What a binding asks of a participant's answers. Throws Error(bad_format) below /finality, naming the member.
struct Terms {
    crypto::PublicKey key;
    std::optional<TimeMs> hold_ms;
    static Terms parse(const Finality& finality);
};

// The fate of the pin's slot with this answer, which is signed by the participant; throws Error(bad_receipt) below
// `field` where it is an answer to something else.
Fate fate_of(const Pin& pin, const Answer& answer, const std::optional<TimeMs>& hold_ms, const std::string& field);

class HttpKind final : public Kind {
  public:
    std::string_view name() const override { return "http"; }
    std::string_view chains() const override { return "http"; }
    bool prepares() const override { return true; }
    void check(const Pin& pin) const override;
    void check(const Target& target, const Finality& finality) const override;
    json::Object call(const Target& target, const json::Object& arguments, const std::string& field) const override;
    std::string account(const SecretKey& key) const override;
    // A compact JWS (ES256K) with the typ concordat/request/1.
    Bytes sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const override;
    Judgement judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const override;
};

}  // namespace concordat::ledger::http
