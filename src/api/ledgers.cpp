// The other ledgers that a node reaches.
#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;

bool is_operator(Context& context, const http::Request& request) {
    try {
        require_operator(context.node, request);
        return true;
    } catch (const Error&) {
        return false;
    }
}

// A provider's key is often a part of the path: that is the operators'.
std::string origin_of(const std::string& url) { return url.substr(0, url.find_first_of("/?", url.find("://") + 3)); }

json::Object routing_json(const node::Routing::View& view) {
    json::Object out{
        {"answers", view.answers}, {"breaker", transaction::breaker_state_name(view.breaker)}, {"open", view.open}};
    if (view.rests_for_ms > 0) out["rests_for_ms"] = view.rests_for_ms;
    return out;
}

json::Object ledger_json(Context& context, const node::Ledgers::Known& known, bool for_operator) {
    const ledger::Description about = known.ledger->describe();
    json::Array endpoints, witnesses;
    for (const ledger::Health& one : known.ledger->health()) {
        json::Object endpoint{{"url", for_operator ? one.url : origin_of(one.url)}, {"usable", one.usable}};
        if (!one.problem.empty()) endpoint["problem"] = one.problem;
        endpoints.push_back(std::move(endpoint));
    }
    for (const std::string& witness : about.witnesses) witnesses.emplace_back(witness);
    json::Object out{{"chain", about.chain},
                     {"kind", about.kind},
                     {"endpoints", std::move(endpoints)},
                     {"finality_witnesses", std::move(witnesses)}};
    if (!about.genesis.empty()) out["genesis"] = about.genesis;
    if (const auto view = context.node.routing().view(about.chain)) out["routing"] = routing_json(*view);
    return out;
}

const node::Ledgers::Known& find(Context& context, const http::Request& request) {
    const auto& all = context.node.ledgers().all();
    const auto found = all.find(request.param("chain"));
    if (found == all.end()) throw Error(Code::not_found, "/chain", "this node does not know that ledger");
    return found->second;
}

awaitable<http::Response> list(Context& context, http::Request request) {
    const bool for_operator = is_operator(context, request);
    json::Array out;
    for (const auto& [chain, known] : context.node.ledgers().all())
        out.push_back(ledger_json(context, known, for_operator));
    co_return json_response(json::canonical(json::Object{{"ledgers", std::move(out)}}));
}

// Between two blocks, as the chain is now. One that makes blocks on demand, or stands, tells nothing by its last ones.
awaitable<std::optional<std::uint64_t>> block_seconds(Context& context, ledger::Ledger& ledger) {
    constexpr std::uint64_t late_after = 10;  // times what is usual
    using Pace = std::optional<ledger::Pace>;
    const Pace pace =
        co_await call<Pace>([&](process::Then<Pace> then) { ledger.pace([then](Pace answer) { then(answer); }); });
    if (!pace) co_return std::nullopt;
    const auto now = static_cast<std::uint64_t>(context.node.clock().now() / 1000);
    if (pace->newest + late_after * pace->block_seconds < now && pace->block_seconds > 0) co_return std::nullopt;
    co_return pace->block_seconds;
}

// Asks the chain now.
awaitable<http::Response> get(Context& context, http::Request request) {
    ledger::Ledger& ledger = *find(context, request).ledger;
    using Conditions = std::optional<ledger::Conditions>;
    const Conditions now = co_await call<Conditions>(
        [&](process::Then<Conditions> then) { ledger.conditions("", [then](Conditions answer) { then(answer); }); });
    json::Object out = ledger_json(context, find(context, request), is_operator(context, request));
    out["answers"] = now.has_value();
    if (now) {
        out["height"] = std::to_string(now->height);
        out["price"] = std::to_string(now->price);
        if (const auto seconds = co_await block_seconds(context, *find(context, request).ledger)) {
            out["block_seconds"] = *seconds;
        }
    }
    co_return json_response(json::canonical(out));
}

awaitable<http::Response> put(Context& context, http::Request request) {
    require_operator(context.node, request);
    const json::Value settings = json_body(request);
    co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
        context.node.ledgers().put(request.param("chain"), settings, then);
    });
    co_return json_response(json::canonical(ledger_json(context, find(context, request), true)));
}

awaitable<http::Response> remove(Context& context, http::Request request) {
    require_operator(context.node, request);
    co_await call<process::Nothing>(
        [&](process::Then<process::Nothing> then) { context.node.ledgers().remove(request.param("chain"), then); });
    co_return json_response("{\"status\":\"removed\"}");
}

}  // namespace

void add_ledger_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](http::Method method, std::string pattern, std::string id, std::string summary,
                         auto handler) -> RouteDoc& {
        return add_route(routes, context, "ledgers", method, std::move(pattern), std::move(id), std::move(summary),
                         handler);
    };
    add(http::Method::get, "/v1/ledgers", "listLedgers",
        "The other ledgers that this node reaches, and their endpoints.", list);
    add(http::Method::get, "/v1/ledgers/{chain}", "getLedgerOf",
        "One of them, asked now: whether it answers, its height.", get);
    RouteDoc& puts = add(
        http::Method::put, "/v1/ledgers/{chain}", "putLedger",
        "Reach a ledger by these endpoints: {\"kind\": \"evm\", \"endpoints\": [url], \"genesis\": hash, \"ca\": PEM}. "
        "The last two may be missing. Of the kind \"http\" there is one URL, and the genesis is its key's thumbprint.",
        put);
    puts.request_type = "application/json";
    puts.for_operators = true;
    puts.body_bytes = 1 << 16;
    add(http::Method::delete_, "/v1/ledgers/{chain}", "deleteLedger",
        "Reach it no more. What is under way there waits until it is known again.", remove)
        .for_operators = true;
}

}  // namespace concordat::api
