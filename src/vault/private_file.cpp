#include "private_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace concordat::vault {
namespace {

[[noreturn]] void fail(const std::filesystem::path& path) { throw Error(Code::disk, path.string(), strerror(errno)); }

void require_private(const std::filesystem::path& path, const struct stat& file) {
    if (!S_ISREG(file.st_mode)) throw Error(Code::forbidden, path.string(), "must be a regular file");
    if (file.st_uid != geteuid() && geteuid() != 0)
        throw Error(Code::forbidden, path.string(), "must belong to the user who runs this");
    if ((file.st_mode & 077) == 0) return;
    char mode[8];
    std::snprintf(mode, sizeof mode, "%04o", file.st_mode & 07777);
    throw Error(Code::forbidden, path.string(),
                "must be accessible to its owner only, but has mode " + std::string(mode) + ": chmod 600 it");
}

}  // namespace

bool create_private_file(const std::filesystem::path& path, ByteView content) {
    // link(2) refuses an existing name, which rename would replace.
    const std::filesystem::path fresh = path.string() + ".new-" + std::to_string(getpid());
    write_file_atomic(fresh, content, 0600);
    const bool linked = ::link(fresh.c_str(), path.c_str()) == 0;
    const int error = errno;
    ::unlink(fresh.c_str());
    errno = error;
    if (!linked && errno != EEXIST) fail(path);
    if (!linked) return false;
    const auto parent = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    UniqueFd folder(::open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!folder || ::fsync(folder.get()) != 0) fail(parent);
    return true;
}

SecretBytes read_private_file(const std::filesystem::path& path, std::size_t max_bytes) {
    UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file && errno == ENOENT) throw Error(Code::not_found, path.string(), "does not exist");
    if (!file) fail(path);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) fail(path);
    require_private(path, status);
    if (static_cast<std::size_t>(status.st_size) > max_bytes)
        throw Error(Code::too_large, path.string(), "must be at most " + std::to_string(max_bytes) + " bytes");
    SecretBytes content(Bytes(static_cast<std::size_t>(status.st_size)));
    Bytes& bytes = content.expose();
    for (std::size_t have = 0; have < bytes.size();) {
        const ssize_t got = ::read(file.get(), bytes.data() + have, bytes.size() - have);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail(path);
        if (got == 0) throw Error(Code::disk, path.string(), "became shorter while it was read");
        have += static_cast<std::size_t>(got);
    }
    return content;
}

}  // namespace concordat::vault
