// A package as one file: an OCI image layout (image-spec 1.1) in a tar, `<name>-<version>.tar`. The same package gives
// the same bytes: entries sorted by path, no owner, no time, no directories.
//   blobs/sha256/<hex>   manifest, config, module, provenance
//   index.json           names the manifest
//   oci-layout
#pragma once
#include <contract/package.hpp>
#include <filesystem>
#include <string>

namespace concordat::registry {

inline constexpr std::size_t max_archive_bytes = std::size_t{32} << 20;
inline constexpr std::size_t max_archive_entries = 16;
inline constexpr std::size_t max_archive_blob_bytes = std::size_t{16} << 20;

Bytes write_archive(const contract::Package& package);
std::string archive_name(const contract::Package& package);  // "equity-forward-1.0.0.tar"

// Strict: an uncompressed tar that holds the files above as plain files, each once, and nothing else (folders named
// blobs and blobs/sha256 are passed over, as other tools write them); every digest is checked. Errors name the path in
// the archive: bad_package, too_large, and what contract::Package::check throws.
contract::Package read_archive(ByteView bytes);
contract::Package read_archive_file(const std::filesystem::path& path);

}  // namespace concordat::registry
