#include "store.hpp"

#include <algorithm>
#include <base/file.hpp>
#include <crypto/hash.hpp>

#include "archive.hpp"

namespace concordat::registry {

namespace fs = std::filesystem;

Store::Store(fs::path folder) : folder_(std::move(folder)) {
    for (const char* part : {"blobs/sha256", "packages"}) {
        std::error_code failed;
        fs::create_directories(folder_ / part, failed);
        if (failed) throw Error(Code::disk, (folder_ / part).string(), "cannot be made: " + failed.message());
    }
}

fs::path Store::blob_path(const Hash256& digest) const { return folder_ / "blobs/sha256" / digest.hex(); }
fs::path Store::mark_path(const Hash256& id) const { return folder_ / "packages" / id.hex(); }

Bytes Store::blob(const Hash256& digest) const {
    Bytes content;
    try {
        content = read_file(blob_path(digest), max_archive_blob_bytes);
    } catch (const Error& error) {
        if (error.code() != Code::not_found && error.code() != Code::too_large) throw;
        throw Error(Code::tampered, blob_path(digest).string(), "a blob of a stored package is gone or changed");
    }
    if (crypto::sha256(content) != digest) {
        throw Error(Code::tampered, blob_path(digest).string(), "a blob's content is not what its name says");
    }
    return content;
}

void Store::put_blob(const Hash256& digest, ByteView content) {
    if (fs::exists(blob_path(digest))) {
        try {
            blob(digest);
            return;
        } catch (const Error& error) {
            if (error.code() != Code::tampered) throw;
        }
    }
    write_file_atomic(blob_path(digest), content);
}

void Store::put(const contract::Package& package) {
    put_blob(package.parsed.config, package.config);
    put_blob(package.parsed.module, package.module);
    put_blob(package.parsed.provenance, package.provenance);
    put_blob(package.id(), package.manifest);
    if (!contains(package.id())) write_file_atomic(mark_path(package.id()), {});
}

bool Store::contains(const Hash256& id) const { return fs::is_regular_file(mark_path(id)); }

contract::Package Store::get(const Hash256& id) const {
    if (!contains(id)) throw Error(Code::not_found, id.text(), "no such package in the store");
    Bytes manifest = blob(id);
    const contract::Manifest parsed = contract::Manifest::parse(manifest);
    return contract::Package::check(std::move(manifest), blob(parsed.config), blob(parsed.module),
                                    blob(parsed.provenance));
}

const Store::Title& Store::title(const Hash256& id) const {
    if (const auto known = titles_.find(id); known != titles_.end()) return known->second;
    if (!contains(id)) throw Error(Code::not_found, id.text(), "no such package in the store");
    const contract::Contract contract = contract::Contract::parse(blob(contract::Manifest::parse(blob(id)).config));
    if (titles_.size() >= max_stored_packages) titles_.clear();
    return titles_[id] = {contract.name, contract.version};
}

std::vector<Hash256> Store::list() const {
    std::vector<Hash256> ids;
    for (const auto& entry : fs::directory_iterator(folder_ / "packages")) {
        const std::optional<Bytes> bytes = from_hex(entry.path().filename().string());
        if (!bytes || bytes->size() != 32) continue;  // a temporary neighbour of an atomic write
        if (ids.size() >= max_stored_packages) {
            throw Error(Code::too_large, folder_.string(),
                        "at most " + std::to_string(max_stored_packages) + " packages");
        }
        ids.push_back(Hash256::from(*bytes));
    }
    std::ranges::sort(ids);
    return ids;
}

}  // namespace concordat::registry
