// The HTTP edge of a node: every route under /v1, OpenAPI, health and metrics; and the whole node as one call.
#pragma once
#include <node/options.hpp>

#include "routes.hpp"

namespace concordat::api {

// Registers every route. `context` must outlive the server.
void add_routes(Context& context);

// Runs a node until SIGTERM or SIGINT, or POST /v1/stop; returns the process's exit code: 0 after a graceful stop, 1
// when the node could not start or had to end (logged, and told on standard error). `on_ready`, when given, learns the
// port.
int run_node(const node::NodeOptions& options, const std::function<void(std::uint16_t port)>& on_ready = nullptr);

}  // namespace concordat::api
