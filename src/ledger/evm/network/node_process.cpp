#include "node_process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <ledger/evm/protocol/amount.hpp>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

namespace concordat::ledger::evm {

namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using std::chrono::steady_clock;

constexpr std::size_t max_arguments = 256;

struct Stat {
    char state = 0;
    std::uint64_t started = 0;
};

// proc(5): after the name, which stands in brackets and may hold anything, field 3 is the state and 22 the start.
std::optional<Stat> stat_of(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return std::nullopt;
    const auto bracket = line.rfind(')');
    if (bracket == std::string::npos) return std::nullopt;
    std::istringstream rest(line.substr(bracket + 1));
    Stat out;
    std::string skipped;
    rest >> out.state;
    for (int field = 4; field < 22; ++field) rest >> skipped;
    rest >> out.started;
    return rest ? std::optional(out) : std::nullopt;
}

[[noreturn]] void become(std::vector<char*>& arguments, const char* log, bool outlives) {
    if (outlives) {
        ::setsid();
    } else {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    const int in = ::open("/dev/null", O_RDONLY);
    const int out = ::open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(in, 0);
    ::dup2(out, 1);
    ::dup2(out, 2);
    ::syscall(SYS_close_range, 3U, ~0U, 0U);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

std::vector<fs::path> places_of(const std::string& name, const fs::path& toolchain) {
    if (name == "geth") return {toolchain / "geth/geth"};
    if (name == "geth-clique") return {toolchain / "geth/clique/geth"};
    std::vector<fs::path> out;
    for (const char* machine : {"amd64", "arm64"}) {
        out.push_back(toolchain / "evm/node_modules/@foundry-rs" / ("anvil-linux-" + std::string(machine)) /
                      "bin/anvil");
    }
    return out;
}

bool can_run(const fs::path& path) { return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path); }

}  // namespace

void NodeProcess::start(bool outlives) {
    if (running()) return;
    if (!can_run(command.at(0))) throw Error(Code::unavailable, command[0], "cannot be run");
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child < 0) throw Error(Code::unavailable, command[0], "cannot be started: no more processes");
    if (child == 0) become(arguments, log.c_str(), outlives);
    pid = child;
    const auto stat = stat_of(pid);
    started = stat ? stat->started : 0;
}

bool NodeProcess::running() const {
    if (pid <= 0) return false;
    ::waitpid(pid, nullptr, WNOHANG);  // reaps it when it is our child and has ended
    const auto stat = stat_of(pid);
    return stat && stat->started == started && stat->state != 'Z';
}

void NodeProcess::end(int patience_ms) {
    if (!running()) return;
    ::kill(pid, SIGCONT);
    ::kill(pid, patience_ms > 0 ? SIGTERM : SIGKILL);
    const auto limit = steady_clock::now() + std::chrono::milliseconds(patience_ms);
    while (running()) {
        if (steady_clock::now() >= limit) ::kill(pid, SIGKILL);
        std::this_thread::sleep_for(5ms);
    }
}

void NodeProcess::pause(bool paused) const {
    if (!running()) return;
    ::kill(pid, paused ? SIGSTOP : SIGCONT);
    // Its threads go on until the signal has reached them.
    for (auto stat = stat_of(pid); paused && stat && stat->state != 'T'; stat = stat_of(pid)) {
        std::this_thread::sleep_for(1ms);
    }
}

json::Object NodeProcess::to_json() const {
    json::Array words(command.begin(), command.end());
    return {{"command", std::move(words)}, {"log", log}, {"pid", pid}, {"started", std::to_string(started)}};
}

NodeProcess NodeProcess::parse(const json::Value& value, const std::string& path) {
    json::Reader reader(value, path);
    NodeProcess out;
    for (const json::Value& word : reader.array("command", max_arguments)) {
        if (!word.is_string()) throw Error(Code::bad_format, reader.at("command"), "must be strings");
        out.command.emplace_back(word.get_string());
    }
    if (out.command.empty()) throw Error(Code::bad_format, reader.at("command"), "must name a program");
    out.log = std::string(reader.string("log", 4096));
    out.pid = static_cast<pid_t>(reader.integer("pid", 0, 1 << 30));
    const U256 started = parse_u256(reader.string("started", 20), reader.at("started"));
    if (started > U256(~std::uint64_t{0})) throw Error(Code::bad_format, reader.at("started"), "must be below 2^64");
    out.started = static_cast<std::uint64_t>(started);
    reader.finish();
    return out;
}

fs::path find_program(const std::string& name, const fs::path& toolchain) {
    for (const fs::path& place : places_of(name, toolchain)) {
        if (can_run(place)) return place;
    }
    const char* path = name == "geth-clique" ? nullptr : std::getenv("PATH");  // not just any geth seals with clique
    std::istringstream folders(path == nullptr ? "" : path);
    for (std::string folder; std::getline(folders, folder, ':');) {
        if (!folder.empty() && can_run(fs::path(folder) / name)) return fs::path(folder) / name;
    }
    throw Error(Code::config, name, "is not installed: run tools/install.sh --evm");
}

// Below the ports that the kernel gives to outgoing connections: one of those may be taken before the node has it.
std::uint16_t free_port() {
    static std::mt19937 random{std::random_device{}()};
    std::uniform_int_distribution<int> any(20'000, 32'000);
    for (int tries = 0; tries < 1000; ++tries) {
        const UniqueFd socket(::socket(AF_INET, SOCK_STREAM, 0));
        const auto port = static_cast<std::uint16_t>(any(random));
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return port;
    }
    throw Error(Code::unavailable, "port", "none is free");
}

}  // namespace concordat::ledger::evm
