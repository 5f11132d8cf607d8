// `concordat ledger account|fund|deploy|send|read`: by hand on a local network, with its account that has money.
#include <ledger/evm/network/network.hpp>
#include <ledger/evm/protocol/abi.hpp>

#include "groups.hpp"
#include "input.hpp"
#include "output.hpp"

namespace concordat::cli {

namespace {

namespace evm = ledger::evm;

struct ChainOptions {
    std::filesystem::path folder;
    std::filesystem::path key_file;
    std::string account, amount = "1000000000000000000", artifact, arguments = "[]", contract, function;
};
using Options = std::shared_ptr<ChainOptions>;

evm::Network network_of(const ChainOptions& options) {
    evm::Network network = evm::Network::open(options.folder);
    if (network.running() == 0)
        throw Error(Code::unavailable, "FOLDER", "its network does not run: concordat ledger up");
    return network;
}

void show(const Session& session, json::Value receipt) {
    if (text_at(receipt, "status") != "0x1") throw Error(Code::action_refused, "", "the chain undid it");
    std::string made = text_at(receipt, "contractAddress");
    if (made == "null") made.clear();
    if (!made.empty()) made = evm::Address::parse(made, "/contractAddress").text();
    if (session.json) {
        if (!made.empty()) receipt.get_object()["contractAddress"] = made;
        return print_json(receipt);
    }
    print(made.empty() ? "done, in transaction " + text_at(receipt, "transactionHash") + "\n" : made + "\n");
}

void fund(const Session& session, const ChainOptions& options) {
    evm::Network network = network_of(options);
    show(session,
         network.send(evm::Address::parse(options.account, "ACCOUNT"), evm::parse_u256(options.amount, "--amount")));
}

void deploy(const Session& session, const ChainOptions& options) {
    const json::Value artifact = json_argument("@" + options.artifact, "ARTIFACT");
    json::Reader reader(artifact, "ARTIFACT");
    const auto interface = evm::abi::Interface::parse(reader.any("abi"), "ARTIFACT/abi");
    const Bytes code = evm::parse_0x(reader.string("bytecode", std::size_t{1} << 20), "ARTIFACT/bytecode");
    const Bytes creation =
        interface.encode_creation(code, json_argument(options.arguments, "--arguments"), "--arguments");
    evm::Network network = network_of(options);
    show(session, network.send(std::nullopt, 0, creation));
}

void send(const Session& session, const ChainOptions& options) {
    const auto function = evm::abi::Function::parse(options.function, "FUNCTION");
    const Bytes call = function.encode_call(json_argument(options.arguments, "--arguments"), "--arguments");
    const evm::Address contract = evm::Address::parse(options.contract, "CONTRACT");
    evm::Network network = network_of(options);
    if (options.key_file.empty()) return show(session, network.send(contract, 0, call));
    const SecretKey key = evm::read_account_key(options.key_file);
    show(session, network.send(contract, 0, call, &key));
}

void account(const Session& session, const ChainOptions& options) {
    const std::string address = evm::make_account(options.key_file).text();
    session.json ? print_json(json::Object{{"account", address}}) : print(address + "\n");
}

void read(const Session& session, const ChainOptions& options) {
    const auto function = evm::abi::Function::parse(options.function, "FUNCTION");
    const Bytes call = function.encode_call(json_argument(options.arguments, "--arguments"), "--arguments");
    const evm::Network network = network_of(options);
    evm::PlainClient client(network.description().ports.front());
    const json::Value answer = client.ask(
        "eth_call", json::Array{json::Object{{"to", evm::Address::parse(options.contract, "CONTRACT").text()},
                                             {"data", evm::to_0x(call)}},
                                "latest"});
    const json::Value result = function.decode_result(evm::parse_0x(text_of_value(answer), "/result"), "/result");
    session.json ? print_json(result) : print(text_of_value(result) + "\n");
}

CLI::App* add(CLI::App& ledger, const std::string& name, const std::string& meaning, const Options& options) {
    auto* command = ledger.add_subcommand(name, meaning);
    command->add_option("FOLDER", options->folder, "of a local network, as `ledger up` was given it")->required();
    return command;
}

void add_call(CLI::App& command, const Options& options) {
    command.add_option("CONTRACT", options->contract, "its address")->required();
    command.add_option("FUNCTION", options->function, "\"balanceOf(address) returns (uint256)\"")->required();
    command.add_option("--arguments", options->arguments, "JSON array, or @FILE (docs/evm.md)")->capture_default_str();
}

}  // namespace

void add_chain_commands(CLI::App& ledger, Session& session) {
    const auto funded = std::make_shared<ChainOptions>();
    auto* command = add(ledger, "fund", "Pay to an account of a local network", funded);
    command->add_option("ACCOUNT", funded->account, "its address")->required();
    command->add_option("--amount", funded->amount, "wei")->capture_default_str();
    command->callback([funded, &session] { fund(session, *funded); });
    const auto made = std::make_shared<ChainOptions>();
    command = ledger.add_subcommand("account", "Make an account to try things with; prints its address");
    command->add_option("FILE", made->key_file, "where its key goes, in hex")->required();
    command->callback([made, &session] { account(session, *made); });
    const auto deployed = std::make_shared<ChainOptions>();
    command = add(ledger, "deploy", "Create a contract on a local network; prints its address", deployed);
    command->add_option("ARTIFACT", deployed->artifact, "file with \"abi\" and \"bytecode\"")->required();
    command->add_option("--arguments", deployed->arguments, "JSON array, or @FILE (docs/evm.md)")
        ->capture_default_str();
    command->callback([deployed, &session] { deploy(session, *deployed); });
    const auto sent = std::make_shared<ChainOptions>();
    command = add(ledger, "send", "Call a contract of a local network in a transaction", sent);
    add_call(*command, sent);
    command->add_option("--from", sent->key_file, "file of another account's key, as `ledger account` makes it");
    command->callback([sent, &session] { send(session, *sent); });
    const auto asked = std::make_shared<ChainOptions>();
    command =
        add(ledger, "read", "Call a contract of a local network without a transaction; prints what it returns", asked);
    add_call(*command, asked);
    command->callback([asked, &session] { read(session, *asked); });
}

}  // namespace concordat::cli
