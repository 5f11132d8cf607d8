#include "routes.hpp"

#include "api.hpp"
#include "render.hpp"

namespace concordat::api {

void require_operator(node::Node& node, const http::Request& request) {
    const std::string_view header = request.headers["authorization"];
    constexpr std::string_view scheme = "Bearer ";
    if (header.size() <= scheme.size() || !http::equal_ignoring_case(header.substr(0, scheme.size()), scheme))
        throw Error(Code::unauthenticated, "Authorization", "must be 'Bearer ' and an operator token");
    if (!node.operator_allowed(header.substr(scheme.size())))
        throw Error(Code::unauthenticated, "Authorization", "is not an operator token of this node");
}

Hash256 hash_param(const http::Request& request, std::string_view name) {
    return Hash256::parse(request.param(name), "/" + std::string(name));
}

json::Value json_body(const http::Request& request) {
    return json::parse(request.body, "body", {.bytes = std::size_t{2} << 20});
}

void add_routes(Context& context) {
    std::vector<RouteDoc> routes;
    add_package_routes(routes, context);
    add_binding_routes(routes, context);
    add_message_routes(routes, context);
    add_transaction_routes(routes, context);
    add_ledger_routes(routes, context);
    add_reading_routes(routes, context);
    add_event_routes(routes, context);
    add_system_routes(routes, context);
    const auto fixed = [&](std::string pattern, std::string type, std::string body) {
        const auto text = std::make_shared<const std::string>(std::move(body));
        context.server.route(http::Method::get, pattern,
                             [text, type](http::Request) -> boost::asio::awaitable<http::Response> {
                                 http::Response response;
                                 response.content_type = type;
                                 response.body = *text;
                                 co_return response;
                             });
    };
    fixed("/openapi.json", "application/json", openapi(routes));
    fixed("/docs", "text/html; charset=utf-8", docs_page());
    for (RouteDoc& route : routes)
        context.server.route(route.method, route.pattern, std::move(route.handler), {.body_bytes = route.body_bytes});
}

}  // namespace concordat::api
