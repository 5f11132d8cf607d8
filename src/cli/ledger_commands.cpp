// `concordat ledger add|list|test|remove`: the other ledgers that a node reaches; `concordat transaction`: what became
// of what was begun there.
#include <base/file.hpp>
#include <contract/input.hpp>
#include <ledger/kinds/kinds.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct LedgerOptions {
    std::string chain, kind, genesis, ca, transaction, binding;
    std::vector<std::string> endpoints;
    std::size_t limit = 20;
    bool stuck = false;
    std::int64_t step = -1;
    std::string reason, expires = "+7d";
    KeyOptions key;
};
using Options = std::shared_ptr<LedgerOptions>;

constexpr std::size_t max_ca = 32'768;  // the node's bound

std::string path_of(const std::string& chain) { return "/v1/ledgers/" + chain; }

void show(Session& session, const json::Value& ledger) {
    if (session.json) return print_json(ledger);
    Table table({"chain", text_at(ledger, "chain")});
    table.add({"kind", text_at(ledger, "kind")});
    if (const std::string genesis = text_at(ledger, "genesis"); !genesis.empty()) table.add({"first block", genesis});
    for (const json::Value& one : ledger.at("endpoints").as_array()) {
        const std::string problem = text_at(one, "problem");
        table.add({"endpoint", text_at(one, "url") + (problem.empty() ? "  works" : "  " + problem)});
    }
    if (const std::string height = text_at(ledger, "height"); !height.empty()) {
        table.add({"height", height});
        table.add({"price", text_at(ledger, "price") + " for a unit of work"});
    }
    print(table.text());
}

std::string read_authorities(const std::string& file) {
    std::string text = read_text_file(file, max_ca);
    // Looked at before anything is sent: a key in the same file is to stay here.
    if (text.find("BEGIN CERTIFICATE") == std::string::npos || text.find("PRIVATE KEY") != std::string::npos) {
        throw Error(Code::bad_format, "--ca", "must be certificates in PEM, and nothing else");
    }
    return text;
}

// A chain says itself of what kind it is.
std::string kind_of(const std::string& chain) {
    const ledger::Kind* kind = ledger::kind_of_chain(ledger::all_kinds(), chain);
    return std::string(kind == nullptr ? "evm" : kind->name());
}

void add(Session& session, const LedgerOptions& options) {
    json::Array endpoints;
    for (const std::string& url : options.endpoints) endpoints.emplace_back(url);
    json::Object settings{{"kind", options.kind.empty() ? kind_of(options.chain) : options.kind},
                          {"endpoints", std::move(endpoints)}};
    if (!options.genesis.empty()) settings["genesis"] = options.genesis;
    if (!options.ca.empty()) settings["ca"] = read_authorities(options.ca);
    show(session, session.put_json(path_of(options.chain), settings));
}

void test(Session& session, const LedgerOptions& options) {
    const json::Value ledger = session.get_json(path_of(options.chain));
    session.exit_code = text_at(ledger, "answers") == "true" ? 0 : 1;
    show(session, ledger);
}

// Of a ledger that is one of a binding's candidates.
std::string routing_of(const json::Value& ledger) {
    const json::Value* routing = ledger.as_object().if_contains("routing");
    if (routing == nullptr) return {};
    return "; breaker " + text_at(*routing, "breaker") + ", " + text_at(*routing, "open") + " open";
}

void list(Session& session) {
    const json::Value answer = session.get_json("/v1/ledgers");
    if (session.json) return print_json(answer);
    Table table({"CHAIN", "KIND", "ENDPOINT", "STATE"});
    for (const json::Value& ledger : answer.at("ledgers").as_array()) {
        for (const json::Value& one : ledger.at("endpoints").as_array()) {
            const std::string problem = text_at(one, "problem");
            table.add({text_at(ledger, "chain"), text_at(ledger, "kind"), text_at(one, "url"),
                       (problem.empty() ? "works" : problem) + routing_of(ledger)});
        }
    }
    print(table.text());
}

std::string describe_call(const json::Value& call) {
    const json::Value& pin = call.at("pin");
    std::string out = text_at(call, "status") + ": " + text_at(call, "ledger") + ", " + text_at(pin, "chain") +
                      ", account " + text_at(pin, "account") + ", slot " + text_at(pin, "slot");
    if (const std::string id = text_at(call, "submission"); !id.empty()) out += ", there as " + id;
    if (const std::string waits = text_at(call, "waits_for"); !waits.empty()) out += "; waits: " + waits;
    return out;
}

std::string waits_of(const json::Value& transaction) {
    for (const json::Value& call : transaction.at("calls").as_array()) {
        if (const std::string waits = text_at(call, "waits_for"); !waits.empty()) return waits;
    }
    return {};
}

void show_transaction(Session& session, const LedgerOptions& options) {
    const json::Value answer =
        session.get_json("/v1/transactions/" + digest_argument(options.transaction, "TRANSACTION").text());
    const std::string state = text_at(answer, "status");
    const bool given_up = answer.as_object().contains("given_up");
    session.exit_code = state == "aborted" || state == "disputed" || given_up ? 1 : 0;
    if (session.json) return print_json(answer);
    Table table({"transaction", text_at(answer, "transaction")});
    table.add({"status", state + (given_up ? ", but for what people gave up" : "")});
    table.add({"binding", text_at(answer, "binding")});
    table.add({"prepared in entry", text_at(answer, "sequence")});
    table.add({"newest entry", text_at(answer, "last_sequence")});
    table.add({"given up after", text_at(answer, "deadline")});
    for (const json::Value& call : answer.at("calls").as_array()) {
        table.add({text_at(call, "effect") + ", " + text_at(call, "role"), describe_call(call)});
    }
    print(table.text());
}

// The call that has to succeed and has not: after the decision those are all that are pinned and not cancelled.
contract::Resolution stuck_call(const json::Value& transaction, std::int64_t step) {
    std::vector<contract::Resolution> found;
    if (transaction.as_object().contains("decision")) {
        for (const json::Value& call : transaction.at("calls").as_array()) {
            const json::Value& number = call.at("step");
            if (text_at(call, "status") != "pinned" || (step >= 0 && number != step)) continue;
            contract::Resolution one;
            one.step = static_cast<std::uint8_t>(number.to_number<std::int64_t>());
            one.role = contract::role_from_name(text_at(call, "role"), "/calls/role");
            found.push_back(std::move(one));
        }
    }
    if (found.empty()) {
        throw Error(Code::not_found, "--step", "no call that has to succeed waits: `concordat transaction show`");
    }
    if (found.size() > 1) throw Error(Code::missing_field, "--step", "calls of several steps wait: name one");
    return std::move(found.front());
}

void resolve(Session& session, const LedgerOptions& options) {
    const Hash256 id = digest_argument(options.transaction, "TRANSACTION");
    const json::Value answer = session.get_json("/v1/transactions/" + id.text());
    const Current current = fetch_current(session, digest_argument(text_at(answer, "binding"), "TRANSACTION"));
    contract::Resolution resolution = stuck_call(answer, options.step);
    resolution.binding = current.id;
    resolution.version = current.binding.hash;
    resolution.transaction = id;
    resolution.reason = options.reason;
    resolution.expires = time_argument(options.expires, "--expires", session.clock.now());
    crypto::GeneralJws jws = crypto::GeneralJws::of(bytes_of(contract::write_resolution(resolution)));
    jws.add(contract::resolution_typ, options.key.load().keys.front());
    show_document(session, session.post_json("/v1/bindings/" + current.id.text() + "/resolutions",
                                             json::canonical(jws.to_json()), "application/jose+json"));
}

void list_transactions(Session& session, const LedgerOptions& options) {
    json::Array all =
        session.collect("/v1/bindings/" + digest_argument(options.binding, "BINDING").text() + "/transactions",
                        "transactions", options.limit);
    if (session.more) note("there are more: raise --limit");
    if (options.stuck) {
        json::Array stuck;
        for (json::Value& one : all) {
            if (!waits_of(one).empty()) stuck.push_back(std::move(one));
        }
        all = std::move(stuck);
    }
    if (session.json) return print_json(json::Value(all));
    Table table({"ENTRY", "STATUS", "CALLS", "WAITS FOR", "TRANSACTION"});
    for (const json::Value& one : all) {
        std::string calls;
        for (const json::Value& call : one.at("calls").as_array()) {
            calls += (calls.empty() ? "" : ", ") + text_at(call, "effect") + " on " + text_at(call.at("pin"), "chain");
            if (text_at(call, "role") != "call") calls += " (" + text_at(call, "role") + ")";
        }
        table.add(
            {text_at(one, "sequence"), text_at(one, "status"), calls, waits_of(one), text_at(one, "transaction")});
    }
    print(table.text());
}

void list_accounts(Session& session, const LedgerOptions& options) {
    const json::Value answer =
        session.get_json("/v1/bindings/" + digest_argument(options.binding, "BINDING").text() + "/accounts");
    if (session.json) return print_json(answer);
    Table table({"LEDGER", "CHAIN", "ACCOUNT", "BALANCE", "A CALL MAY COST", "NEXT SLOT", "PROBLEM"});
    for (const json::Value& one : answer.at("accounts").as_array()) {
        table.add({text_at(one, "ledger"), text_at(one, "chain"), text_at(one, "account"), text_at(one, "balance"),
                   text_at(one, "most_per_call"), text_at(one, "next"), text_at(one, "problem")});
    }
    print(table.text());
}

}  // namespace

void add_ledger_commands(CLI::App& ledger, Session& session) {
    const auto added = std::make_shared<LedgerOptions>();
    auto* command = ledger.add_subcommand("add", "Have the node reach another ledger by these endpoints (operators)");
    command->add_option("CHAIN", added->chain, "CAIP-2: eip155:31337, a participant's http:…, or a binding's binding:…")
        ->required();
    command
        ->add_option("ENDPOINT", added->endpoints,
                     "URL of a node's JSON-RPC (https://, wss://, http:// or ws://), the preferred one first; of a "
                     "participant its only one; of a binding that runs elsewhere its node's")
        ->required();
    command->add_option("--genesis", added->genesis,
                        "hash of the first block; without it the first endpoint's counts. Of a participant its key's "
                        "thumbprint, of a binding its id, sha256:…");
    command->add_option(
        "--ca", added->ca,
        "file of certificates (PEM) that count for https:// and wss:// endpoints, besides the system's of the node");
    command->add_option("--kind", added->kind, "by default as the chain's name says")
        ->check(CLI::IsMember({"binding", "evm", "http"}));
    command->callback([added, &session] { add(session, *added); });
    ledger.add_subcommand("list", "The other ledgers that the node reaches")->callback([&session] { list(session); });
    const auto tested = std::make_shared<LedgerOptions>();
    command = ledger.add_subcommand("test", "Whether a ledger answers the node now: status 0 it does, 1 it does not");
    command->add_option("CHAIN", tested->chain, "CAIP-2")->required();
    command->callback([tested, &session] { test(session, *tested); });
    const auto removed = std::make_shared<LedgerOptions>();
    command = ledger.add_subcommand("remove", "Reach it no more; what is under way there waits (operators)");
    command->add_option("CHAIN", removed->chain, "CAIP-2")->required();
    command->callback([removed, &session] {
        const json::Value answer = session.delete_json(path_of(removed->chain));
        session.json ? print_json(answer) : print("removed\n");
    });
}

void add_transaction_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand("transaction", "What became of effects on other ledgers")->alias("tx");
    group->require_subcommand(1);
    const auto shown = std::make_shared<LedgerOptions>();
    auto* command = group->add_subcommand(
        "show", "One: status 0 it is committed or under way, 1 aborted, disputed, or people gave a part of it up");
    command->add_option("TRANSACTION", shown->transaction, "id of its prepare entry")->required();
    command->callback([shown, &session] { show_transaction(session, *shown); });
    const auto listed = std::make_shared<LedgerOptions>();
    command = group->add_subcommand("list", "A binding's, the newest first");
    command->add_option("BINDING", listed->binding, "the binding's id")->required();
    command->add_flag("--stuck", listed->stuck, "only those that wait for something, and for what");
    command->add_option("--limit", listed->limit)->check(CLI::Range(1, 100'000))->capture_default_str();
    command->callback([listed, &session] { list_transactions(session, *listed); });
    const auto resolved = std::make_shared<LedgerOptions>();
    command = group->add_subcommand(
        "resolve", "Propose to give up a call that has to succeed and does not; the others then `binding sign`");
    command->add_option("TRANSACTION", resolved->transaction, "id of its prepare entry")->required();
    command->add_option("--step", resolved->step, "whose call, where several wait")->check(CLI::Range(0, 15));
    command->add_option("--reason", resolved->reason, "why; it is recorded")->required();
    command->add_option("--expires", resolved->expires, "until when the others may sign")->capture_default_str();
    resolved->key.add_to(*command);
    command->callback([resolved, &session] { resolve(session, *resolved); });
    const auto owned = std::make_shared<LedgerOptions>();
    command = group->add_subcommand("accounts", "The accounts that a binding's calls come from, and what they own");
    command->add_option("BINDING", owned->binding, "the binding's id")->required();
    command->callback([owned, &session] { list_accounts(session, *owned); });
}

}  // namespace concordat::cli
