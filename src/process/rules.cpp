// Which system calls our trusted processes need, by what they need them for.
#include <algorithm>

#include "sandbox.hpp"

namespace concordat::process {
namespace {

using Names = std::vector<std::string>;

void append(Names& to, const Names& more) { to.insert(to.end(), more.begin(), more.end()); }

Names descriptor_calls() {
    return {"read",           "write",           "readv",      "writev",      "recvmsg",  "recvfrom",
            "sendmsg",        "sendto",          "poll",       "ppoll",       "select",   "pselect6",
            "epoll_create1",  "epoll_ctl",       "epoll_wait", "epoll_pwait", "eventfd2", "close",
            "timerfd_create", "timerfd_settime", "shutdown",   "fcntl",       "dup",      "dup3",
            "lseek",          "fstat",           "pipe2"};
}

// memfd: the WebAssembly engine's copy-on-write images of a module's memory live in anonymous files.
Names memory_calls() {
    return {"mmap",  "munmap", "mprotect", "mremap",       "madvise",   "brk",      "membarrier",
            "mlock", "mlock2", "munlock",  "memfd_create", "ftruncate", "pwrite64", "pread64"};
}

Names thread_calls() {
    return {"futex",   "sched_yield", "sched_getaffinity", "set_robust_list", "set_tid_address", "rseq",
            "gettid",  "getpid",      "getppid",           "getuid",          "geteuid",         "getgid",
            "getegid", "exit",        "exit_group",        "restart_syscall", "getrusage",       "getcpu"};
}

Names signal_calls() { return {"sigaltstack", "rt_sigaction", "rt_sigreturn", "rt_sigprocmask"}; }

Names time_and_chance_calls() {
    return {"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom"};
}

Names file_calls() {
    return {
        "openat",          "open",       "preadv",    "pwritev",    "preadv2",  "pwritev2",   "fdatasync", "fsync",
        "fallocate",       "unlinkat",   "unlink",    "rename",     "renameat", "renameat2",  "mkdir",     "mkdirat",
        "rmdir",           "getdents64", "stat",      "lstat",      "statx",    "newfstatat", "statfs",    "fstatfs",
        "flock",           "fchmod",     "faccessat", "faccessat2", "access",   "getcwd",     "umask",     "fadvise64",
        "sync_file_range", "truncate",   "readlink",  "readlinkat", "linkat",   "utimensat"};
}

}  // namespace

SandboxRules enclave_rules() {
    SandboxRules rules;
    for (const Names& names :
         {descriptor_calls(), memory_calls(), thread_calls(), signal_calls(), time_and_chance_calls()})
        append(rules.allowed, names);
    rules.refused = {"openat", "open",  "access", "faccessat", "faccessat2", "readlink", "readlinkat",        "stat",
                     "lstat",  "statx", "statfs", "getcwd",    "uname",      "sysinfo",  "sched_setaffinity", "ioctl"};
    return rules;
}

SandboxRules ledger_rules(const std::filesystem::path& folder) {
    SandboxRules rules = enclave_rules();
    const Names files = file_calls();
    append(rules.allowed, files);
    std::erase_if(rules.refused,
                  [&](const std::string& name) { return std::find(files.begin(), files.end(), name) != files.end(); });
    rules.folders = {{folder, true}};
    return rules;
}

}  // namespace concordat::process
