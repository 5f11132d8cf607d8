// What a child process does about itself before it touches anything that a stranger sent: it gives up every right that
// it does not need. Linux only: prctl(2), seccomp(2), landlock(7), namespaces(7), capabilities(7).
//
// Call it once, before the first thread, after everything that reads files is loaded (keys, /proc/self/exe's
// measurement, OpenSSL's and the WebAssembly engine's own start-up). What cannot be had on a machine is reported, not
// fatal: the caller logs the report, sends it to the node and decides.
#pragma once
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace concordat::process {

struct SandboxRules {
    struct Folder {
        std::filesystem::path path;
        bool writable = false;
    };
    std::vector<std::string> allowed;  // system calls by name
    std::vector<std::string> refused;  // answered with EACCES: what libraries probe for and can do without
    std::vector<Folder> folders;       // what Landlock leaves visible; nothing else in the file system can be opened
    bool namespaces = true;            // user, network, mount and IPC namespaces of its own
};

// No network, no file system: descriptors that it was given, memory, threads, time, randomness. Enough for wasmtime
// with pooled and copy-on-write memory (memfd), executable pages, signal handlers and threads that start later.
SandboxRules enclave_rules();
// The same, and files in one folder.
SandboxRules ledger_rules(const std::filesystem::path& folder);

struct SandboxReport {
    // Measure and what became of it: "held…" or "not available: <reason>".
    std::vector<std::pair<std::string, std::string>> measures;
    bool held(std::string_view measure) const;
    std::string text() const;  // "no_new_privs: held; seccomp: held; …"
};

// Measures in this order: namespaces, core_dumps, capabilities, no_new_privs, not_dumpable, landlock, landlock_network,
// seccomp. Any other system call than the rules name ends the process with SIGSYS. clone(2) makes threads only;
// clone3(2) is answered with ENOSYS so that the C library takes clone(2), whose flags can be seen; prctl(2) names
// threads only; tgkill(2) reaches only this process; prlimit64(2) only reads. Throws Error(internal) when threads run
// already, Error(config) for a system call or a folder that does not exist.
SandboxReport enter_sandbox(const SandboxRules& rules);

}  // namespace concordat::process
