// What comes in from parties and sources: messages, observations, decisions, terminations, resolutions (docs/formats.md
// §4, §5).
// Parsing is strict and checks the document alone; signatures are checked against a binding with verify().
#pragma once
#include <crypto/jws.hpp>
#include <string>
#include <variant>

#include "binding.hpp"
#include "call.hpp"

namespace concordat::contract {

inline constexpr std::string_view message_typ = "concordat/message/1";
inline constexpr std::string_view observation_typ = "concordat/observation/1";
inline constexpr std::string_view decision_typ = "concordat/decision/1";
inline constexpr std::string_view termination_typ = "concordat/termination/1";
inline constexpr std::string_view resolution_typ = "concordat/resolution/1";

struct Message {
    Hash256 binding, version, seen;
    std::string ledger, action;
    std::int64_t number = 0;
    TimeMs expires = 0;
    json::Object body;    // redacted
    json::Object sealed;  // audience → {iv, ciphertext}; empty when absent
};

struct Observation {
    std::string source;
    std::int64_t number = 0;
    TimeMs observed = 0, expires = 0;
    json::Object body;
};

// A signed message, observation or call. `text` (compact JWS) must outlive it.
struct Input {
    crypto::Jws jws;
    Hash256 digest;  // SHA-256 of the compact text
    std::variant<Message, Observation, CallInput> content;
    static Input parse(std::string_view text, boost::json::storage_ptr storage = {});
    std::int64_t number() const;
    const json::Object& body() const;  // as it was signed
    TimeMs expires() const;            // a call never does: whoever made it can cancel it
    // The kid's party or source in the binding, with its signature checked. Throws not_a_party | bad_signature.
    const Sender& verify(const Binding& binding) const;
};

struct Decision {
    std::string decision;  // "decline" | "withdraw"
    Hash256 document;
    std::string party, reason;
    TimeMs issued = 0;
    static Decision parse(ByteView payload);
};

struct Termination {
    Hash256 binding, version;
    std::string reason;
    TimeMs expires = 0;
    static Termination parse(ByteView payload);
};

// The parties' word on a call of a transaction that has to succeed and does not: it is given up. Named by step and
// role, as each further try is another call, and signatures take their time.
struct Resolution {
    Hash256 binding, version, transaction;
    std::uint8_t step = 0;
    ledger::Role role{};
    std::string reason;
    TimeMs expires = 0;
    static Resolution parse(ByteView payload);
};

// Producers (clients, tests): the JCS payloads, to be signed by the caller.
std::string write_message(const Message& message);
std::string write_observation(const Observation& observation);
std::string write_decision(const Decision& decision);
std::string write_termination(const Termination& termination);
std::string write_resolution(const Resolution& resolution);

}  // namespace concordat::contract
