// Runs one program and waits, with bounds. No shell: arguments are passed as they are.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

namespace concordat::registry {

struct CommandResult {
    int status = 0;        // exit status; 128 + signal when it was killed
    std::string out, err;  // at most max_command_output bytes of each
};

inline constexpr std::size_t max_command_output = 64 * 1024;

// argv[0] is looked up in PATH. The environment is empty but for PATH, LC_ALL=C and TMPDIR=<scratch>; `scratch` takes
// the output files. Throws Error(unavailable) naming the program when it cannot be started, Error(timeout).
CommandResult run_command(const std::vector<std::string>& argv, const std::filesystem::path& folder,
                          const std::filesystem::path& scratch, int timeout_seconds);

// A fresh folder below the system's temporary one; removed with everything in it when this goes.
class ScratchFolder {
  public:
    ScratchFolder();
    ~ScratchFolder();
    ScratchFolder(const ScratchFolder&) = delete;
    ScratchFolder& operator=(const ScratchFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace concordat::registry
