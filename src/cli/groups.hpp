// Every group of commands. Options live as long as the command's callback, which CLI11 keeps.
#pragma once
#include <CLI/CLI.hpp>

#include "session.hpp"

namespace concordat::cli {

void add_package_commands(CLI::App& app, Session& session);
void add_key_commands(CLI::App& app, Session& session);
void add_node_commands(CLI::App& app, Session& session);
void add_binding_commands(CLI::App& app, Session& session);
void add_draft_commands(CLI::App& binding, Session& session);  // below `binding`
void add_message_commands(CLI::App& app, Session& session);
void add_reading_commands(CLI::App& app, Session& session);
void add_proof_commands(CLI::App& app, Session& session);
void add_audit_command(CLI::App& app, Session& session);
void add_costs_command(CLI::App& app, Session& session);
void add_system_commands(CLI::App& app, Session& session);
void add_ledger_commands(CLI::App& ledger, Session& session);  // below `ledger`
void add_chain_commands(CLI::App& ledger, Session& session);   // below `ledger`
void add_anchor_command(CLI::App& ledger, Session& session);   // below `ledger`
void add_transaction_commands(CLI::App& app, Session& session);
void add_network_commands(CLI::App& ledger, Session& session);  // below `ledger`
void add_completion_command(CLI::App& app, Session& session);

// A document on its way to being signed by all who must, as the node answers it.
void show_document(Session& session, const json::Value& answer);

}  // namespace concordat::cli
