// Packages by their ids in a folder, as content-addressed blobs:
//   blobs/sha256/<hex>   manifests, configs, modules, provenances
//   packages/<hex>       one empty file per package, written last: what it names is complete
// Several processes may use one store. Nothing is ever overwritten with other content or removed.
#pragma once
#include <contract/package.hpp>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

namespace concordat::registry {

inline constexpr std::size_t max_stored_packages = 100'000;

class Store {
  public:
    // Creates the folder's parts where they are missing. Throws Error(disk).
    explicit Store(std::filesystem::path folder);

    // Harmless when it is there already; mends a blob that was damaged. Durable on return. Throws Error(disk).
    void put(const contract::Package& package);
    bool contains(const Hash256& id) const;
    // Throws Error(not_found), or Error(tampered) naming the blob when its content is not what its name says.
    contract::Package get(const Hash256& id) const;
    std::vector<Hash256> list() const;  // sorted
    struct Title {
        std::string name, version;
    };
    // What a list shows of a package: read once, then remembered, since what an id names never changes. Throws as
    // get() does. Not for several threads.
    const Title& title(const Hash256& id) const;

  private:
    Bytes blob(const Hash256& digest) const;
    void put_blob(const Hash256& digest, ByteView content);
    std::filesystem::path blob_path(const Hash256& digest) const;
    std::filesystem::path mark_path(const Hash256& id) const;

    std::filesystem::path folder_;
    mutable std::unordered_map<Hash256, Title, Hash256Hasher> titles_;  // at most max_stored_packages
};

}  // namespace concordat::registry
