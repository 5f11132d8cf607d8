#include "endpoint.hpp"

#include <algorithm>
#include <ledger/evm/protocol/amount.hpp>
#include <ledger/evm/protocol/rpc.hpp>

#include "connection.hpp"
#include "socket.hpp"

namespace concordat::ledger::evm {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t method_not_found = -32601;  // JSON-RPC 2.0, 5.1

std::string_view text_of(const json::Value& value, std::string_view field) {
    if (!value.is_string()) throw Error(Code::bad_format, std::string(field), "must be a string");
    return value.get_string();
}

}  // namespace

Endpoint::Endpoint(asio::io_context& io, const std::string& url, const Trust& trust, const EndpointLimits& limits,
                   std::shared_ptr<ChainIdentity> identity)
    : url_(url), limits_(limits), identity_(std::move(identity)) {
    Url where = Url::parse(url, "/endpoints");
    pushes_ = where.socket;
    if (pushes_) {
        // Headers are not read: that there is a new block is all that is wanted of them.
        transport_ =
            std::make_unique<Socket>(io, std::move(where), trust, [this](const json::Object&) { announced(); });
    } else {
        transport_ = std::make_unique<Connections>(io, std::move(where), trust, limits.connections);
    }
}

asio::awaitable<std::vector<Reply>> Endpoint::ask(std::vector<Request> requests, Deadline deadline) {
    std::vector<Reply> out;
    for (std::size_t begin = 0; begin < requests.size(); begin += max_batch) {
        const std::size_t count = std::min(max_batch, requests.size() - begin);
        const std::span<const Request> part(requests.data() + begin, count);
        for (Reply& reply : co_await transport_->ask(part, deadline, limits_.request_timeout)) {
            out.push_back(std::move(reply));
        }
    }
    for (std::size_t i = 0; i < out.size(); ++i) {
        const bool unknown = out[i].error && out[i].error->code == method_not_found;
        if (unknown || !out[i].error) methods_.insert_or_assign(std::move(requests[i].method), !unknown);
    }
    co_return out;
}

asio::awaitable<void> Endpoint::identify(Deadline deadline) {
    if (transport_->lost()) {
        forget();
    }
    if (identified_) co_return;
    std::vector<Request> requests;
    requests.push_back({"eth_chainId", {}});
    requests.push_back({"eth_getBlockByNumber", {"0x0", false}});
    const std::vector<Reply> replies = co_await ask(std::move(requests), deadline);
    const json::Value& chain = result_of(replies[0], "eth_chainId");
    const std::uint64_t id = parse_quantity_u64(text_of(chain, "eth_chainId"), "eth_chainId");
    if (id != identity_->chain_id) {
        throw Error(Code::wrong_ledger, "eth_chainId", "must be " + std::to_string(identity_->chain_id));
    }
    const json::Value& block = result_of(replies[1], "eth_getBlockByNumber");
    const Hash256 genesis = rpc::Members(block, "genesis").hash("hash");
    if (!identity_->genesis) identity_->genesis = genesis;
    if (genesis != *identity_->genesis) {
        throw Error(Code::wrong_ledger, "genesis", "must be " + to_0x(identity_->genesis->view()));
    }
    if (pushes_ && !std::exchange(subscribed_, true)) co_await subscribe(deadline);
    identified_ = true;
}

// A node without subscriptions is polled.
asio::awaitable<void> Endpoint::subscribe(Deadline deadline) {
    std::vector<Request> requests;
    requests.push_back({"eth_subscribe", {"newHeads"}});
    const std::vector<Reply> replies = co_await ask(std::move(requests), deadline);
    announces_ = !replies[0].error;
    announced();  // nobody told of the blocks before
}

// Whoever answers there next time may be somebody else.
void Endpoint::forget() {
    identified_ = subscribed_ = announces_ = false;
    methods_.clear();
    transport_->drop();
}

void Endpoint::failed(Code code, std::string problem) {
    forget();
    standing_.failed(code, std::move(problem));
}

Health Endpoint::health() const {
    const std::string& problem = standing_.problem();
    return {.url = url_, .usable = usable() && problem.empty(), .problem = problem};
}

}  // namespace concordat::ledger::evm
