#include "operations.hpp"

#include <algorithm>
#include <ledger/evm/protocol/rpc.hpp>
#include <limits>

namespace concordat::ledger::evm {

using boost::asio::awaitable;
using namespace std::chrono_literals;

namespace {

constexpr auto head_holds = 100ms;   // for a price
constexpr Price ceiling_factor = 5;  // a base fee that doubles twice still leaves room
constexpr std::uint64_t least_paced_blocks = 4, paced_blocks = 16;
constexpr std::uint64_t max_range = 2000;       // blocks of one page of events
constexpr std::size_t max_page_logs = 1 << 16;  // of one answer

std::string_view string_of(const json::Value& value, std::string_view field) {
    if (!value.is_string()) throw Error(Code::bad_format, std::string(field), "must be a string");
    return value.get_string();
}

// Methods that a node need not have.
U256 quantity_or_zero(const Reply& reply, std::string_view method) {
    return reply.error ? U256(0) : parse_quantity(string_of(reply.result, method), method);
}

void add_fee_requests(std::vector<Request>& requests) {
    requests.push_back({"eth_gasPrice", {}});
    requests.push_back({"eth_maxPriorityFeePerGas", {}});
    requests.push_back({"eth_feeHistory", {"0x5", "latest", json::Array{50}}});
}

// Without the base fee, which is the head's.
FeeAnswers fees_of(std::span<const Reply> replies) {
    FeeAnswers out;
    out.gas_price = quantity_or_zero(replies[0], "eth_gasPrice");
    out.advised_tip = quantity_or_zero(replies[1], "eth_maxPriorityFeePerGas");
    if (!replies[2].error) out.paid = paid_tips(replies[2].result);
    return out;
}

// The call with what the contract leaves to the ledger; gas 0 stands for "to be estimated".
Call completed(json::Object call) {
    if (!call.contains("value")) call["value"] = "0";
    if (!call.contains("data")) call["data"] = "0x";
    const bool estimate = !call.contains("gas");
    if (estimate) call["gas"] = std::to_string(transfer_gas);
    Call out = Call::parse(call, "/call");
    if (estimate) out.gas = 0;
    return out;
}

}  // namespace

awaitable<Conditions> read_conditions(Session session, std::optional<Address> account) {
    // Who asks of an account wants it as it is now.
    co_await session.follower.refresh(session.deadline, account ? 0ms : head_holds);
    std::optional<FeeAnswers> fees = session.follower.advice();
    std::vector<Request> requests;
    if (account) {
        requests.push_back({"eth_getBalance", {account->lower(), "latest"}});
        requests.push_back({"eth_getTransactionCount", {account->lower(), "latest"}});
    }
    const std::size_t before_fees = requests.size();
    if (!fees) add_fee_requests(requests);
    std::vector<Reply> replies;
    if (!requests.empty()) replies = co_await session.ask(std::move(requests));
    if (!fees) {
        fees = fees_of(std::span(replies).subspan(before_fees));
        session.follower.set_advice(*fees);
    }
    const Head& head = session.follower.head();
    fees->base_fee = head.base_fee;
    Conditions out{.height = head.number, .price = price_of(*fees)};
    if (account) {
        const std::string_view balance = string_of(result_of(replies[0], "eth_getBalance"), "eth_getBalance");
        const std::string_view count = string_of(result_of(replies[1], "eth_getTransactionCount"), "count");
        out.balance = decimal(parse_quantity(balance, "eth_getBalance"));
        out.next = parse_quantity_u64(count, "eth_getTransactionCount");
    }
    co_return out;
}

awaitable<std::optional<Pace>> read_pace(Session session) {
    co_await session.follower.refresh(session.deadline, head_holds);
    const std::uint64_t newest = session.follower.head().number;
    // The first block's time is what its makers wrote there.
    if (newest < 1 + least_paced_blocks) co_return std::nullopt;
    const std::uint64_t gaps = std::min<std::uint64_t>(newest - 1, paced_blocks);
    std::vector<Request> requests;
    for (std::uint64_t number = newest - gaps; number <= newest; ++number) {
        requests.push_back({"eth_getBlockByNumber", {quantity(number), false}});
    }
    std::vector<std::uint64_t> times, between;
    for (const Reply& reply : co_await session.ask(std::move(requests))) {
        times.push_back(rpc::Members(result_of(reply, "eth_getBlockByNumber"), "block").u64("timestamp"));
        if (times.size() == 1) continue;
        const std::uint64_t before = times[times.size() - 2];
        if (times.back() < before) throw Error(Code::protocol, "block/timestamp", "must not go back");
        between.push_back(times.back() - before);
    }
    std::ranges::sort(between);
    co_return Pace{.block_seconds = std::max<std::uint64_t>(between[between.size() / 2], 1), .newest = times.back()};
}

awaitable<Plan> make_plan(Session session, Address account, json::Object call) {
    Plan out;
    Call complete;
    try {
        complete = completed(std::move(call));
    } catch (const Error& error) {
        out.problem = error.what();
    }
    if (!out.problem.empty()) co_return out;
    const Conditions now = co_await read_conditions(session, {});
    std::vector<Request> requests;
    requests.push_back({"eth_estimateGas", {call_object(account, complete)}});
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    constexpr Price most = std::numeric_limits<Price>::max();
    out.ceiling = now.price > most / ceiling_factor ? most : now.price * ceiling_factor;
    if (replies[0].error) {
        out.problem = problem_of(*replies[0].error);
        co_return out;
    }
    const std::uint64_t estimate =
        parse_quantity_u64(string_of(replies[0].result, "eth_estimateGas"), "eth_estimateGas");
    const Head& head = session.follower.head();
    if (complete.gas == 0) complete.gas = gas_with_margin(estimate, head.gas_limit);
    if (complete.gas < estimate) out.problem = "needs " + std::to_string(estimate) + " gas";
    if (!head.base_fee) complete.legacy = true;
    out.call = complete.to_json();
    co_return out;
}

awaitable<Submission> hand_in(Session session, const Bytes& transaction, Listed listed) {
    std::vector<Request> requests;
    requests.push_back({"eth_sendRawTransaction", {to_0x(transaction)}});
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    Submission out;
    if (replies[0].error) {
        out = refusal_of(*replies[0].error);
    } else if (parse_hash_0x(string_of(replies[0].result, "hash"), "hash") == listed.hash) {
        out.status = Submission::Status::accepted;
        session.follower.submitted(listed);
    } else {
        throw Error(Code::protocol, "eth_sendRawTransaction", "must answer with the transaction's hash");
    }
    if (out.status == Submission::Status::accepted) out.transaction = to_0x(listed.hash.view());
    co_return out;
}

// ---------------------------------------------------------------------------------------------------------- events

namespace {

std::optional<Hash256> hash_at(const Reply& reply, std::uint64_t number) {
    const json::Value& block = result_of(reply, "eth_getBlockByNumber");
    if (block.is_null()) return std::nullopt;
    const Head head = head_of(block, "block");
    if (head.number != number) throw Error(Code::protocol, "block", "must be the one that was asked for");
    return head.hash;
}

// The number of marks that are still on the chain, counted from the first.
awaitable<std::size_t> marks_that_hold(Session session, const Cursor& cursor) {
    std::vector<Request> requests;
    for (const Cursor::Mark& mark : cursor.marks()) {
        requests.push_back({"eth_getBlockByNumber", {quantity(mark.number), false}});
    }
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    std::size_t count = 0;
    while (count < replies.size() &&
           hash_at(replies[count], cursor.marks()[count].number) == cursor.marks()[count].hash)
        ++count;
    co_return count;
}

awaitable<Head> newest(Session session) {
    std::vector<Request> requests;
    requests.push_back({"eth_getBlockByNumber", {"latest", false}});
    const std::vector<Reply> replies = co_await session.ask(std::move(requests));
    co_return head_of(result_of(replies[0], "eth_getBlockByNumber"), "block");
}

struct Range {
    std::uint64_t from = 0, to = 0;
    std::vector<Event> events;
    std::vector<Cursor::Mark> blocks;  // of the events, and the last one
};

Range range_of(const json::Array& logs, std::uint64_t from, Cursor::Mark last) {
    Range out{.from = from, .to = last.number, .events = {}, .blocks = {}};
    for (const json::Value& log : logs) {
        const LogPlace place = place_of(log, "log");
        if (place.removed) continue;
        Event event = event_of(log, "log");
        const bool in_order = out.events.empty() || out.events.back().block < event.block ||
                              (out.events.back().block == event.block && out.events.back().index < event.index);
        if (place.number < from || place.number > last.number || !in_order) {
            throw Error(Code::protocol, "eth_getLogs", "must be in order and of the blocks that were asked for");
        }
        if (place.number == last.number && place.hash != last.hash) {
            throw Error(Code::not_found, "eth_getLogs", "are of another branch");
        }
        if (out.blocks.empty() || out.blocks.back().number < place.number) {
            out.blocks.push_back({place.number, place.hash});
        }
        out.events.push_back(std::move(event));
    }
    if (out.blocks.empty() || out.blocks.back().number < last.number) out.blocks.push_back(last);
    return out;
}

// Logs of one branch: the last block's hash is the same before and after them, and the told block's is what it was.
// Where the node refuses so many blocks at once, half as many.
awaitable<Range> read_range(Session session, json::Object filter, Cursor::Mark told, std::uint64_t to) {
    for (;;) {
        json::Object query = filter;
        query["fromBlock"] = quantity(told.number + 1);
        query["toBlock"] = quantity(to);
        std::vector<Request> requests;
        requests.push_back({"eth_getBlockByNumber", {quantity(to), false}});
        requests.push_back({"eth_getLogs", {query}});
        requests.push_back({"eth_getBlockByNumber", {quantity(to), false}});
        requests.push_back({"eth_getBlockByNumber", {quantity(told.number), false}});
        const std::vector<Reply> replies = co_await session.ask(std::move(requests));
        const bool too_many =
            replies[1].error || (replies[1].result.is_array() && replies[1].result.get_array().size() > max_page_logs);
        if (too_many && to > told.number + 1) {
            to = told.number + 1 + (to - told.number - 1) / 2;
            continue;
        }
        const std::optional<Hash256> before = hash_at(replies[0], to);
        if (!before || before != hash_at(replies[2], to) || hash_at(replies[3], told.number) != told.hash) {
            throw Error(Code::not_found, "eth_getLogs", "are of a branch that is just being left");
        }
        const json::Value& logs = result_of(replies[1], "eth_getLogs");
        if (!logs.is_array()) throw Error(Code::bad_format, "eth_getLogs", "must be an array");
        co_return range_of(logs.get_array(), told.number + 1, {to, *before});
    }
}

// Whole blocks up to the limit, one at least: a block's events are told together.
void take(EventPage& page, Cursor& cursor, Range&& range, std::size_t limit) {
    std::size_t at = 0;
    for (const Cursor::Mark& block : range.blocks) {
        std::size_t end = at;
        while (end < range.events.size() && range.events[end].block == block.number) ++end;
        if (!page.events.empty() && page.events.size() + (end - at) > limit) return;
        std::move(range.events.begin() + static_cast<std::ptrdiff_t>(at),
                  range.events.begin() + static_cast<std::ptrdiff_t>(end), std::back_inserter(page.events));
        at = end;
        cursor.advance(block);
    }
}

}  // namespace

awaitable<EventPage> read_events(Session session, json::Object filter, std::optional<Cursor> cursor,
                                 std::size_t limit) {
    EventPage out;
    const Head head = co_await newest(session);
    if (!cursor) {
        out.cursor = Cursor({head.number, head.hash}).text();
        co_return out;
    }
    const std::size_t holding = co_await marks_that_hold(session, *cursor);
    if (holding == 0) {
        // Even where it began has left the chain: all of it is told again from there, on the branch that there is.
        const std::uint64_t first = cursor->marks().front().number;
        const std::uint64_t start = std::min(first == 0 ? 0 : first - 1, head.number);
        std::vector<Request> requests;
        requests.push_back({"eth_getBlockByNumber", {quantity(start), false}});
        const std::vector<Reply> replies = co_await session.ask(std::move(requests));
        const std::optional<Hash256> hash = hash_at(replies[0], start);
        if (!hash) throw Error(Code::not_found, "block", "has left the chain");
        cursor = Cursor({start, *hash});
        out.undone_above = start;
    } else if (holding < cursor->marks().size()) {
        cursor->cut(holding);
        out.undone_above = cursor->last().number;
    }
    if (cursor->last().number < head.number) {
        const std::uint64_t to = std::min(head.number, cursor->last().number + max_range);
        Range range = co_await read_range(session, std::move(filter), cursor->last(), to);
        take(out, *cursor, std::move(range), limit);
    }
    out.cursor = cursor->text();
    co_return out;
}

}  // namespace concordat::ledger::evm
