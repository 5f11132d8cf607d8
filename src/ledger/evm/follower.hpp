// The newest blocks of one endpoint, read once for all looks: while no new block comes, whether a slot is filled costs
// one question, shared by all that ask meanwhile. A new block is searched for what fills a slot: where the node tells
// of its blocks they are read whole, and show all; else for the transactions that are known to be for one, and what
// else may fill it is found by looking anew after a while (reader.hpp). One thread, the endpoint's.
#pragma once
#include <deque>
#include <map>
#include <unordered_map>

#include "block.hpp"
#include "endpoint.hpp"
#include "reading.hpp"
#include "transport.hpp"

namespace concordat::ledger::evm {

struct Slot {
    Address account;
    std::uint64_t number = 0;
    auto operator<=>(const Slot&) const = default;
};

inline Slot slot_of(const Listed& transaction) { return {transaction.sender, transaction.nonce}; }

class Follower {
  public:
    explicit Follower(Endpoint& endpoint) : endpoint_(endpoint) {}

    // Afterwards `head` is what the endpoint has shown since the call; those who call meanwhile share the next answer.
    // Throws Error as Endpoint::ask and head_of do.
    boost::asio::awaitable<void> refresh(Deadline deadline);
    // The same, unless that was done no longer than `age` ago. Either asks nothing of an endpoint that would have told
    // of a new block, for a second.
    boost::asio::awaitable<void> refresh(Deadline deadline, std::chrono::milliseconds age);
    const Head& head() const { return *head_; }  // after a refresh
    void announced() { announced_ = true; }      // there is a new block

    // What the branch of `head` shows of a slot.
    struct Sight {
        std::optional<Listed> transaction;  // fills it (with its block), or waits for it
        std::optional<bool> succeeded;      // in a block; nothing: not asked yet
    };
    // Nothing where it is not known, or has been for too long.
    const Sight* sight(const Slot& slot) const;

    // A look, in two steps: before its questions, so that no block passes unseen, and with its answer.
    void looking(const Slot& slot, const std::vector<Hash256>& transactions);
    void looked(const Slot& slot, const Sight& found, const Head& head_before);
    void succeeded(const Slot& slot, const Hash256& transaction, bool succeeded);
    // A submission, likewise: before it, and when the endpoint has taken what it did not know.
    void submitting(const Listed& transaction);
    void submitted(const Listed& transaction);
    void forget(const Slot& slot) { watched_.erase(slot); }
    void reset();  // who answers there may be somebody else

    // A whole block of the branch of `head`, to find the transaction in: the newest ones that were asked for are kept,
    // and who asks meanwhile shares the answer. Behind one address may be nodes that disagree: one without the
    // transaction is not kept. Throws as read_block does.
    boost::asio::awaitable<BlockPtr> block(std::uint64_t number, Hash256 transaction, Deadline deadline);

    // What a node advises to pay, kept for a second; the base fee is the head's.
    std::optional<FeeAnswers> advice() const;
    void set_advice(FeeAnswers advice);

    static constexpr std::uint64_t max_gap = 64;  // blocks that are fetched to reach a new head
    static constexpr std::uint64_t max_whole_gap = 8;
    static constexpr std::size_t max_watched = 131'072;
    static constexpr std::size_t max_blocks = 4;  // kept

  private:
    struct Watched {
        Sight sight;
        std::optional<Deadline> looked;
        std::uint64_t head = 0;      // of this branch, when it was looked at
        std::vector<Listed> others;  // that are for the slot, besides the one that is seen

        const Listed* find(const Hash256& transaction) const;
        void see(const Sight& found);
    };
    boost::asio::awaitable<void> fetch_alone(Deadline deadline);
    boost::asio::awaitable<void> wait(Deadline deadline);
    boost::asio::awaitable<void> fetch(Deadline deadline);
    // The blocks from `head` to `newest`, that one too; nothing where they are not one branch.
    boost::asio::awaitable<std::optional<json::Array>> blocks_to(const Head& newest, const json::Value& block,
                                                                 bool whole, Deadline deadline);
    void search(const json::Value& block);
    std::optional<Slot> known_slot(const Hash256& transaction) const;  // where it is known
    void leave_branch();
    const BlockPtr* kept(std::uint64_t number) const;
    Watched& watched(const Slot& slot);
    void add_candidate(const Slot& slot, Watched& watched, const Listed& transaction);

    Endpoint& endpoint_;
    std::optional<Head> head_;
    bool announced_ = false;
    bool broken_ = false;  // what is watched is not on the branch of the next head
    Deadline refreshed_{};
    std::map<Slot, Watched> watched_;
    std::unordered_map<Hash256, Slot, Hash256Hasher> by_transaction_;
    std::optional<FeeAnswers> advice_;
    Deadline advised_{};

    std::uint64_t whole_from_ = 0;  // from this block to the head all were read whole
    json::Value newest_;            // the head's block with whole transactions; null where they were not asked for
    std::uint64_t branch_ = 0;
    std::deque<std::pair<std::uint64_t, BlockPtr>> blocks_;  // of this branch, the oldest first
    std::map<std::uint64_t, std::vector<std::shared_ptr<Waiter>>> reading_;

    bool fetching_ = false;
    std::uint64_t begun_ = 0, done_ = 0;  // fetches
    std::vector<std::shared_ptr<Waiter>> waiting_;
};

// An operation's way to one endpoint.
struct Session {
    Endpoint& endpoint;
    Follower& follower;
    Deadline deadline;
    boost::asio::awaitable<std::vector<Reply>> ask(std::vector<Request> requests) {
        return endpoint.ask(std::move(requests), deadline);
    }
};

}  // namespace concordat::ledger::evm
