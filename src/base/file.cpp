#include "file.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

#include "error.hpp"

namespace concordat {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view doing) {
    const int error = errno;
    const Code code = error == ENOENT ? Code::not_found : Code::disk;
    throw Error(code, path.string(), std::string(doing) + ": " + std::strerror(error));
}

UniqueFd open_or_throw(const std::filesystem::path& path, int flags, unsigned mode = 0) {
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, static_cast<mode_t>(mode)));
    if (!fd) fail(path, "open");
    return fd;
}

void check_size(const std::filesystem::path& path, std::size_t size, std::size_t max_bytes) {
    if (size > max_bytes) {
        throw Error(Code::too_large, path.string(), "must be at most " + std::to_string(max_bytes) + " bytes");
    }
}

// Read to the end, not to the size that stat gave: files under /proc and /sys say 0.
template <class Container>
Container read_all(const std::filesystem::path& path, std::size_t max_bytes) {
    const UniqueFd fd = open_or_throw(path, O_RDONLY);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) fail(path, "stat");
    check_size(path, static_cast<std::size_t>(info.st_size), max_bytes);
    Container content;
    content.resize(static_cast<std::size_t>(info.st_size) + 1);
    std::size_t used = 0;
    for (;;) {
        if (used == content.size()) content.resize(content.size() + 65536);
        const ssize_t got = ::read(fd.get(), content.data() + used, content.size() - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(path, "read");
        if (got == 0) break;
        used += static_cast<std::size_t>(got);
        check_size(path, used, max_bytes);
    }
    content.resize(used);
    return content;
}

void write_all(int fd, const std::filesystem::path& path, ByteView content) {
    while (!content.empty()) {
        const ssize_t wrote = ::write(fd, content.data(), content.size());
        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) fail(path, "write");
        content = content.subspan(static_cast<std::size_t>(wrote));
    }
}

void sync_folder_of(const std::filesystem::path& path) {
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const UniqueFd fd = open_or_throw(folder, O_RDONLY | O_DIRECTORY);
    if (::fsync(fd.get()) != 0) fail(folder, "fsync");
}

std::filesystem::path neighbour(const std::filesystem::path& path) {
    static std::atomic<unsigned> counter{0};  // two threads may write the same file; the last rename wins
    auto name = path;
    name += ".new." + std::to_string(::getpid()) + "." + std::to_string(counter++);
    return name;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
    if (this != &other) {
        reset();
        fd_ = other.release();
    }
    return *this;
}

int UniqueFd::release() { return std::exchange(fd_, -1); }

void UniqueFd::reset() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Bytes read_file(const std::filesystem::path& path, std::size_t max_bytes) { return read_all<Bytes>(path, max_bytes); }

std::string read_text_file(const std::filesystem::path& path, std::size_t max_bytes) {
    return read_all<std::string>(path, max_bytes);
}

void write_file_atomic(const std::filesystem::path& path, ByteView content, unsigned mode) {
    const auto temporary = neighbour(path);
    try {
        const UniqueFd fd = open_or_throw(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode);
        write_all(fd.get(), temporary, content);
        if (::fsync(fd.get()) != 0) fail(temporary, "fsync");
        if (::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "rename");
    } catch (...) {
        ::unlink(temporary.c_str());
        throw;
    }
    sync_folder_of(path);
}

UniqueFd lock_folder(const std::filesystem::path& folder) {
    const auto path = folder / "lock";
    UniqueFd fd = open_or_throw(path, O_RDWR | O_CREAT, 0600);
    while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EINTR) continue;
        if (errno == EWOULDBLOCK) {
            throw Error(Code::locked_directory, folder.string(), "must not be in use by another process");
        }
        fail(path, "lock");
    }
    return fd;
}

}  // namespace concordat
