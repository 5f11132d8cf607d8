// Landlock (landlock(7)): nothing in the file system but the given folders, no TCP, no signals or abstract sockets to
// the outside. Applies to the calling thread and those it starts. Needs no_new_privs.
#pragma once
#include "sandbox.hpp"

namespace concordat::process {

struct LandlockOutcome {
    int abi = 0;         // 0: the kernel has none
    std::string reason;  // why not, empty when it holds
    bool files() const { return reason.empty(); }
    bool network() const { return files() && abi >= 4; }
};

// Throws Error(config) for a folder that cannot be opened.
LandlockOutcome enter_landlock(const std::vector<SandboxRules::Folder>& folders);

}  // namespace concordat::process
