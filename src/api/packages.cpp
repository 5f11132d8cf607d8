#include <crypto/hash.hpp>
#include <registry/archive.hpp>

#include "await.hpp"
#include "render.hpp"
#include "routes.hpp"

namespace concordat::api {

namespace {

using boost::asio::awaitable;

std::string package_json(const contract::Package& package) {
    json::Object out{{"package", package.id().text()},
                     {"name", package.contract.name},
                     {"version", package.contract.version},
                     {"description", package.contract.description},
                     {"contract", json::parse(text_of(package.config), "contract", {.bytes = std::size_t{16} << 20})}};
    return json::canonical(out);
}

// The same key with the same request gives the same answer, with another one a conflict.
std::optional<http::Response> remembered(Context& context, const std::string& key, const Hash256& request) {
    if (key.empty()) return std::nullopt;
    const auto answer = context.node.journal().answer(key);
    if (!answer) return std::nullopt;
    if (answer->request != request) throw Error(Code::conflict, "Idempotency-Key", "was used for another request");
    return json_response(answer->body, answer->status);
}

awaitable<http::Response> post_package(Context& context, http::Request request) {
    require_operator(context.node, request);
    const std::string key(request.headers["idempotency-key"].substr(0, 255));
    const Hash256 digest = crypto::sha256(request.body);
    if (auto before = remembered(context, key, digest)) co_return std::move(*before);
    const contract::Package package = registry::read_archive(bytes_of(request.body));
    // The module is compiled where hostile code belongs: an enclave takes it before this node keeps it.
    co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
        context.node.pool().load_package({}, {package.manifest, package.config, package.module, package.provenance},
                                         then);
    });
    context.node.packages().put(package);
    http::Response response = json_response(package_json(package), 201);
    response.headers.emplace_back("Location", "/v1/packages/" + package.id().text());
    if (!key.empty())
        co_await call<process::Nothing>([&](process::Then<process::Nothing> then) {
            context.node.journal().put_answer(
                key, {digest, response.status, response.body}, context.node.clock().now(),
                [then](const std::optional<Error>& error) { error ? then(*error) : then(process::Nothing{}); });
        });
    co_return response;
}

awaitable<http::Response> list_packages(Context& context, http::Request request) {
    const auto limit = static_cast<std::size_t>(request.query_integer("limit", 100, 1, 1000));
    const Hash256 after =
        request.query_value("after") ? Hash256::parse(*request.query_value("after"), "after") : Hash256{};
    std::string out = "{\"packages\":[";
    std::size_t count = 0;
    Hash256 last;
    bool more = false;
    for (const Hash256& id : context.node.packages().list()) {
        if (request.query_value("after") && id <= after) continue;
        if (count == limit) {
            more = true;
            break;
        }
        const registry::Store::Title& title = context.node.packages().title(id);
        if (count++ > 0) out += ',';
        out += "{\"package\":\"" + id.text() + "\",\"name\":" + json_string(title.name) +
               ",\"version\":" + json_string(title.version) + '}';
        last = id;
    }
    out += ']';
    if (more) out += ",\"next\":\"/v1/packages?limit=" + std::to_string(limit) + "&after=" + last.text() + '"';
    co_return json_response(out + '}');
}

awaitable<http::Response> get_package(Context& context, http::Request request) {
    co_return json_response(package_json(context.node.packages().get(hash_param(request, "package"))));
}

awaitable<http::Response> get_archive(Context& context, http::Request request) {
    const contract::Package package = context.node.packages().get(hash_param(request, "package"));
    const Bytes archive = registry::write_archive(package);
    http::Response response;
    response.content_type = "application/x-tar";
    response.headers.emplace_back("Content-Disposition",
                                  "attachment; filename=\"" + registry::archive_name(package) + "\"");
    response.body = std::string(text_of(archive));
    co_return response;
}

}  // namespace

void add_package_routes(std::vector<RouteDoc>& routes, Context& context) {
    const auto add = [&](http::Method method, std::string pattern, std::string id, std::string summary,
                         auto handler) -> RouteDoc& {
        return add_route(routes, context, "packages", method, std::move(pattern), std::move(id), std::move(summary),
                         handler);
    };
    RouteDoc& post = add(http::Method::post, "/v1/packages", "postPackage", "Publish a package (its tar) on this node.",
                         post_package);
    post.request_type = "application/x-tar";
    post.for_operators = true;
    post.body_bytes = registry::max_archive_bytes;
    add(http::Method::get, "/v1/packages", "listPackages", "Packages on this node.", list_packages).query = {
        {"after", "package id from which to go on"}, {"limit", "1 to 1000"}};
    add(http::Method::get, "/v1/packages/{package}", "getPackage", "A package's contract.", get_package);
    add(http::Method::get, "/v1/packages/{package}/archive", "getPackageArchive", "A package as it is published (tar).",
        get_archive)
        .response_type = "application/x-tar";
}

}  // namespace concordat::api
