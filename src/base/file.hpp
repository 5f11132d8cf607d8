// Files and descriptors. Errors are Error(disk) with the path as field, or Error(not_found).
#pragma once
#include <filesystem>
#include <string>

#include "bytes.hpp"

namespace concordat {

class UniqueFd {
  public:
    UniqueFd() = default;
    explicit UniqueFd(int fd) : fd_(fd) {}
    UniqueFd(UniqueFd&& other) noexcept : fd_(other.release()) {}
    UniqueFd& operator=(UniqueFd&& other) noexcept;
    ~UniqueFd() { reset(); }
    int get() const { return fd_; }
    explicit operator bool() const { return fd_ >= 0; }
    int release();
    void reset();

  private:
    int fd_ = -1;
};

Bytes read_file(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 28);
std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes = std::size_t{1} << 28);
// Writes to a temporary neighbour, fsyncs, renames, fsyncs the folder: after a crash the old or the new file is there.
void write_file_atomic(const std::filesystem::path& path, ByteView content, unsigned mode = 0644);
// Takes an exclusive lock on <folder>/lock that the process holds until it ends; Error(locked_directory) if another
// does.
UniqueFd lock_folder(const std::filesystem::path& folder);

}  // namespace concordat
