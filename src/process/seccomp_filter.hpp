// The system-call filter (seccomp(2), by libseccomp): what the rules allow, EACCES for what they refuse, and the end of
// the process for everything else. Needs no_new_privs.
#pragma once
#include "sandbox.hpp"

namespace concordat::process {

// Empty when it holds, else the reason why not. Throws Error(config) for a name that is no system call.
std::string enter_seccomp(const SandboxRules& rules);

}  // namespace concordat::process
