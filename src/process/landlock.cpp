#include "landlock.hpp"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <base/error.hpp>
#include <base/file.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>

namespace concordat::process {
namespace {

// The kernel's interface, spelled out here because the system's header may be older than the running kernel.
struct RulesetAttr {
    std::uint64_t handled_files = 0;
    std::uint64_t handled_network = 0;  // ABI 4
    std::uint64_t scoped = 0;           // ABI 6
};
struct __attribute__((packed)) PathBeneathAttr {
    std::uint64_t allowed = 0;
    std::int32_t parent = -1;
};
constexpr int rule_path_beneath = 1;
constexpr unsigned create_version = 1;
constexpr long nr_create_ruleset = 444, nr_add_rule = 445, nr_restrict_self = 446;  // the same on every architecture

constexpr std::uint64_t bit(unsigned n) { return std::uint64_t{1} << n; }
constexpr std::uint64_t write_file = bit(1), read_file = bit(2), read_dir = bit(3), remove_dir = bit(4),
                        remove_file = bit(5), make_dir = bit(7), make_file = bit(8), refer = bit(13),
                        truncate_file = bit(14);
constexpr std::uint64_t read_rights = read_file | read_dir;
constexpr std::uint64_t write_rights =
    read_rights | write_file | remove_dir | remove_file | make_dir | make_file | refer | truncate_file;

std::uint64_t file_rights_of(int abi) {
    if (abi >= 5) return bit(16) - 1;  // with device ioctl
    if (abi >= 3) return bit(15) - 1;  // with truncate
    if (abi == 2) return bit(14) - 1;  // with refer
    return bit(13) - 1;
}

void add_folder(int ruleset, const SandboxRules::Folder& folder, std::uint64_t known_rights) {
    UniqueFd parent(::open(folder.path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!parent) throw Error(Code::config, folder.path.string(), std::string("cannot be opened: ") + strerror(errno));
    PathBeneathAttr rule{(folder.writable ? write_rights : read_rights) & known_rights, parent.get()};
    if (syscall(nr_add_rule, ruleset, rule_path_beneath, &rule, 0) != 0)
        throw Error(Code::config, folder.path.string(), std::string("cannot be kept visible: ") + strerror(errno));
}

}  // namespace

LandlockOutcome enter_landlock(const std::vector<SandboxRules::Folder>& folders) {
    LandlockOutcome outcome;
    const long abi = syscall(nr_create_ruleset, nullptr, 0, create_version);
    if (abi < 1) {
        outcome.reason = strerror(errno);
        return outcome;
    }
    outcome.abi = static_cast<int>(abi);
    RulesetAttr attr;
    attr.handled_files = file_rights_of(outcome.abi);
    std::size_t size = sizeof attr.handled_files;
    if (abi >= 4) {
        attr.handled_network = bit(0) | bit(1);  // bind and connect of TCP
        size += sizeof attr.handled_network;
    }
    if (abi >= 6) {
        attr.scoped = bit(0) | bit(1);  // abstract Unix sockets, signals
        size += sizeof attr.scoped;
    }
    UniqueFd ruleset(static_cast<int>(syscall(nr_create_ruleset, &attr, size, 0)));
    if (ruleset)
        for (const auto& folder : folders) add_folder(ruleset.get(), folder, attr.handled_files);
    if (!ruleset || syscall(nr_restrict_self, ruleset.get(), 0) != 0) outcome.reason = strerror(errno);
    return outcome;
}

}  // namespace concordat::process
