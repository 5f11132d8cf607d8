#include "trie.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "keccak.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm::trie {
namespace {

std::string proof_refusal(const Hash256& root, ByteView key, const Proof& proof) {
    return refusal([&] { verify(root, key, proof, "/proof"); });
}

std::vector<Bytes> items(std::size_t count, std::size_t size) {
    std::vector<Bytes> out;
    for (std::size_t i = 0; i < count; ++i) {
        Bytes item(size, static_cast<std::uint8_t>(i));
        item[0] = static_cast<std::uint8_t>(i >> 8);
        out.push_back(std::move(item));
    }
    return out;
}

TEST(IndexTrie, EveryItemAndNoOther) {
    for (const std::size_t count : {0u, 1u, 2u, 3u, 16u, 17u, 127u, 128u, 129u, 200u, 300u}) {
        for (const std::size_t size : {1u, 5u, 40u}) {
            const auto all = items(count, size);
            const IndexTrie trie(all, "items");
            for (std::size_t i = 0; i < count + 3; ++i) {
                const auto value = verify(trie.root(), index_key(i), trie.proof(i), "/proof");
                if (i < count)
                    EXPECT_EQ(value, all[i]) << count << " " << i;
                else
                    EXPECT_EQ(value, std::nullopt) << count << " " << i;
            }
        }
    }
}

TEST(IndexTrie, RefusesEmptyAndTooManyItems) {
    EXPECT_EQ(refusal([] { IndexTrie({Bytes{1}, Bytes{}}, "/items"); }), "/items/1: must not be empty");
    EXPECT_EQ(refusal([] { IndexTrie(std::vector<Bytes>(max_items + 1, Bytes{1}), "/items"); }),
              "/items: must have at most 65536 items");
}

TEST(Trie, RefusesEveryChangedProof) {
    const auto all = items(200, 40);
    const IndexTrie trie(all, "items");
    const Bytes key = index_key(77);
    const Proof good = trie.proof(77);
    ASSERT_GE(good.size(), 2u);
    for (std::size_t n = 0; n < good.size(); ++n) {
        for (std::size_t i = 0; i < good[n].size(); ++i) {
            Proof changed = good;
            changed[n][i] ^= 1;
            EXPECT_THROW(verify(trie.root(), key, changed, "p"), Error);
        }
        Proof cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(n));
        EXPECT_EQ(proof_refusal(trie.root(), key, cut),
                  "/proof/" + std::to_string(n) + ": is missing: the way to the key goes on");
    }
    Proof more = good;
    more.push_back(good.back());
    EXPECT_EQ(proof_refusal(trie.root(), key, more),
              "/proof/" + std::to_string(good.size() - 1) + ": must have no node beside the way to the key");
    EXPECT_THROW(verify(trie.root(), index_key(3), good, "p"), Error);
    EXPECT_THROW(verify(Hash256{}, key, good, "p"), Error);
    EXPECT_THROW(verify(trie.root(), key, Proof(65, good[0]), "p"), Error);
}

TEST(Trie, TheEmptyTrieHasNothing) {
    EXPECT_EQ(empty_root().hex(), "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
    EXPECT_EQ(verify(empty_root(), Bytes{1}, {}, "p"), std::nullopt);
    EXPECT_EQ(verify(empty_root(), Bytes{1}, {Bytes{0x80}}, "p"), std::nullopt);
    EXPECT_EQ(proof_refusal(empty_root(), Bytes{1}, {Bytes{0xc0}}), "/proof/0: must be empty, since the trie is");
}

Bytes branch(const std::map<std::size_t, Bytes>& children, std::string_view value) {
    Bytes payload;
    for (std::size_t i = 0; i < 16; ++i) {
        const auto child = children.find(i);
        if (child == children.end())
            rlp::append(payload, ByteView{});
        else
            payload.insert(payload.end(), child->second.begin(), child->second.end());
    }
    rlp::append(payload, bytes_of(value));
    return rlp::list(payload);
}

Bytes path_node(std::string_view path, ByteView child) {
    Bytes payload;
    rlp::append(payload, ByteView(from_hex(path).value()));
    payload.insert(payload.end(), child.begin(), child.end());
    return rlp::list(payload);
}

Bytes string(ByteView bytes) {
    Bytes out;
    rlp::append(out, bytes);
    return out;
}

Bytes by_hash(const Bytes& node) { return string(keccak256(node).view()); }

// The trie of do → verb, dog → puppy, doge → coin, horse → stallion that the Ethereum wiki draws, with its root: it has
// values in branches, children inside their parents, and extensions of both parities.
TEST(Trie, TheWikisExample) {
    const Bytes doge = path_node("35", string(bytes_of("coin")));
    const Bytes dog = path_node("17", branch({{6, doge}}, "puppy"));
    const Bytes below_do = branch({{6, dog}}, "verb");
    const Bytes d = path_node("006f", by_hash(below_do));
    const Bytes horse = path_node("206f727365", string(bytes_of("stallion")));
    const Bytes dh = branch({{4, by_hash(d)}, {8, horse}}, "");
    const Bytes top = path_node("16", by_hash(dh));
    const Hash256 root = keccak256(top);
    EXPECT_EQ(root.hex(), "5991bb8c6514148a29db676a14ac506cd2cd5775ace63c30a4fe457715e9ac84");
    const auto value = [&](std::string_view key, const Proof& proof) {
        const auto found = verify(root, bytes_of(key), proof, "p");
        return found ? std::string(text_of(*found)) : "absent";
    };
    EXPECT_EQ(value("do", {top, dh, d, below_do}), "verb");
    EXPECT_EQ(value("dog", {top, dh, d, below_do}), "puppy");
    EXPECT_EQ(value("doge", {top, dh, d, below_do}), "coin");
    EXPECT_EQ(value("horse", {top, dh}), "stallion");
    EXPECT_EQ(value("dogs", {top, dh, d, below_do}), "absent");
    EXPECT_EQ(value("doges", {top, dh, d, below_do}), "absent");
    EXPECT_EQ(value("horses", {top, dh}), "absent");
    EXPECT_EQ(value("hors", {top, dh}), "absent");
    EXPECT_EQ(value("d", {top, dh, d}), "absent");
    EXPECT_EQ(value("cat", {top, dh}), "absent");
    EXPECT_EQ(value("zebra", {top}), "absent");
    EXPECT_EQ(value("", {top}), "absent");
}

TEST(Trie, RefusesMalformedNodes) {
    const auto rule = [](const Bytes& node) { return proof_refusal(keccak256(node), Bytes{0x11}, {node}); };
    EXPECT_EQ(rule({0x80}).substr(0, 8), "was acce");  // that is the empty trie's root
    EXPECT_EQ(rule({0xc0}), "/proof/0: must be a list of 17 or of 2 items");
    EXPECT_EQ(rule({0x01}), "/proof/0: must be one RLP list");
    EXPECT_EQ(rule({0xc1}), "/proof/0: must be canonical RLP: ends inside an RLP item");
    EXPECT_EQ(rule(rlp::list(Bytes(18, 0x80))), "/proof/0: must be a list of 17 or of 2 items");
    EXPECT_EQ(rule(path_node("00", string(Bytes(32, 7)))), "/proof/0: must have a nibble on an extension's path");
    EXPECT_EQ(rule(path_node("40", string(Bytes(32, 7)))), "/proof/0: must have a hex-prefix path");
    EXPECT_EQ(rule(path_node("2f11", string(Bytes{7}))), "/proof/0: must have a hex-prefix path");
    EXPECT_EQ(rule(path_node("", string(Bytes{7}))), "/proof/0: must have a hex-prefix path");
    EXPECT_EQ(rule(path_node("2011", Bytes{0xc0})), "/proof/0: must have a string as a leaf's value");
    EXPECT_EQ(rule(path_node("11", string(Bytes{7}))),
              "/proof/0: must name a child by hash, or hold it when below 32 bytes");
}

RC_GTEST_PROP(TrieProperty, AnyItems, (const std::vector<Bytes>& any)) {
    std::vector<Bytes> all;
    for (const auto& item : any) {
        if (!item.empty()) all.push_back(item);
    }
    const IndexTrie trie(all, "items");
    for (std::size_t i = 0; i < all.size(); ++i)
        RC_ASSERT(verify(trie.root(), index_key(i), trie.proof(i), "p") == all[i]);
    RC_ASSERT(!verify(trie.root(), index_key(all.size()), trie.proof(all.size()), "p"));
}

}  // namespace
}  // namespace concordat::ledger::evm::trie
