#include <crypto/hash.hpp>

#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;
using node::CommitPtr;

bool wants_async(const http::Request& request) {
    return request.headers["prefer"].find("respond-async") != std::string_view::npos;
}

// "Prefer: wait=30" (RFC 7240): how long the answer may wait for a transaction's outcome.
TimeMs wished_wait(const http::Request& request) {
    constexpr std::string_view name = "wait=";
    constexpr TimeMs longest_s = 120;
    const std::string_view header = request.headers["prefer"];
    const auto at = header.find(name);
    if (at == std::string_view::npos) return 0;
    TimeMs seconds = 0;
    for (std::size_t i = at + name.size(); i < header.size() && header[i] >= '0' && header[i] <= '9'; ++i) {
        seconds = std::min(longest_s, seconds * 10 + (header[i] - '0'));
    }
    return seconds * 1000;
}

std::string with_transaction(std::string answer, const node::TransactionView& view) {
    answer.pop_back();
    return answer + ",\"status\":" + json_string(view.status()) + ",\"outcome\":" + render_transaction(view) + "}";
}

// A file often ends with a line break; the signature does not cover it.
std::string compact_text(http::Request& request) {
    std::string text = std::move(request.body);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty()) throw Error(Code::missing_field, "", "the body must be a message or observation as compact JWS");
    return text;
}

std::string status_url(const Hash256& digest, const Hash256& binding) {
    return "/v1/messages/" + digest.text() + "?binding=" + binding.text();
}

awaitable<http::Response> post_message(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    const bool later = wants_async(request);
    std::string text = compact_text(request);
    if (later) {
        const Hash256 digest = co_await call<Hash256>(
            [&](process::Then<Hash256> then) { context.node.accept(binding, std::move(text), request.trace, then); });
        http::Response response = json_response("{\"message\":\"" + digest.text() + "\",\"status\":\"waiting\"}", 202);
        response.headers.emplace_back("Location", status_url(digest, binding));
        response.headers.emplace_back("Preference-Applied", "respond-async");
        co_return response;
    }
    const TimeMs wait = wished_wait(request);
    const CommitPtr commit = co_await call<CommitPtr>(
        [&](process::Then<CommitPtr> then) { context.node.submit(binding, std::move(text), request.trace, then); });
    if (commit->entry.type != contract::EntryType::prepare) co_return json_response(render_answer(*commit));
    // Recorded, but only the transaction's outcome says whether it holds.
    const Hash256 transaction = commit->entry.id;
    if (wait > 0) {
        co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
            context.node.transactions().await_ending(transaction, wait, [then] { then(process::Nothing{}); });
        });
    }
    const node::TransactionView view = co_await view_of(context, transaction);
    http::Response response =
        json_response(with_transaction(render_answer(*commit), view), view.row.ending.empty() ? 202 : 200);
    response.headers.emplace_back("Location", "/v1/transactions/" + transaction.text());
    if (wait > 0) response.headers.emplace_back("Preference-Applied", "wait");
    co_return response;
}

awaitable<http::Response> get_message(Context& context, http::Request request) {
    const Hash256 digest = hash_param(request, "digest");
    std::optional<Hash256> binding;
    if (const auto text = request.query_value("binding")) binding = Hash256::parse(*text, "binding");
    const auto status = co_await call<node::MessageStatus>(
        [&](process::Then<node::MessageStatus> then) { context.node.status(digest, binding, then); });
    const std::string head =
        "{\"message\":\"" + digest.text() + "\",\"binding\":\"" + status.binding.text() + "\",\"status\":";
    switch (status.state) {
        case node::MessageStatus::State::waiting: {
            http::Response response = json_response(head + "\"waiting\"}", 202);
            response.headers.emplace_back("Retry-After", "1");
            co_return response;
        }
        case node::MessageStatus::State::failed:
            co_return json_response(head + "\"failed\",\"error\":" + problem_object(*status.error) + "}");
        case node::MessageStatus::State::done:
            break;
    }
    const CommitPtr& commit = status.commit;
    if (commit->entry.type != contract::EntryType::prepare) {
        co_return json_response(head + "\"done\",\"answer\":" + render_answer(*commit) + "}");
    }
    const auto view = co_await view_of(context, commit->entry.id);
    http::Response response =
        json_response(head + json_string(view.status()) + ",\"transaction\":" + render_transaction(view) +
                          ",\"answer\":" + render_answer(*commit) + "}",
                      view.row.ending.empty() ? 202 : 200);
    if (response.status == 202) response.headers.emplace_back("Retry-After", "1");
    co_return response;
}

}  // namespace

void add_message_routes(std::vector<RouteDoc>& routes, Context& context) {
    routes.push_back(
        {http::Method::post,
         "/v1/bindings/{binding}/messages",
         "messages",
         "postMessage",
         "Run a signed message or observation. With `Prefer: respond-async`: 202 once it is safely kept, "
         "and where to look. One that acts on another ledger is answered 202 once it is prepared, or, with "
         "`Prefer: wait=SECONDS`, when its outcome is recorded.",
         "application/jose",
         "application/json",
         {},
         false,
         [&context](http::Request request) { return post_message(context, std::move(request)); },
         1 << 20});
    routes.push_back({http::Method::get,
                      "/v1/messages/{digest}",
                      "messages",
                      "getMessage",
                      "What became of an accepted message, by the SHA-256 of its text.",
                      "",
                      "application/json",
                      {{"binding", "needed for an observation that went to several bindings"}},
                      false,
                      [&context](http::Request request) { return get_message(context, std::move(request)); }});
}

}  // namespace concordat::api
