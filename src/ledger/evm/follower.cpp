#include "follower.hpp"

#include <algorithm>
#include <boost/asio/this_coro.hpp>
#include <ledger/evm/protocol/rpc.hpp>
#include <ledger/evm/protocol/trie.hpp>

namespace concordat::ledger::evm {

namespace asio = boost::asio;
using asio::awaitable;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto looked_lately = 1s;  // somebody else's transaction is seen that late
constexpr auto looked_whole = 10s;  // a pool that drops what it has taken is seen that late
constexpr auto looked_each = 4ms;   // or later, where there is so much to look at
constexpr auto advice_holds = 1s;
constexpr auto announcements_hold = 1s;  // one that stops is noticed that late

// Nothing for what some chains put into their blocks themselves: no account sent it.
std::optional<Slot> slot_in(const json::Value& transaction, const std::string& field) {
    try {
        const rpc::Members in(transaction, field);
        return Slot{in.address("from"), in.u64("nonce")};
    } catch (const Error&) {
        return std::nullopt;
    }
}

// Who waits for another one's question: it fails by itself when the endpoint does not answer.
Error busy() { return {Code::busy, "endpoint", "was busy with other requests for too long"}; }

}  // namespace

awaitable<void> Follower::refresh(Deadline deadline, std::chrono::milliseconds age) {
    if (head_ && !broken_ && steady_clock::now() - refreshed_ <= age) co_return;
    co_await refresh(deadline);
}

awaitable<void> Follower::refresh(Deadline deadline) {
    const bool told = endpoint_.announces() && head_ && !broken_ && !announced_ && !fetching_;
    if (told && steady_clock::now() - refreshed_ < announcements_hold) co_return;
    // The answer that is under way may be older than this call.
    const std::uint64_t wanted = begun_ + 1;
    while (done_ < wanted) {
        if (fetching_) {
            co_await wait(deadline);
        } else {
            co_await fetch_alone(deadline);
        }
    }
}

awaitable<void> Follower::wait(Deadline deadline) {
    const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor, deadline);
    waiting_.push_back(waiter);
    if (co_await waiter->wait()) co_return;
    std::erase(waiting_, waiter);
    throw busy();
}

// Who waits fails with it: the endpoint would let each of them wait as long.
awaitable<void> Follower::fetch_alone(Deadline deadline) {
    fetching_ = true;
    ++begun_;
    std::exception_ptr failure;
    try {
        co_await fetch(deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    fetching_ = false;
    done_ = begun_;
    for (const auto& waiter : std::exchange(waiting_, {})) waiter->wake(failure);
    if (failure) std::rethrow_exception(failure);
}

awaitable<void> Follower::fetch(Deadline deadline) {
    const Deadline asked = steady_clock::now();
    announced_ = false;
    std::vector<Request> requests;
    // Where each answer is a new block, its transactions are likely to be wanted.
    const bool whole = endpoint_.announces();
    requests.push_back({"eth_getBlockByNumber", {"latest", whole}});
    std::vector<Reply> replies = co_await endpoint_.ask(std::move(requests), deadline);
    const json::Value& block = result_of(replies[0], "eth_getBlockByNumber");
    const Head newest = head_of(block, "block");
    if (broken_ || !head_ || newest.hash != head_->hash) {
        const bool all_whole = whole && head_ && newest.number - head_->number <= max_whole_gap;
        const std::optional<json::Array> blocks = co_await blocks_to(newest, block, all_whole, deadline);
        const bool left = broken_ || !blocks;
        if (left || !all_whole) whole_from_ = newest.number + 1;
        if (left) {  // another branch, or too far away: all is looked at anew
            leave_branch();
        } else {
            for (const json::Value& one : *blocks) search(one);
        }
        head_ = newest;
        broken_ = false;
        newest_ = whole ? std::move(replies[0].result) : nullptr;
    }
    refreshed_ = asked;
}

awaitable<std::optional<json::Array>> Follower::blocks_to(const Head& newest, const json::Value& block, bool whole,
                                                          Deadline deadline) {
    if (!head_ || newest.number <= head_->number || newest.number - head_->number > max_gap) co_return std::nullopt;
    json::Array out;
    if (newest.number > head_->number + 1) {
        std::vector<Request> requests;
        requests.reserve(newest.number - head_->number - 1);
        for (std::uint64_t number = head_->number + 1; number < newest.number; ++number) {
            requests.push_back({"eth_getBlockByNumber", {quantity(number), whole}});
        }
        for (Reply& reply : co_await endpoint_.ask(std::move(requests), deadline)) {
            if (reply.error || reply.result.is_null()) co_return std::nullopt;
            out.push_back(std::move(reply.result));
        }
    }
    out.push_back(block);
    Hash256 parent = head_->hash;
    for (const json::Value& one : out) {
        const Head head = head_of(one, "block");
        if (head.parent != parent) co_return std::nullopt;
        parent = head.hash;
    }
    co_return out;
}

void Follower::search(const json::Value& block) {
    const rpc::Members in(block, "block");
    const std::uint64_t number = in.u64("number");
    for (const json::Value& item : in.array("transactions", trie::max_items)) {
        const std::string at = in.at("transactions");
        const Hash256 hash =
            item.is_string() ? parse_hash_0x(item.get_string(), at) : rpc::Members(item, at).hash("hash");
        const std::optional<Slot> slot = item.is_string() ? known_slot(hash) : slot_in(item, at);
        const auto found = slot ? watched_.find(*slot) : watched_.end();
        if (found == watched_.end()) continue;
        Watched& watched = found->second;
        if (const Listed* listed = watched.find(hash)) {
            watched.see({.transaction = *listed, .succeeded = {}});
        } else if (item.is_object()) {
            watched.see({.transaction = listed_of(item, at), .succeeded = {}});
        } else {
            watched_.erase(found);
            continue;
        }
        watched.sight.transaction->block = number;
    }
}

const Listed* Follower::Watched::find(const Hash256& transaction) const {
    if (sight.transaction && sight.transaction->hash == transaction) return &*sight.transaction;
    const auto found = std::ranges::find(others, transaction, &Listed::hash);
    return found == others.end() ? nullptr : &*found;
}

// There may be very many slots: what is seen of one is kept once.
void Follower::Watched::see(const Sight& found) {
    const std::optional<Listed> before = std::exchange(sight, found).transaction;
    if (before && find(before->hash) == nullptr) others.push_back(*before);
    if (sight.transaction)
        std::erase_if(others, [&](const Listed& one) { return one.hash == sight.transaction->hash; });
    if (others.empty()) others.shrink_to_fit();
}

std::optional<Slot> Follower::known_slot(const Hash256& transaction) const {
    const auto known = by_transaction_.find(transaction);
    return known == by_transaction_.end() ? std::nullopt : std::optional(known->second);
}

const Follower::Sight* Follower::sight(const Slot& slot) const {
    const auto found = watched_.find(slot);
    if (found == watched_.end()) return nullptr;
    const Watched& known = found->second;
    if (known.sight.transaction && known.sight.transaction->block) return &known.sight;
    if (!known.looked) return nullptr;
    const auto age = steady_clock::now() - *known.looked;
    const bool holds =
        age < looked_lately || (age < std::max<steady_clock::duration>(looked_whole, looked_each * watched_.size()) &&
                                (known.head == head_->number || known.head + 1 >= whole_from_));
    return holds ? &known.sight : nullptr;
}

Follower::Watched& Follower::watched(const Slot& slot) {
    if (watched_.size() >= max_watched && !watched_.contains(slot)) {
        watched_.clear();
        by_transaction_.clear();
    }
    return watched_[slot];
}

void Follower::add_candidate(const Slot& slot, Watched& watched, const Listed& transaction) {
    by_transaction_[transaction.hash] = slot;
    if (watched.find(transaction.hash) == nullptr) watched.others.push_back(transaction);
}

void Follower::looking(const Slot& slot, const std::vector<Hash256>& transactions) {
    (void)watched(slot);
    for (const Hash256& hash : transactions) by_transaction_[hash] = slot;
}

void Follower::looked(const Slot& slot, const Sight& found, const Head& head_before) {
    const auto at = watched_.find(slot);
    if (at == watched_.end()) return;  // the branch has changed meanwhile
    Watched& known = at->second;
    if (known.sight.transaction && known.sight.transaction->block) return;  // a block has come meanwhile
    if (found.transaction) {
        const bool expected = by_transaction_.contains(found.transaction->hash);
        add_candidate(slot, known, *found.transaction);
        // In a block that is not searched yet, or maybe in one that was searched without knowing it.
        if (found.transaction->block ? *found.transaction->block > head_->number
                                     : !expected && head_before.hash != head_->hash) {
            return;
        }
    }
    known.see(found);
    known.looked = steady_clock::now();
    known.head = head_before.number;
}

void Follower::succeeded(const Slot& slot, const Hash256& transaction, bool succeeded) {
    const auto at = watched_.find(slot);
    if (at == watched_.end()) return;
    Sight& sight = at->second.sight;
    if (sight.transaction && sight.transaction->block && sight.transaction->hash == transaction) {
        sight.succeeded = succeeded;
    }
}

void Follower::submitting(const Listed& transaction) {
    if (!head_) return;
    const Slot slot = slot_of(transaction);
    Watched& known = watched(slot);
    known.looked.reset();
    add_candidate(slot, known, transaction);
}

// The slot was open in the newest state, which is that of `head` or a later one.
void Follower::submitted(const Listed& transaction) {
    const auto at = watched_.find(slot_of(transaction));
    if (at == watched_.end()) return;
    Watched& known = at->second;
    const std::optional<Listed>& seen = known.sight.transaction;
    if (seen && seen->block) return;
    if (!seen || seen->price <= transaction.price) known.see({.transaction = transaction, .succeeded = {}});
    known.looked = steady_clock::now();
    known.head = head_->number;
}

void Follower::reset() {
    broken_ = true;
    leave_branch();
    advice_.reset();
}

void Follower::leave_branch() {
    watched_.clear();
    by_transaction_.clear();
    newest_ = nullptr;
    blocks_.clear();
    ++branch_;
}

const BlockPtr* Follower::kept(std::uint64_t number) const {
    const auto at = std::ranges::find(blocks_, number, &std::pair<std::uint64_t, BlockPtr>::first);
    return at == blocks_.end() ? nullptr : &at->second;
}

awaitable<BlockPtr> Follower::block(std::uint64_t number, Hash256 transaction, Deadline deadline) {
    for (;;) {
        if (const BlockPtr* known = kept(number)) {
            if ((*known)->has(transaction)) co_return *known;
            std::erase_if(blocks_, [&](const auto& one) { return one.first == number; });
        }
        const auto other = reading_.find(number);
        if (other == reading_.end()) break;
        const auto waiter = std::make_shared<Waiter>(co_await asio::this_coro::executor, deadline);
        other->second.push_back(waiter);
        if (!co_await waiter->wait()) throw busy();
    }
    reading_.try_emplace(number);
    const std::uint64_t branch = branch_;
    BlockPtr block;
    std::exception_ptr failure;
    try {
        json::Value listed;
        if (number == head_->number) listed = newest_;
        block = co_await read_block(endpoint_, number, std::move(listed), deadline);
    } catch (...) {
        failure = std::current_exception();
    }
    if (block && branch == branch_) {
        if (block->has(transaction)) {
            blocks_.emplace_back(number, block);
            if (blocks_.size() > max_blocks) blocks_.pop_front();
        } else if (number == head_->number) {
            newest_ = nullptr;
        }
    }
    const auto told = reading_.extract(number);
    for (const auto& waiter : told.mapped()) waiter->wake(failure);
    if (failure) std::rethrow_exception(failure);
    co_return block;
}

std::optional<FeeAnswers> Follower::advice() const {
    return steady_clock::now() - advised_ < advice_holds ? advice_ : std::nullopt;
}

void Follower::set_advice(FeeAnswers advice) {
    advice_ = std::move(advice);
    advised_ = steady_clock::now();
}

}  // namespace concordat::ledger::evm
