#include "command.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <cstdlib>
#include <fstream>

namespace concordat::registry {
namespace {

struct SpawnActions {
    posix_spawn_file_actions_t actions;
    SpawnActions() { posix_spawn_file_actions_init(&actions); }
    ~SpawnActions() { posix_spawn_file_actions_destroy(&actions); }
};

struct SpawnAttributes {
    posix_spawnattr_t attributes;
    SpawnAttributes() { posix_spawnattr_init(&attributes); }
    ~SpawnAttributes() { posix_spawnattr_destroy(&attributes); }
};

pid_t spawn(const std::vector<std::string>& argv, const std::filesystem::path& folder,
            const std::filesystem::path& scratch, const std::string& out, const std::string& err) {
    SpawnActions files;
    posix_spawn_file_actions_addchdir_np(&files.actions, folder.c_str());
    posix_spawn_file_actions_addopen(&files.actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files.actions, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files.actions, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    SpawnAttributes own_group;  // so that a time-out ends the linker that a compiler started, too
    posix_spawnattr_setflags(&own_group.attributes, POSIX_SPAWN_SETPGROUP);
    posix_spawnattr_setpgroup(&own_group.attributes, 0);

    std::vector<char*> arguments;
    for (const std::string& argument : argv) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    const char* path = std::getenv("PATH");
    const std::vector<std::string> settings{std::string("PATH=") + (path != nullptr ? path : "/usr/bin:/bin"),
                                            "LC_ALL=C", "TMPDIR=" + scratch.string()};
    std::vector<char*> environment;
    for (const std::string& setting : settings) environment.push_back(const_cast<char*>(setting.c_str()));
    environment.push_back(nullptr);

    pid_t pid = 0;
    const int failed = posix_spawnp(&pid, argv[0].c_str(), &files.actions, &own_group.attributes, arguments.data(),
                                    environment.data());
    if (failed != 0) throw Error(Code::unavailable, argv[0], "cannot be started: is it installed?");
    return pid;
}

// Empty when it did not end in time.
std::optional<int> wait_for(pid_t pid, int timeout_seconds) {
    const UniqueFd watched(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    if (watched) {
        pollfd ready{watched.get(), POLLIN, 0};
        int got = 0;
        do {
            got = ::poll(&ready, 1, timeout_seconds * 1000);
        } while (got < 0 && errno == EINTR);
        if (got == 0) return std::nullopt;
    }
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {
    }
    return status;
}

std::string beginning_of(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    std::string text(max_command_output, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    return text;
}

}  // namespace

CommandResult run_command(const std::vector<std::string>& argv, const std::filesystem::path& folder,
                          const std::filesystem::path& scratch, int timeout_seconds) {
    const std::string out = scratch / "stdout";
    const std::string err = scratch / "stderr";
    const pid_t pid = spawn(argv, folder, scratch, out, err);
    const std::optional<int> status = wait_for(pid, timeout_seconds);
    if (!status) {
        ::kill(-pid, SIGKILL);
        ::waitpid(pid, nullptr, 0);
        throw Error(Code::timeout, argv[0], "at most " + std::to_string(timeout_seconds) + " seconds");
    }
    const int code = WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
    return {code, beginning_of(out), beginning_of(err)};
}

ScratchFolder::ScratchFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "concordat-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) throw Error(Code::disk, name, "a temporary folder cannot be made");
    path_ = name;
}

ScratchFolder::~ScratchFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace concordat::registry
