#include "disk.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/error.hpp>
#include <cerrno>

namespace concordat::ledger::confidential {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path, std::string_view doing) {
    throw Error(Code::disk, path.string(), std::string(doing) + ": " + std::strerror(errno));
}

class FolderFile final : public AppendFile {
  public:
    FolderFile(UniqueFd fd, std::filesystem::path path) : fd_(std::move(fd)), path_(std::move(path)) {}

    void append(ByteView bytes) override {
        while (!bytes.empty()) {
            const ssize_t wrote = ::write(fd_.get(), bytes.data(), bytes.size());
            if (wrote < 0 && errno == EINTR) continue;
            if (wrote < 0) fail(path_, "write");
            bytes = bytes.subspan(static_cast<std::size_t>(wrote));
        }
    }

    void sync() override {
        if (::fdatasync(fd_.get()) != 0) fail(path_, "fdatasync");
    }

  private:
    UniqueFd fd_;
    std::filesystem::path path_;
};

}  // namespace

UniqueFd FolderDisk::open(const std::string& name, int flags) const {
    const auto path = folder_ / name;
    UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, 0600));
    if (!fd) fail(path, "open");
    return fd;
}

void FolderDisk::sync_folder() const {
    const UniqueFd fd(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || ::fsync(fd.get()) != 0) fail(folder_, "fsync");
}

std::vector<std::string> FolderDisk::list() {
    std::vector<std::string> names;
    std::error_code error;
    std::filesystem::directory_iterator entry(folder_, error), end;
    while (!error && entry != end) {
        names.push_back(entry->path().filename().string());
        entry.increment(error);
    }
    if (error) throw Error(Code::disk, folder_.string(), "list: " + error.message());
    return names;
}

std::optional<std::uint64_t> FolderDisk::size(const std::string& name) {
    struct stat info{};
    const auto path = folder_ / name;
    if (::stat(path.c_str(), &info) == 0) return static_cast<std::uint64_t>(info.st_size);
    if (errno == ENOENT) return std::nullopt;
    fail(path, "stat");
}

std::unique_ptr<AppendFile> FolderDisk::create(const std::string& name) {
    auto file = std::make_unique<FolderFile>(open(name, O_WRONLY | O_CREAT | O_EXCL | O_APPEND), folder_ / name);
    sync_folder();
    return file;
}

std::size_t FolderDisk::read(const std::string& name, std::uint64_t offset, std::span<std::uint8_t> out) {
    const UniqueFd fd = open(name, O_RDONLY);
    std::size_t done = 0;
    while (done < out.size()) {
        const ssize_t got = ::pread(fd.get(), out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(folder_ / name, "read");
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    return done;
}

void FolderDisk::truncate(const std::string& name, std::uint64_t size) {
    const UniqueFd fd = open(name, O_WRONLY);
    if (::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) fail(folder_ / name, "truncate");
    if (::fsync(fd.get()) != 0) fail(folder_ / name, "fsync");
}

void FolderDisk::remove(const std::string& name) {
    const auto path = folder_ / name;
    if (::unlink(path.c_str()) != 0 && errno != ENOENT) fail(path, "remove");
    sync_folder();
}

void FolderDisk::write_atomic(const std::string& name, ByteView bytes) {
    write_file_atomic(folder_ / name, bytes, 0600);
}

Bytes read_whole(Disk& disk, const std::string& name) {
    const auto size = disk.size(name);
    if (!size) throw Error(Code::not_found, name, "must be there");
    Bytes bytes(*size);
    bytes.resize(disk.read(name, 0, bytes));
    return bytes;
}

}  // namespace concordat::ledger::confidential
