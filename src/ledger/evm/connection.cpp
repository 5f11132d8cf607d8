#include "connection.hpp"

#include <boost/asio/use_awaitable.hpp>

namespace concordat::ledger::evm {

Connections::Connections(boost::asio::io_context& io, Url url, Trust trust, std::size_t most)
    : client_(io, std::move(url), std::move(trust), most, max_answer_bytes) {}

boost::asio::awaitable<std::vector<Reply>> Connections::ask(std::span<const Request> requests, Deadline deadline,
                                                            std::chrono::milliseconds timeout) {
    const std::size_t count = requests.size();
    constexpr const char* type = "application/json";
    net::HttpRequest request{.post = true, .target = {}, .content_type = type, .accept = type};
    request.body = request_text(requests);
    const net::HttpAnswer answer = co_await client_.exchange(std::move(request), deadline, timeout);
    if (answer.status == 429) throw Error(Code::unavailable, "endpoint", "asks for fewer requests (HTTP 429)");
    if (answer.status != 200) {
        throw Error(Code::unavailable, "endpoint", "answers HTTP " + std::to_string(answer.status));
    }
    co_return parse_replies(answer.body, count);
}

}  // namespace concordat::ledger::evm
