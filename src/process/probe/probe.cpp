// probe <enclave|ledger|files|sockets|none> <folder> <attempt>: enters the sandbox named first, sends its report down
// the socket, and tries what it was told to. Exit code 0: it could; 10: it was refused; else the system ended it.
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <process/child.hpp>
#include <process/sandbox.hpp>

#include <base/bytes.hpp>
#include <base/error.hpp>
#include <base/file.hpp>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <thread>

using namespace concordat;
using namespace concordat::process;

namespace {

constexpr int could = 0, refused = 10, odd = 20;

int outcome(bool success) {
    if (success) return could;
    return errno == EACCES || errno == EPERM ? refused : odd;
}

void say(const std::string& line) {
    const std::string text = line + "\n";
    [[maybe_unused]] const ssize_t n = ::write(child_socket_fd, text.data(), text.size());
}

int open_for_reading(const std::string& path) { return outcome(::open(path.c_str(), O_RDONLY) >= 0); }
int create_file(const std::string& path) { return outcome(::open(path.c_str(), O_CREAT | O_WRONLY, 0600) >= 0); }

int connect_to_loopback(int fd) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(9);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return outcome(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
}

int start_thread() {
    int seen = 0;
    std::thread([&] { seen = 1; }).join();
    return seen == 1 ? could : odd;
}

// What the WebAssembly engine does: an anonymous file mapped copy-on-write, and a page that becomes executable.
int map_memory() {
    const int fd = memfd_create("image", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096) != 0) return odd;
    void* image = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    void* code = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (image == MAP_FAILED || code == MAP_FAILED) return odd;
    return outcome(mprotect(code, 4096, PROT_READ | PROT_EXEC) == 0);
}

int work_in(const std::filesystem::path& folder) {
    write_file_atomic(folder / "log", bytes_of("entry"));
    std::filesystem::create_directories(folder / "segments" / "one");
    std::filesystem::rename(folder / "log", folder / "segments" / "log");
    const bool same = read_text_file(folder / "segments" / "log") == "entry";
    std::size_t seen = 0;
    for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(folder / "segments")) ++seen;
    std::filesystem::remove(folder / "segments" / "log");
    return same && seen == 2 ? could : odd;
}

int start_grandchild(const std::string& folder) {
    auto child = ChildProcess::spawn({.program = "/proc/self/exe", .arguments = {"enclave", folder, "wait"}});
    char ready = 0;
    if (::read(child.socket(), &ready, 1) != 1) return odd;
    say(std::to_string(child.pid()));
    poll(nullptr, 0, -1);
    return odd;
}

int say_what_was_given(const std::string&) {
    std::string open_fds;
    for (int fd = 0; fd < 64; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) open_fds += std::to_string(fd) + " ";
    say(open_fds + "HOME=" + (std::getenv("HOME") ? std::getenv("HOME") : "") + " A=" + std::getenv("A"));
    return could;
}

SandboxRules rules_named(const std::string& name, const std::string& folder) {
    if (name == "ledger") return ledger_rules(folder);
    SandboxRules rules = enclave_rules();
    if (name == "files") rules = ledger_rules(folder), rules.folders[0].writable = false;
    if (name == "sockets") {  // so that Landlock alone stands in the way
        rules.allowed.insert(rules.allowed.end(), {"socket", "connect"});
        rules.namespaces = false;
    }
    return rules;
}

using Attempt = std::function<int(const std::string& folder)>;

const std::map<std::string, Attempt> attempts = {
    {"nothing", [](auto&) { return could; }},
    {"open", [](auto&) { return open_for_reading("/etc/passwd"); }},
    {"open-proc", [](auto&) { return open_for_reading("/proc/self/maps"); }},
    {"open-inside", [](auto& folder) { return open_for_reading(folder + "/known"); }},
    {"create", [](auto& folder) { return create_file(folder + "/made"); }},
    {"create-beside", [](auto& folder) { return create_file(folder + "/../made"); }},
    {"rename-out", [](auto& folder) { return outcome(::rename((folder + "/known").c_str(), "/tmp/taken") == 0); }},
    {"work", [](auto& folder) { return work_in(folder); }},
    {"socket", [](auto&) { return outcome(::socket(AF_INET, SOCK_STREAM, 0) >= 0); }},
    {"connect-given", [](auto&) { return connect_to_loopback(4); }},
    {"connect", [](auto&) { return connect_to_loopback(::socket(AF_INET, SOCK_STREAM, 0)); }},
    {"ptrace", [](auto&) { return outcome(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0); }},
    {"fork", [](auto&) { return outcome(::fork() >= 0); }},
    {"exec", [](auto&) { return outcome(execl("/bin/true", "true", nullptr) == 0); }},
    {"kill", [](auto&) { return outcome(::kill(getppid(), SIGCONT) == 0); }},
    {"raise-limit",
     [](auto&) {
         const rlimit large{1 << 20, 1 << 20};
         return outcome(setrlimit(RLIMIT_CORE, &large) == 0);
     }},
    {"thread", [](auto&) { return start_thread(); }},
    {"map", [](auto&) { return map_memory(); }},
    {"log", [](auto&) { return std::fprintf(stderr, "logged\n") > 0 ? could : odd; }},
    {"abort", [](auto&) -> int { std::abort(); }},
    {"wait", [](auto&) { return poll(nullptr, 0, -1); }},
    {"grandchild", start_grandchild},
    {"given", say_what_was_given},
    {"late",
     [](auto& folder) {
         std::thread other([] { poll(nullptr, 0, 200); });
         int result = odd;
         try {
             enter_sandbox(ledger_rules(folder));
         } catch (const Error& error) {
             result = error.code() == Code::internal ? refused : odd;
         }
         other.join();
         return result;
     }},
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 4) return odd;
    try {
        const std::string sandbox = argv[1], folder = argv[2];
        if (sandbox != "none") say(enter_sandbox(rules_named(sandbox, folder)).text());
        return attempts.at(argv[3])(folder);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return odd;
    }
}
