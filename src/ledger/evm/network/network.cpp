#include "network.hpp"

#include <base/file.hpp>
#include <chrono>
#include <ledger/evm/kind/kind.hpp>
#include <thread>

#include "recipes.hpp"

namespace concordat::ledger::evm {

namespace {

namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr const char* document_type = "concordat/evm-network/1";
constexpr const char* description_file = "network.json";
constexpr const char* key_file = "account.key";
constexpr std::size_t max_nodes = 64;
constexpr std::uint64_t max_period_s = 3600;
constexpr std::int64_t stuck_after_s = 12;  // geth looks every 10 s for a branch that is heavier than its own

SecretKey read_key(const fs::path& path) {
    const std::string text = read_text_file(path, 128);
    const auto bytes = from_hex(text.substr(0, text.find('\n')));
    std::array<std::uint8_t, 32> key{};
    if (!bytes || bytes->size() != key.size()) throw Error(Code::bad_format, path.string(), "must be 64 hex digits");
    std::copy(bytes->begin(), bytes->end(), key.begin());
    return SecretKey(std::move(key));
}

SecretKey make_key(const fs::path& path) {
    auto bytes = random_key();
    const std::string text = to_hex(bytes) + "\n";
    write_file_atomic(path, Bytes(text.begin(), text.end()), 0600);
    return SecretKey(std::move(bytes));
}

void take_folder(const fs::path& folder) {
    std::error_code problem;
    fs::create_directories(folder, problem);
    if (problem) throw Error(Code::config, folder.string(), "cannot be made: " + problem.message());
    if (!fs::is_empty(folder)) throw Error(Code::conflict, folder.string(), "must be empty, or a network's folder");
}

std::string log_note(const NodeProcess& node) { return "; its log is " + node.log; }

// The commands name files, and the nodes may be started again from elsewhere.
NetworkOptions with_whole_paths(NetworkOptions options) {
    options.folder = fs::absolute(options.folder);
    options.toolchain = fs::absolute(options.toolchain);
    return options;
}

}  // namespace

std::vector<std::string> NetworkDescription::endpoints(std::string_view scheme) const {
    std::vector<std::string> out;
    for (const std::uint16_t port : ports) out.push_back(std::string(scheme) + "://127.0.0.1:" + std::to_string(port));
    return out;
}

json::Object NetworkDescription::to_json() const {
    json::Array urls, sealers, processes;
    for (const std::string& url : endpoints()) urls.emplace_back(url);
    for (const Address& signer : signers) sealers.emplace_back(signer.text());
    for (const NodeProcess& node : nodes) processes.push_back(node.to_json());
    return {{"typ", document_type},         {"kind", kind},
            {"chain", chain.text()},        {"genesis", to_0x(genesis.view())},
            {"endpoints", std::move(urls)}, {"signers", std::move(sealers)},
            {"account", account.text()},    {"key_file", key_file},
            {"nodes", std::move(processes)}};
}

NetworkDescription NetworkDescription::parse(const json::Value& value) {
    json::Reader reader(value, "/network");
    NetworkDescription out;
    reader.expect("typ", document_type);
    out.kind = std::string(reader.string("kind", 32));
    out.chain = ChainId::parse(reader.string("chain", 64), reader.at("chain"));
    out.genesis = parse_hash_0x(reader.string("genesis", 66), reader.at("genesis"));
    for (const json::Value& url : reader.array("endpoints", max_nodes)) {
        constexpr std::string_view start = "http://127.0.0.1:";
        const std::string_view text = url.is_string() ? std::string_view(url.get_string()) : std::string_view();
        const U256 port = text.starts_with(start) ? parse_u256(text.substr(start.size()), reader.at("endpoints")) : 0;
        if (port == 0 || port > 65535) throw Error(Code::bad_format, reader.at("endpoints"), "must be local");
        out.ports.push_back(static_cast<std::uint16_t>(port));
    }
    for (const json::Value& signer : reader.array("signers", max_nodes)) {
        if (!signer.is_string()) throw Error(Code::bad_format, reader.at("signers"), "must be strings");
        out.signers.push_back(Address::parse(signer.get_string(), reader.at("signers")));
    }
    out.account = Address::parse(reader.string("account", 64), reader.at("account"));
    reader.expect("key_file", key_file);
    for (const json::Value& node : reader.array("nodes", max_nodes)) {
        out.nodes.push_back(NodeProcess::parse(node, reader.at("nodes") + "/" + std::to_string(out.nodes.size())));
    }
    reader.finish();
    if (out.nodes.empty() || out.nodes.size() != out.ports.size()) {
        throw Error(Code::bad_format, reader.at("nodes"), "must be one for each endpoint");
    }
    return out;
}

Network::Network(fs::path folder, NetworkDescription description, SecretKey key, bool ends_with_us)
    : folder_(std::move(folder)),
      description_(std::move(description)),
      key_(std::move(key)),
      ends_with_us_(ends_with_us) {}

Network::~Network() {
    if (!ends_with_us_) return;
    for (NodeProcess& one : description_.nodes) one.kill();
}

void Network::save() const {
    const std::string text = boost::json::serialize(description_.to_json()) + "\n";
    write_file_atomic(folder_ / description_file, Bytes(text.begin(), text.end()));
}

Network Network::start(const NetworkOptions& given) {
    const NetworkOptions options = with_whole_paths(given);
    if (options.period() > max_period_s) throw Error(Code::config, "period", "must be at most 3600");
    take_folder(options.folder);
    SecretKey key = make_key(options.folder / key_file);
    const Address account = address_of(crypto::secp256k1_point(key));
    // Ends what it started if anything fails from here on.
    Network out(options.folder, prepare(options, account), std::move(key), true);
    for (NodeProcess& one : out.description_.nodes) one.start(options.outlives);
    out.wait_ready();
    out.part_stuck_signers(options.outlives);
    PlainClient client(out.description_.ports.front());
    const json::Value genesis = client.ask("eth_getBlockByNumber", {"0x0", false});
    out.description_.genesis = parse_hash_0x(genesis.at("hash").as_string(), "genesis");
    fund(out.description_, client);
    out.save();
    out.ends_with_us_ = !options.outlives;
    return out;
}

Network Network::open(const fs::path& folder) {
    if (!fs::exists(folder / description_file)) {
        throw Error(Code::not_found, folder.string(), "holds no network");
    }
    const json::Value document = json::parse(read_text_file(folder / description_file), description_file);
    return {fs::absolute(folder), NetworkDescription::parse(document), read_key(folder / key_file), false};
}

std::size_t Network::running() const {
    std::size_t count = 0;
    for (const NodeProcess& one : description_.nodes) count += one.running() ? 1 : 0;
    return count;
}

void Network::resume(bool outlives) {
    if (!outlives) ends_with_us_ = true;
    if (running() == 0) mend(description_, folder_);
    for (NodeProcess& one : description_.nodes) one.start(outlives);
    save();
    wait_ready();
    part_stuck_signers(outlives);
    save();
    PlainClient client(description_.ports.front());
    const json::Value genesis = client.ask("eth_getBlockByNumber", {"0x0", false});
    if (genesis.at("hash") != json::Value(to_0x(description_.genesis.view()))) {
        throw Error(Code::tampered, folder_.string(), "comes back as another chain: its state was not whole");
    }
}

void Network::stop() {
    for (NodeProcess& one : description_.nodes) one.end();
}

// A block that reaches a node before it seals itself is thrown away, and is never sent again.
bool Network::seals_with_others(PlainClient& client) const {
    if (description_.signers.empty()) return true;
    return client.number("net_peerCount") + 1 >= description_.nodes.size() &&
           client.ask("eth_mining") == json::Value(true);
}

void Network::wait_ready(int patience_ms) {
    const auto end = steady_clock::now() + std::chrono::milliseconds(patience_ms);
    for (std::size_t i = 0; i < description_.nodes.size(); ++i) {
        const NodeProcess& process = description_.nodes[i];
        for (;;) {
            try {
                PlainClient client(description_.ports[i]);
                const std::uint64_t chain = client.number("eth_chainId");
                if (chain != description_.chain.value) {
                    throw Error(Code::config, "port", "another network answers at " + client.url());
                }
                if (seals_with_others(client)) break;
            } catch (const Error& error) {
                if (error.code() == Code::config) throw;
            }
            if (!process.running()) throw Error(Code::unavailable, process.command[0], "ended" + log_note(process));
            if (steady_clock::now() > end) {
                throw Error(Code::timeout, process.command[0], "does not answer" + log_note(process));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }
}

// Signers that begin at one time may each seal a block before they hear each other; then each waits for the other for
// ever. Who connects anew takes the heavier branch, after a while. Without a period there is nothing to see before a
// transaction comes.
void Network::part_stuck_signers(bool outlives) {
    const fs::path genesis_file = folder_ / "genesis.json";
    if (description_.signers.size() < 2 || !fs::exists(genesis_file)) return;
    const json::Value genesis = json::parse(read_text_file(genesis_file, 1 << 20), genesis_file.string());
    const auto period = genesis.at("config").at("clique").at("period").to_number<std::int64_t>();
    if (period == 0 || period > stuck_after_s) return;  // a long one is not waited for
    PlainClient client(description_.ports.front());
    for (int attempt = 0;; ++attempt) {
        const std::uint64_t before = client.height();
        const auto patience = steady_clock::now() + std::chrono::seconds(stuck_after_s + 3 * period);
        while (steady_clock::now() < patience) {
            if (client.height() > before + description_.signers.size()) return;  // one alone makes one block at most
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        if (attempt == 5) throw Error(Code::timeout, "signers", "make no blocks");
        for (std::size_t i = 1; i < description_.nodes.size(); ++i) {
            description_.nodes[i].end();
            description_.nodes[i].start(outlives);
        }
    }
}

json::Value Network::send(const std::optional<Address>& to, const U256& value, const Bytes& data,
                          const SecretKey* from) {
    PlainClient client(description_.ports.front());
    const SecretKey& key = from == nullptr ? key_ : *from;
    const std::string account = address_of(crypto::secp256k1_point(key)).lower();
    Transaction tx;
    tx.chain_id = description_.chain.value;
    tx.nonce = client.number("eth_getTransactionCount", {json::Value(account), "pending"});
    tx.to = to;
    tx.value = value;
    tx.data = data;
    tx.max_priority_fee = 2'000'000'000;
    tx.gas_price = U256(client.number("eth_gasPrice")) * 2 + tx.max_priority_fee;
    json::Object call{{"from", account}, {"value", quantity(value)}, {"data", to_0x(data)}};
    if (to) call["to"] = to->lower();
    tx.gas_limit = client.number("eth_estimateGas", {call}) * 5 / 4;
    const auto hand_in = [&] {
        const json::Value hash = client.ask("eth_sendRawTransaction", {json::Value(to_0x(encode(sign(tx, key))))});
        return std::string(hash.as_string());
    };
    const std::string hash = hand_in();
    // Signers without a period may leave a transaction lying; the next one wakes them.
    for (int wakes = description_.signers.empty() ? 0 : 5; wakes > 0; --wakes) {
        if (std::optional<json::Value> found = client.find_receipt(hash, 5000)) return *std::move(found);
        ++tx.nonce;
        tx.to = address_of(crypto::secp256k1_point(key));
        tx.value = 0;
        tx.data.clear();
        tx.gas_limit = 21'000;
        hand_in();
    }
    return client.receipt(hash);
}

Address make_account(const fs::path& file) {
    if (fs::exists(file)) throw Error(Code::conflict, file.string(), "must not exist");
    return address_of(crypto::secp256k1_point(make_key(file)));
}

SecretKey read_account_key(const fs::path& file) { return read_key(file); }

}  // namespace concordat::ledger::evm
