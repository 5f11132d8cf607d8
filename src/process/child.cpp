#include "child.hpp"

#include <fcntl.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <base/clock.hpp>
#include <base/error.hpp>
#include <cerrno>
#include <cstring>
#include <utility>

namespace concordat::process {
namespace {

[[noreturn]] void fail(const char* what) { throw Error(Code::unavailable, what, strerror(errno)); }

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> out;
    for (auto& text : texts) out.push_back(text.data());
    out.push_back(nullptr);
    return out;
}

// Everything the child needs, made before fork: between fork and exec only async-signal-safe calls are allowed.
struct Launch {
    std::vector<std::string> argument_texts, environment_texts;
    std::vector<char*> arguments, environment;
    std::vector<int> sources;  // sources[i] becomes descriptor i; the last one reports a failed exec
    pid_t parent = getpid();

    Launch(const ChildOptions& options, int null_fd, int socket_fd, int report_fd)
        : argument_texts{options.program.string()}, environment_texts(options.environment) {
        argument_texts.insert(argument_texts.end(), options.arguments.begin(), options.arguments.end());
        arguments = pointers(argument_texts);
        environment = pointers(environment_texts);
        sources = {null_fd, options.stderr_fd, options.stderr_fd, socket_fd};
        sources.insert(sources.end(), options.extra_fds.begin(), options.extra_fds.end());
        sources.push_back(report_fd);
    }
    int report_fd() const { return static_cast<int>(sources.size()) - 1; }
};

[[noreturn]] void give_up(int report_fd) {
    const int error = errno;
    [[maybe_unused]] const ssize_t ignored = ::write(report_fd, &error, sizeof error);
    _exit(127);
}

// First all sources move above the targets, so that no target overwrites a source that is still needed.
void arrange_descriptors(Launch& launch) {
    const int failed_report = launch.sources.back();
    const int above = static_cast<int>(launch.sources.size());
    for (int& source : launch.sources) {
        source = fcntl(source, F_DUPFD_CLOEXEC, above);
        if (source < 0) give_up(failed_report);
    }
    for (int target = 0; target < above; ++target)
        if (dup2(launch.sources[static_cast<std::size_t>(target)], target) < 0) give_up(launch.sources.back());
    fcntl(launch.report_fd(), F_SETFD, FD_CLOEXEC);
    if (syscall(SYS_close_range, static_cast<unsigned>(above), ~0U, 0U) != 0) give_up(launch.report_fd());
}

void reset_signals() {
    for (int number = 1; number < 65; ++number) ::signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
}

[[noreturn]] void run_child(Launch& launch) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != launch.parent) _exit(127);  // the parent ended before the wish was made
    reset_signals();
    arrange_descriptors(launch);
    execve(launch.arguments[0], launch.arguments.data(), launch.environment.data());
    give_up(launch.report_fd());
}

// Empty once exec has closed the other end.
std::optional<int> read_exec_error(int fd) {
    int error = 0;
    ssize_t got = 0;
    do got = ::read(fd, &error, sizeof error);
    while (got < 0 && errno == EINTR);
    if (got == static_cast<ssize_t>(sizeof error)) return error;
    return std::nullopt;
}

}  // namespace

std::string ExitStatus::text() const {
    if (!signalled) return "exited with code " + std::to_string(value);
    const char* name = sigdescr_np(value);
    return "killed by signal " + std::to_string(value) + (name ? " (" + std::string(name) + ")" : "");
}

ChildProcess ChildProcess::spawn(const ChildOptions& options) {
    std::array<int, 2> pair{}, pipe{};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair.data()) != 0) fail("socketpair");
    UniqueFd ours(pair[0]), theirs(pair[1]);
    if (pipe2(pipe.data(), O_CLOEXEC) != 0) fail("pipe");
    UniqueFd report_in(pipe[0]), report_out(pipe[1]);
    UniqueFd null_fd(::open("/dev/null", O_RDWR | O_CLOEXEC));
    if (!null_fd) fail("/dev/null");

    Launch launch(options, null_fd.get(), theirs.get(), report_out.get());
    const pid_t pid = fork();
    if (pid < 0) fail("fork");
    if (pid == 0) run_child(launch);

    ChildProcess child;
    child.pid_ = pid;
    child.pidfd_ = UniqueFd(static_cast<int>(syscall(SYS_pidfd_open, pid, 0U)));
    child.socket_ = std::move(ours);
    report_out.reset();
    if (!child.pidfd_) fail("pidfd_open");
    if (auto error = read_exec_error(report_in.get()))
        throw Error(Code::config, options.program.string(), std::string("cannot be executed: ") + strerror(*error));
    return child;
}

ChildProcess& ChildProcess::operator=(ChildProcess&& other) noexcept {
    if (this != &other) {
        end();
        pid_ = std::exchange(other.pid_, -1);
        pidfd_ = std::move(other.pidfd_);
        socket_ = std::move(other.socket_);
        status_ = std::exchange(other.status_, std::nullopt);
    }
    return *this;
}

void ChildProcess::kill(int signal) const {
    if (pidfd_ && !status_) syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, nullptr, 0U);
}

std::optional<ExitStatus> ChildProcess::wait(int timeout_ms) {
    if (status_) return status_;
    const std::int64_t deadline_ns = monotonic_ns() + std::int64_t{timeout_ms} * 1'000'000;
    pollfd ended{pidfd_.get(), POLLIN, 0};
    int left_ms = timeout_ms;
    while (true) {
        const int ready = ::poll(&ended, 1, left_ms);
        if (ready > 0) break;
        if (ready < 0 && errno != EINTR) fail("poll");
        if (timeout_ms < 0) continue;
        const std::int64_t left_ns = deadline_ns - monotonic_ns();
        if (ready == 0 || left_ns <= 0) return std::nullopt;
        left_ms = static_cast<int>(left_ns / 1'000'000) + 1;
    }
    int raw = 0;
    while (waitpid(pid_, &raw, 0) < 0)
        if (errno != EINTR) fail("waitpid");
    const bool signalled = WIFSIGNALED(raw);
    status_ = ExitStatus{signalled, signalled ? WTERMSIG(raw) : WEXITSTATUS(raw)};
    return status_;
}

void ChildProcess::end() noexcept {
    if (pid_ < 0 || status_) return;
    int ignored = 0;
    if (pidfd_)
        kill();
    else
        ::kill(pid_, SIGKILL);
    while (waitpid(pid_, &ignored, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
}

}  // namespace concordat::process
