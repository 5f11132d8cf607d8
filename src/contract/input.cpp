#include "input.hpp"

#include <crypto/hash.hpp>
#include <limits>

#include "names.hpp"
#include "sealing.hpp"
#include "steps.hpp"

namespace concordat::contract {
namespace {

using json::Reader;

// Takes the body out of `value`: it is most of a message, and a copy of it would cost as much as parsing it.
Message read_message(json::Value& value) {
    Reader in(value, "/message");
    Message message;
    in.expect("typ", message_typ);
    message.binding = in.hash("binding");
    message.version = in.hash("version");
    message.ledger = std::string(in.string("ledger", 64));
    check_chain(message.ledger, in.at("ledger"));
    message.action = std::string(in.string("action", max_name_bytes));
    check_name(message.action, in.at("action"));
    message.number = in.integer("number", 1);
    message.seen = in.hash("seen");
    message.expires = read_time(in, "expires");
    in.object("body");
    if (in.find("sealed") != nullptr) message.sealed = in.object("sealed");
    if (in.find("sealed") != nullptr && message.sealed.empty())
        in.fail("sealed", "must not be empty where it is present");
    for (const auto& member : message.sealed) {
        const std::string at = in.at("sealed") + "/" + std::string(member.key());
        audience_roles(member.key(), at);
        Sealed::parse(member.value(), at);
    }
    in.finish();
    message.body = std::move(value.as_object().at("body").as_object());
    return message;
}

Observation read_observation(json::Value& value) {
    Reader in(value, "/observation");
    Observation observation;
    in.expect("typ", observation_typ);
    observation.source = std::string(in.string("source", max_id_bytes));
    check_id(observation.source, in.at("source"));
    observation.number = in.integer("number", 1);
    observation.observed = read_time(in, "observed");
    observation.expires = read_time(in, "expires");
    in.object("body");
    in.finish();
    observation.body = std::move(value.as_object().at("body").as_object());
    return observation;
}

CallInput read_call(const json::Value& value) {
    Reader in(value, "/call");
    CallInput input;
    in.expect("typ", call_typ);
    input.number = in.integer("number", 1);
    input.purpose = ledger::purpose_from_name(in.string("purpose", 8), in.at("purpose"));
    input.call = SubCall::parse(in.any("call"), in.at("call"));
    in.finish();
    return input;
}

std::string read_reason(Reader& in) { return std::string(in.string("reason", 4096)); }

}  // namespace

Input Input::parse(std::string_view text, boost::json::storage_ptr storage) {
    Input input;
    input.jws = crypto::parse_compact(text, "/input");
    input.digest = crypto::sha256(text);
    const std::string& typ = input.jws.header.typ;
    if (typ != message_typ && typ != observation_typ && typ != call_typ) {
        throw Error(Code::bad_format, "/input/typ", "must be that of a message, an observation or a call");
    }
    json::Value value = json::parse(text_of(input.jws.payload), "/input", {}, std::move(storage));
    if (typ == message_typ) {
        input.content = read_message(value);
    } else if (typ == call_typ) {
        input.content = read_call(value);
    } else {
        input.content = read_observation(value);
    }
    return input;
}

std::int64_t Input::number() const {
    return std::visit([](const auto& one) { return one.number; }, content);
}

const json::Object& Input::body() const {
    if (const auto* call = std::get_if<CallInput>(&content)) return call->call.body;
    const auto* message = std::get_if<Message>(&content);
    return message != nullptr ? message->body : std::get<Observation>(content).body;
}

TimeMs Input::expires() const {
    if (std::holds_alternative<CallInput>(content)) return std::numeric_limits<TimeMs>::max();
    const auto* message = std::get_if<Message>(&content);
    return message != nullptr ? message->expires : std::get<Observation>(content).expires;
}

const Sender& Input::verify(const Binding& binding) const {
    const Sender* sender = binding.sender(thumbprint_of(jws.header.kid, "/input/kid"));
    const auto* observation = std::get_if<Observation>(&content);
    if (sender == nullptr || sender->is_source != (observation != nullptr)) {
        throw Error(Code::not_a_party, "/input/kid",
                    observation != nullptr ? "must be the key of a source of this binding version"
                                           : "must be the key of a party of this binding version");
    }
    if (observation != nullptr && observation->source != sender->id) {
        throw Error(Code::not_a_party, "/observation/source", "must be the source whose key signed: " + sender->id);
    }
    jws.verify(sender->key, "/input");
    return *sender;
}

Decision Decision::parse(ByteView payload) {
    const json::Value value = json::parse(text_of(payload), "/decision");
    Reader in(value, "/decision");
    Decision decision;
    in.expect("typ", decision_typ);
    decision.decision = std::string(in.string("decision", 16));
    if (decision.decision != "decline" && decision.decision != "withdraw") {
        in.fail("decision", "must be \"decline\" or \"withdraw\"");
    }
    decision.document = in.hash("document");
    decision.party = std::string(in.string("party", max_id_bytes));
    check_id(decision.party, in.at("party"));
    decision.reason = read_reason(in);
    decision.issued = read_time(in, "issued");
    in.finish();
    return decision;
}

Termination Termination::parse(ByteView payload) {
    const json::Value value = json::parse(text_of(payload), "/termination");
    Reader in(value, "/termination");
    Termination termination;
    in.expect("typ", termination_typ);
    termination.binding = in.hash("binding");
    termination.version = in.hash("version");
    termination.reason = read_reason(in);
    termination.expires = read_time(in, "expires");
    in.finish();
    return termination;
}

Resolution Resolution::parse(ByteView payload) {
    const json::Value value = json::parse(text_of(payload), "/resolution");
    Reader in(value, "/resolution");
    Resolution resolution;
    in.expect("typ", resolution_typ);
    resolution.binding = in.hash("binding");
    resolution.version = in.hash("version");
    resolution.transaction = in.hash("transaction");
    resolution.step = static_cast<std::uint8_t>(in.integer("step", 0, max_steps - 1));
    resolution.role = role_from_name(in.string("role", 16), in.at("role"));
    in.expect("do", "give-up");
    resolution.reason = read_reason(in);
    if (resolution.reason.empty()) in.fail("reason", "must not be empty");
    resolution.expires = read_time(in, "expires");
    in.finish();
    return resolution;
}

std::string write_message(const Message& message) {
    json::Object out{{"typ", message_typ},
                     {"binding", message.binding.text()},
                     {"version", message.version.text()},
                     {"ledger", message.ledger},
                     {"action", message.action},
                     {"number", message.number},
                     {"seen", message.seen.text()},
                     {"expires", format_time(message.expires)},
                     {"body", message.body}};
    if (!message.sealed.empty()) out["sealed"] = message.sealed;
    return json::canonical(out);
}

std::string write_observation(const Observation& observation) {
    return json::canonical(json::Object{{"typ", observation_typ},
                                        {"source", observation.source},
                                        {"number", observation.number},
                                        {"observed", format_time(observation.observed)},
                                        {"expires", format_time(observation.expires)},
                                        {"body", observation.body}});
}

std::string write_decision(const Decision& decision) {
    return json::canonical(json::Object{{"typ", decision_typ},
                                        {"decision", decision.decision},
                                        {"document", decision.document.text()},
                                        {"party", decision.party},
                                        {"reason", decision.reason},
                                        {"issued", format_time(decision.issued)}});
}

std::string write_termination(const Termination& termination) {
    return json::canonical(json::Object{{"typ", termination_typ},
                                        {"binding", termination.binding.text()},
                                        {"version", termination.version.text()},
                                        {"reason", termination.reason},
                                        {"expires", format_time(termination.expires)}});
}

std::string write_resolution(const Resolution& resolution) {
    return json::canonical(json::Object{{"typ", resolution_typ},
                                        {"binding", resolution.binding.text()},
                                        {"version", resolution.version.text()},
                                        {"transaction", resolution.transaction.text()},
                                        {"step", resolution.step},
                                        {"role", ledger::role_name(resolution.role)},
                                        {"do", "give-up"},
                                        {"reason", resolution.reason},
                                        {"expires", format_time(resolution.expires)}});
}

}  // namespace concordat::contract
