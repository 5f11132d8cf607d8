#include <stdlib.h>
#include <base/asio_timeline.hpp>

#include <boost/asio/executor_work_guard.hpp>
#include <crypto/hash.hpp>
#include <filesystem>
#include <ledger/evm/evm_ledger.hpp>
#include <ledger/evm/kind/kind.hpp>
#include <ledger/evm/network/network.hpp>
#include <ledger/evm/tls_front_test.hpp>
#include <map>
#include <random>
#include <thread>

#include "harness.hpp"

namespace concordat::ledger::conformance {

namespace {

// Emits an event with the call data's first word as its topic; undoes a call whose first word is zero.
//   init:    PUSH1 18 PUSH1 12 PUSH1 0 CODECOPY PUSH1 18 PUSH1 0 RETURN
//   runtime: PUSH1 0 CALLDATALOAD DUP1 PUSH1 11 JUMPI PUSH1 0 DUP1 REVERT JUMPDEST PUSH1 0 PUSH1 0 LOG1 STOP
constexpr const char* contract_code = "0x6012600c60003960126000f360003580600b57600080fd5b60006000a100";

constexpr Price price_wei = 10'000'000'000;

std::string word(std::uint64_t value) { return evm::to_0x(evm::to_word(evm::U256(value))); }

enum class Way : std::uint8_t { http, websocket, websocket_in_tls };

class EvmHarness final : public Harness {
  public:
    EvmHarness(std::shared_ptr<evm::Network> network, bool keeps_state, Way way)
        : network_(std::move(network)),
          keeps_state_(keeps_state),
          way_(way),
          client_(network_->description().ports.front()),
          timeline_(io_, clock_) {
        const json::Value receipt = network_->send({}, 0, evm::parse_0x(contract_code, "code"));
        contract_ = evm::Address::parse(receipt.at("contractAddress").as_string(), "contract");
        restart();
    }
    Ledger& ledger() override { return *ledger_; }
    void restart() override {
        evm::EvmOptions options;
        options.chain_id = network_->description().chain.value;
        options.genesis = network_->description().genesis;
        options.endpoints = {client_.url()};
        if (way_ == Way::websocket) options.endpoints.front().replace(0, 4, "ws");
        if (way_ == Way::websocket_in_tls) {
            options.endpoints = {front_.url("wss", "localhost")};
            options.ca = authority_.certificate_pem();
        }
        options.limits.request_timeout = std::chrono::milliseconds(1500);
        options.operation_timeout = std::chrono::milliseconds(3000);
        ledger_ = std::make_unique<evm::EvmLedger>(io_, options);
    }
    Timeline& timeline() override { return timeline_; }
    void step() override { io_.run_for(std::chrono::milliseconds(5)); }

    std::string chain() const override { return network_->description().chain.text(); }
    SecretKey account(bool with_money) override {
        std::array<std::uint8_t, 32> bytes =
            crypto::sha256(std::to_string(std::random_device()()) + "/" + std::to_string(++accounts_)).bytes;
        SecretKey key(std::move(bytes));
        if (with_money) {
            network_->send(evm::address_of(crypto::secp256k1_point(key)), 1'000'000'000'000'000'000);
        }
        return key;
    }
    json::Object call(std::uint64_t tag, Behaviour behaviour) override {
        return {{"to", contract_.text()},
                {"data", word(behaviour == Behaviour::succeeds ? tag : 0)},
                {"value", "0"},
                {"gas", "60000"}};
    }
    Price price() const override { return price_wei; }
    Finality finality(std::uint64_t blocks) const override {
        Finality out{.blocks = blocks, .witness = "host", .parameters = {}};
        json::Array signers;
        for (const evm::Address& signer : network_->description().signers) signers.emplace_back(signer.text());
        if (!signers.empty()) {
            out.witness = "clique";
            out.parameters = {{"signers", signers}};
        }
        return out;
    }
    std::size_t effects(std::uint64_t tag) override {
        const json::Object query{{"fromBlock", "0x0"},
                                 {"toBlock", "latest"},
                                 {"address", contract_.lower()},
                                 {"topics", json::Array{json::Value(word(tag))}}};
        return client_.ask("eth_getLogs", {query}).as_array().size();
    }
    json::Object filter() const override { return {{"address", contract_.text()}}; }
    std::uint64_t tag_of(const Event& event) const override {
        const std::string_view topic = event.data.at("topics").at(0).as_string();
        return static_cast<std::uint64_t>(evm::from_word(evm::parse_0x(topic, "topic")));
    }

    void mine(std::size_t blocks) override {
        if (is_anvil()) {
            client_.ask("anvil_mine", {json::Value(evm::quantity(blocks))});
            return;
        }
        // geth makes a block when there is a transaction.
        for (std::size_t i = 0; i < blocks; ++i) network_->send(network_->description().account, 1);
    }
    bool can_reorganise() const override { return is_anvil(); }
    void reorganise(std::size_t depth) override { client_.ask("anvil_reorg", {depth, json::Array{}}); }
    void set_silent(bool silent) override { network_->node(0).pause(silent); }

    std::string trouble() const override {
        std::string out;
        for (const Health& one : ledger_->health()) out += one.url + ": " + one.problem + "\n";
        return out;
    }
    // A geth that seals has each block on the disk, and the other one's.
    bool can_be_killed() const override { return keeps_state_; }
    void kill() override {
        if (is_anvil()) wait_for_written_state();
        network_->node(0).kill();
    }
    void revive() override { network_->resume(false); }

  private:
    // Nothing happens meanwhile: anvil writes blocks, transactions and accounts one after the other, and what it made
    // in between would not fit together; such a chain nobody can mend.
    void wait_for_written_state() const {
        const auto path = network_->folder() / "state.json";
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        const auto written = [&] {
            std::error_code none_yet;
            return std::filesystem::last_write_time(path, none_yet);
        };
        for (int writes = 0; writes < 2 && std::chrono::steady_clock::now() < end; ++writes) {
            const auto before = written();
            while (written() == before && std::chrono::steady_clock::now() < end) {
                std::this_thread::sleep_for(std::chrono::milliseconds(10));
            }
            std::this_thread::sleep_for(std::chrono::milliseconds(200));
        }
    }
    bool is_anvil() const { return network_->description().kind == "anvil"; }

    std::shared_ptr<evm::Network> network_;
    bool keeps_state_;
    Way way_;
    evm::PlainClient client_;
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ = boost::asio::make_work_guard(io_);
    SystemClock clock_;
    AsioTimeline timeline_;
    evm::Identity authority_{{.names = "", .authority = true}};
    evm::TlsFront front_{io_, evm::Identity({}, &authority_), network_->description().ports.front()};
    evm::Address contract_;
    std::unique_ptr<evm::EvmLedger> ledger_;
    std::uint64_t accounts_ = 0;
};

std::shared_ptr<evm::Network> start(const std::string& kind) {
    evm::NetworkOptions options;
    const bool kept = kind == "anvil-kept";
    options.kind = kept ? "anvil" : kind;
    options.keep_state = kept;
    options.period_s = 0;
    options.toolchain = std::string(CONCORDAT_SOURCE_DIR) + "/build/toolchain";
    try {
        evm::find_program(kind == "geth-dev" ? "geth" : options.kind, options.toolchain);
    } catch (const Error&) {
        return nullptr;
    }
    std::string folder = (std::filesystem::temp_directory_path() / "ledger_conformance_XXXXXX").string();
    if (::mkdtemp(folder.data()) == nullptr) throw std::runtime_error("no temporary folder");
    options.folder = folder;
    return std::shared_ptr<evm::Network>(new evm::Network(evm::Network::start(options)),
                                         [folder](evm::Network* network) {
                                             delete network;
                                             std::filesystem::remove_all(folder);
                                         });
}

// anvil is a new one for each test, as tests reorganise it. geth takes seconds to start: accounts and contracts are new
// ones, and that is enough.
std::shared_ptr<evm::Network> network_of(const std::string& kind) {
    static std::map<std::string, std::shared_ptr<evm::Network>> shared;
    if (kind.starts_with("anvil")) return start(kind);
    auto& network = shared[kind];
    if (!network) network = start(kind);
    return network;
}

}  // namespace

std::unique_ptr<Harness> evm_harness(const std::string& name) {
    const Way way = name.ends_with("-ws") ? Way::websocket : name.ends_with("-tls") ? Way::websocket_in_tls : Way::http;
    const std::string kind = way == Way::http ? name : name.substr(0, name.rfind('-'));
    const std::shared_ptr<evm::Network> network = network_of(kind);
    const bool keeps_state = kind == "anvil-kept" || kind == "geth-clique";
    return network ? std::make_unique<EvmHarness>(network, keeps_state, way) : nullptr;
}

}  // namespace concordat::ledger::conformance
