#include "reader.hpp"

#include <algorithm>
#include <ledger/evm/protocol/rpc.hpp>

namespace concordat::ledger::evm {

using boost::asio::awaitable;

namespace {

std::string text_of(const Hash256& hash) { return to_0x(hash.view()); }

Request block_request(std::uint64_t number, bool full) { return {"eth_getBlockByNumber", {quantity(number), full}}; }

std::string_view string_of(const json::Value& value, std::string_view field) {
    if (!value.is_string()) throw Error(Code::bad_format, std::string(field), "must be a string");
    return value.get_string();
}

std::uint64_t count_of(const json::Value& value) {
    return parse_quantity_u64(string_of(value, "eth_getTransactionCount"), "eth_getTransactionCount");
}

// Nothing when the node does not know the state at that block (any more).
awaitable<std::vector<std::optional<std::uint64_t>>> counts_at(Session session, Address account,
                                                               std::vector<std::uint64_t> blocks) {
    std::vector<Request> requests;
    for (const std::uint64_t block : blocks) {
        requests.push_back({"eth_getTransactionCount", {account.lower(), quantity(block)}});
    }
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    std::vector<std::optional<std::uint64_t>> out;
    for (const Reply& reply : replies) {
        out.push_back(reply.error ? std::nullopt : std::optional(count_of(reply.result)));
    }
    co_return out;
}

bool is_for(const json::Value& transaction, const Slot& slot) {
    const rpc::Members in(transaction, "transaction");
    return in.address("from") == slot.account && in.u64("nonce") == slot.number;
}

std::optional<Listed> find_in(const json::Value& block, const Slot& slot) {
    for (const json::Value& item : rpc::Members(block, "block").array("transactions", trie::max_items)) {
        if (is_for(item, slot)) return listed_of(item, "transaction");
    }
    return std::nullopt;
}

awaitable<std::optional<Listed>> find_in_block(Session session, Slot slot, std::uint64_t number) {
    std::vector<Request> requests;
    requests.push_back(block_request(number, true));
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    const json::Value& block = result_of(replies[0], "eth_getBlockByNumber");
    if (block.is_null()) co_return std::nullopt;
    co_return find_in(block, slot);
}

struct Bracket {
    std::uint64_t low = 0;      // the slot is open in its state
    std::uint64_t high = 0;     // filled
    bool low_is_known = false;  // else the node has forgotten the state below `high`
};

// Blocks at doubling distances from the head: the slot was filled between two of them.
awaitable<Bracket> bracket(Session session, Slot slot, std::uint64_t head) {
    std::vector<std::uint64_t> probes;
    for (std::uint64_t distance = 1; distance < head; distance *= 2) probes.push_back(head - distance);
    if (head > 0) probes.push_back(0);
    const std::vector<std::optional<std::uint64_t>> counts = co_await counts_at(session, slot.account, probes);
    Bracket out{.low = 0, .high = head, .low_is_known = false};
    for (std::size_t i = 0; i < probes.size(); ++i) {
        if (!counts[i]) break;
        if (*counts[i] <= slot.number) {
            out.low = probes[i];
            out.low_is_known = true;
            break;
        }
        out.high = probes[i];
    }
    co_return out;
}

// The first block after which the slot is filled, as far as the node's states tell.
awaitable<Bracket> narrow(Session session, Slot slot, Bracket range) {
    while (range.low_is_known && range.high - range.low > 1) {
        const std::uint64_t middle = range.low + (range.high - range.low) / 2;
        std::vector<std::uint64_t> probes;
        probes.push_back(middle);
        const std::vector<std::optional<std::uint64_t>> counts = co_await counts_at(session, slot.account, probes);
        if (!counts[0]) {
            range.low_is_known = false;
        } else if (*counts[0] <= slot.number) {
            range.low = middle;
        } else {
            range.high = middle;
        }
    }
    co_return range;
}

constexpr std::uint64_t scan_batch = 16;

void remember_all(const json::Value& block, const Address& account, Memory& memory) {
    if (block.is_null()) return;
    for (const json::Value& item : rpc::Members(block, "block").array("transactions", trie::max_items)) {
        const rpc::Members in(item, "transaction");
        if (in.address("from") == account) memory.remember({account, in.u64("nonce")}, in.hash("hash"));
    }
}

awaitable<std::vector<Reply>> blocks_down_from(Session session, std::uint64_t top, std::uint64_t count) {
    std::vector<Request> requests;
    for (std::uint64_t i = 0; i < count; ++i) requests.push_back(block_request(top - i, true));
    co_return co_await session.ask(std::move(requests));
}

// Block by block, from `high` down: for as long as half the time that is left, then later from there. What is seen of
// the account's other slots spares their searches.
awaitable<std::optional<Listed>> scan(Session session, Slot slot, std::uint64_t high, Memory& memory,
                                      SearchLimits limits) {
    const Deadline begin = std::chrono::steady_clock::now();
    const Deadline pause = begin + (session.deadline - begin) / 2;
    std::uint64_t next = std::min(high, memory.scanned_to(slot).value_or(high));
    for (std::size_t done = 0; done < limits.scan_blocks && std::chrono::steady_clock::now() < pause;) {
        const std::uint64_t count = std::min(scan_batch, next + 1);
        const std::vector<Reply> replies = co_await blocks_down_from(session, next, count);
        for (const Reply& reply : replies) {
            const json::Value& block = result_of(reply, "eth_getBlockByNumber");
            remember_all(block, slot.account, memory);
            std::optional<Listed> found = block.is_null() ? std::nullopt : find_in(block, slot);
            if (!found) continue;
            memory.set_scanned_to(slot, std::nullopt);
            co_return found;
        }
        done += count;
        // At the beginning without it: the chain was reorganised meanwhile, so once more.
        const bool through = next < count;
        if (!through) next -= count;
        memory.set_scanned_to(slot, through ? std::nullopt : std::optional(next));
        if (through) break;
    }
    co_return std::nullopt;
}

// In which block the account's nonce passed the slot, and what did it.
awaitable<Listed> search(Session session, Slot slot, std::uint64_t head, Memory& memory, SearchLimits limits) {
    Bracket range = co_await bracket(session, slot, head);
    range = co_await narrow(session, slot, range);
    std::optional<Listed> found;
    if (range.low_is_known) {
        found = co_await find_in_block(session, slot, range.high);
    } else {
        found = co_await scan(session, slot, range.high, memory, limits);
    }
    if (found) co_return std::move(*found);
    throw Error(Code::not_found, "slot", "is filled by a transaction that this endpoint has not shown yet");
}

// In geth's txpool_contentFrom; nothing when it is not there.
std::optional<Listed> waiting_in(const Reply& reply, const Slot& slot) {
    const json::Object* content = reply.error ? nullptr : reply.result.if_object();
    if (content == nullptr) return std::nullopt;
    for (const char* part : {"pending", "queued"}) {
        const json::Value* group = content->if_contains(part);
        const json::Object* by_nonce = group == nullptr ? nullptr : group->if_object();
        const json::Value* found = by_nonce == nullptr ? nullptr : by_nonce->if_contains(std::to_string(slot.number));
        if (found != nullptr && is_for(*found, slot)) return listed_of(*found, "transaction");
    }
    return std::nullopt;
}

// The questions for a transaction that waits for the slot: geth's, and of a node that lacks it or has not answered it
// yet another one.
std::vector<Request> pool_requests(const Endpoint& endpoint, const Slot& slot) {
    std::vector<Request> out;
    out.push_back({"txpool_contentFrom", {slot.account.lower()}});
    if (!endpoint.has(out.front().method)) {
        out.push_back({"eth_getTransactionBySenderAndNonce", {slot.account.lower(), quantity(slot.number)}});
    }
    std::erase_if(out, [&](const Request& one) { return endpoint.lacks(one.method); });
    return out;
}

// Nothing when the node does not tell.
std::optional<Listed> waiting_in_pool(std::span<const Request> requests, std::span<const Reply> replies,
                                      const Slot& slot) {
    std::optional<Listed> found;
    for (std::size_t i = 0; i < requests.size() && !found; ++i) {
        const Reply& reply = replies[i];
        if (requests[i].method == "txpool_contentFrom") {
            found = waiting_in(reply, slot);
        } else if (!reply.error && !reply.result.is_null() && is_for(reply.result, slot)) {
            found = listed_of(reply.result, "transaction");
        }
    }
    // Included since the first question: the next look sees it as a whole.
    if (found) found->block.reset();
    return found;
}

awaitable<std::optional<bool>> succeeded_in(Session session, std::uint64_t block, Hash256 transaction) {
    try {
        const BlockPtr whole = co_await session.follower.block(block, transaction, session.deadline);
        co_return whole->succeeded[whole->index_of(transaction)];
    } catch (const Error&) {
        co_return std::nullopt;  // what cannot be proved may be seen nevertheless
    }
}

// `proof_is_next`: the whole block will be wanted, and tells this too.
awaitable<bool> has_succeeded(Session session, Listed transaction, bool proof_is_next) {
    std::optional<bool> known;
    if (proof_is_next) known = co_await succeeded_in(session, *transaction.block, transaction.hash);
    if (known) co_return *known;
    std::vector<Request> requests;
    requests.push_back({"eth_getTransactionReceipt", {text_of(transaction.hash)}});
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    const json::Value& receipt = result_of(replies[0], "eth_getTransactionReceipt");
    if (receipt.is_null()) throw Error(Code::not_found, "eth_getTransactionReceipt", "has left the chain");
    const rpc::Members in(receipt, "receipt");
    // A reorganisation between the two questions: the next look sees it.
    if (in.u64("blockNumber") != *transaction.block) throw Error(Code::not_found, "receipt", "is of another block");
    co_return in.u64("status") == 1;
}

// Then the evidence is likely to be asked for next.
bool is_final_since_short(const Filling& filling, std::uint64_t depth_needed) {
    constexpr std::uint64_t blocks = 8;
    return filling.depth() >= depth_needed && filling.depth() - depth_needed < blocks;
}

struct Glance {
    std::uint64_t count = 0;
    std::optional<Listed> known;    // one of the known transactions
    std::optional<Listed> waiting;  // in the pool, which is asked where none is known
};

// One in a block before one that waits. Of those that wait the dearest: anvil still shows what was replaced, and a
// replacement costs more.
bool better(const Listed& one, const std::optional<Listed>& best) {
    if (!best || one.block) return true;
    return !best->block && one.price > best->price;
}

awaitable<Glance> glance(Session session, Slot slot, std::vector<Hash256> known) {
    std::vector<Request> requests;
    requests.push_back({"eth_getTransactionCount", {slot.account.lower(), "latest"}});
    for (const Hash256& hash : known) requests.push_back({"eth_getTransactionByHash", {text_of(hash)}});
    std::vector<Request> pool;
    if (known.empty()) pool = pool_requests(session.endpoint, slot);
    requests.insert(requests.end(), pool.begin(), pool.end());
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    Glance out;
    out.count = count_of(result_of(replies[0], "eth_getTransactionCount"));
    out.waiting = waiting_in_pool(pool, std::span(replies).last(pool.size()), slot);
    for (std::size_t i = 1; i <= known.size(); ++i) {
        if (replies[i].error || replies[i].result.is_null()) continue;
        Listed listed = listed_of(replies[i].result, "transaction");
        if (listed.hash != known[i - 1] || listed.sender != slot.account || listed.nonce != slot.number) {
            throw Error(Code::protocol, "eth_getTransactionByHash", "must be the transaction that was asked for");
        }
        if (better(listed, out.known)) out.known = std::move(listed);
    }
    co_return out;
}

// Without what is known of the newest blocks.
awaitable<std::optional<Listed>> look_anew(Session session, Slot slot, Memory& memory, SearchLimits limits) {
    const std::vector<Hash256> known = memory.of(slot);
    const Head before = session.follower.head();
    session.follower.looking(slot, known);
    Glance seen = co_await glance(session, slot, known);
    std::optional<Listed> out = std::move(seen.known);
    const bool in_block = out && out->block;
    if (!in_block && seen.count > slot.number) {
        out = co_await search(session, slot, session.follower.head().number, memory, limits);
    } else if (!out && known.empty()) {
        out = std::move(seen.waiting);
    } else if (!out) {
        const std::vector<Request> pool = pool_requests(session.endpoint, slot);
        std::vector<Reply> replies;
        if (!pool.empty()) replies = co_await session.ask(pool);
        out = waiting_in_pool(pool, replies, slot);
    }
    if (out) memory.remember(slot, out->hash);
    session.follower.looked(slot, {.transaction = out, .succeeded = {}}, before);
    co_return out;
}

// ---------------------------------------------------------------------------------------------------------- proofs

awaitable<std::vector<Header>> headers_after(Session session, std::uint64_t number, std::uint64_t count) {
    std::vector<Request> requests;
    for (std::uint64_t i = 1; i <= count; ++i) requests.push_back(block_request(number + i, false));
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    std::vector<Header> out;
    for (const Reply& reply : replies) {
        const json::Value& block = result_of(reply, "eth_getBlockByNumber");
        if (block.is_null()) throw Error(Code::not_found, "block", "has left the chain");
        out.push_back(header_from_rpc(block, "block"));
    }
    co_return out;
}

}  // namespace

Memory::Known& Memory::known(const Slot& slot) {
    const auto [at, fresh] = known_.try_emplace(slot);
    if (fresh) order_.push_back(slot);
    if (order_.size() > max_slots) {
        known_.erase(order_.front());
        order_.pop_front();
    }
    return at->second;
}

void Memory::remember(const Slot& slot, const Hash256& transaction) {
    std::vector<Hash256>& hashes = known(slot).transactions;
    if (std::ranges::find(hashes, transaction) != hashes.end()) return;
    if (hashes.size() == max_each) hashes.erase(hashes.begin());
    hashes.push_back(transaction);
}

std::vector<Hash256> Memory::of(const Slot& slot) const {
    const auto found = known_.find(slot);
    return found == known_.end() ? std::vector<Hash256>{} : found->second.transactions;
}

std::optional<std::uint64_t> Memory::scanned_to(const Slot& slot) const {
    const auto found = known_.find(slot);
    return found == known_.end() ? std::nullopt : found->second.scanned_to;
}

void Memory::set_scanned_to(const Slot& slot, std::optional<std::uint64_t> block) { known(slot).scanned_to = block; }

bool Memory::is_behind(std::uint64_t head, std::uint64_t depth, std::uint64_t shown, Deadline now) {
    if (head >= highest_ || now - highest_at_ > patience) {
        highest_ = head;
        highest_at_ = now;
    }
    return head + depth <= std::min(shown, highest_);
}

awaitable<Filling> find_filling(Session session, Slot slot, std::uint64_t depth_needed, Memory& memory,
                                SearchLimits limits) {
    Follower& follower = session.follower;
    const std::uint64_t shown = memory.highest();
    co_await follower.refresh(session.deadline);
    if (memory.is_behind(follower.head().number, depth_needed, shown, std::chrono::steady_clock::now())) {
        throw Error(Code::not_found, "block", "is one that others have left behind");
    }
    Follower::Sight seen;
    if (const Follower::Sight* known = follower.sight(slot)) {
        seen = *known;
    } else {
        seen.transaction = co_await look_anew(session, slot, memory, limits);
    }
    Filling out{.transaction = std::move(seen.transaction), .succeeded = false, .head = follower.head().number};
    if (!out.transaction || !out.transaction->block) co_return out;
    if (!seen.succeeded) {
        try {
            seen.succeeded = co_await has_succeeded(session, *out.transaction, is_final_since_short(out, depth_needed));
        } catch (const Error&) {
            follower.forget(slot);
            throw;
        }
        follower.succeeded(slot, out.transaction->hash, *seen.succeeded);
    }
    out.succeeded = *seen.succeeded;
    co_return out;
}

View view_of(const Filling& filling, const Call& pinned, std::uint64_t depth_needed) {
    View out;
    out.status = View::Status::open;
    if (!filling.transaction) return out;
    const Listed& found = *filling.transaction;
    out.transaction = text_of(found.hash);
    out.fate = fate_of(pinned, found.call, filling.succeeded || !found.block);
    if (!found.block) {
        out.status = View::Status::pending;
        out.price = found.price;
        return out;
    }
    out.depth = filling.depth();
    out.status = out.depth >= depth_needed ? View::Status::final : View::Status::included;
    return out;
}

awaitable<std::optional<Proven>> prove_filling(Session session, const Pin& pin, const Finality& finality,
                                               Memory& memory, SearchLimits limits) {
    const std::uint64_t depth = depth_needed(finality);
    const Slot slot{Address::parse(pin.account, "/account"), pin.slot};
    const Filling filling = co_await find_filling(session, slot, depth, memory, limits);
    if (!filling.transaction || !filling.transaction->block || filling.depth() < depth) co_return std::nullopt;
    const std::uint64_t number = *filling.transaction->block;
    const Hash256 transaction = filling.transaction->hash;
    const BlockPtr block = co_await session.follower.block(number, transaction, session.deadline);
    const std::size_t index = block->index_of(transaction);
    std::vector<Header> descendants;
    if (depth > 1) descendants = co_await headers_after(session, number, depth - 1);
    json::Value evidence = json::Object{
        {"inclusion",
         prove_inclusion(block->header, descendants, block->transactions, block->receipts, index, "block").to_json()}};
    // What this endpoint says must hold together, else the next one is asked.
    const std::uint64_t block_shown = EvmKind().judge(pin, finality, evidence).block;
    co_return Proven{std::move(evidence), block_shown};
}

}  // namespace concordat::ledger::evm
