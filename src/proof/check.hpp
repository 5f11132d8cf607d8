// The verifier over files, as both command lines run it.
#pragma once
#include <filesystem>
#include <iosfwd>
#include <ledger/kind.hpp>

namespace concordat::proof {

// Verifies and writes the verdict to `out`, as a tree or as one line of JSON. Returns the exit status: 0 the receipt
// holds, 1 it does not. Throws Error when a file cannot be read, or the trust file is none.
int check_files(const std::filesystem::path& receipt, const std::filesystem::path& trust, ledger::Kinds kinds,
                bool as_json, std::ostream& out);

}  // namespace concordat::proof
