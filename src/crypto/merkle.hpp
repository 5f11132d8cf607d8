// The Merkle tree of RFC 9162 §2.1 over leaves that are already hashes (their 0x00 prefix is the caller's):
// node = SHA-256(0x01 ‖ left ‖ right). Proof order is leaf to root.
#pragma once
#include <base/bytes.hpp>
#include <vector>

namespace concordat::crypto {

Hash256 merkle_node(const Hash256& left, const Hash256& right);
Hash256 merkle_root(std::span<const Hash256> leaves);  // SHA-256 of nothing for none

// The tree of everything appended so far; memory 64 bytes a leaf.
class MerkleTree {
  public:
    std::uint64_t size() const { return levels_.empty() ? 0 : levels_[0].size(); }
    void append(const Hash256& leaf);
    Hash256 root() const { return root(size()); }
    Hash256 root(std::uint64_t size) const;
    std::vector<Hash256> inclusion(std::uint64_t index, std::uint64_t size) const;
    std::vector<Hash256> consistency(std::uint64_t from, std::uint64_t to) const;
    const Hash256& leaf(std::uint64_t index) const { return levels_[0][index]; }

  private:
    Hash256 range(std::uint64_t begin, std::uint64_t end) const;
    std::vector<std::vector<Hash256>> levels_;  // levels_[k][i] = root of the complete subtree of 2^k leaves at i
};

bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size, std::span<const Hash256> path,
                      const Hash256& root);
bool verify_consistency(std::uint64_t from, const Hash256& from_root, std::uint64_t to, const Hash256& to_root,
                        std::span<const Hash256> path);

}  // namespace concordat::crypto
