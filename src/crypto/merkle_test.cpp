#include "merkle.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <base/error.hpp>

#include <bit>
#include <string>

#include "hash.hpp"

namespace concordat::crypto {
namespace {

std::vector<Hash256> some_leaves(std::size_t n) {
    std::vector<Hash256> leaves;
    for (std::size_t i = 0; i < n; ++i) leaves.push_back(sha256("leaf " + std::to_string(i)));
    return leaves;
}

MerkleTree tree_of(const std::vector<Hash256>& leaves) {
    MerkleTree tree;
    for (const Hash256& leaf : leaves) tree.append(leaf);
    return tree;
}

// RFC 9162 §2.1.1, word for word, as the reference.
Hash256 reference_root(std::span<const Hash256> leaves) {
    if (leaves.empty()) return sha256(ByteView());
    if (leaves.size() == 1) return leaves[0];
    const std::size_t k = std::bit_floor(leaves.size() - 1);
    return merkle_node(reference_root(leaves.first(k)), reference_root(leaves.subspan(k)));
}

constexpr std::size_t max_size = 40;

TEST(Merkle, GivesTheRootsOfTheCertificateTransparencyTestTree) {
    const char* inputs[] = {
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
    const char* roots[] = {"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                           "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                           "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                           "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                           "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                           "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                           "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                           "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    MerkleTree tree;
    std::vector<Hash256> leaves;
    EXPECT_EQ(tree.root(), sha256(ByteView()));
    for (std::size_t i = 0; i < 8; ++i) {
        const Bytes prefix{0}, data = from_hex(inputs[i]).value();
        leaves.push_back(sha256({prefix, data}));
        tree.append(leaves.back());
        EXPECT_EQ(tree.root().hex(), roots[i]);
        EXPECT_EQ(merkle_root(leaves).hex(), roots[i]);
    }
}

TEST(Merkle, RootsAgreeWithTheDefinitionAtEverySize) {
    const auto leaves = some_leaves(max_size);
    const MerkleTree tree = tree_of(leaves);
    for (std::size_t n = 0; n <= max_size; ++n) {
        const auto first = std::span(leaves).first(n);
        EXPECT_EQ(tree.root(n), reference_root(first));
        EXPECT_EQ(merkle_root(first), reference_root(first));
    }
}

std::string sides(std::uint64_t index, std::uint64_t size) {
    std::string out;
    for (std::uint64_t begin = 0, end = size; end - begin > 1;) {
        const std::uint64_t middle = begin + std::bit_floor(end - begin - 1);
        out += index < middle ? 'l' : 'r';
        (index < middle ? end : begin) = middle;
    }
    return out;
}

TEST(Merkle, InclusionHoldsForWhatItIsAndNothingElse) {
    const auto leaves = some_leaves(max_size);
    const MerkleTree tree = tree_of(leaves);
    for (std::uint64_t size = 1; size <= max_size; ++size) {
        const Hash256 root = tree.root(size);
        for (std::uint64_t index = 0; index < size; ++index) {
            const auto path = tree.inclusion(index, size);
            ASSERT_TRUE(verify_inclusion(leaves[index], index, size, path, root)) << index << "/" << size;
            for (std::uint64_t other = 0; other <= max_size; ++other) {
                ASSERT_EQ(verify_inclusion(leaves[index], other, size, path, root), other == index);
                // Sizes whose path has the same shape cannot be told apart by a path: the signed statement binds the
                // size.
                const bool same = other > index && sides(index, other) == sides(index, size);
                ASSERT_EQ(verify_inclusion(leaves[index], index, other, path, root), same) << index << " " << other;
            }
            auto longer = path, shorter = path;
            longer.push_back(root);
            ASSERT_FALSE(verify_inclusion(leaves[index], index, size, longer, root));
            if (path.empty()) continue;
            shorter.pop_back();
            ASSERT_FALSE(verify_inclusion(leaves[index], index, size, shorter, root));
        }
    }
}

TEST(Merkle, ConsistencyHoldsForWhatItIsAndNothingElse) {
    const MerkleTree tree = tree_of(some_leaves(max_size));
    for (std::uint64_t to = 0; to <= max_size; ++to) {
        for (std::uint64_t from = 0; from <= to; ++from) {
            const auto path = tree.consistency(from, to);
            const Hash256 a = tree.root(from), b = tree.root(to);
            ASSERT_TRUE(verify_consistency(from, a, to, b, path)) << from << " " << to;
            for (std::uint64_t other = 0; from != 0 && other <= max_size; ++other) {
                ASSERT_EQ(verify_consistency(other, a, to, b, path), other == from)
                    << from << " " << to << " " << other;
            }
            auto longer = path;
            longer.push_back(a);
            ASSERT_FALSE(verify_consistency(from, a, to, b, longer));
            if (from == to || from == 0) continue;
            ASSERT_FALSE(verify_consistency(from, b, to, b, path));
            ASSERT_FALSE(verify_consistency(from, a, to, a, path));
            auto shorter = path;
            shorter.pop_back();
            ASSERT_FALSE(verify_consistency(from, a, to, b, shorter));
        }
    }
}

Hash256 with_one_bit_flipped(Hash256 hash) {
    hash.bytes[*rc::gen::inRange<std::size_t>(0, 32)] ^= static_cast<std::uint8_t>(1 << *rc::gen::inRange(0, 8));
    return hash;
}

TEST(Merkle, AnyFlippedBitIsFound) {
    const auto leaves = some_leaves(300);
    const MerkleTree tree = tree_of(leaves);
    EXPECT_TRUE(rc::check([&] {
        const auto size = *rc::gen::inRange<std::uint64_t>(2, 301);
        const auto index = *rc::gen::inRange<std::uint64_t>(0, size);
        auto path = tree.inclusion(index, size);
        const Hash256 root = tree.root(size);
        RC_ASSERT(verify_inclusion(leaves[index], index, size, path, root));
        RC_ASSERT(!verify_inclusion(with_one_bit_flipped(leaves[index]), index, size, path, root));
        RC_ASSERT(!verify_inclusion(leaves[index], index, size, path, with_one_bit_flipped(root)));
        auto& node = path[*rc::gen::inRange<std::size_t>(0, path.size())];
        node = with_one_bit_flipped(node);
        RC_ASSERT(!verify_inclusion(leaves[index], index, size, path, root));
    }));
    EXPECT_TRUE(rc::check([&] {
        const auto to = *rc::gen::inRange<std::uint64_t>(2, 301);
        const auto from = *rc::gen::inRange<std::uint64_t>(1, to);
        auto path = tree.consistency(from, to);
        const Hash256 a = tree.root(from), b = tree.root(to);
        RC_ASSERT(verify_consistency(from, a, to, b, path));
        RC_ASSERT(!verify_consistency(from, with_one_bit_flipped(a), to, b, path));
        RC_ASSERT(!verify_consistency(from, a, to, with_one_bit_flipped(b), path));
        auto& node = path[*rc::gen::inRange<std::size_t>(0, path.size())];
        node = with_one_bit_flipped(node);
        RC_ASSERT(!verify_consistency(from, a, to, b, path));
    }));
}

TEST(Merkle, RefusesWhatLiesOutsideTheTree) {
    const MerkleTree tree = tree_of(some_leaves(3));
    EXPECT_THROW((void)tree.root(4), Error);
    EXPECT_THROW((void)tree.inclusion(3, 3), Error);
    EXPECT_THROW((void)tree.inclusion(0, 4), Error);
    EXPECT_THROW((void)tree.inclusion(0, 0), Error);
    EXPECT_THROW((void)tree.consistency(0, 4), Error);
    EXPECT_THROW((void)tree.consistency(3, 2), Error);
    EXPECT_FALSE(verify_inclusion({}, 0, 0, {}, {}));
    EXPECT_FALSE(verify_inclusion({}, ~std::uint64_t{0}, ~std::uint64_t{0}, {}, {}));
}

}  // namespace
}  // namespace concordat::crypto
