#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

std::string lower(std::string_view text) {
    std::string out(text);
    for (char& c : out)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
    return out;
}

json::Array parameters(const RouteDoc& route) {
    json::Array out;
    for (std::size_t at = route.pattern.find('{'); at != std::string::npos; at = route.pattern.find('{', at + 1)) {
        const std::string name = route.pattern.substr(at + 1, route.pattern.find('}', at) - at - 1);
        const bool number = name == "sequence" || name == "number";
        json::Object schema{{"type", number ? "integer" : "string"}};
        if (name == "chain") {
            schema["pattern"] = "^[-a-z0-9]{3,8}:[-_a-zA-Z0-9]{1,32}$";  // CAIP-2
        } else if (!number) {
            schema["pattern"] = "^sha256:[0-9a-f]{64}$";
        }
        out.push_back(json::Object{{"name", name}, {"in", "path"}, {"required", true}, {"schema", std::move(schema)}});
    }
    for (const auto& [name, meaning] : route.query)
        out.push_back(json::Object{
            {"name", name}, {"in", "query"}, {"description", meaning}, {"schema", json::Object{{"type", "string"}}}});
    return out;
}

json::Object content(const std::string& type) { return {{type, json::Object{{"schema", json::Object{}}}}}; }

json::Object operation(const RouteDoc& route) {
    json::Object responses{{"200", json::Object{{"description", "Done."}, {"content", content(route.response_type)}}},
                           {"default", json::Object{{"$ref", "#/components/responses/problem"}}}};
    json::Object out{{"operationId", route.id},
                     {"summary", route.summary},
                     {"tags", json::Array{json::Value(route.tag)}},
                     {"parameters", parameters(route)}};
    if (route.method == http::Method::post)
        responses["202"] = json::Object{{"description", "Accepted; Location says where to look."},
                                        {"content", content("application/json")}};
    if (route.id == "postBinding" || route.id == "postPackage")
        responses["201"] = json::Object{{"description", "Made."}, {"content", content("application/json")}};
    if (!route.request_type.empty())
        out["requestBody"] = json::Object{{"required", true}, {"content", content(route.request_type)}};
    if (route.for_operators) out["security"] = json::Array{json::Object{{"operator", json::Array{}}}};
    out["responses"] = std::move(responses);
    return out;
}

json::Object problem_schema() {
    json::Array codes;
#define X(code, status, title) codes.emplace_back(#code);
    CONCORDAT_ERRORS(X)
#undef X
    const json::Object text{{"type", "string"}};
    return {{"type", "object"},
            {"properties", json::Object{{"type", text},
                                        {"title", text},
                                        {"status", json::Object{{"type", "integer"}}},
                                        {"detail", text},
                                        {"code", json::Object{{"type", "string"}, {"enum", std::move(codes)}}},
                                        {"field", text},
                                        {"rule", text},
                                        {"trace", text}}}};
}

}  // namespace

std::string openapi(const std::vector<RouteDoc>& routes) {
    json::Object paths;
    for (const RouteDoc& route : routes) {
        json::Value& path = paths[route.pattern];
        if (!path.is_object()) path = json::Object{};
        path.get_object()[lower(http::method_name(route.method))] = operation(route);
    }
    const json::Object problem{
        {"description", "RFC 9457: what is wrong, in which field, by which rule."},
        {"content", json::Object{{"application/problem+json",
                                  json::Object{{"schema", json::Object{{"$ref", "#/components/schemas/problem"}}}}}}}};
    return json::canonical(json::Object{
        {"openapi", "3.1.0"},
        {"info",
         json::Object{
             {"title", "Concordat"},
             {"version", "1"},
             {"description",
              "Contracts that run in attested enclaves. Messages are signed: they need no other credential."}}},
        {"paths", std::move(paths)},
        {"components",
         json::Object{
             {"schemas", json::Object{{"problem", problem_schema()}}},
             {"responses", json::Object{{"problem", problem}}},
             {"securitySchemes", json::Object{{"operator", json::Object{{"type", "http"}, {"scheme", "bearer"}}}}}}}});
}

}  // namespace concordat::api
