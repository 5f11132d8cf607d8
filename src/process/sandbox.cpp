#include "sandbox.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <cerrno>
#include <cstring>

#include "landlock.hpp"
#include "seccomp_filter.hpp"

namespace concordat::process {
namespace {

const std::string held_text = "held";

std::string outcome(bool held, const std::string& reason) { return held ? held_text : "not available: " + reason; }
std::string outcome_of_call(long result) { return outcome(result == 0, strerror(errno)); }

void require_single_thread() {
    std::size_t threads = 0;
    std::error_code error;
    for (auto it = std::filesystem::directory_iterator("/proc/self/task", error);
         !error && it != std::filesystem::directory_iterator(); it.increment(error))
        ++threads;
    if (threads > 1) throw Error(Code::internal, "sandbox", "must be entered before threads start");
}

bool write_small(const char* path, const std::string& text) {
    UniqueFd file(::open(path, O_WRONLY | O_CLOEXEC));
    return file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Keeps the user and group numbers that the process had, so that its files look the same from inside.
void map_own_ids(uid_t user, gid_t group) {
    write_small("/proc/self/setgroups", "deny");
    write_small("/proc/self/uid_map", std::to_string(user) + " " + std::to_string(user) + " 1\n");
    write_small("/proc/self/gid_map", std::to_string(group) + " " + std::to_string(group) + " 1\n");
}

std::string enter_namespaces() {
    const uid_t user = geteuid();
    const gid_t group = getegid();
    const int others = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC;
    if (unshare(CLONE_NEWUSER | others) == 0) {
        map_own_ids(user, group);
        return held_text + " (user, network, mount, ipc)";
    }
    const int first_error = errno;
    if (unshare(others) == 0) return held_text + " (network, mount, ipc)";
    return outcome(false, strerror(first_error));
}

std::string forbid_core_dumps() {
    const rlimit none{0, 0};
    return outcome_of_call(setrlimit(RLIMIT_CORE, &none));
}

std::string drop_capabilities() {
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct none[2] = {};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    return outcome_of_call(syscall(SYS_capset, &header, none));
}

// Some changes of credentials clear the wish to die with the parent; it is renewed after them.
struct ParentDeathSignal {
    int signal = 0;
    ParentDeathSignal() { prctl(PR_GET_PDEATHSIG, &signal); }
    void renew() const { prctl(PR_SET_PDEATHSIG, signal); }
};

void restrict_files_and_network(const SandboxRules& rules, SandboxReport& report) {
    const LandlockOutcome landlock = enter_landlock(rules.folders);
    const std::string version = " (ABI " + std::to_string(landlock.abi) + ")";
    report.measures.emplace_back("landlock", landlock.files() ? held_text + version : outcome(false, landlock.reason));
    report.measures.emplace_back(
        "landlock_network",
        outcome(landlock.network(), landlock.files() ? "the kernel has" + version + ", 4 needed" : landlock.reason));
}

}  // namespace

bool SandboxReport::held(std::string_view measure) const {
    for (const auto& [name, what] : measures)
        if (name == measure) return what.starts_with(held_text);
    return false;
}

std::string SandboxReport::text() const {
    std::string out;
    for (const auto& [name, what] : measures) out += (out.empty() ? "" : "; ") + name + ": " + what;
    return out;
}

SandboxReport enter_sandbox(const SandboxRules& rules) {
    require_single_thread();
    SandboxReport report;
    const ParentDeathSignal parent_death;
    auto add = [&](const char* name, std::string what) { report.measures.emplace_back(name, std::move(what)); };
    add("namespaces", rules.namespaces ? enter_namespaces() : outcome(false, "not asked for"));
    add("core_dumps", forbid_core_dumps());
    add("capabilities", drop_capabilities());
    parent_death.renew();
    add("no_new_privs", outcome_of_call(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)));
    add("not_dumpable", outcome_of_call(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)));
    restrict_files_and_network(rules, report);
    const std::string reason = enter_seccomp(rules);
    add("seccomp", outcome(reason.empty(), reason));
    return report;
}

}  // namespace concordat::process
