// Files that hold secrets: made once, readable by their owner only.
#pragma once
#include <base/secret.hpp>
#include <filesystem>

namespace concordat::vault {

// Makes the file with mode 0600, whole and on disk, or not at all. False when a file of this name exists: it is never
// overwritten, also not when two processes try at once. Throws Error(disk).
bool create_private_file(const std::filesystem::path& path, ByteView content);

// Throws Error(not_found), Error(forbidden) when group or others may do anything with the file or it belongs to another
// user, Error(too_large), Error(disk).
SecretBytes read_private_file(const std::filesystem::path& path, std::size_t max_bytes);

}  // namespace concordat::vault
