#include "evm_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/file.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ledger/evm/protocol/amount.hpp>
#include <ledger/evm/protocol/rlp.hpp>
#include <thread>

namespace concordat::ledger::conformance {

namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

const std::string toolchain = std::string(CONCORDAT_SOURCE_DIR) + "/build/toolchain/";

std::string folder() {
    std::string path = (std::filesystem::temp_directory_path() / "ledger_conformance_XXXXXX").string();
    if (::mkdtemp(path.data()) == nullptr) throw std::runtime_error("no temporary folder");
    return path;
}

void wait_for(Node& node) {
    const auto end = steady_clock::now() + 30s;
    for (;;) {
        try {
            node.height();
            return;
        } catch (const Error&) {
            if (steady_clock::now() > end) throw;
            std::this_thread::sleep_for(20ms);
        }
    }
}

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& log, const std::string& input) {
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ < 0) throw std::runtime_error("cannot fork");
    if (pid_ > 0) return;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    const int in = ::open(input.empty() ? "/dev/null" : input.c_str(), O_RDONLY);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

Process::~Process() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
}

void Process::stop(bool stopped) {
    ::kill(pid_, stopped ? SIGSTOP : SIGCONT);
    if (stopped) ::waitpid(pid_, nullptr, WUNTRACED);  // its threads go on until the signal has reached them
}

std::uint16_t free_port() {
    const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (::bind(socket.get(), generic, size) != 0 || ::getsockname(socket.get(), generic, &size) != 0) {
        throw std::runtime_error("no free port");
    }
    return ntohs(address.sin_port);
}

json::Value Node::ask(const std::string& method, json::Array params) {
    const json::Object request{{"jsonrpc", "2.0"}, {"id", 1}, {"method", method}, {"params", std::move(params)}};
    const http::ClientResponse response =
        client_.request("POST", "/", {{"Content-Type", "application/json"}}, boost::json::serialize(request), 10'000);
    json::Value answer = boost::json::parse(response.body);
    if (const json::Value* error = answer.as_object().if_contains("error")) {
        throw Error(Code::unavailable, method, boost::json::serialize(*error));
    }
    return answer.at("result");
}

std::uint64_t Node::height() {
    return evm::parse_quantity_u64(std::string_view(ask("eth_blockNumber", {}).as_string()), "height");
}

json::Value Network::send(json::Object transaction) {
    if (!transaction.contains("from")) transaction["from"] = node().ask("eth_accounts", {}).at(0);
    const json::Value hash = node().ask("eth_sendTransaction", {transaction});
    const auto end = steady_clock::now() + 30s;
    while (steady_clock::now() < end) {
        try {
            const json::Value receipt = node().ask("eth_getTransactionReceipt", {hash});
            if (!receipt.is_null()) return receipt;
        } catch (const Error&) {  // geth while it indexes
        }
        std::this_thread::sleep_for(10ms);
    }
    throw std::runtime_error("a transaction is not included");
}

// ----------------------------------------------------------------------------------------------------------- networks

namespace {

class Anvil final : public Network {
  public:
    Anvil(const std::string& program, const std::string& log)
        : node_(free_port()),
          process_({program, "--host", "127.0.0.1", "--port", std::to_string(node_.port()), "--silent"}, log) {
        wait_for(node_);
    }
    Node& node() override { return node_; }
    std::uint64_t chain_id() const override { return 31337; }
    void mine(std::size_t blocks) override { node_.ask("anvil_mine", {evm::quantity(blocks)}); }
    void stop(bool stopped) override { process_.stop(stopped); }
    bool reorganises() const override { return true; }

  private:
    Node node_;
    Process process_;
};

class GethDev final : public Network {
  public:
    GethDev(const std::string& program, const std::string& log)
        : node_(free_port()),
          process_({program, "--dev", "--http", "--http.addr", "127.0.0.1", "--http.port", std::to_string(node_.port()),
                    "--http.api", "eth,net,web3,txpool,debug", "--port", "0", "--nodiscover", "--maxpeers", "0",
                    "--ipcdisable", "--verbosity", "1"},
                   log) {
        wait_for(node_);
    }
    Node& node() override { return node_; }
    std::uint64_t chain_id() const override { return 1337; }
    // It makes a block for each transaction.
    void mine(std::size_t blocks) override {
        const json::Value account = node_.ask("eth_accounts", {}).at(0);
        for (std::size_t i = 0; i < blocks; ++i) send({{"from", account}, {"to", account}, {"value", "0x1"}});
    }
    void stop(bool stopped) override { process_.stop(stopped); }

  private:
    Node node_;
    Process process_;
};

}  // namespace

std::unique_ptr<Network> start_anvil() {
    const std::string program = toolchain + "evm/node_modules/@foundry-rs/anvil-linux-amd64/bin/anvil";
    if (!std::filesystem::exists(program)) return nullptr;
    return std::make_unique<Anvil>(program, folder() + "/log");
}

std::unique_ptr<Network> start_geth_dev() {
    const std::string program = toolchain + "geth/geth";
    if (!std::filesystem::exists(program)) return nullptr;
    return std::make_unique<GethDev>(program, folder() + "/log");
}

}  // namespace concordat::ledger::conformance
