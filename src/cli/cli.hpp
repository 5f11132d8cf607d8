// The command line. One file per group of commands; each adds its own with add_…_commands().
#pragma once
#include <string>

namespace concordat::cli {

// Returns the exit status: 0 done, 1 refused or failed, 2 wrong use (also `verify` with a file that cannot be read).
int run(int argc, char** argv, const std::string& version);

}  // namespace concordat::cli
