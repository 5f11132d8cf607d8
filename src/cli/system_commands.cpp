// `concordat ledger`, `enclaves`: what runs below a node.
#include <ledger/confidential/protocol/statement.hpp>

#include "current.hpp"
#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

void identity(Session& session) {
    const json::Value answer = session.get_json("/v1/ledger");
    if (session.json) return print_json(answer);
    json::Reader reader(answer, "/ledger");
    const auto known = ledger::confidential::Identity::parse(reader.string("identity"));
    const attest::Claims claims = attest::verify_evidence(reader.any("evidence"), "/ledger/evidence");
    Table table({"ledger", known.chain});
    table.add({"service key", known.service_key.kid()});
    table.add({"code", claims.measurement.text()});
    table.add({"protection",
               claims.hardware ? "hardware" : "development, NOT hardware-protected; root " + claims.root.text()});
    table.add({"created", format_time(known.created)});
    table.add({"entries", text_at(answer, "entries")});
    table.add({"warning", text_at(answer, "warning")});
    table.add({"sandbox", text_at(answer, "sandbox")});
    print(table.text());
}

void head(Session& session, const std::string& binding) {
    if (binding.empty()) {
        const json::Value root = session.get_json("/v1/ledger/root");
        return session.json ? print_json(root) : print(pretty(root));
    }
    const Current current = fetch_current(session, digest_argument(binding, "BINDING"));
    if (session.json)
        return print_json(
            json::Object{{"binding", binding}, {"sequence", current.sequence}, {"entry", current.head_id.text()}});
    print("entry " + std::to_string(current.sequence) + "  " + current.head_id.text() +
          "\nas the ledger says now, signed over our nonce\n");
}

struct Range {
    std::int64_t from = 0, to = -1;
};

void consistency(Session& session, const Range& range) {
    std::string target = "/v1/ledger/consistency?from=" + std::to_string(range.from);
    if (range.to >= 0) target += "&to=" + std::to_string(range.to);
    const json::Value answer = session.get_json(target);
    session.json ? print_json(answer) : print(pretty(answer));
}

// What anybody may know of the enclaves: their code and who vouches for it. The evidence is checked here.
void attestation(Session& session) {
    const json::Value answer = session.get_json("/v1/attestation");
    if (session.json) return print_json(answer);
    Table table({"KEY", "CODE", "KIND", "VOUCHED FOR BY", "PROTECTION"});
    for (const json::Value& one : answer.at("enclaves").as_array()) {
        if (one.at("evidence").is_null()) continue;
        const attest::Claims claims = attest::verify_evidence(one.at("evidence"), "/attestation/enclaves/evidence");
        table.add({text_at(one, "kid"), claims.measurement.text(),
                   text_at(one, "dedicated") == "true" ? "dedicated" : "shared", claims.root.text(),
                   claims.hardware ? "hardware" : "development, NOT hardware-protected"});
    }
    print(table.text());
}

void ready(Session& session) {
    const json::Value answer = session.get_json("/readyz");
    session.json ? print_json(answer) : print(text_at(answer, "status") + "\n");
}

void enclaves(Session& session) {
    const json::Value answer = session.get_json("/v1/enclaves");
    if (session.json) return print_json(answer);
    Table table({"SLOT", "PID", "STATE", "KIND", "BINDINGS", "REQUESTS", "RESTARTS", "CODE", "PROTECTION"});
    for (const json::Value& one : answer.at("enclaves").as_array()) {
        table.add({text_at(one, "slot"), text_at(one, "pid"), text_at(one, "state"),
                   text_at(one, "dedicated") == "true" ? "dedicated" : "shared", text_at(one, "bindings"),
                   text_at(one, "requests"), text_at(one, "restarts"), shortened(text_at(one, "measurement")),
                   text_at(one, "protection")});
    }
    print(table.text());
}

void stop(Session& session) {
    const json::Value answer = session.post_json("/v1/stop", "", "application/json");
    session.json ? print_json(answer) : print("the node ends what is under way and stops\n");
}

}  // namespace

void add_system_commands(CLI::App& app, Session& session) {
    auto* group = app.add_subcommand(
        "ledger", "The record ledger below the node, other ledgers that it reaches, and local networks of them");
    group->require_subcommand(1);
    group->add_subcommand("identity", "Its key, its code, and what it cannot detect")->callback([&session] {
        identity(session);
    });
    const auto binding = std::make_shared<std::string>();
    auto* newest = group->add_subcommand(
        "head", "A binding's last entry, by the ledger's own word; or the ledger's newest signed root");
    newest->add_option("BINDING", *binding, "the binding's id");
    newest->callback([binding, &session] { head(session, *binding); });
    const auto range = std::make_shared<Range>();
    auto* proof = group->add_subcommand("consistency", "Proof that the ledger only grew between two sizes (RFC 9162)");
    proof->add_option("FROM", range->from, "the smaller size")->required();
    proof->add_option("TO", range->to, "the larger size; by default now");
    proof->callback([range, &session] { consistency(session, *range); });
    add_ledger_commands(*group, session);
    add_network_commands(*group, session);
    add_chain_commands(*group, session);
    add_anchor_command(*group, session);
    app.add_subcommand("attestation", "The code of the node's enclaves, and who vouches for it")->callback([&session] {
        attestation(session);
    });
    app.add_subcommand("ready", "Whether the node runs messages: status 0 it does, 1 it does not")
        ->callback([&session] { ready(session); });
    app.add_subcommand("enclaves", "The node's enclaves and how they are isolated (operators)")->callback([&session] {
        enclaves(session);
    });
    app.add_subcommand("stop", "End the node gracefully (operators)")->callback([&session] { stop(session); });
}

}  // namespace concordat::cli
