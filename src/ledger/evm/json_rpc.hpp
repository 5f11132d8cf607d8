// JSON-RPC 2.0 as Ethereum nodes speak it, as text: nothing here touches the network.
#pragma once
#include <base/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace concordat::ledger::evm {

inline constexpr std::size_t max_answer_bytes = std::size_t{1} << 25;
inline constexpr std::size_t max_batch = 128;  // requests in one message

struct Request {
    std::string method;
    json::Array params;
};

struct RpcError {
    std::int64_t code = 0;
    std::string message;  // at most 1 KiB is kept
    json::Value data;
};

struct Reply {
    json::Value result;
    std::optional<RpcError> error;
};

// One request as an object, several as a batch; ids count from `first_id`. At least one, at most max_batch.
std::string request_text(std::span<const Request> requests, std::uint64_t first_id = 1);

// The replies in the order of the requests, whatever order they came in. Throws Error(protocol | too_large): not JSON,
// not a reply to each request, an id that nobody asked with, one twice. Numbers have a meaning in ids and error codes
// only (fee histories hold fractions that nobody reads), so this is not the strict parser of signed documents.
std::vector<Reply> parse_replies(std::string_view text, std::size_t count);

// The same in two steps, where one connection carries the answers to many requests, and what nobody asked for.
json::Value parse_answer(std::string_view text);
std::vector<Reply> replies_of(const json::Value& answer, std::size_t count, std::uint64_t first_id);
// The id of the first reply; nothing when it has none.
std::optional<std::uint64_t> id_of(const json::Value& answer);
// A notification's params (method eth_subscription); null when it is none.
const json::Object* notification_of(const json::Value& answer);

// The result; throws Error(unavailable) at the method's name when the node refused.
const json::Value& result_of(const Reply& reply, std::string_view method);

}  // namespace concordat::ledger::evm
