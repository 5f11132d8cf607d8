// Merkle-Patricia tries (Ethereum Yellow Paper, appendix D): checking a proof for one key, and making the tries that a
// block header commits to. Keys enter as they are; a secure trie's caller hashes them first.
#pragma once
#include <optional>
#include <vector>

#include "rlp.hpp"

namespace concordat::ledger::evm::trie {

inline constexpr std::size_t max_proof_nodes = 64;
inline constexpr std::size_t max_node_bytes = std::size_t{1} << 22;  // a leaf holds a whole receipt
inline constexpr std::size_t max_items = 65536;

using Proof = std::vector<Bytes>;  // nodes from the root down, without those that stand inside their parent

// keccak256(rlp("")).
const Hash256& empty_root();

// The value under `key`, or nothing when the proof shows that the trie has none. The proof is exactly the nodes on the
// way: a missing, an altered, a superfluous and a malformed one throw Error(bad_receipt) at "<field>/<index>".
std::optional<Bytes> verify(const Hash256& root, ByteView key, const Proof& proof, std::string_view field);

// The trie that headers commit to for a block's transactions, receipts and withdrawals: item i under key rlp(i).
class IndexTrie {
  public:
    // At most max_items items, none empty; throws Error(too_large | bad_format) at `field`.
    IndexTrie(std::vector<Bytes> items, std::string_view field);
    const Hash256& root() const { return root_; }
    Proof proof(std::size_t index) const;  // of presence or, from the items' number on, of absence

  private:
    struct Entry {
        Bytes nibbles;
        const Bytes* value;
    };
    Bytes node(std::size_t begin, std::size_t end, std::size_t depth, ByteView wanted, Proof* proof) const;
    Bytes branch(std::size_t begin, std::size_t end, std::size_t depth, ByteView wanted, Proof* proof) const;
    Bytes walk(ByteView wanted, Proof* proof) const;

    std::vector<Bytes> items_;
    std::vector<Entry> entries_;  // by key
    Hash256 root_;
};

Bytes index_key(std::size_t index);  // rlp(index)

}  // namespace concordat::ledger::evm::trie
