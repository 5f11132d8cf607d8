#include "merkle.hpp"

#include <algorithm>
#include <base/error.hpp>
#include <bit>

#include "hash.hpp"

namespace concordat::crypto {
namespace {

bool odd(std::uint64_t n) { return (n & 1) != 0; }

// RFC 9162 §2.1.1: the largest power of two below n, for n > 1.
std::uint64_t split(std::uint64_t n) { return std::bit_floor(n - 1); }

void check(bool holds, std::string_view field, std::string_view rule) {
    if (!holds) throw Error(Code::bad_format, std::string(field), std::string(rule));
}

}  // namespace

Hash256 merkle_node(const Hash256& left, const Hash256& right) {
    std::array<std::uint8_t, 65> text;
    text[0] = 0x01;
    std::memcpy(text.data() + 1, left.bytes.data(), 32);
    std::memcpy(text.data() + 33, right.bytes.data(), 32);
    return sha256(ByteView(text));
}

Hash256 merkle_root(std::span<const Hash256> leaves) {
    if (leaves.empty()) return sha256(ByteView());
    std::vector<Hash256> level(leaves.begin(), leaves.end());
    // Pairing from the left and carrying an odd last node up gives the same tree as splitting at powers of two.
    while (level.size() > 1) {
        const std::size_t pairs = level.size() / 2;
        for (std::size_t i = 0; i < pairs; ++i) level[i] = merkle_node(level[2 * i], level[2 * i + 1]);
        if (odd(level.size())) level[pairs] = level.back();
        level.resize(pairs + level.size() % 2);
    }
    return level[0];
}

void MerkleTree::append(const Hash256& leaf) {
    Hash256 node = leaf;
    for (std::size_t k = 0;; ++k) {
        if (k == levels_.size()) levels_.emplace_back();
        auto& level = levels_[k];
        level.push_back(node);
        if (odd(level.size())) return;
        node = merkle_node(level[level.size() - 2], level.back());
    }
}

// `begin` is a multiple of the largest power of two that is not above end - begin, as in every split of RFC 9162.
Hash256 MerkleTree::range(std::uint64_t begin, std::uint64_t end) const {
    const std::uint64_t n = end - begin;
    if (std::has_single_bit(n)) {
        const auto k = static_cast<std::size_t>(std::countr_zero(n));
        return levels_[k][begin >> k];
    }
    const std::uint64_t middle = begin + split(n);
    return merkle_node(range(begin, middle), range(middle, end));
}

Hash256 MerkleTree::root(std::uint64_t size) const {
    check(size <= this->size(), "size", "must not exceed the tree's size");
    return size == 0 ? sha256(ByteView()) : range(0, size);
}

std::vector<Hash256> MerkleTree::inclusion(std::uint64_t index, std::uint64_t size) const {
    check(size <= this->size(), "size", "must not exceed the tree's size");
    check(index < size, "index", "must be below the tree's size");
    std::vector<Hash256> path;
    for (std::uint64_t begin = 0, end = size; end - begin > 1;) {
        const std::uint64_t middle = begin + split(end - begin);
        if (index < middle) {
            path.push_back(range(middle, end));
            end = middle;
        } else {
            path.push_back(range(begin, middle));
            begin = middle;
        }
    }
    std::reverse(path.begin(), path.end());
    return path;
}

std::vector<Hash256> MerkleTree::consistency(std::uint64_t from, std::uint64_t to) const {
    check(to <= size(), "to", "must not exceed the tree's size");
    check(from <= to, "from", "must not exceed the later size");
    std::vector<Hash256> path;
    if (from == 0 || from == to) return path;
    // RFC 9162 §2.1.4.1, SUBPROOF: descend to the subtree whose end is `from`.
    std::uint64_t begin = 0, end = to;
    while (from != end) {
        const std::uint64_t middle = begin + split(end - begin);
        if (from <= middle) {
            path.push_back(range(middle, end));
            end = middle;
        } else {
            path.push_back(range(begin, middle));
            begin = middle;
        }
    }
    if (begin != 0) path.push_back(range(begin, end));  // otherwise it is the root that the verifier already has
    std::reverse(path.begin(), path.end());
    return path;
}

// RFC 9162 §2.1.3.2.
bool verify_inclusion(const Hash256& leaf, std::uint64_t index, std::uint64_t size, std::span<const Hash256> path,
                      const Hash256& root) {
    if (index >= size) return false;
    std::uint64_t fn = index, sn = size - 1;
    Hash256 node = leaf;
    for (const Hash256& sibling : path) {
        if (sn == 0) return false;
        if (odd(fn) || fn == sn) {
            node = merkle_node(sibling, node);
            while (!odd(fn) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            node = merkle_node(node, sibling);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && node == root;
}

// RFC 9162 §2.1.4.2.
bool verify_consistency(std::uint64_t from, const Hash256& from_root, std::uint64_t to, const Hash256& to_root,
                        std::span<const Hash256> path) {
    if (from > to) return false;
    if (from == to) return path.empty() && from_root == to_root;
    if (from == 0) return path.empty() && from_root == sha256(ByteView());
    const bool complete = std::has_single_bit(from);  // then from_root itself starts the path
    if (path.empty()) return false;
    std::uint64_t fn = from - 1, sn = to - 1;
    while (odd(fn)) {
        fn >>= 1;
        sn >>= 1;
    }
    Hash256 old_node = complete ? from_root : path[0];
    Hash256 new_node = old_node;
    for (const Hash256& node : complete ? path : path.subspan(1)) {
        if (sn == 0) return false;
        if (odd(fn) || fn == sn) {
            old_node = merkle_node(node, old_node);
            new_node = merkle_node(node, new_node);
            while (!odd(fn) && fn != 0) {
                fn >>= 1;
                sn >>= 1;
            }
        } else {
            new_node = merkle_node(new_node, node);
        }
        fn >>= 1;
        sn >>= 1;
    }
    return sn == 0 && old_node == from_root && new_node == to_root;
}

}  // namespace concordat::crypto
