// A node of a local network as a process: started to end with us or to outlive us, and found again later.
#pragma once
#include <sys/types.h>

#include <base/json.hpp>
#include <filesystem>
#include <string>
#include <vector>

namespace concordat::ledger::evm {

struct NodeProcess {
    std::vector<std::string> command;  // the program's path first
    std::string log;                   // where its output goes
    pid_t pid = 0;                     // 0: never started
    std::uint64_t started = 0;         // by the kernel's count: with it, a number that is in use again is no mistake

    // Throws Error(unavailable) naming the program when it cannot be started. One that does not outlive us ends with
    // the thread that started it.
    void start(bool outlives);
    bool running() const;
    // Asks it to end, waits at most `patience_ms`, then ends it. Harmless when it does not run.
    void end(int patience_ms = 10'000);
    void kill() { end(0); }
    void pause(bool paused) const;  // once it returns, the process does nothing more

    json::Object to_json() const;
    static NodeProcess parse(const json::Value& value, const std::string& path);
};

// The program's place: in `toolchain` as tools/install.sh --evm leaves it, else on the PATH. "anvil", "geth", or
// "geth-clique" for the last geth that seals with clique (1.13). Throws Error(config) that says how to get it.
std::filesystem::path find_program(const std::string& name, const std::filesystem::path& toolchain);

// One that nobody listens on now.
std::uint16_t free_port();

}  // namespace concordat::ledger::evm
