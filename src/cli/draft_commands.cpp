// `concordat binding draft` and `amend`: composing the document that the parties then sign.
#include <attest/evidence.hpp>
#include <base/file.hpp>
#include <contract/fit.hpp>
#include <crypto/hash.hpp>
#include <ledger/binding/kind/kind.hpp>
#include <ledger/confidential/protocol/statement.hpp>
#include <proof/trust.hpp>
#include <schema/disclosure.hpp>

#include "current.hpp"
#include "draft_ledgers.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace ccl = ledger::confidential;

struct DraftOptions {
    std::string binding, package, terms, rule = "all", meanwhile = "pause", isolation, expires = "+7d", out;
    std::string trust, work = "10000000";
    std::vector<std::string> parties, sources, ledgers, routes, callers;
    bool self = false, refresh_enclaves = false;
    std::int64_t deadline_hours = 72;
    KeyOptions key;
};
using Options = std::shared_ptr<DraftOptions>;

// --- What the node says about itself. Whoever signs the document accepts it.

json::Object record_of(Session& session) {
    const json::Value answer = session.get_json("/v1/ledger");
    json::Reader reader(answer, "/ledger");
    const ccl::Identity identity = ccl::Identity::parse(reader.string("identity"));  // signed by the key that it names
    note("record ledger   " + identity.chain);
    return {{"chain", identity.chain},
            {"service_key", identity.service_key.jwk()},
            {"encryption_key", identity.encryption_key.jwk()}};
}

void add_once(json::Array& all, const std::string& text) {
    if (std::ranges::none_of(all, [&](const json::Value& one) { return one == json::Value(text); }))
        all.emplace_back(text);
}

json::Object enclaves_of(Session& session, const std::string& isolation) {
    const json::Value answer = session.get_json("/v1/attestation");
    json::Reader reader(answer, "/attestation");
    json::Array kinds, roots, measurements;
    for (const json::Value& one : reader.array("enclaves", 256)) {
        json::Reader enclave(one, "/attestation/enclaves");
        if (enclave.any("evidence").is_null()) continue;
        const attest::Claims claims =
            attest::verify_evidence(enclave.any("evidence"), "/attestation/enclaves/evidence");
        if (claims.product != "concordat-enclave") continue;
        add_once(kinds, claims.kind);
        if (!claims.hardware) add_once(roots, claims.root.text());
        add_once(measurements, claims.measurement.text());
        note("enclave code    " + claims.measurement.text() +
             (claims.hardware
                  ? ""
                  : "\n  vouched for by the development root " + claims.root.text() + ": NOT hardware-protected"));
    }
    if (measurements.empty())
        throw Error(Code::unavailable, "/attestation/enclaves",
                    "no enclave of the node is ready; try again in a moment");
    return {{"evidence", std::move(kinds)},
            {"development_roots", std::move(roots)},
            {"measurements", std::move(measurements)},
            {"minimum_svn", 1},
            {"isolation", isolation.empty() ? "shared" : isolation}};
}

// A digest, a package file, or name:version of one on the node.
Hash256 package_id(Session& session, const std::string& given) {
    if (given.starts_with("sha256:")) return digest_argument(given, "--package");
    for (const json::Value& one : session.collect("/v1/packages", "packages", 1000)) {
        if (text_at(one, "name") + ":" + text_at(one, "version") == given)
            return digest_argument(text_at(one, "package"), "--package");
    }
    throw Error(Code::not_found, "--package", "the node has no package " + given + "; give its id or NAME:VERSION");
}

// --- Parts of the document.

json::Object party_of(const std::string& file, const std::string& option) {
    const json::Value value = json_file(file);
    json::Reader reader(value, file);
    json::Object out{{"id", reader.string("id", 256)}, {"keys", reader.array("keys")}};
    if (option == "--party")
        out["encryption"] = reader.array("encryption");
    else if (reader.find("encryption") == nullptr)
        return out;  // a source reads nothing
    reader.finish();
    return out;
}

json::Object parties_of(const std::vector<std::string>& given) {
    json::Object out;
    for (const std::string& text : given) {
        const auto [role, file] = pair_argument(text, "--party");
        if (!out.contains(role)) out[role] = json::Array{};
        out[role].get_array().push_back(party_of(file, "--party"));
    }
    return out;
}

json::Object sources_of(const std::vector<std::string>& given) {
    json::Object out;
    for (const std::string& text : given) {
        const auto [name, file] = pair_argument(text, "--source");
        out[name] = party_of(file, "--source");
    }
    return out;
}

// "all", "2-of-n", "roles:buyer,seller".
json::Object amendment_of(const DraftOptions& options) {
    json::Object out{
        {"self", options.self}, {"meanwhile", options.meanwhile}, {"deadline_hours", options.deadline_hours}};
    constexpr std::string_view roles = "roles:", of = "-of-n";
    const std::string& rule = options.rule;
    if (rule.starts_with(roles)) {
        json::Array list;
        std::string rest = rule.substr(roles.size()) + ",";
        for (std::size_t comma; (comma = rest.find(',')) != std::string::npos; rest.erase(0, comma + 1))
            list.emplace_back(rest.substr(0, comma));
        out["rule"] = "roles";
        out["roles"] = std::move(list);
    } else if (rule.ends_with(of) && rule.size() <= of.size() + 2 &&
               rule.find_first_not_of("0123456789") == rule.size() - of.size()) {
        out["rule"] = "m-of-n";
        out["m"] = std::stol(rule);
    } else if (rule == "all") {
        out["rule"] = "all";
    } else {
        throw Error(Code::bad_format, "--amendment", "must be all, M-of-n, or roles:ROLE,ROLE; got '" + rule + "'");
    }
    return out;
}

std::string expiry(Session& session, const DraftOptions& options) {
    return format_time(time_argument(options.expires, "--expires", session.clock.now()));
}

// What nobody could sign, or no enclave would put in force, is not written.
void finish(Session& session, const json::Object& document, const contract::Contract& contract,
            const DraftOptions& options) {
    const std::string text = json::canonical(document);
    const contract::Binding parsed = contract::Binding::parse(bytes_of(text));
    contract::check_ledgers(parsed, contract);
    if (!options.out.empty() && options.out != "-") {
        write_result(options.out, text);
        if (session.json)
            return print_json(
                json::Object{{"version", parsed.hash.text()}, {"binding", parsed.id.text()}, {"file", options.out}});
        print("version " + std::to_string(parsed.number) + "  " + parsed.hash.text() + "\nwritten to " + options.out +
              "; next: concordat binding propose " + options.out + " --key FILE\n");
        return;
    }
    write_result("", text);
}

// --- The commands.

void draft(Session& session, const DraftOptions& options) {
    const Hash256 id = package_id(session, options.package);
    const contract::Package package = fetch_package(session, id);
    std::array<std::uint8_t, 16> nonce{};
    session.random.fill(nonce);
    json::Object document{{"typ", contract::binding_typ},
                          {"version", 1},
                          {"nonce", to_base64url(nonce)},
                          {"package", id.text()},
                          {"record", record_of(session)},
                          {"enclaves", enclaves_of(session, options.isolation)},
                          {"parties", parties_of(options.parties)},
                          {"sources", sources_of(options.sources)},
                          {"ledgers", ledgers_of(session, options.ledgers, options.routes, package.contract)},
                          {"suite", contract::cipher_suite},
                          {"amendment", amendment_of(options)},
                          {"expires", expiry(session, options)}};
    client::seal_terms(document, package.contract.terms, json_argument(options.terms, "--terms"), session.random);
    finish(session, document, package.contract, options);
}

// What is sealed to parties and enclaves must be sealed again when any of them changes.
void reseal(Session& session, json::Object& document, const schema::Schema& schema, const contract::Binding& current,
            const DraftOptions& options) {
    if (!options.terms.empty()) {
        return client::seal_terms(document, schema, json_argument(options.terms, "--terms"), session.random);
    }
    if (current.sealed_terms.empty() && options.package.empty()) return;
    if (options.key.file.empty()) {
        throw Error(Code::missing_field, "--key",
                    "parties, enclaves or package change: give --terms, or the --key that opens the terms so that they "
                    "can be sealed anew");
    }
    const vault::KeyFile key = options.key.load();
    if (options.package.empty()) return client::reseal_terms(document, current, key.encryption, session.random);
    client::seal_terms(document, schema, client::open_terms(current, key.encryption), session.random);
}

// Another binding's account among a party's keys: from then on that binding's contract acts for the party here.
void take_callers(json::Object& document, const std::vector<std::string>& given) {
    for (const std::string& text : given) {
        const auto [id, account] = pair_argument(text, "--caller");
        json::Object* found = nullptr;
        for (auto& role : document["parties"].get_object()) {
            for (json::Value& party : role.value().get_array()) {
                if (text_at(party, "id") == id) found = &party.get_object();
            }
        }
        if (found == nullptr) throw Error(Code::not_found, "--caller", "the binding has no party " + id);
        (*found)["keys"].get_array().push_back(ledger::binding::account_jwk(account, "--caller"));
    }
}

void amend(Session& session, const DraftOptions& options) {
    const Current current = fetch_current(session, digest_argument(options.binding, "BINDING"));
    json::Object document = current.binding.document;
    document.erase("nonce");
    document["version"] = current.binding.number + 1;
    document["binding"] = current.id.text();
    document["previous"] = current.binding.hash.text();
    document["expires"] = expiry(session, options);
    bool sealed_anew = !options.terms.empty() || !options.package.empty();
    if (!options.package.empty()) document["package"] = package_id(session, options.package).text();
    if (options.refresh_enclaves) {
        document["enclaves"] =
            enclaves_of(session, options.isolation.empty() ? (current.binding.dedicated ? "dedicated" : "shared")
                                                           : options.isolation);
        sealed_anew = true;
    }
    if (const json::Object parties = parties_of(options.parties); !parties.empty()) {
        for (const auto& [role, list] : parties) document["parties"].get_object()[role] = list;
        sealed_anew = true;
    }
    take_callers(document, options.callers);
    for (const auto& [name, source] : sources_of(options.sources)) document["sources"].get_object()[name] = source;
    const contract::Contract contract =
        fetch_package(session, Hash256::parse(document.at("package").as_string(), "/package")).contract;
    for (auto& [name, target] : ledgers_of(session, options.ledgers, options.routes, contract))
        document["ledgers"].get_object()[name] = target;
    if (sealed_anew) reseal(session, document, contract.terms, current.binding, options);
    finish(session, document, contract, options);
}

// What another binding's document says of this one, to call its actions. The trust file is whoever signs that one's:
// what they will have of this one's receipts.
void write_target(Session& session, const DraftOptions& options) {
    const Hash256 id = digest_argument(options.binding, "BINDING");
    session.get_json("/v1/bindings/" + id.text());  // that there is one
    const proof::TrustFile trust = proof::TrustFile::parse(read_text_file(options.trust, 1 << 20));
    if (trust.ledgers.empty()) {
        throw Error(Code::bad_format, "--trust", "must list the record ledger of the binding that is called");
    }
    const json::Object finality{{"blocks", 1},
                                {"witness", ledger::binding::receipt_witness},
                                {"parameters", json::Object{{"trust", json::parse(trust.write(), "trust")}}}};
    write_result(options.out, json::canonical(json::Object{{"chain", ledger::binding::chain_of(id)},
                                                           {"genesis", id.text()},
                                                           {"address", id.text()},
                                                           {"account", "main"},
                                                           {"work", options.work},
                                                           {"ceiling", "0"},
                                                           {"finality", finality},
                                                           {"deadline_minutes", 60}}));
}

void add_shared(CLI::App& command, const Options& options) {
    command
        .add_option("--party", options->parties,
                    "ROLE=FILE, a party's public part (`concordat key show`); again for each")
        ->allow_extra_args(false);
    command.add_option("--source", options->sources, "NAME=FILE, a source's public part; again for each")
        ->allow_extra_args(false);
    command
        .add_option("--ledger", options->ledgers,
                    "NAME=JSON or NAME=@FILE, a ledger that the contract acts on: chain, address, work, finality, and, "
                    "where the node is not to say, account, genesis, ceiling, deadline_minutes, finality's seconds "
                    "(docs/formats.md); again for each")
        ->allow_extra_args(false);
    command
        .add_option(
            "--route", options->routes,
            "NAME=JSON or NAME=@FILE, a ledger that is chosen for each transaction: {\"needs\": {…}, "
            "\"candidates\": [as for --ledger …]}; what stands beside them counts for each candidate, and without "
            "candidates the node's ledgers are meant (docs/transactions.md); again for each")
        ->allow_extra_args(false);
    command.add_option("--isolation", options->isolation, "shared or dedicated enclaves")
        ->check(CLI::IsMember({"shared", "dedicated"}));
    command.add_option("--expires", options->expires, "when the offer lapses: a time, or +7d from now")
        ->capture_default_str();
    command.add_option("-o,--output", options->out, "file to write; by default standard output");
}

}  // namespace

void add_draft_commands(CLI::App& binding, Session& session) {
    const auto first = std::make_shared<DraftOptions>();
    auto* command =
        binding.add_subcommand("draft", "Compose a binding's first version; confidential terms are sealed here");
    command->add_option("--package", first->package, "id, or NAME:VERSION, of a package on the node")->required();
    command->add_option("--terms", first->terms, "the terms in the clear: JSON, or @FILE")->required();
    add_shared(*command, first);
    command->get_option("--party")->required();
    command->add_option("--amendment", first->rule, "who consents to changes: all, M-of-n, or roles:ROLE,ROLE")
        ->capture_default_str();
    command->add_flag("--self", first->self, "a party may change its own keys alone");
    command->add_option("--meanwhile", first->meanwhile, "while an amendment is open: pause or continue")
        ->capture_default_str()
        ->check(CLI::IsMember({"pause", "continue"}));
    command->add_option("--deadline-hours", first->deadline_hours, "how long an amendment may stay open")
        ->capture_default_str();
    command->callback([first, &session] { draft(session, *first); });

    const auto called = std::make_shared<DraftOptions>();
    auto* target = binding.add_subcommand(
        "target", "What the document of a binding that calls this one says of it: for --ledger NAME=@FILE");
    target->add_option("BINDING", called->binding, "the id of the binding that is to be called")->required();
    target->add_option("--trust", called->trust, "trust file: what the called binding's receipts must satisfy")
        ->required();
    target->add_option("--work", called->work, "the fuel that a call may use, with all that it calls in turn")
        ->capture_default_str();
    target->add_option("-o,--output", called->out, "file to write; by default standard output");
    target->callback([called, &session] { write_target(session, *called); });

    const auto next = std::make_shared<DraftOptions>();
    auto* change = binding.add_subcommand("amend", "Compose the next version from the one in force");
    change->add_option("BINDING", next->binding, "the binding's id")->required();
    change->add_option("--package", next->package, "another package: id, or NAME:VERSION");
    change->add_option("--terms", next->terms, "other terms, complete, in the clear: JSON, or @FILE");
    add_shared(*change, next);
    change->add_flag("--refresh-enclaves", next->refresh_enclaves,
                     "accept the code of the node's enclaves as they are now");
    change
        ->add_option("--caller", next->callers,
                     "PARTY=ACCOUNT: let another binding's account (`transaction accounts`) act for that party here; "
                     "where the binding lets a party change its own keys, that party alone decides; again for each")
        ->allow_extra_args(false);
    next->key.add_to(*change, false);
    change->callback([next, &session] { amend(session, *next); });
}

}  // namespace concordat::cli
