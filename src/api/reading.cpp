#include <contract/names.hpp>
#include <proof/receipt.hpp>

#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;
using node::CommitPtr;

std::uint64_t number_param(const http::Request& request, const std::string& name) {
    const std::string& text = request.param(name);
    std::uint64_t value = 0;
    if (text.empty() || text.size() > 15 || text.find_first_not_of("0123456789") != std::string::npos)
        throw Error(Code::bad_format, "/" + name, "must be a number of at most 15 digits");
    for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
    return value;
}

std::uint64_t sequence_param(const http::Request& request) { return number_param(request, "sequence"); }

awaitable<http::Response> list_entries(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const auto limit = static_cast<std::size_t>(request.query_integer("limit", 50, 1, 500));
    const auto from = static_cast<std::uint64_t>(request.query_integer("after", -1, -1, json::max_integer) + 1);
    const auto commits = co_await call<std::vector<CommitPtr>>(
        [&](process::Then<std::vector<CommitPtr>> then) { context.node.entries(binding, from, limit, then); });
    std::string out = "{\"entries\":[";
    for (std::size_t i = 0; i < commits.size(); ++i) out += (i == 0 ? "" : ",") + render_answer(*commits[i]);
    out += ']';
    if (commits.size() == limit)
        out += ",\"next\":\"" + binding_url(binding) + "/entries?limit=" + std::to_string(limit) +
               "&after=" + std::to_string(commits.back()->entry.sequence) + '"';
    co_return json_response(out + '}');
}

awaitable<http::Response> get_entry(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const std::uint64_t sequence = sequence_param(request);
    const CommitPtr commit =
        co_await call<CommitPtr>([&](process::Then<CommitPtr> then) { context.node.entry(binding, sequence, then); });
    co_return json_response(render_entry(*commit));
}

awaitable<http::Response> get_receipt(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const std::uint64_t sequence = sequence_param(request);
    co_return json_response(co_await call<std::string>(
        [&](process::Then<std::string> then) { context.node.receipt(binding, sequence, then); }));
}

// For the node of a binding that called this one: what became of its call.
awaitable<http::Response> get_call(Context& context, http::Request request) {
    using node::CallState;
    const Hash256 binding = hash_param(request, "binding");
    const Hash256 key = contract::thumbprint_of(request.param("key"), "/key");
    const auto number = static_cast<std::int64_t>(number_param(request, "number"));
    const CallState state =
        co_await call<CallState>([&](process::Then<CallState> then) { context.node.call(binding, key, number, then); });
    switch (state.status) {
        case CallState::Status::open:
            co_return json_response("{\"status\":\"open\"}");
        case CallState::Status::pending:
            co_return json_response("{\"status\":\"pending\"}");
        case CallState::Status::settled:
            break;
    }
    co_return json_response("{\"status\":\"settled\",\"receipt\":" + std::to_string(state.sequence) + "}");
}

std::optional<Hash256> nonce_of(const http::Request& request) {
    const auto text = request.query_value("nonce");
    if (!text) return std::nullopt;
    const auto bytes = from_base64url(*text);
    if (!bytes || bytes->size() != 32) throw Error(Code::bad_format, "nonce", "must be 32 bytes in base64url");
    return Hash256::from(*bytes);
}

awaitable<std::string> head_json(Context& context, const Hash256 binding, const Hash256 nonce) {
    const auto head = co_await call<node::ccl::HeadStatement>(
        [&](process::Then<node::ccl::HeadStatement> then) { context.node.head(binding, nonce, then); });
    co_return json::canonical(head.to_json());
}

awaitable<http::Response> get_head(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const auto nonce = nonce_of(request);
    if (!nonce) throw Error(Code::missing_field, "nonce", "must be given: a head without one proves nothing about now");
    co_return json_response(co_await head_json(context, binding, *nonce));
}

awaitable<http::Response> get_state(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const auto nonce = nonce_of(request);
    std::string head;
    if (nonce) head = co_await head_json(context, binding, *nonce);
    const CommitPtr commit =
        co_await call<CommitPtr>([&](process::Then<CommitPtr> then) { context.node.latest(binding, then); });
    std::string body = render_answer(*commit);
    if (!head.empty()) body = body.substr(0, body.size() - 1) + ",\"head\":" + head + '}';
    co_return json_response(std::move(body));
}

}  // namespace

void add_reading_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](std::string pattern, std::string id, std::string summary, auto handler) -> RouteDoc& {
        return add_route(routes, context, "entries", http::Method::get, std::move(pattern), std::move(id),
                         std::move(summary), handler);
    };
    add("/v1/bindings/{binding}/entries", "listEntries", "The binding's entries in order.", list_entries).query = {
        {"after", "sequence after which to go on"}, {"limit", "1 to 500"}};
    add("/v1/bindings/{binding}/entries/{sequence}", "getEntry",
        "One entry with its document, input, claim and ledger receipt.", get_entry);
    add("/v1/bindings/{binding}/entries/{sequence}/receipt", "getReceipt",
        "The receipt that anyone can verify offline (docs/formats.md, section 8).", get_receipt);
    add("/v1/bindings/{binding}/calls/{key}/{number}", "getCall",
        "What became of another binding's call, by the thumbprint of the caller's account and the call's number: open, "
        "pending, or settled, and then the entry whose receipt shows it (docs/sub-contracts.md).",
        get_call);
    add("/v1/bindings/{binding}/state", "getState", "The state after the last entry; confidential fields sealed.",
        get_state)
        .query = {{"nonce", "32 bytes in base64url: adds the ledger's signed statement that this is the head now"}};
    add("/v1/bindings/{binding}/head", "getHead", "The ledger's signed statement of the binding's last entry.",
        get_head)
        .query = {{"nonce", "32 bytes in base64url"}};
}

}  // namespace concordat::api
