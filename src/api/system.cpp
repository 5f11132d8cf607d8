#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;

constexpr std::string_view single_node_warning = "a single node cannot detect that its own disk was rolled back";
constexpr std::string_view development_warning = "development, not hardware-protected";

json::Value parsed(const std::string& text) {
    return text.empty() ? json::Value(nullptr) : json::parse(text, "document");
}

awaitable<http::Response> get_ledger(Context& context, http::Request) {
    const auto& identity = context.node.identity();
    json::Object out{{"identity", identity.identity},
                     {"evidence", parsed(identity.evidence)},
                     {"sandbox", parsed(identity.sandbox)},
                     {"entries", static_cast<std::int64_t>(context.node.chronicle().watermark())},
                     {"single_node", true},
                     {"warning", single_node_warning},
                     {"protection", development_warning}};
    const auto known = node::ccl::Identity::parse(identity.identity);
    out["chain"] = known.chain;
    out["service_key"] = known.service_key.jwk();
    out["encryption_key"] = known.encryption_key.jwk();
    co_return json_response(json::canonical(out));
}

awaitable<http::Response> get_root(Context& context, http::Request) {
    const auto root = co_await call<node::ccl::SignedRoot>(
        [&](process::Then<node::ccl::SignedRoot> then) { context.node.ledger().root(then); });
    co_return json_response(json::canonical(root.to_json()));
}

awaitable<http::Response> get_consistency(Context& context, http::Request request) {
    const auto from = static_cast<std::uint64_t>(request.query_integer("from", 0, 0, json::max_integer));
    const auto to = static_cast<std::uint64_t>(request.query_integer(
        "to", static_cast<std::int64_t>(context.node.chronicle().watermark()), 0, json::max_integer));
    const auto hashes = co_await call<std::vector<Hash256>>(
        [&](process::Then<std::vector<Hash256>> then) { context.node.ledger().consistency(from, to, then); });
    json::Array path = node::ccl::path_to_json(hashes);
    co_return json_response(json::canonical(json::Object{
        {"from", static_cast<std::int64_t>(from)}, {"to", static_cast<std::int64_t>(to)}, {"path", std::move(path)}}));
}

json::Object anchor_json(const node::AnchorRow& row) {
    return {{"chain", row.chain},
            {"contract", row.contract},
            {"root", row.root.to_json()},
            {"transaction", row.transaction},
            {"block", std::to_string(row.block)},
            {"kept", format_time(row.kept)}};
}

awaitable<http::Response> get_anchors(Context& context, http::Request) {
    json::Array out;
    for (const node::AnchorRow& row : context.node.anchors().list()) out.push_back(anchor_json(row));
    co_return json_response(json::canonical(json::Object{{"anchors", std::move(out)}}));
}

awaitable<http::Response> post_anchor(Context& context, http::Request request) {
    require_operator(context.node, request);
    const json::Value body = json_body(request);
    json::Reader reader(body, "");
    proof::Anchor anchor = proof::Anchor::read(reader);
    reader.finish();
    const auto kept = co_await call<node::AnchorRow>(
        [&](process::Then<node::AnchorRow> then) { context.node.anchors().put(std::move(anchor), then); });
    co_return json_response(json::canonical(anchor_json(kept)));
}

// What whoever writes a binding puts into it: which code answers here, and which roots vouch for it.
awaitable<http::Response> get_attestation(Context& context, http::Request) {
    json::Array enclaves;
    for (const auto& one : context.node.pool().status()) {
        if (one.state != "ready") continue;
        enclaves.push_back(json::Object{{"kid", one.kid},
                                        {"measurement", one.measurement.text()},
                                        {"dedicated", one.dedicated},
                                        {"key", parsed(one.key)},
                                        {"evidence", parsed(one.evidence)}});
    }
    co_return json_response(
        json::canonical(json::Object{{"protection", development_warning}, {"enclaves", std::move(enclaves)}}));
}

awaitable<http::Response> get_enclaves(Context& context, http::Request request) {
    require_operator(context.node, request);
    json::Array enclaves;
    for (const auto& one : context.node.pool().status())
        enclaves.push_back(json::Object{{"slot", static_cast<std::int64_t>(one.slot)},
                                        {"pid", one.pid},
                                        {"state", one.state},
                                        {"kid", one.kid},
                                        {"measurement", one.measurement.text()},
                                        {"dedicated", one.dedicated},
                                        {"requests", static_cast<std::int64_t>(one.requests)},
                                        {"bindings", static_cast<std::int64_t>(one.bindings)},
                                        {"restarts", static_cast<std::int64_t>(one.restarts)},
                                        {"isolation", parsed(one.sandbox)},
                                        {"protection", development_warning}});
    co_return json_response(json::canonical(json::Object{{"enclaves", std::move(enclaves)}}));
}

awaitable<http::Response> post_stop(Context& context, http::Request request) {
    require_operator(context.node, request);
    context.stop();
    co_return json_response("{\"status\":\"stopping\"}", 202);
}

awaitable<http::Response> healthz(Context&, http::Request) { co_return json_response("{\"status\":\"alive\"}"); }

awaitable<http::Response> readyz(Context& context, http::Request) {
    if (context.node.ready()) co_return json_response("{\"status\":\"ready\"}");
    if (const auto& broken = context.node.broken()) throw Error(Code::unavailable, broken->field(), broken->rule());
    throw Error(Code::unavailable, "", "ledger or enclaves are starting");
}

awaitable<http::Response> metrics(Context& context, http::Request) {
    http::Response response;
    response.content_type = "text/plain; version=0.0.4";
    response.body = context.server.metrics_text();
    const auto gauge = [&](std::string_view name, std::string_view help, std::size_t value) {
        response.body += "# HELP concordat_" + std::string(name) + " " + std::string(help) + "\n# TYPE concordat_" +
                         std::string(name) + " gauge\nconcordat_" + std::string(name) + " " + std::to_string(value) +
                         "\n";
    };
    gauge("ledger_entries", "Entries of the record ledger that this node knows.", context.node.chronicle().watermark());
    gauge("messages_under_way", "Inputs that wait or run.", context.node.lanes().total());
    gauge("bindings_active", "Bindings with inputs that wait or run.", context.node.lanes().size());
    gauge("enclaves_ready", "Shared enclaves that take work.", context.node.pool().ready_count());
    gauge("transactions_under_way", "Transactions on other ledgers without an outcome, or still watched.",
          context.node.transactions().size());
    std::size_t unusable = 0;
    for (const auto& [chain, known] : context.node.ledgers().all()) {
        for (const auto& one : known.ledger->health()) unusable += one.usable ? 0 : 1;
    }
    gauge("accounts_low", "Accounts on other ledgers that cannot pay for ten more calls at their dearest.",
          context.node.transactions().low_accounts());
    gauge("ledgers_resting", "Ledgers that failed, so that no transactions are begun there where there is a choice.",
          context.node.routing().resting());
    gauge("ledger_endpoints_unusable", "Endpoints of other ledgers that do not answer as they should.", unusable);
    gauge("ready", "Whether messages can be run.", context.node.ready() ? 1 : 0);
    co_return response;
}

}  // namespace

void add_system_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](http::Method method, std::string pattern, std::string id, std::string summary,
                         auto handler) -> RouteDoc& {
        return add_route(routes, context, "system", method, std::move(pattern), std::move(id), std::move(summary),
                         handler);
    };
    using enum http::Method;
    add(get, "/v1/ledger", "getLedger", "The record ledger: identity, evidence, and what it cannot detect.",
        get_ledger);
    add(get, "/v1/ledger/root", "getLedgerRoot", "The ledger's newest signed root, to be anchored elsewhere.",
        get_root);
    add(get, "/v1/ledger/consistency", "getLedgerConsistency",
        "Proof that the tree of `from` entries begins the tree of `to` (RFC 9162).", get_consistency)
        .query = {{"from", "size"}, {"to", "size"}};
    add(get, "/v1/ledger/anchors", "listLedgerAnchors",
        "The ledger's roots that contracts on other chains have recorded; receipts hold them.", get_anchors);
    RouteDoc& anchored =
        add(post, "/v1/ledger/anchors", "putLedgerAnchor",
            "Keep one: {\"chain\", \"contract\", \"root\", \"evidence\"} that the contract recorded it.", post_anchor);
    anchored.request_type = "application/json";
    anchored.for_operators = true;
    anchored.body_bytes = node::max_anchor_bytes;
    add(get, "/v1/attestation", "getAttestation", "Measurements and evidence of the enclaves that run here.",
        get_attestation);
    add(get, "/v1/enclaves", "getEnclaves", "The pool of enclaves and the isolation that each holds.", get_enclaves)
        .for_operators = true;
    add(post, "/v1/stop", "stop", "End the node gracefully.", post_stop).for_operators = true;
    add(get, "/healthz", "healthz", "Whether the process lives.", healthz);
    add(get, "/readyz", "readyz", "Whether messages can be run.", readyz);
    add(get, "/metrics", "metrics", "Prometheus metrics.", metrics).response_type = "text/plain";
}

}  // namespace concordat::api
