#include "trie.hpp"

#include <algorithm>

#include "keccak.hpp"

namespace concordat::ledger::evm::trie {
namespace {

Bytes nibbles_of(ByteView key) {
    Bytes out;
    out.reserve(2 * key.size());
    for (const std::uint8_t byte : key) {
        out.push_back(byte >> 4);
        out.push_back(byte & 0xf);
    }
    return out;
}

// Hex-prefix encoding: the first nibble tells a leaf (2) from an extension (0) and an odd (1) number of nibbles.
Bytes hex_prefix(ByteView nibbles, bool leaf) {
    const bool odd = nibbles.size() % 2 == 1;
    Bytes out;
    out.push_back(static_cast<std::uint8_t>((leaf ? 0x20 : 0x00) | (odd ? 0x10 | nibbles[0] : 0)));
    for (std::size_t i = odd ? 1 : 0; i < nibbles.size(); i += 2)
        out.push_back(static_cast<std::uint8_t>(nibbles[i] << 4 | nibbles[i + 1]));
    return out;
}

struct Path {
    Bytes nibbles;
    bool leaf = false;
};

class Verifier {
  public:
    Verifier(const Proof& proof, std::string_view field) : proof_(proof), field_(field) {}

    std::optional<Bytes> run(const Hash256& root, ByteView key) {
        const Bytes nibbles = nibbles_of(key);
        left_ = nibbles;
        if (root == empty_root()) {
            if (proof_.empty() || (proof_.size() == 1 && proof_[0] == Bytes{0x80})) return std::nullopt;
            fail("must be empty, since the trie is");
        }
        if (proof_.size() > max_proof_nodes) fail("must have at most 64 nodes");
        std::optional<Bytes> value = below(next_node(root));
        if (used_ != proof_.size()) fail("must have no node beside the way to the key");
        return value;
    }

  private:
    [[noreturn]] void fail(std::string rule) const {
        throw Error(Code::bad_receipt, std::string(field_) + "/" + std::to_string(used_ == 0 ? 0 : used_ - 1),
                    std::move(rule));
    }

    ByteView next_node(const Hash256& hash) {
        if (used_ == proof_.size()) {
            ++used_;
            fail("is missing: the way to the key goes on");
        }
        const Bytes& node = proof_[used_++];
        if (node.size() > max_node_bytes) fail("must have at most 4194304 bytes");
        if (keccak256(node) != hash) fail("must have the hash that its parent, or the root, names");
        return node;
    }

    // A node's items: 17 of a branch or 2 of a path. Malformed RLP becomes this proof's error, not a request's.
    std::vector<rlp::Item> items_of(ByteView node) {
        std::vector<rlp::Item> items;
        try {
            ByteView rest = node;
            const rlp::Item list = rlp::take(rest, "node");
            if (!list.is_list || !rest.empty()) fail("must be one RLP list");
            for (ByteView in = list.payload; !in.empty() && items.size() < 18;) items.push_back(rlp::take(in, "node"));
        } catch (const Error& error) {
            if (error.code() == Code::bad_receipt) throw;
            fail("must be canonical RLP: " + error.rule());
        }
        if (items.size() != 17 && items.size() != 2) fail("must be a list of 17 or of 2 items");
        return items;
    }

    std::optional<Bytes> below(ByteView node) {
        // An inline child is shorter than a hash, so that at most 16 of them nest; proof_ bounds the rest.
        while (true) {
            const auto items = items_of(node);
            std::optional<ByteView> next = items.size() == 17 ? in_branch(items) : in_path(items);
            if (!next) return std::move(value_);
            node = *next;
        }
    }

    // The node below, or nothing when value_ is the answer.
    std::optional<ByteView> in_branch(const std::vector<rlp::Item>& items) {
        if (left_.empty()) {
            if (items[16].is_list) fail("must have a string as a branch's value");
            if (!items[16].payload.empty()) value_ = to_bytes(items[16].payload);
            return std::nullopt;
        }
        const rlp::Item& child = items[left_[0]];
        left_ = left_.subspan(1);
        if (!child.is_list && child.payload.empty()) return std::nullopt;
        return child_node(child);
    }

    std::optional<ByteView> in_path(const std::vector<rlp::Item>& items) {
        const Path path = path_of(items[0]);
        const bool on_the_way =
            left_.size() >= path.nibbles.size() && std::equal(path.nibbles.begin(), path.nibbles.end(), left_.begin());
        if (path.leaf) {
            if (items[1].is_list || items[1].payload.empty()) fail("must have a string as a leaf's value");
            if (on_the_way && left_.size() == path.nibbles.size()) value_ = to_bytes(items[1].payload);
            return std::nullopt;
        }
        if (path.nibbles.empty()) fail("must have a nibble on an extension's path");
        if (!on_the_way) return std::nullopt;
        left_ = left_.subspan(path.nibbles.size());
        return child_node(items[1]);
    }

    ByteView child_node(const rlp::Item& child) {
        if (!child.is_list && child.payload.size() == 32) return next_node(Hash256::from(child.payload));
        if (!child.is_list || child.whole.size() >= 32)
            fail("must name a child by hash, or hold it when below 32 bytes");
        return child.whole;
    }

    Path path_of(const rlp::Item& item) {
        constexpr const char* rule = "must have a hex-prefix path";
        if (item.is_list || item.payload.empty() || item.payload.size() > 64) fail(rule);
        const std::uint8_t flags = item.payload[0] >> 4;
        if (flags > 3 || (flags % 2 == 0 && (item.payload[0] & 0xf) != 0)) fail(rule);
        Path out{.nibbles = nibbles_of(item.payload), .leaf = flags >= 2};
        out.nibbles.erase(out.nibbles.begin(), out.nibbles.begin() + (flags % 2 == 1 ? 1 : 2));
        return out;
    }

    const Proof& proof_;
    std::string_view field_;
    std::size_t used_ = 0;
    ByteView left_;  // nibbles of the key below the present node
    std::optional<Bytes> value_;
};

std::size_t shared_nibbles(ByteView a, ByteView b) {
    return static_cast<std::size_t>(std::mismatch(a.begin(), a.end(), b.begin(), b.end()).first - a.begin());
}

}  // namespace

const Hash256& empty_root() {
    static const Hash256 root = keccak256(Bytes{0x80});
    return root;
}

Bytes index_key(std::size_t index) {
    Bytes out;
    rlp::append(out, U256(index));
    return out;
}

std::optional<Bytes> verify(const Hash256& root, ByteView key, const Proof& proof, std::string_view field) {
    return Verifier(proof, field).run(root, key);
}

IndexTrie::IndexTrie(std::vector<Bytes> items, std::string_view field) : items_(std::move(items)) {
    if (items_.size() > max_items) throw Error(Code::too_large, std::string(field), "must have at most 65536 items");
    for (std::size_t i = 0; i < items_.size(); ++i) {
        if (items_[i].empty())
            throw Error(Code::bad_format, std::string(field) + "/" + std::to_string(i), "must not be empty");
        entries_.push_back({nibbles_of(index_key(i)), &items_[i]});
    }
    std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) { return a.nibbles < b.nibbles; });
    root_ = items_.empty() ? empty_root() : keccak256(walk({}, nullptr));
}

Proof IndexTrie::proof(std::size_t index) const {
    Proof out;
    if (!items_.empty()) walk(nibbles_of(index_key(index)), &out);
    std::reverse(out.begin(), out.end());
    return out;
}

// Encodes the whole trie; with `proof`, keeps the nodes on the way to `wanted`, lowest first.
Bytes IndexTrie::walk(ByteView wanted, Proof* proof) const {
    Bytes root = node(0, entries_.size(), 0, wanted, proof);
    // A root below 32 bytes is still a node of its own: it is named by its hash.
    if (proof != nullptr && root.size() < 32) proof->push_back(root);
    return root;
}

// The node over entries [begin, end), which share their first `depth` nibbles. `wanted` is what is left of the key that
// `proof` is for; a null `proof` says that the key lies elsewhere.
Bytes IndexTrie::node(std::size_t begin, std::size_t end, std::size_t depth, ByteView wanted, Proof* proof) const {
    const ByteView first = ByteView(entries_[begin].nibbles).subspan(depth);
    Bytes payload;
    if (end - begin == 1) {
        rlp::append(payload, ByteView(hex_prefix(first, true)));
        rlp::append(payload, ByteView(*entries_[begin].value));
    } else {
        const std::size_t shared = shared_nibbles(first, ByteView(entries_[end - 1].nibbles).subspan(depth));
        const bool on_the_way = wanted.size() >= shared && shared_nibbles(first, wanted) >= shared;
        Proof* const inner = on_the_way ? proof : nullptr;
        const Bytes below =
            branch(begin, end, depth + shared, inner != nullptr ? wanted.subspan(shared) : wanted, inner);
        if (shared == 0) {
            payload = below;
        } else {
            const Bytes child = rlp::list(below);
            if (inner != nullptr && child.size() >= 32) inner->push_back(child);
            rlp::append(payload, ByteView(hex_prefix(first.first(shared), false)));
            if (child.size() < 32)
                payload.insert(payload.end(), child.begin(), child.end());
            else
                rlp::append(payload, keccak256(child).view());
        }
    }
    Bytes out = rlp::list(payload);
    if (proof != nullptr && out.size() >= 32) proof->push_back(out);
    return out;
}

// The payload of the branch over entries that part at nibble `depth`. No key of ours is another's prefix, so that the
// branch itself never holds a value.
Bytes IndexTrie::branch(std::size_t begin, std::size_t end, std::size_t depth, ByteView wanted, Proof* proof) const {
    Bytes payload;
    for (std::uint8_t nibble = 0; nibble < 16; ++nibble) {
        const std::size_t from = begin;
        while (begin < end && entries_[begin].nibbles[depth] == nibble) ++begin;
        if (from == begin) {
            rlp::append(payload, ByteView{});
            continue;
        }
        const bool on_the_way = proof != nullptr && !wanted.empty() && wanted[0] == nibble;
        const Bytes child =
            node(from, begin, depth + 1, on_the_way ? wanted.subspan(1) : ByteView{}, on_the_way ? proof : nullptr);
        if (child.size() < 32)
            payload.insert(payload.end(), child.begin(), child.end());
        else
            rlp::append(payload, keccak256(child).view());
    }
    rlp::append(payload, ByteView{});
    return payload;
}

}  // namespace concordat::ledger::evm::trie
