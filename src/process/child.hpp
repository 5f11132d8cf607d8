// A child process seen from its parent: started with a socket and nothing else of ours, and never outliving us.
// In the child: fd 0 is /dev/null, 1 and 2 the chosen standard error, 3 one end of a stream socket pair, 4… the extra
// descriptors; everything else is closed. Linux: PR_SET_PDEATHSIG, pidfd_open(2).
#pragma once
#include <sys/types.h>

#include <base/file.hpp>
#include <optional>
#include <string>
#include <vector>

namespace concordat::process {

struct ChildOptions {
    std::filesystem::path program;
    std::vector<std::string> arguments = {};    // without argv[0]
    std::vector<std::string> environment = {};  // "NAME=value"; the parent's own is not inherited
    std::vector<int> extra_fds = {};            // become 4, 5, … in the child; stay open here
    int stderr_fd = 2;
};

struct ExitStatus {
    bool signalled = false;
    int value = 0;             // the signal, or the exit code
    std::string text() const;  // "exited with code 3", "killed by signal 31 (Bad system call)"
};

inline constexpr int child_socket_fd = 3;

// The kernel ends the child when the *thread* that started it ends: start children from one that lives as long.
class ChildProcess {
  public:
    // Throws Error(config) naming the program when it cannot be executed, Error(unavailable) when the system is short
    // of processes or descriptors.
    static ChildProcess spawn(const ChildOptions& options);
    ChildProcess(ChildProcess&& other) noexcept { *this = std::move(other); }
    ChildProcess& operator=(ChildProcess&& other) noexcept;
    ~ChildProcess() { end(); }  // kills and reaps

    pid_t pid() const { return pid_; }
    int pidfd() const { return pidfd_.get(); }  // readable once the child has ended
    int socket() const { return socket_.get(); }
    UniqueFd take_socket() { return std::move(socket_); }
    // Harmless when the child has ended already: a pidfd never names another process.
    void kill(int signal = 9) const;
    // Empty when the child still runs after timeout_ms; -1 waits without end.
    std::optional<ExitStatus> wait(int timeout_ms = -1);

  private:
    ChildProcess() = default;
    void end() noexcept;

    pid_t pid_ = -1;
    UniqueFd pidfd_;
    UniqueFd socket_;
    std::optional<ExitStatus> status_;
};

}  // namespace concordat::process
