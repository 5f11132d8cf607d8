#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;
using node::DraftView;

std::string tenant_of(const http::Request& request) {
    const std::string_view given = request.headers["concordat-tenant"];
    if (given.empty()) return "default";
    const bool fits = given.size() <= 64 && std::ranges::all_of(given, [](char c) {
                          return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
                      });
    if (!fits) throw Error(Code::bad_format, "Concordat-Tenant", "must be 1 to 64 of a-z, 0-9 and -");
    return std::string(given);
}

http::Response draft_response(const DraftView& view, int status) {
    http::Response response = json_response(render_draft(view), status);
    if (status == 201) response.headers.emplace_back("Location", binding_url(view.row.binding));
    return response;
}

using Step = void (node::Drafts::*)(const Hash256&, const json::Value&, process::Then<DraftView>,
                                    const std::string& trace);

http::Handler signed_document(Context& context, Step step) {
    return [&context, step](http::Request request) -> awaitable<http::Response> {
        const Hash256 binding = hash_param(request, "binding");
        const json::Value body = json_body(request);
        const DraftView view = co_await call<DraftView>(
            [&](process::Then<DraftView> then) { (context.node.drafts().*step)(binding, body, then, request.trace); });
        co_return draft_response(view, 200);
    };
}

awaitable<http::Response> post_binding(Context& context, http::Request request) {
    const std::string tenant = tenant_of(request);
    const json::Value body = json_body(request);
    const DraftView view = co_await call<DraftView>(
        [&](process::Then<DraftView> then) { context.node.drafts().propose(tenant, body, then, request.trace); });
    co_return draft_response(view, 201);
}

awaitable<http::Response> post_decision(Context& context, http::Request request) {
    const Hash256 binding = hash_param(request, "binding");
    while (!request.body.empty() && (request.body.back() == '\n' || request.body.back() == '\r'))
        request.body.pop_back();
    const DraftView view = co_await call<DraftView>([&](process::Then<DraftView> then) {
        context.node.drafts().decide(binding, request.body, then, request.trace);
    });
    co_return draft_response(view, 200);
}

awaitable<http::Response> get_binding(Context& context, http::Request request) {
    const Hash256 id = hash_param(request, "binding");
    if (context.node.chronicle().binding(id) == nullptr)
        co_return json_response(render_draft(context.node.drafts().view(id)));
    const auto versions = co_await call<std::vector<node::VersionRow>>(
        [&](process::Then<std::vector<node::VersionRow>> then) { context.node.versions(id, then); });
    const auto drafts = context.node.drafts().of_binding(id, 16);
    if (versions.empty()) throw Error(Code::unavailable, "/binding", "its version is being written; ask again");
    co_return json_response(
        render_binding(context.node.binding(id), std::string(text_of(versions.back().jws)), drafts));
}

awaitable<http::Response> get_version(Context& context, http::Request request) {
    const Hash256 id = hash_param(request, "binding");
    const auto versions = co_await call<std::vector<node::VersionRow>>(
        [&](process::Then<std::vector<node::VersionRow>> then) { context.node.versions(id, then); });
    const std::string& wanted = request.param("number");
    for (const auto& version : versions) {
        if (std::to_string(version.number) != wanted) continue;
        http::Response response = json_response(std::string(text_of(version.jws)));
        response.content_type = "application/jose+json";
        co_return response;
    }
    throw Error(Code::not_found, "/number", "the binding has no such version");
}

awaitable<http::Response> get_document(Context& context, http::Request request) {
    co_return json_response(render_draft(context.node.drafts().view(hash_param(request, "document"))));
}

awaitable<http::Response> list_bindings(Context& context, http::Request request) {
    require_operator(context.node, request);
    const auto limit = static_cast<std::size_t>(request.query_integer("limit", 100, 1, 1000));
    const std::string after_text(request.query_value("after").value_or(""));
    const Hash256 after = after_text.empty() ? Hash256{} : Hash256::parse(after_text, "after");
    const std::string tenant = tenant_of(request);
    const bool open = request.query_value("status") == std::string_view("open");
    co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
        context.node.index().barrier([then] { then(process::Nothing{}); });
    });
    std::vector<std::string> lines;
    Hash256 last;
    if (open) {
        for (const auto& row : context.node.drafts().open(tenant, after, limit)) {
            lines.push_back(render_draft(context.node.drafts().view(row.document)));
            last = row.document;
        }
    } else {
        for (const auto& row : context.node.index().bindings(tenant, after, limit)) {
            lines.push_back(render_binding_line(row));
            last = row.id;
        }
    }
    std::string out = "{\"bindings\":[";
    for (std::size_t i = 0; i < lines.size(); ++i) out += (i == 0 ? "" : ",") + lines[i];
    out += ']';
    if (lines.size() == limit)
        out += ",\"next\":\"/v1/bindings?limit=" + std::to_string(limit) + (open ? "&status=open" : "") +
               "&after=" + last.text() + '"';
    co_return json_response(out + '}');
}

}  // namespace

void add_binding_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](http::Method method, std::string pattern, std::string id, std::string summary,
                         std::string body, http::Handler handler) -> RouteDoc& {
        routes.push_back({method,
                          std::move(pattern),
                          "bindings",
                          std::move(id),
                          std::move(summary),
                          std::move(body),
                          "application/json",
                          {},
                          false,
                          std::move(handler),
                          std::size_t{2} << 20});
        return routes.back();
    };
    const auto bound = [&context](auto handler) {
        return [&context, handler](http::Request request) { return handler(context, std::move(request)); };
    };
    const std::string jws = "application/jose+json";
    add(http::Method::post, "/v1/bindings", "postBinding",
        "Propose a binding: version 1 as general JWS with at least one signature.", jws, bound(post_binding));
    RouteDoc& list =
        add(http::Method::get, "/v1/bindings", "listBindings", "Bindings of a tenant.", "", bound(list_bindings));
    list.for_operators = true;
    list.query = {{"after", "id from which to go on"},
                  {"limit", "1 to 1000"},
                  {"status", "open: documents that are not signed by all yet"}};
    add(http::Method::get, "/v1/bindings/{binding}", "getBinding", "A binding, or the offer of one.", "",
        bound(get_binding));
    add(http::Method::get, "/v1/bindings/{binding}/versions/{number}", "getBindingVersion",
        "A version with its signatures.", "", bound(get_version))
        .response_type = jws;
    add(http::Method::get, "/v1/documents/{document}", "getDocument",
        "An offer, amendment, termination or resolution, and who has still to sign.", "", bound(get_document));
    add(http::Method::post, "/v1/bindings/{binding}/signatures", "postSignature",
        "Sign what is open: the same document with more signatures.", jws,
        signed_document(context, &node::Drafts::countersign));
    add(http::Method::post, "/v1/bindings/{binding}/decisions", "postDecision",
        "Decline or withdraw: a signed decision.", "application/jose", bound(post_decision));
    add(http::Method::post, "/v1/bindings/{binding}/amendments", "postAmendment", "Propose the next version.", jws,
        signed_document(context, &node::Drafts::amend));
    add(http::Method::post, "/v1/bindings/{binding}/termination", "postTermination", "Sign the binding's end.", jws,
        signed_document(context, &node::Drafts::terminate));
    add(http::Method::post, "/v1/bindings/{binding}/resolutions", "postResolution",
        "Sign that a call of a transaction, which has to succeed and does not, is given up.", jws,
        signed_document(context, &node::Drafts::resolve));
}

}  // namespace concordat::api
