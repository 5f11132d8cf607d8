// `concordat node`: runs a node; what an operator does to its data folder.
#include <api/api.hpp>
#include <base/file.hpp>
#include <cstdlib>
#include <iostream>
#include <node/node.hpp>

#include "groups.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

struct NodeSettings {
    std::map<std::string, std::string> given;
    std::string listen, token_name;
};
using Settings = std::shared_ptr<NodeSettings>;

std::string option_of(std::string name) {
    for (char& c : name) {
        if (c == '_') c = '-';
    }
    return "--" + name;
}

// Every setting is an option too, so that this list and the settings' own cannot differ.
void add_settings(CLI::App& command, const Settings& settings) {
    for (const node::OptionField& field : node::option_fields()) {
        command.add_option_function<std::string>(
            option_of(field.name),
            [settings, name = field.name](const std::string& text) { settings->given[name] = text; },
            field.meaning + (field.otherwise.empty() ? "" : " [" + field.otherwise + "]"));
    }
}

node::NodeOptions options_of(const NodeSettings& settings) {
    auto given = settings.given;
    if (!settings.listen.empty()) {
        const auto colon = settings.listen.rfind(':');
        if (colon == std::string::npos) throw Error(Code::config, "--listen", "must be HOST:PORT");
        given["host"] = settings.listen.substr(0, colon);
        given["port"] = settings.listen.substr(colon + 1);
    }
    return node::load_options(given, [](const char* name) -> const char* { return std::getenv(name); });
}

void run(Session& session, const NodeSettings& settings) {
    const node::NodeOptions options = options_of(settings);
    session.exit_code = api::run_node(options, [&](std::uint16_t port) {
        const std::string url = "http://" + options.host + ":" + std::to_string(port);
        if (session.json) {
            print_json(json::Object{{"url", url}, {"data", options.data.string()}});
        } else {
            print("listening on " + url + "\n  operator token: " + (options.data / "operator.token").string() +
                  "\n  API: " + url + "/docs\n  development evidence: not hardware-protected\n");
        }
        std::cout.flush();
    });
}

void reindex(Session& session, const NodeSettings& settings) {
    const node::NodeOptions options = options_of(settings);
    if (!std::filesystem::exists(options.data))
        throw Error(Code::not_found, "--data", options.data.string() + " is no folder");
    node::drop_index(options.data);
    if (session.json) return print_json(json::Object{{"data", options.data.string()}, {"index", "dropped"}});
    print("index dropped; the next `concordat node --data " + options.data.string() +
          "` makes it anew from the ledger\n");
}

void make_token(Session& session, const NodeSettings& settings) {
    const node::NodeOptions options = options_of(settings);
    if (!std::filesystem::exists(options.data))
        throw Error(Code::not_found, "--data", options.data.string() + " is no folder");
    const std::string tenant = session.tenant.empty() ? "default" : session.tenant;
    const std::string token =
        node::create_token(options.data, settings.token_name, tenant, session.clock, session.random);
    if (session.json)
        return print_json(json::Object{{"token", token}, {"name", settings.token_name}, {"tenant", tenant}});
    print(token + "\n");
    note("shown this once; the node keeps its hash only");
}

}  // namespace

void add_node_commands(CLI::App& app, Session& session) {
    const auto settings = std::make_shared<NodeSettings>();
    auto* group = app.add_subcommand("node", "Run a node, with its record ledger and enclaves (until SIGTERM)");
    group->add_option("--listen", settings->listen, "HOST:PORT, for --host and --port together");
    add_settings(*group, settings);
    auto* again = group->add_subcommand("reindex", "Drop the index: the next start makes it anew from the ledger");
    again->callback([settings, &session] { reindex(session, *settings); });
    auto* token = group->add_subcommand("token", "Make an operator token");
    token->add_option("NAME", settings->token_name, "what to call it")->required();
    token->callback([settings, &session] { make_token(session, *settings); });
    group->require_subcommand(0, 1);
    group->callback([group, settings, &session] {
        if (group->get_subcommands().empty()) run(session, *settings);
    });
}

}  // namespace concordat::cli
