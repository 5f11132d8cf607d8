#include "execute.hpp"

#include <algorithm>
#include <contract/sealing.hpp>
#include <crypto/hash.hpp>
#include <schema/disclosure.hpp>

#include "transact.hpp"

namespace concordat::enclave {

namespace {

constexpr std::uint64_t fuel_step = 10'000;

std::string joined(const std::vector<std::string>& path) {
    std::string out;
    for (const std::string& name : path) {
        if (!out.empty()) out += '/';
        out += name;
    }
    return out;
}

const json::Value* value_at(const json::Object& object, const std::vector<std::string>& path) {
    const json::Object* at = &object;
    const json::Value* found = nullptr;
    for (const std::string& name : path) {
        if (at == nullptr) return nullptr;
        found = at->if_contains(name);
        if (found == nullptr) return nullptr;
        at = found->if_object();
    }
    return found;
}

// Salts follow from the binding's key and the place, so that a repeated execution gives the same bytes.
Salt make_salt(const Keychain& keys, std::string_view at, const std::string& path, std::int64_t sequence,
               const Hash256& input) {
    wire::Writer number;
    number.u64(static_cast<std::uint64_t>(sequence));
    const Hash256 mac =
        crypto::hmac_sha256(keys.salt().expose(), {bytes_of(at), number.get(), input.view(), bytes_of(path)});
    Salt salt;
    std::copy_n(mac.bytes.begin(), salt.size(), salt.begin());
    return salt;
}

json::Object disclosed(std::string_view at, const std::string& text) {
    return json::Object{{"at", at}, {"disclosure", text}};
}

// ---------------------------------------------------------------------------------------------- what may run

void check_addressing(const Context& context, const contract::Message& message) {
    if (message.binding != context.binding.id) {
        throw Error(Code::bad_format, "/binding", "the message is for another binding");
    }
    if (message.version != context.head.version) {
        throw Error(Code::wrong_version, "/version", "the version in force is " + context.head.version.text());
    }
    if (message.ledger != context.binding.chain) {
        throw Error(Code::wrong_ledger, "/ledger", "the record ledger is " + context.binding.chain);
    }
}

void check_order(const Context& context, const contract::Input& input, const contract::Sender& sender) {
    const auto found = context.head.senders.find(sender.key.thumbprint());
    const LastNumber last = found == context.head.senders.end() ? LastNumber{} : found->second;
    const bool is_call = std::holds_alternative<contract::CallInput>(input.content);
    if (is_call && input.number() > last.number + 1) {
        throw Error(Code::conflict, "/number", "must be " + std::to_string(last.number + 1) + ": calls leave no gap");
    }
    if (input.number() > last.number) return;
    if (input.number() == last.number && input.digest != last.input) {
        throw Error(Code::replayed, "/number", "number " + std::to_string(last.number) + " was used for other bytes");
    }
    throw Error(Code::out_of_order, "/number", "must be above " + std::to_string(last.number));
}

// Walks the documents that the host gives from an entry the enclave knows back to `seen`: each names its predecessor,
// so what it reaches is an ancestor and nothing else is.
bool reaches(const Context& context, const Hash256& seen, std::span<const Bytes> ancestry) {
    std::optional<Hash256> expected;  // the id that the next older document must have
    for (auto document = ancestry.rbegin(); document != ancestry.rend(); ++document) {
        const contract::Entry entry = contract::Entry::parse(*document);
        const Hash256 id = entry.id(*document);
        if (expected ? id != *expected : !context.knows(id)) return false;
        if (id == seen || (entry.sequence > 0 && entry.previous == seen)) return true;  // nothing is before the first
        expected = entry.previous;
    }
    return false;
}

void check_seen(const Context& context, const Hash256& seen, std::span<const Bytes> ancestry) {
    if (context.knows(seen)) return;
    if (ancestry.empty() && context.head.sequence > 0) {
        throw Error(Code::seen_too_old, "/seen", "the entries since then are needed");
    }
    if (!reaches(context, seen, ancestry)) {
        throw Error(Code::forked, "/seen", "must be an entry of this binding's history");
    }
}

void check_time(const Context& context, TimeMs time) {
    if (time >= context.head.time) return;
    throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(context.head.time));
}

void check_running(const Context& context, TimeMs time) {
    if (context.head.terminated) throw Error(Code::not_running, "/binding", "the binding is terminated");
    check_time(context, time);
    if (const Transaction* open = context.head.holding()) {
        throw Error(Code::in_transaction, "/binding", "a transaction is open: " + open->id.text());
    }
    // Whatever the message does: else the one after it would overtake it, and its number be used up.
    if (context.head.open_count() >= transaction::max_open_early) {
        throw Error(Code::in_transaction, "/binding",
                    "at most " + std::to_string(transaction::max_open_early) + " transactions may be open");
    }
    if (context.head.disputed) {
        throw Error(Code::disputed, "/binding",
                    "a ledger went back on an outcome: the parties must amend or terminate");
    }
    if (context.head.paused_at(time)) {
        throw Error(Code::paused, "/binding",
                    "an amendment is open until " + format_time(context.head.proposal->deadline));
    }
}

const std::string& action_of(const Context& context, const contract::Input& input, const contract::Sender& sender) {
    const contract::Contract& contract = context.package->contract;
    if (const auto* observation = std::get_if<contract::Observation>(&input.content)) {
        if (!sender.is_source || observation->source != sender.id) {
            throw Error(Code::not_a_party, "/source", "must be the id of the source whose key signed");
        }
        return contract.driven_by(sender.role);
    }
    const auto* call = std::get_if<contract::CallInput>(&input.content);
    const std::string& name = call != nullptr ? call->call.action : std::get<contract::Message>(input.content).action;
    const auto found = contract.actions.find(name);
    if (found == contract.actions.end()) {
        throw Error(Code::not_found, "/action", "the contract has no action '" + name + "'");
    }
    const std::vector<std::string>& from = found->second.from;
    if (sender.is_source || std::ranges::find(from, sender.role) == from.end()) {
        throw Error(Code::not_a_party, "/action", "'" + name + "' is not for the role " + sender.role);
    }
    return found->first;
}

// The plain body, from the redacted one and the disclosures sealed beside it; valid against the action's schema.
// Takes the body out of the input: a copy would cost as much as checking it.
std::string plain_body(const Context& context, contract::Input& input, const schema::Schema& schema) {
    if (auto* observation = std::get_if<contract::Observation>(&input.content)) {
        const json::Value body(std::move(observation->body));
        schema.validate(body, "/body");
        return json::canonical(body);
    }
    // What calls is an entry that others can read: there is nothing confidential in it.
    if (auto* call = std::get_if<contract::CallInput>(&input.content)) {
        const json::Value body(call->call.body);
        return json::canonical(schema::restore(schema, body, {}, "/body"));
    }
    auto& message = std::get<contract::Message>(input.content);
    const json::Value body(std::move(message.body));
    if (schema.confidential().empty() && message.sealed.empty()) {
        schema.validate(body, "/body");
        return json::canonical(body);
    }
    std::vector<std::string> disclosures;
    for (const auto& [audience, sealed] : message.sealed) {
        const std::string field = "/sealed/" + std::string(audience);
        if (!context.package->audiences.contains(std::string(audience))) {
            throw Error(Code::bad_format, field, "must be an audience of this contract");
        }
        const SecretBytes plain =
            contract::open(context.keys.audience(audience), contract::message_aad(context.binding.id, audience),
                           contract::Sealed::parse(sealed, field), field);
        const json::Value list = json::parse(text_of(plain.expose()), field);
        if (!list.is_array()) throw Error(Code::bad_format, field, "holds an array of disclosures");
        for (const json::Value& item : list.get_array()) {
            json::Reader reader(item, field);
            reader.expect("at", "message");
            disclosures.emplace_back(reader.string("disclosure", schema::max_disclosure_bytes));
            reader.finish();
        }
    }
    return json::canonical(schema::restore(schema, body, disclosures, "/body"));
}

}  // namespace

bool is_the_hosts(Code code) { return code == Code::out_of_time || code == Code::busy || code == Code::internal; }

LogicOutput run_logic(const LoadedPackage& package, const contract::Action* action,
                      const std::map<std::string_view, std::string>& request, const runtime::Limits& limits) {
    std::string input = "{";
    for (const auto& [name, text] : request) {
        if (input.size() > 1) input += ',';
        input.append("\"").append(name).append("\":").append(text);
    }
    input += '}';
    const runtime::Outcome outcome = package.logic.run(input, limits);
    if (outcome.abort) {
        throw Error(Code::contract_aborted, "/body", outcome.abort->code + ": " + outcome.abort->text);
    }
    return {contract::read_output(outcome.output, action), (outcome.fuel + fuel_step - 1) / fuel_step * fuel_step};
}

LogicOutput run_action(const Context& context, const std::string& action, const std::string& message,
                       const Actor& actor, const Hash256& input, TimeMs time, const runtime::Limits& limits) {
    const std::int64_t sequence = context.head.sequence + 1;
    const Hash256 seed = context.keys.seed(static_cast<std::uint64_t>(sequence), input);
    return run_logic(*context.package, &context.package->contract.actions.find(action)->second,
                     {{"abi", "1"},
                      {"action", json::canonical(json::Value(action))},
                      {"binding", '"' + context.binding.id.text() + '"'},
                      {"call", "\"handle\""},
                      {"message", message},
                      {"seed", '"' + seed.hex() + '"'},
                      {"sender", json::canonical(json::Object{{"id", actor.id}, {"role", actor.role}})},
                      {"sequence", std::to_string(sequence)},
                      {"state", context.head.state->text},
                      {"terms", *context.head.terms},
                      {"time", '"' + format_time(time) + '"'},
                      {"version", std::to_string(context.binding.number)}},
                     limits);
}

void take_state(Head& head, const State& before, json::Object&& state, const schema::Schema& schema,
                const Keychain& keys, const Hash256& input, bool fresh_salts, SealedParts& parts) {
    json::Value plain(std::move(state));
    std::map<std::string, Salt> salts;
    std::set<std::string> changed;
    const auto salt_source = [&](const std::vector<std::string>& path) {
        const std::string key = joined(path);
        const auto old = before.salts.find(key);
        const json::Value* then = fresh_salts ? nullptr : value_at(before.plain, path);
        const json::Value* now = value_at(plain.get_object(), path);
        const bool same = old != before.salts.end() && then != nullptr && now != nullptr && *then == *now;
        if (!same) changed.insert(key);
        return salts[key] = same ? old->second : make_salt(keys, "state", key, head.sequence, input);
    };
    schema::Redaction redaction = schema::redact(schema, plain, salt_source, "/output/state");
    for (const schema::Disclosure& disclosure : redaction.disclosures) {
        if (!changed.contains(joined(disclosure.path))) continue;
        parts.by_audience[disclosure.audience].push_back(disclosed("state", disclosure.text));
    }
    head.state = state_of(std::move(plain.get_object()), std::move(salts), redaction.value.as_object());
}

namespace {

// What the version before has metered counts this entry too. A version that begins to meter does so with the next one.
void take_costs(contract::Entry& entry, Head& head, const contract::EntryRecord& record) {
    if (head.costs) {
        head.costs->add(contract::used_by(entry, record.input, record.disclosures.size()));
    } else if (entry.cost_terms) {
        head.costs.emplace();
    }
    entry.costs = head.costs;
}

}  // namespace

contract::EntryRecord finish_entry(contract::Entry& entry, Head& head, Bytes&& input, const SealedParts& parts,
                                   const Keychain& keys) {
    contract::EntryRecord record;
    json::Object sealed;
    for (const auto& [audience, disclosures] : parts.by_audience) {
        const std::string text = json::canonical(json::Value(disclosures));
        sealed[audience] =
            contract::seal(keys.audience(audience), contract::entry_aad(entry.binding, audience), bytes_of(text))
                .to_json();
    }
    record.disclosures = to_bytes(bytes_of(json::canonical(sealed)));
    const SecretBytes plain(write_private(head));
    const contract::Sealed box =
        contract::seal(keys.state(), private_aad(entry.binding, entry.sequence), plain.expose());
    record.private_state = to_bytes(box.iv.view());
    record.private_state.insert(record.private_state.end(), box.ciphertext.begin(), box.ciphertext.end());
    record.state = to_bytes(bytes_of(head.state->redacted));
    record.input = std::move(input);
    entry.state_after = head.state->root;
    take_costs(entry, head, record);
    entry.disclosures = crypto::sha256(record.disclosures);
    entry.private_state = crypto::sha256(record.private_state);
    head.leave_ended(entry);
    record.document = to_bytes(bytes_of(entry.write()));
    // The ledger refuses a batch whole, and others' entries are in it: what it would refuse must not get there.
    if (record.document.size() > max_document_bytes) {
        throw Error(Code::too_large, "/output", "result, effects and events make an entry of more than 1 MiB");
    }
    head.id = entry.id(record.document);
    head.sequence = entry.sequence;
    head.time = entry.time;
    return record;
}

Prepared prepare(const Context& context, std::string_view text, boost::json::storage_ptr storage) {
    Prepared out;
    out.input = contract::Input::parse(text, std::move(storage));
    std::optional<Error>* failed = &out.bad_signature;
    try {
        out.sender = &out.input.verify(context.binding);
        failed = &out.bad_action;
        out.action = &action_of(context, out.input, *out.sender);
        failed = &out.bad_body;
        out.body = plain_body(context, out.input, context.package->contract.actions.find(*out.action)->second.message);
    } catch (const Error& error) {
        *failed = error;
    }
    return out;
}

namespace {

// What an execution's entry says of where it stands and whom it comes from.
contract::Entry begin_entry(const Context& context, const Prepared& prepared, TimeMs time) {
    const contract::Sender& sender = *prepared.sender;
    contract::Entry entry;
    entry.type = contract::EntryType::execute;
    entry.ledger = context.binding.chain;
    entry.binding = context.binding.id;
    entry.version = context.head.version;
    entry.sequence = context.head.sequence + 1;
    entry.previous = context.head.id;
    entry.time = time;
    entry.input = prepared.input.digest;
    entry.state_before = context.head.state->root;
    entry.sender_role = sender.role;
    entry.sender_id = sender.id;
    entry.sender_key = sender.key.kid();
    entry.number = prepared.input.number();
    return entry;
}

void take_number(Head& head, const Prepared& prepared) {
    head.senders[prepared.sender->key.thumbprint()] = {prepared.input.number(), prepared.input.digest};
}

// Runs the action that the input asks for.
Link run(const Context& context, std::string_view text, const Prepared& prepared, TimeMs time, const Routes& routes,
         runtime::Limits limits, Slots& slots) {
    const contract::Input& input = prepared.input;
    const contract::Sender& sender = *prepared.sender;
    const auto* call = std::get_if<contract::CallInput>(&input.content);
    if (prepared.bad_action) throw *prepared.bad_action;
    const std::string& action_name = *prepared.action;
    const contract::Contract& contract = context.package->contract;
    const contract::Action& action = contract.actions.find(action_name)->second;
    contract::check_when(action, action_name, context.head.state->plain);
    if (prepared.bad_body) throw *prepared.bad_body;
    if (call != nullptr) limits.fuel = std::min(limits.fuel, call->call.fuel);

    Link link;
    link.head = context.head.next();
    LogicOutput output =
        run_action(context, action_name, prepared.body, {sender.id, sender.role}, input.digest, time, limits);

    contract::Entry entry = begin_entry(context, prepared, time);
    SealedParts parts;
    take_state(link.head, *context.head.state, std::move(output.state), contract.state, context.keys, input.digest,
               false, parts);
    if (action.result) {
        schema::Redaction result = schema::redact(
            *action.result, json::Value(std::move(*output.result)),
            [&](const std::vector<std::string>& path) {
                return make_salt(context.keys, "result", joined(path), link.head.sequence, input.digest);
            },
            "/output/result");
        for (const schema::Disclosure& disclosure : result.disclosures) {
            parts.by_audience[disclosure.audience].push_back(disclosed("result", disclosure.text));
        }
        entry.result = std::move(result.value.as_object());
    }
    take_number(link.head, prepared);

    std::optional<Pinned> pinned;
    if (!output.effects.empty()) {
        const Cause cause{.early = action.early, .routes = &routes, .caller = call, .fuel = output.fuel};
        pinned = pin_effects(context, output.effects, cause, time, slots);
        entry.type = contract::EntryType::prepare;
        entry.early = action.early;
        entry.deadline = pinned->transaction.saga.deadline();
        entry.decision = decision_of(pinned->transaction);
    }
    if (call != nullptr) entry.fate = ledger::Fate::called;
    entry.action = action_name;
    entry.effects = std::move(output.effects);
    entry.events = std::move(output.events);
    entry.fuel = output.fuel;
    entry.meter = runtime::meter_version;
    if (pinned) keep_transaction(link.head, std::move(pinned->transaction));
    link.record = finish_entry(entry, link.head, to_bytes(bytes_of(text)), parts, context.keys);
    if (pinned) {
        link.head.transactions.back().id = link.head.id;
        pinned->slots.use();
        link.slots = std::move(pinned->slots);
    }
    return link;
}

// A call that does not happen, on record: who made it goes by that. It changes nothing but its sender's number, so it
// may stand where nothing else may.
Link settle_call(const Context& context, std::string_view text, const Prepared& prepared, TimeMs time,
                 ledger::Fate fate, std::string reason) {
    constexpr std::size_t max_reason = 1024;
    Link link;
    link.head = context.head;
    take_number(link.head, prepared);
    contract::Entry entry = begin_entry(context, prepared, time);
    entry.action = std::get<contract::CallInput>(prepared.input.content).call.action;
    entry.fate = fate;
    entry.reason = std::move(reason);
    if (entry.reason.size() > max_reason)
        entry.reason = std::string(entry.reason.begin(), entry.reason.begin() + max_reason);
    link.record = finish_entry(entry, link.head, to_bytes(bytes_of(text)), {}, context.keys);
    return link;
}

// Another binding's call is answered by an entry, whatever comes of it, as soon as it can be: what would refuse a
// message for good is recorded as failed.
Link execute_call(const Context& context, std::string_view text, const Prepared& prepared,
                  const contract::CallInput& input, TimeMs time, const Routes& routes, const runtime::Limits& limits,
                  Slots& slots) {
    using ledger::Fate;
    if (input.purpose == ledger::Purpose::cancel) {
        return settle_call(context, text, prepared, time, Fate::cancelled, {});
    }
    const auto failed = [&](Code code, const std::string& rule) {
        return settle_call(context, text, prepared, time, Fate::failed, std::string(code_name(code)) + ": " + rule);
    };
    if (context.head.terminated) return failed(Code::not_running, "the binding is terminated");
    if (std::ranges::find(input.call.callers, context.binding.id) != input.call.callers.end()) {
        return failed(Code::in_transaction, "this binding waits for what calls it");
    }
    check_running(context, time);
    try {
        return run(context, text, prepared, time, routes, limits, slots);
    } catch (const Error& error) {
        if (is_the_hosts(error.code())) throw;
        return failed(error.code(), error.field() + ": " + error.rule());
    }
}

}  // namespace

Link execute(const Context& context, std::string_view text, const Prepared& prepared, TimeMs time,
             std::span<const Bytes> ancestry, const Routes& routes, const runtime::Limits& limits, Slots& slots) {
    const contract::Input& input = prepared.input;
    const auto* call = std::get_if<contract::CallInput>(&input.content);
    const auto* message = std::get_if<contract::Message>(&input.content);
    call == nullptr ? check_running(context, time) : check_time(context, time);
    if (message != nullptr) check_addressing(context, *message);
    if (call != nullptr && call->call.binding != context.binding.id) {
        throw Error(Code::bad_format, "/binding", "the call is of another binding");
    }
    if (input.expires() < time) throw Error(Code::expired, "/expires", "must not lie before " + format_time(time));
    if (prepared.bad_signature) throw *prepared.bad_signature;
    check_order(context, input, *prepared.sender);
    if (call != nullptr) return execute_call(context, text, prepared, *call, time, routes, limits, slots);
    if (message != nullptr) check_seen(context, message->seen, ancestry);
    return run(context, text, prepared, time, routes, limits, slots);
}

}  // namespace concordat::enclave
