// `concordat ledger up`, `ledger down`: local Ethereum networks.
#include <filesystem>
#include <ledger/evm/network/network.hpp>

#include "groups.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace evm = ledger::evm;
namespace fs = std::filesystem;

// build/bin/concordat → build/toolchain
fs::path toolchain_beside_program() {
    std::error_code problem;
    const fs::path program = fs::read_symlink("/proc/self/exe", problem);
    return problem ? fs::path() : program.parent_path().parent_path() / "toolchain";
}

void show(const Session& session, const fs::path& folder, const evm::NetworkDescription& network) {
    if (session.json) return print_json(network.to_json());
    Table table({"network", network.kind});
    table.add({"chain", network.chain.text()});
    table.add({"genesis", evm::to_0x(network.genesis.view())});
    for (const std::string& url : network.endpoints()) table.add({"endpoint", url});
    for (const evm::Address& signer : network.signers) table.add({"signer", signer.text()});
    table.add({"account", network.account.text() + ", with money"});
    table.add({"its key", (folder / "account.key").string()});
    table.add({"description", (folder / "network.json").string()});
    print(table.text());
    note("a network to try things on: nothing of value belongs there");
}

// So that the node reaches it. A network can be of use without a node.
void connect(Session& session, const evm::NetworkDescription& network) {
    json::Array endpoints;
    for (const std::string& url : network.endpoints("ws")) endpoints.emplace_back(url);
    try {
        session.put_json(
            "/v1/ledgers/" + network.chain.text(),
            json::Object{
                {"kind", "evm"}, {"genesis", evm::to_0x(network.genesis.view())}, {"endpoints", std::move(endpoints)}});
        note("the node at " + session.node_url + " reaches it");
    } catch (const Error& error) {
        note("no node was told of it (" + error.rule() + "); later: concordat ledger add " + network.chain.text() +
             " ENDPOINT");
    }
}

void up(Session& session, evm::NetworkOptions options) {
    options.outlives = true;
    if (options.toolchain.empty()) options.toolchain = toolchain_beside_program();
    if (!fs::exists(options.folder / "network.json")) {
        const evm::Network network = evm::Network::start(options);
        show(session, options.folder, network.description());
        return connect(session, network.description());
    }
    evm::Network network = evm::Network::open(options.folder);
    if (network.description().kind != options.kind) {
        throw Error(Code::conflict, "KIND", "must be " + network.description().kind + ", as the folder's network is");
    }
    network.resume(true);
    show(session, options.folder, network.description());
    connect(session, network.description());
}

void down(const Session& session, const fs::path& folder) {
    evm::Network network = evm::Network::open(folder);
    const std::size_t count = network.running();
    network.stop();
    if (session.json) return print_json(json::Object{{"stopped", count}});
    print(count == 0 ? "nothing of it was running\n"
                     : "stopped; `concordat ledger up` with the same folder goes on where it was\n");
}

}  // namespace

void add_network_commands(CLI::App& ledger, Session& session) {
    const auto options = std::make_shared<evm::NetworkOptions>();
    auto* start = ledger.add_subcommand("up", "Start a local Ethereum network with an account that has money");
    start->add_option("KIND", options->kind, "anvil, geth-dev or geth-clique")
        ->required()
        ->check(CLI::IsMember({"anvil", "geth-dev", "geth-clique"}));
    start->add_option("FOLDER", options->folder, "keys, state and network.json; one that was used goes on where it was")
        ->required();
    start->add_option("--signers", options->signers, "of geth-clique, one node each")
        ->check(CLI::Range(1, 16))
        ->capture_default_str();
    start
        ->add_option("--period", options->period_s,
                     "seconds between blocks; 0: a block for each transaction; by default 0, of geth-clique 1")
        ->check(CLI::Range(0, 3600));
    start->add_option("--port", options->port, "of the first node; by default a free one");
    start->add_option("--chain-id", options->chain_id, "by default 31337, 1337, 20260");
    start->add_option("--programs", options->toolchain,
                      "folder where tools/install.sh --evm has put anvil and geth; by default beside this program");
    start->callback([options, &session] { up(session, *options); });
    const auto folder = std::make_shared<fs::path>();
    auto* stop = ledger.add_subcommand("down", "Stop a local Ethereum network; its folder stays");
    stop->add_option("FOLDER", *folder, "that `up` was given")->required();
    stop->callback([folder, &session] { down(session, *folder); });
}

}  // namespace concordat::cli
