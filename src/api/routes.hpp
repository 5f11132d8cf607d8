// The one table of routes: what serves requests and what /openapi.json says come from it.
#pragma once
#include <http/server.hpp>
#include <node/node.hpp>
#include <string>
#include <vector>

namespace concordat::api {

struct RouteDoc {
    http::Method method;
    std::string pattern, tag, id, summary;
    std::string request_type;                                // media type of the body; "" for none
    std::string response_type;                               // of 200
    std::vector<std::pair<std::string, std::string>> query;  // name, meaning
    bool for_operators = false;
    http::Handler handler;
    std::size_t body_bytes = 0;
};

struct Context {
    node::Node& node;
    http::Server& server;
    std::function<void()> stop;  // asks the process to end gracefully
};

// A route that answers with JSON by handler(context, request).
template <class Handler>
RouteDoc& add_route(std::vector<RouteDoc>& routes, Context& context, std::string tag, http::Method method,
                    std::string pattern, std::string id, std::string summary, Handler handler) {
    routes.push_back({method,
                      std::move(pattern),
                      std::move(tag),
                      std::move(id),
                      std::move(summary),
                      "",
                      "application/json",
                      {},
                      false,
                      [&context, handler](http::Request request) { return handler(context, std::move(request)); }});
    return routes.back();
}

void add_package_routes(std::vector<RouteDoc>& routes, Context& context);
void add_binding_routes(std::vector<RouteDoc>& routes, Context& context);
void add_message_routes(std::vector<RouteDoc>& routes, Context& context);
void add_transaction_routes(std::vector<RouteDoc>& routes, Context& context);
void add_ledger_routes(std::vector<RouteDoc>& routes, Context& context);
void add_reading_routes(std::vector<RouteDoc>& routes, Context& context);
void add_event_routes(std::vector<RouteDoc>& routes, Context& context);
void add_system_routes(std::vector<RouteDoc>& routes, Context& context);

// OpenAPI 3.1 of these routes.
std::string openapi(const std::vector<RouteDoc>& routes);
// A page that shows /openapi.json, without anything from elsewhere.
std::string docs_page();

// What became of a transaction; throws Error(not_found).
boost::asio::awaitable<node::TransactionView> view_of(Context& context, Hash256 transaction);

// Throws Error(unauthenticated) unless the request bears an operator token.
void require_operator(node::Node& node, const http::Request& request);
Hash256 hash_param(const http::Request& request, std::string_view name);
json::Value json_body(const http::Request& request);

}  // namespace concordat::api
