// What one endpoint shows of an account's slot, and the evidence for it. Each function runs in one session; it throws
// Error when the endpoint's answers cannot be used, Error(not_found) when this endpoint does not have what is asked
// for.
#pragma once
#include <deque>

#include "follower.hpp"

namespace concordat::ledger::evm {

// Transactions that are known to be for a slot: a shortcut only, losing it costs a search.
class Memory {
  public:
    static constexpr std::size_t max_slots = 131'072;
    static constexpr std::size_t max_each = 8;
    void remember(const Slot& slot, const Hash256& transaction);
    std::vector<Hash256> of(const Slot& slot) const;
    // The block below which a search from block to block goes on; nothing when it starts anew.
    std::optional<std::uint64_t> scanned_to(const Slot& slot) const;
    void set_scanned_to(const Slot& slot, std::optional<std::uint64_t> block);

    // Whether a node whose newest block is `head` lacks blocks that others, or it itself, have shown to be `depth`
    // deep: one that starts or synchronises, and would make what is final look undone. Where for a minute nobody shows
    // more, that is how the chain is now.
    // `shown`: the highest block when the node was asked, since answers overtake each other.
    bool is_behind(std::uint64_t head, std::uint64_t depth, std::uint64_t shown, Deadline now);
    std::uint64_t highest() const { return highest_; }
    static constexpr std::chrono::seconds patience{60};

  private:
    struct Known {
        std::vector<Hash256> transactions;
        std::optional<std::uint64_t> scanned_to;
    };
    Known& known(const Slot& slot);

    std::map<Slot, Known> known_;
    std::deque<Slot> order_;  // oldest first
    std::uint64_t highest_ = 0;
    Deadline highest_at_{};
};

struct SearchLimits {
    std::size_t scan_blocks = 2048;  // at a time, where a node has forgotten the states that a search by nonce needs
};

// What fills or waits for the slot, and the block that was newest.
struct Filling {
    std::optional<Listed> transaction;  // nothing: neither in a block nor seen in the pool
    bool succeeded = false;             // in a block
    std::uint64_t head = 0;
    std::uint64_t depth() const { return head >= *transaction->block ? head - *transaction->block + 1 : 1; }
};
boost::asio::awaitable<Filling> find_filling(Session session, Slot slot, std::uint64_t depth_needed, Memory& memory,
                                             SearchLimits limits);

View view_of(const Filling& filling, const Call& pinned, std::uint64_t depth_needed);

// Evidence for EvmKind::judge, judged already; nothing while the slot's transaction is not deep enough.
boost::asio::awaitable<std::optional<Proven>> prove_filling(Session session, const Pin& pin, const Finality& finality,
                                                            Memory& memory, SearchLimits limits);

}  // namespace concordat::ledger::evm
