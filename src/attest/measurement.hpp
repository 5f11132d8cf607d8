// What a process can say about its own code without hardware.
#pragma once
#include <base/bytes.hpp>

namespace concordat::attest {

// SHA-256 of /proc/self/exe. Read it before entering a sandbox. Throws Error(disk).
Hash256 measure_self();

}  // namespace concordat::attest
