#include "recipes.hpp"

#include <base/clock.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <base/file.hpp>
#include <base/id.hpp>
#include <crypto/key.hpp>
#include <optional>

namespace concordat::ledger::evm {

namespace {

namespace fs = std::filesystem;

const U256 riches = U256(1'000'000) * U256(1'000'000'000'000'000'000);  // wei: a million
constexpr std::size_t max_signers = 16;
constexpr const char* gas_limit = "30000000";

ByteView view_of(std::string_view text) { return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}; }

void write(const fs::path& path, std::string_view text, unsigned mode = 0600) {
    write_file_atomic(path, view_of(text), mode);
}

struct NewKey {
    std::string hex;
    crypto::Secp256k1Point point;
};

NewKey new_key() {
    auto bytes = random_key();
    const std::string hex = to_hex(bytes);
    return {hex, crypto::secp256k1_point(SecretKey(std::move(bytes)))};
}

// ----------------------------------------------------------------------------------------------------------- anvil

NetworkDescription prepare_anvil(const NetworkOptions& options) {
    NetworkDescription out;
    out.chain = {options.chain_id == 0 ? 31337 : options.chain_id};
    out.ports = {options.port == 0 ? free_port() : options.port};
    NodeProcess node;
    node.command = {find_program("anvil", options.toolchain).string(),
                    "--host",
                    "127.0.0.1",
                    "--port",
                    std::to_string(out.ports[0]),
                    "--chain-id",
                    std::to_string(out.chain.value),
                    "--silent"};
    if (options.period() > 0) {
        node.command.insert(node.command.end(), {"--block-time", std::to_string(options.period())});
    }
    if (options.keep_state) {
        node.command.insert(node.command.end(),
                            {"--state", (options.folder / "state.json").string(), "--state-interval", "1"});
    }
    out.nodes = {node};
    return out;
}

// ------------------------------------------------------------------------------------------------------------ geth

std::vector<std::string> geth_command(const fs::path& program, const fs::path& data, std::uint16_t port) {
    return {program.string(),
            "--datadir",
            data.string(),
            "--http",
            "--http.addr",
            "127.0.0.1",
            "--http.port",
            std::to_string(port),
            "--http.api",
            "eth,net,web3,txpool,debug",
            "--ws",
            "--ws.addr",
            "127.0.0.1",
            "--ws.port",
            std::to_string(port),  // the same one serves both
            "--ws.api",
            "eth,net,web3,txpool,debug",
            "--authrpc.addr",
            "127.0.0.1",
            "--authrpc.port",
            std::to_string(free_port()),
            "--nodiscover",
            "--ipcdisable",
            "--gcmode",
            "archive",
            "--verbosity",
            "2"};
}

NetworkDescription prepare_geth_dev(const NetworkOptions& options) {
    if (options.chain_id != 0 && options.chain_id != 1337) {
        throw Error(Code::config, "chain-id", "must be 1337 for geth-dev");
    }
    NetworkDescription out;
    out.chain = {1337};
    out.ports = {options.port == 0 ? free_port() : options.port};
    NodeProcess node;
    node.command = geth_command(find_program("geth", options.toolchain), options.folder / "node-1", out.ports[0]);
    // By hash: so that each block's state is on the disk when the node is killed.
    node.command.insert(node.command.end(), {"--dev", "--dev.period", std::to_string(options.period()),
                                             "--state.scheme", "hash", "--maxpeers", "0", "--port", "0"});
    out.nodes = {node};
    return out;
}

struct Sealer {
    NewKey signer, peer;
    std::uint16_t peer_port = 0;
    Address address() const { return address_of(signer.point); }
    std::string peer_url() const {
        return "enode://" + to_hex(ByteView(peer.point).subspan(1)) + "@127.0.0.1:" + std::to_string(peer_port);
    }
};

std::string clique_genesis(const NetworkDescription& network, std::uint64_t period_s) {
    json::Object config{{"chainId", network.chain.value},
                        {"clique", json::Object{{"period", period_s}, {"epoch", 30000}}}};
    for (const char* fork : {"homestead", "eip150", "eip155", "eip158", "byzantium", "constantinople", "petersburg",
                             "istanbul", "berlin", "london"}) {
        config[std::string(fork) + "Block"] = 0;
    }
    std::string extra = "0x" + std::string(64, '0');
    for (const Address& signer : network.signers) extra += signer.lower().substr(2);
    extra += std::string(130, '0');
    // With a period, blocks begin once the signers are likely to hear each other: see Network::part_stuck_signers.
    const std::int64_t begins =
        period_s == 0 ? 0 : SystemClock().now() / 1000 + static_cast<std::int64_t>(2 * network.signers.size());
    const json::Object genesis{
        {"config", config},
        {"timestamp", quantity(begins)},
        {"difficulty", "1"},
        {"gasLimit", gas_limit},
        {"extradata", extra},
        {"alloc", json::Object{{network.account.lower(), json::Object{{"balance", quantity(riches)}}}}}};
    return boost::json::serialize(genesis);
}

void run_to_end(std::vector<std::string> command, const std::string& log) {
    NodeProcess process;
    process.command = std::move(command);
    process.log = log;
    process.start(false);
    int status = 0;
    if (::waitpid(process.pid, &status, 0) < 0 || status != 0) {
        throw Error(Code::unavailable, process.command[0], "failed: see " + log);
    }
}

NodeProcess clique_node(const fs::path& program, const fs::path& folder, std::size_t index,
                        const std::vector<Sealer>& sealers, std::uint16_t port) {
    const fs::path data = folder / ("node-" + std::to_string(index + 1));
    const Sealer& self = sealers[index];
    fs::create_directories(data);
    const std::string log = (data / "setup.log").string();
    write(data / "password", "local\n");
    write(data / "signer.key", self.signer.hex);
    write(data / "peer.key", self.peer.hex);
    std::string peers;
    for (const Sealer& other : sealers) {
        if (&other != &self) peers += (peers.empty() ? "\"" : ", \"") + other.peer_url() + "\"";
    }
    write(data / "config.toml", "[Node.P2P]\nListenAddr = \"127.0.0.1:" + std::to_string(self.peer_port) +
                                    "\"\nStaticNodes = [" + peers + "]\n");
    run_to_end({program.string(), "--datadir", data.string(), "--lightkdf", "account", "import", "--password",
                (data / "password").string(), (data / "signer.key").string()},
               log);
    run_to_end({program.string(), "--datadir", data.string(), "init", (folder / "genesis.json").string()}, log);
    NodeProcess out;
    out.command = geth_command(program, data, port);
    const std::string address = self.address().lower();
    out.command.insert(
        out.command.end(),
        {"--config", (data / "config.toml").string(), "--nodekey", (data / "peer.key").string(), "--nat", "none",
         "--netrestrict", "127.0.0.0/8", "--syncmode", "full", "--mine", "--miner.etherbase", address, "--unlock",
         address, "--password", (data / "password").string(), "--allow-insecure-unlock"});
    return out;
}

NetworkDescription prepare_clique(const NetworkOptions& options, const Address& account) {
    if (options.signers == 0 || options.signers > max_signers) {
        throw Error(Code::config, "signers", "must be from 1 to " + std::to_string(max_signers));
    }
    const fs::path program = find_program("geth-clique", options.toolchain);
    NetworkDescription out;
    out.chain = {options.chain_id == 0 ? 20260 : options.chain_id};
    out.account = account;
    std::vector<Sealer> sealers;
    for (std::size_t i = 0; i < options.signers; ++i) {
        sealers.push_back({.signer = new_key(), .peer = new_key(), .peer_port = free_port()});
        out.signers.push_back(sealers.back().address());
        out.ports.push_back(i == 0 && options.port != 0 ? options.port : free_port());
    }
    std::sort(out.signers.begin(), out.signers.end());
    write(options.folder / "genesis.json", clique_genesis(out, options.period()), 0644);
    for (std::size_t i = 0; i < sealers.size(); ++i) {
        out.nodes.push_back(clique_node(program, options.folder, i, sealers, out.ports[i]));
        // The network's id is part of what peers agree on.
        out.nodes.back().command.insert(out.nodes.back().command.end(),
                                        {"--networkid", std::to_string(out.chain.value)});
    }
    return out;
}

}  // namespace

std::array<std::uint8_t, 32> random_key() {
    SystemRandom random;
    std::array<std::uint8_t, 32> out{};
    do random.fill(out);
    while (out[0] == 0 || out[0] == 0xff);  // away from the ends of what is a key
    return out;
}

NetworkDescription prepare(const NetworkOptions& options, const Address& account) {
    NetworkDescription out;
    if (options.kind == "anvil") {
        out = prepare_anvil(options);
    } else if (options.kind == "geth-dev") {
        out = prepare_geth_dev(options);
    } else if (options.kind == "geth-clique") {
        out = prepare_clique(options, account);
    } else {
        throw Error(Code::config, "kind", "must be anvil, geth-dev or geth-clique");
    }
    out.kind = options.kind;
    out.account = account;
    for (std::size_t i = 0; i < out.nodes.size(); ++i) {
        out.nodes[i].log = (options.folder / ("node-" + std::to_string(i + 1) + ".log")).string();
    }
    return out;
}

// Each time anvil starts it makes a first block of its own, and writes it beside the chain's; the next time either of
// them counts. The chain's own is the oldest.
void mend(const NetworkDescription& description, const fs::path& folder) {
    const fs::path path = folder / "state.json";
    if (description.kind != "anvil" || !fs::exists(path)) return;
    try {
        json::Value state = boost::json::parse(read_text_file(path));
        json::Array kept;
        std::optional<json::Value> first;
        const auto time_of = [](const json::Value& block) {
            return parse_quantity_u64(block.at("header").at("timestamp").as_string(), "timestamp");
        };
        for (json::Value& block : state.at("blocks").as_array()) {
            if (block.at("header").at("number") != json::Value("0x0")) {
                kept.push_back(std::move(block));
            } else if (!first || time_of(block) < time_of(*first)) {
                first = std::move(block);
            }
        }
        if (first) kept.push_back(std::move(*first));
        state.at("blocks") = std::move(kept);
        write(path, boost::json::serialize(state));
    } catch (const std::exception& error) {
        throw Error(Code::tampered, path.string(), std::string("is not a whole state: ") + error.what());
    }
}

void fund(NetworkDescription& description, PlainClient& client) {
    const std::string account = description.account.lower();
    if (description.kind == "anvil")
        client.ask("anvil_setBalance", {json::Value(account), json::Value(quantity(riches))});
    if (description.kind != "geth-dev") return;
    const json::Value rich = client.ask("eth_accounts").at(0);
    const json::Object payment{{"from", rich}, {"to", account}, {"value", quantity(riches)}};
    client.receipt(std::string(client.ask("eth_sendTransaction", {payment}).as_string()));
}

}  // namespace concordat::ledger::evm
