#include "node_process.hpp"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <base/log.hpp>
#include <chrono>
#include <fstream>
#include <registry/store.hpp>
#include <thread>

#include "enclave_driver.hpp"
#include "result.hpp"

namespace concordat::bench {

namespace fs = std::filesystem;

namespace {

constexpr double start_limit_seconds = 120;  // the first start reads every entry of the ledger

std::uint16_t free_port() {
    const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        throw Error(Code::unavailable, "bench", "no free port");
    }
    return ntohs(address.sin_port);
}

double pss_mib(const fs::path& process) {
    std::ifstream in(process / "smaps_rollup");
    for (std::string word; in >> word;) {
        if (word != "Pss:") continue;
        double kib = 0;
        in >> kib;
        return kib / 1024;
    }
    return 0;
}

std::string name_of(const fs::path& process) {
    std::string name;
    std::getline(std::ifstream(process / "comm"), name);
    return name;
}

pid_t parent_of(const fs::path& process) {
    std::ifstream in(process / "status");
    for (std::string word; in >> word;) {
        if (word != "PPid:") continue;
        pid_t parent = 0;
        in >> parent;
        return parent;
    }
    return 0;
}

}  // namespace

void make_data_folder(const fs::path& data, const contract::Package& package) {
    for (const char* part : {"packages", "ledger", "attestation"}) fs::create_directories(data / part);
    for (const fs::path& folder : {data, data / "attestation", data / "ledger"})
        fs::permissions(folder, fs::perms::owner_all);
    registry::Store(data / "packages").put(package);
}

Prepared prepare(const fs::path& data, std::size_t count, const Senders& senders) {
    make_data_folder(data, bench_package());
    ccl::FolderDisk disk(data / "ledger");
    EnclaveDriver driver(data / "attestation", disk);
    driver.load(bench_package());
    Prepared out{driver.platform(), driver.lock(count, senders)};
    driver.ledger().snapshot();
    return out;
}

NodeProcess::NodeProcess(const fs::path& data) : port_(free_port()) {
    const std::int64_t began = monotonic_ns();
    process::ChildOptions options;
    options.program = program_beside("concordat");
    options.arguments = {"node"};
    options.environment = {"CONCORDAT_DATA=" + data.string(), "CONCORDAT_PORT=" + std::to_string(port_),
                           "CONCORDAT_LOG_LEVEL=warning"};
    options.stderr_fd = child_log();
    child_.emplace(process::ChildProcess::spawn(options));
    while (!ready()) {
        if (child_->wait(2)) throw Error(Code::unavailable, "/node", "does not start");
        if (seconds_since(began) > start_limit_seconds) throw Error(Code::timeout, "/node", "is not ready in time");
    }
    start_seconds_ = seconds_since(began);
    token_ = read_text_file(data / "operator.token", 4096);
}

double NodeProcess::metric(const std::string& name) const {
    const auto answer =
        http::HttpClient("127.0.0.1", port_).request("GET", "/metrics", {{"Authorization", "Bearer " + token_}});
    const std::size_t at = answer.body.find("\n" + name + " ");
    if (at == std::string::npos) throw Error(Code::protocol, "/metrics", "must have " + name);
    return std::stod(answer.body.substr(at + 1 + name.size()));
}

bool NodeProcess::ready() {
    try {
        return http::HttpClient("127.0.0.1", port_).request("GET", "/readyz").status == 200;
    } catch (const Error&) {
        return false;
    }
}

NodeProcess::~NodeProcess() { stop(); }

void NodeProcess::stop() {
    if (!child_) return;
    child_->kill(SIGTERM);
    child_->wait(20'000);
    child_.reset();
}

std::vector<fs::path> NodeProcess::processes() const {
    std::vector<fs::path> out;
    for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
        const std::string name = entry.path().filename();
        if (name.find_first_not_of("0123456789") != std::string::npos) continue;
        if (name == std::to_string(child_->pid()) || parent_of(entry.path()) == child_->pid())
            out.push_back(entry.path());
    }
    return out;
}

std::map<std::string, double> NodeProcess::memory_by_program_mib() const {
    std::map<std::string, double> out;
    for (const fs::path& process : processes()) out[name_of(process)] += pss_mib(process);
    return out;
}

double NodeProcess::memory_mib() const {
    double sum = 0;
    for (const auto& [program, mib] : memory_by_program_mib()) sum += mib;
    return sum;
}

std::map<std::string, double> NodeProcess::cpu_seconds() const {
    std::map<std::string, double> out;
    for (const fs::path& process : processes()) {
        out[name_of(process)] += cpu_seconds_of(std::stoi(process.filename().string()));
    }
    return out;
}

double folder_bytes(const fs::path& folder) {
    double sum = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        if (entry.is_regular_file()) sum += static_cast<double>(entry.file_size());
    }
    return sum;
}

}  // namespace concordat::bench
