#include "cli.hpp"

#include <csignal>
#include <iostream>

#include "groups.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

constexpr int refused = 1, wrong_use = 2;

// What the reader of an error can do about it; "" when field and rule say it all.
std::string_view advice(Code code) {
    switch (code) {
        case Code::unauthenticated:
            return "give --token-file DATA/operator.token (or CONCORDAT_TOKEN), or the key file's --passphrase-file";
        case Code::unavailable:
            return "start a node with `concordat node`, or name the one you mean with --node or CONCORDAT_NODE";
        case Code::not_found:
            return "look at `concordat binding list` and `concordat package list`, and check the spelling";
        case Code::wrong_version:
            return "the binding was amended: run the command again, it reads the version in force";
        case Code::out_of_order:
        case Code::replayed:
            return "leave --number out, or give one above your last";
        case Code::paused:
            return "sign or decline the open amendment first: `concordat binding show BINDING`";
        case Code::expired:
            return "make the document anew with a later --expires";
        case Code::not_a_party:
            return "use the key file whose public part stands in the binding: `concordat binding show BINDING`";
        case Code::schema_mismatch:
            return "`concordat package inspect PACKAGE` shows the schema";
        case Code::busy:
        case Code::timeout:
            return "try again in a moment; a message that was sent twice runs once";
        case Code::locked_directory:
            return "another node runs on this folder: stop it, or choose another --data";
        default:
            return "";
    }
}

void show_error(const Session& session, const Error& error) {
    const std::string_view hint = advice(error.code());
    if (session.json) {
        json::Object out{{"code", code_name(error.code())},
                         {"title", title(error.code())},
                         {"field", error.field()},
                         {"rule", error.rule()}};
        if (!hint.empty()) out["advice"] = hint;
        note(json::canonical(out));
        return;
    }
    note("concordat: " + std::string(title(error.code())) + " (" + std::string(code_name(error.code())) + ")");
    if (!error.field().empty()) note("  field: " + error.field());
    note("  rule:  " + error.rule());
    if (!hint.empty()) note("  do:    " + std::string(hint));
}

void add_global_options(CLI::App& app, Session& session) {
    app.add_option("--node", session.node_url, "the node's address")
        ->envname("CONCORDAT_NODE")
        ->default_str("http://127.0.0.1:8440");
    app.add_option("--token", session.token, "operator token (others see it in the process list: prefer --token-file)")
        ->envname("CONCORDAT_TOKEN");
    app.add_option("--token-file", session.token_file, "file that holds the operator token")
        ->envname("CONCORDAT_TOKEN_FILE");
    app.add_option("--tenant", session.tenant, "the tenant whose bindings are meant")->envname("CONCORDAT_TENANT");
    app.add_flag("--json", session.json, "answers and errors as JSON, one line each");
}

void add_all(CLI::App& app, Session& session) {
    add_package_commands(app, session);
    add_key_commands(app, session);
    add_node_commands(app, session);
    add_binding_commands(app, session);
    add_message_commands(app, session);
    add_reading_commands(app, session);
    add_proof_commands(app, session);
    add_audit_command(app, session);
    add_costs_command(app, session);
    add_transaction_commands(app, session);
    add_system_commands(app, session);
    add_completion_command(app, session);
}

}  // namespace

int run(int argc, char** argv, const std::string& version) {
    std::signal(SIGPIPE, SIG_IGN);
    Session session;
    session.program += " " + version;
    session.node_url = "http://127.0.0.1:8440";
    CLI::App app("Contracts between organisations, run in attested enclaves, with proofs that anyone can check",
                 "concordat");
    app.set_version_flag("--version", "concordat " + version);
    app.require_subcommand(1);
    app.fallthrough();
    app.get_formatter()->column_width(38);
    add_global_options(app, session);
    add_all(app, session);
    app.set_help_all_flag("--help-all", "Every command with its options");
    try {
        app.parse(argc, argv);
        std::cout.flush();
        return std::cout ? session.exit_code : refused;
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : wrong_use;
    } catch (const Error& error) {
        show_error(session, error);
    } catch (const std::exception& error) {
        show_error(session, Error(Code::internal, "", error.what()));
    }
    return session.exit_code == 0 ? refused : session.exit_code;
}

}  // namespace concordat::cli
