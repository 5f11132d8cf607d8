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
    const CommitPtr commit = co_await call<CommitPtr>(
        [&](process::Then<CommitPtr> then) { context.node.submit(binding, std::move(text), request.trace, then); });
    co_return json_response(render_answer(*commit));
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
    co_return json_response(head + "\"done\",\"answer\":" + render_answer(*status.commit) + "}");
}

}  // namespace

void add_message_routes(std::vector<RouteDoc>& routes, Context& context) {
    routes.push_back({http::Method::post,
                      "/v1/bindings/{binding}/messages",
                      "messages",
                      "postMessage",
                      "Run a signed message or observation. With `Prefer: respond-async`: 202 once it is safely kept, "
                      "and where to look.",
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
