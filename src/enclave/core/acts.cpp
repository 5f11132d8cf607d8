#include "acts.hpp"

#include "transact.hpp"

#include <algorithm>
#include <crypto/hash.hpp>
#include <schema/disclosure.hpp>

namespace concordat::enclave {

namespace {

constexpr TimeMs hour_ms = 3'600'000;
constexpr std::size_t max_senders = 4096;
constexpr TimeMs end_of_time = 253'402'300'799'999;  // of the year 9999
constexpr std::string_view audience_key_typ = "concordat/audience-key/1";
constexpr std::string_view terms_typ = "concordat/terms/1";

void check_time(const Context& context, TimeMs time) {
    if (context.head.terminated) throw Error(Code::not_running, "/binding", "the binding is terminated");
    if (time > end_of_time) throw Error(Code::bad_format, "/time", "must lie in the years 0000 to 9999");
    if (time < context.head.time) {
        throw Error(Code::time_went_back, "/time", "the last entry's time is " + format_time(context.head.time));
    }
}

// What a binding must bring for this package: the roles it names, filled; the sources it names; readers for each
// audience.
void check_fits(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds) {
    const contract::Contract& contract = package.contract;
    check_ledgers(binding, package, kinds);
    for (const std::string& role : contract.roles) {
        if (!std::ranges::any_of(binding.parties, [&](const contract::Party& p) { return p.role == role; })) {
            throw Error(Code::missing_field, "/parties/" + role, "the contract has this role: a party must fill it");
        }
    }
    for (const contract::Party& party : binding.parties) {
        if (std::ranges::find(contract.roles, party.role) == contract.roles.end()) {
            throw Error(Code::unknown_field, "/parties/" + party.role, "the contract has no such role");
        }
    }
    for (const auto& [name, schema] : contract.sources) {
        if (!std::ranges::any_of(binding.sources, [&](const contract::SourceOrigin& s) { return s.name == name; })) {
            throw Error(Code::missing_field, "/sources/" + name,
                        "the contract has this source: an origin must fill it");
        }
    }
    for (const contract::SourceOrigin& source : binding.sources) {
        if (!contract.sources.contains(source.name)) {
            throw Error(Code::unknown_field, "/sources/" + source.name, "the contract has no such source");
        }
    }
    for (const std::string& audience : package.audiences) {
        if (binding.readers(audience).empty()) {
            throw Error(Code::missing_field, "/parties", "somebody in " + audience + " needs an encryption key");
        }
    }
}

void check_package(const contract::Binding& binding, const LoadedPackage& package, Kinds kinds) {
    if (binding.package != package.id) panic("a package that the binding does not name");
    check_fits(binding, package, kinds);
}

// What a version may not change, or end, while it waits for another ledger.
void check_no_transaction(const Context& context) {
    if (context.head.open() == nullptr) return;
    throw Error(Code::in_transaction, "/binding", "a transaction is open: " + context.head.open()->id.text());
}

// The plain terms: the document's redacted ones with what the sealed ones disclose.
std::string plain_terms(const contract::Binding& binding, const schema::Schema& schema,
                        std::span<const SecretBytes> sealed) {
    std::vector<std::string> disclosures;
    for (const SecretBytes& plaintext : sealed) {
        const json::Value value = json::parse(text_of(plaintext.expose()), "/sealed_terms");
        json::Reader reader(value, "/sealed_terms");
        reader.expect("typ", terms_typ);
        if (reader.hash("enclaves") != binding.enclaves_hash()) {
            throw Error(Code::bad_format, reader.at("enclaves"), "must be the digest of this document's enclaves");
        }
        for (const json::Value& text : reader.array("disclosures", schema::max_disclosures)) {
            if (!text.is_string()) reader.fail("disclosures", "must be an array of strings");
            disclosures.emplace_back(text.get_string());
        }
        reader.finish();
    }
    return json::canonical(schema::restore(schema, json::Value(binding.terms), disclosures, "/terms"));
}

json::Object wrapped_audience_keys(const contract::Binding& binding, const LoadedPackage& package, const Keychain& keys,
                                   Random& random) {
    json::Object wrapped;
    for (const std::string& audience : package.audiences) {
        wrapped[audience] =
            crypto::encrypt_jwe(keys.audience(audience).expose(), audience_key_typ, binding.readers(audience), random);
    }
    return wrapped;
}

contract::Entry entry_of(contract::EntryType type, const contract::Binding& binding, const Head& before, ByteView input,
                         TimeMs time) {
    contract::Entry entry;
    entry.type = type;
    entry.ledger = binding.chain;
    entry.binding = binding.id;
    entry.version = before.sequence < 0 ? binding.hash : before.version;
    entry.sequence = before.sequence + 1;
    entry.previous = before.id;
    entry.time = time;
    entry.input = crypto::sha256(input);
    entry.state_before = before.state->root;
    return entry;
}

std::map<std::string_view, std::string> request_of(std::string_view call, const contract::Binding& binding,
                                                   const Keychain& keys, const contract::Entry& entry,
                                                   const std::string& terms_text) {
    const Hash256 seed = keys.seed(static_cast<std::uint64_t>(entry.sequence), entry.input);
    return {{"abi", "1"},
            {"binding", '"' + binding.id.text() + '"'},
            {"call", '"' + std::string(call) + '"'},
            {"seed", '"' + seed.hex() + '"'},
            {"sequence", std::to_string(entry.sequence)},
            {"terms", terms_text},
            {"time", '"' + format_time(entry.time) + '"'},
            {"version", std::to_string(binding.number)}};
}

void take_output(contract::Entry& entry, LogicOutput& output) {
    entry.events = std::move(output.events);
    entry.fuel = output.fuel;
    entry.meter = runtime::meter_version;
}

}  // namespace

crypto::GeneralJws parse_signed(ByteView bytes) {
    const json::Value value = json::parse(text_of(bytes), "", {.bytes = contract::max_binding_bytes * 2});
    if (json::canonical(value) != text_of(bytes)) throw Error(Code::bad_format, "", "must be in RFC 8785 form");
    return crypto::GeneralJws::parse(value, "");
}

SignedVersion SignedVersion::parse(Bytes bytes) {
    if (bytes.size() > contract::max_binding_bytes * 2) {
        throw Error(Code::too_large, "", "a signed binding has at most 2 MiB");
    }
    SignedVersion out;
    out.jws = parse_signed(bytes);
    out.binding = contract::Binding::parse(out.jws.payload);
    out.bytes = std::move(bytes);
    return out;
}

void check_bind(const SignedVersion& version, const LoadedPackage& package, Kinds kinds,
                const crypto::PublicKey& ledger_key, TimeMs time) {
    contract::check_first(version.binding, version.jws);
    if (!(version.binding.service_key == ledger_key)) {
        throw Error(Code::wrong_ledger, "/record/service_key", "must be the key of the ledger that serves here");
    }
    if (version.binding.expires < time) throw Error(Code::expired, "/expires", "the offer has lapsed");
    check_package(version.binding, package, kinds);
}

void check_amend(const Context& context, const SignedVersion& version, const LoadedPackage& package, Kinds kinds,
                 TimeMs time) {
    check_time(context, time);
    check_no_transaction(context);
    if (!context.head.proposal || context.head.proposal->version != version.binding.hash) {
        throw Error(Code::not_running, "/version", "this version is not the open proposal");
    }
    if (time > context.head.proposal->deadline) {
        throw Error(Code::expired, "/version",
                    "the proposal's deadline was " + format_time(context.head.proposal->deadline));
    }
    if (version.binding.expires < time) throw Error(Code::expired, "/expires", "the offer has lapsed");
    contract::check_amendment(context.binding, version.binding, version.jws);
    if (context.head.costs) {
        std::set<std::string> chains;
        for (const auto& [name, place] : version.binding.ledgers) {
            for (const contract::LedgerTarget& target : place.candidates) chains.insert(target.chain);
        }
        contract::check_fee_chains(*context.head.costs, std::move(chains));
    }
    check_package(version.binding, package, kinds);
}

Link bind(const SignedVersion& version, const LoadedPackage& package, Keychain& keys, const Accounts& accounts,
          std::span<const SecretBytes> terms, TimeMs time, const runtime::Limits& limits, Random& random) {
    const contract::Binding& binding = version.binding;
    keys.use_version(binding.hash, package.audiences);
    Link link;
    link.head.state = std::make_shared<const State>(State{.text = {}, .root = contract::state_root({})});
    contract::Entry entry = entry_of(contract::EntryType::bind, binding, link.head, version.bytes, time);
    link.head.sequence = entry.sequence;
    link.head.version = binding.hash;
    link.head.terms = std::make_shared<const std::string>(plain_terms(binding, package.contract.terms, terms));
    LogicOutput output =
        run_logic(package, nullptr, request_of("init", binding, keys, entry, *link.head.terms), limits);
    take_output(entry, output);
    SealedParts parts;
    take_state(link.head, *link.head.state, std::move(output.state), package.contract.state, keys, entry.input, true,
               parts);
    entry.package = package.id;
    entry.accounts = addresses_of(binding, accounts);
    entry.audiences = wrapped_audience_keys(binding, package, keys, random);
    entry.cost_terms = package.contract.costs;
    if (entry.cost_terms) link.head.costs.emplace();
    link.record = finish_entry(entry, link.head, to_bytes(version.bytes), parts, keys);
    return link;
}

Link amend(const Context& context, const SignedVersion& version, const LoadedPackage& package, Keychain& keys,
           const Accounts& accounts, std::span<const SecretBytes> terms, TimeMs time, const runtime::Limits& limits,
           Random& random) {
    const contract::Binding& binding = version.binding;
    keys.use_version(binding.hash, package.audiences);
    Link link;
    link.head = context.head;
    link.head.disputed = false;  // this is what the parties have decided
    contract::Entry entry = entry_of(contract::EntryType::amend, context.binding, context.head, version.bytes, time);
    entry.version = binding.hash;
    link.head.sequence = entry.sequence;
    link.head.version = binding.hash;
    link.head.terms = std::make_shared<const std::string>(plain_terms(binding, package.contract.terms, terms));
    link.head.proposal.reset();
    link.head.closed.clear();
    // Numbers of keys that go are kept: a key that comes back must not find its old observations good again.
    if (link.head.senders.size() > max_senders) {
        throw Error(Code::too_large, "/parties", "at most 4096 keys may send in the life of a binding");
    }
    json::Object state = context.head.state->plain;
    if (package.id != context.package->id) {
        auto request = request_of("migrate", binding, keys, entry, *link.head.terms);
        request["from"] = json::canonical(json::Value(context.package->contract.version));
        request["state"] = context.head.state->text;
        LogicOutput output = run_logic(package, nullptr, request, limits);
        take_output(entry, output);
        state = std::move(output.state);
    }
    SealedParts parts;
    take_state(link.head, *link.head.state, std::move(state), package.contract.state, keys, entry.input, true, parts);
    entry.package = package.id;
    entry.accounts = addresses_of(binding, accounts);
    entry.audiences = wrapped_audience_keys(binding, package, keys, random);
    entry.cost_terms = package.contract.costs;
    link.record = finish_entry(entry, link.head, to_bytes(version.bytes), parts, keys);
    if (!entry.cost_terms) link.head.costs.reset();
    return link;
}

namespace {

std::size_t closed_on_account(const Head& head, const std::string& party) {
    return static_cast<std::size_t>(std::ranges::count(head.closed, party, &ClosedProposal::account));
}

// Of those who signed, the one with the fewest closed proposals: no party can use up what is another's.
const std::string& account_of(const Head& head, const std::set<std::string>& signers) {
    return *std::ranges::min_element(signers, {},
                                     [&](const std::string& party) { return closed_on_account(head, party); });
}

void remember_closed(Head& head) {
    const Proposal& proposal = *head.proposal;
    head.closed.push_back({proposal.version, proposal.expires, account_of(head, proposal.proposers)});
}

// What has expired can be proposed no more, as the time never goes back.
void forget_expired(Head& head, TimeMs time) {
    std::erase_if(head.closed, [&](const ClosedProposal& closed) { return closed.expires < time; });
}

}  // namespace

Link propose(const Context& context, SignedVersion&& version, TimeMs time) {
    check_time(context, time);
    const contract::Binding& next = version.binding;
    contract::check_successor(context.binding, next);
    const std::set<std::string> proposers = contract::amendment_signers(context.binding, next, version.jws);
    if (proposers.empty()) {
        throw Error(Code::bad_signature, "/signatures", "a party must have signed the proposal");
    }
    if (next.expires < time) throw Error(Code::expired, "/expires", "the offer has lapsed");
    if (context.head.proposal && time <= context.head.proposal->deadline) {
        throw Error(Code::conflict, "/version", "another proposal is open: " + context.head.proposal->version.text());
    }
    // A host could otherwise keep a binding paused by proposing again what was declined.
    if (std::ranges::find(context.head.closed, next.hash, &ClosedProposal::version) != context.head.closed.end()) {
        throw Error(Code::replayed, "/version", "this version was proposed before and closed");
    }
    Link link;
    link.head = context.head;
    forget_expired(link.head, time);
    if (link.head.proposal) remember_closed(link.head);
    if (closed_on_account(link.head, account_of(link.head, proposers)) >= max_closed_of_one) {
        throw Error(Code::too_large, "/version",
                    "whoever signed it has 16 closed proposals that have not expired: they must expire first");
    }
    contract::Entry entry = entry_of(contract::EntryType::propose, context.binding, context.head, version.bytes, time);
    entry.proposal = next.hash;
    entry.deadline = time + context.binding.amendment.deadline_hours * hour_ms;
    const std::string own =
        context.binding.amendment.self ? contract::self_change(context.binding, next) : std::string();
    link.head.proposal =
        Proposal{next.hash, entry.deadline, next.expires, context.binding.amendment.pause, proposers, own};
    link.record = finish_entry(entry, link.head, std::move(version.bytes), {}, context.keys);
    return link;
}

namespace {

// The parties whose decisions stand in `text`, one compact JWS a line.
std::set<std::string> deciders(const Context& context, std::string_view text) {
    std::set<std::string> out;
    std::size_t lines = 0;
    while (!text.empty()) {
        if (++lines > contract::max_parties) throw Error(Code::too_large, "/decision", "at most 64 decisions");
        const std::size_t end = std::min(text.find('\n'), text.size());
        const std::string_view line = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        const crypto::Jws jws = crypto::parse_compact(line, "/decision");
        const contract::Decision decision = contract::Decision::parse(jws.payload);
        const contract::Party* party = context.binding.party(decision.party);
        if (party == nullptr) throw Error(Code::not_a_party, "/party", "must be a party of the version in force");
        const auto key = std::ranges::find_if(party->keys, [&](const auto& k) { return k.kid() == jws.header.kid; });
        if (key == party->keys.end()) throw Error(Code::not_a_party, "/kid", "must be a key of " + decision.party);
        jws.verify(*key, "/decision");
        if (jws.header.typ != contract::decision_typ) {
            throw Error(Code::bad_format, "/typ", "must be " + std::string(contract::decision_typ));
        }
        if (decision.document != context.head.proposal->version) {
            throw Error(Code::wrong_version, "/document",
                        "the open proposal is " + context.head.proposal->version.text());
        }
        out.insert(decision.party);
    }
    return out;
}

// Whether the rule can no longer be satisfied once these parties will not sign.
bool hopeless(const contract::Binding& binding, const Proposal& proposal, const std::set<std::string>& against) {
    if (!proposal.own.empty() && !against.contains(proposal.own)) return false;
    std::set<std::string> others;
    for (const contract::Party& party : binding.parties) {
        if (!against.contains(party.id)) others.insert(party.id);
    }
    return !contract::missing_for_termination(binding, others).empty();
}

}  // namespace

Link close(const Context& context, Bytes&& input, TimeMs time) {
    check_time(context, time);
    if (!context.head.proposal) throw Error(Code::not_running, "/version", "no proposal is open");
    Link link;
    link.head = context.head;
    // A host that claims a far future could close the proposal with it, and no message would be in time ever after.
    // What it closes ended with its deadline at the latest.
    const TimeMs closed_at = std::max(context.head.time, std::min(time, context.head.proposal->deadline + 1));
    contract::Entry entry = entry_of(contract::EntryType::close, context.binding, context.head, input, closed_at);
    entry.proposal = context.head.proposal->version;
    if (input.empty()) {
        if (time <= context.head.proposal->deadline) {
            throw Error(
                Code::action_refused, "/time",
                "without decisions a proposal ends at its deadline, " + format_time(context.head.proposal->deadline));
        }
        entry.reason = "expired";
    } else {
        const std::set<std::string> against = deciders(context, text_of(input));
        const bool withdrawn = std::ranges::includes(against, context.head.proposal->proposers);
        if (!withdrawn && !hopeless(context.binding, *context.head.proposal, against)) {
            throw Error(Code::action_refused, "/decision", "the proposal can still be signed by enough parties");
        }
        entry.reason = withdrawn ? "withdrawn" : "declined";
    }
    remember_closed(link.head);
    link.head.proposal.reset();
    link.record = finish_entry(entry, link.head, std::move(input), {}, context.keys);
    return link;
}

Link terminate(const Context& context, Bytes&& input, TimeMs time) {
    check_time(context, time);
    check_no_transaction(context);
    const crypto::GeneralJws jws = parse_signed(input);
    const contract::Termination termination = contract::Termination::parse(jws.payload);
    contract::check_termination(context.binding, termination.binding, termination.version, jws);
    if (termination.expires < time) throw Error(Code::expired, "/expires", "the termination has lapsed");
    Link link;
    link.head = context.head;
    link.head.terminated = true;
    contract::Entry entry = entry_of(contract::EntryType::terminate, context.binding, context.head, input, time);
    entry.reason = termination.reason;
    link.record = finish_entry(entry, link.head, std::move(input), {}, context.keys);
    return link;
}

}  // namespace concordat::enclave
