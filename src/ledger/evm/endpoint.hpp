// One node of the chain: who it is, whether it works, and asking it.
#pragma once
#include <base/bytes.hpp>
#include <ledger/ledger.hpp>
#include <ledger/net/standing.hpp>
#include <map>

#include "transport.hpp"

namespace concordat::ledger::evm {

struct EndpointLimits {
    std::chrono::milliseconds request_timeout{5'000};  // from when it is sent
    std::size_t connections = 8;                       // over HTTP; as many requests at a time
};

// What every endpoint of a ledger must agree on.
struct ChainIdentity {
    std::uint64_t chain_id = 0;
    std::optional<Hash256> genesis;  // nothing: the first endpoint's that answers
};

class Endpoint {
  public:
    // `trust` is for a url with TLS.
    Endpoint(boost::asio::io_context& io, const std::string& url, const Trust& trust, const EndpointLimits& limits,
             std::shared_ptr<ChainIdentity> identity);

    // Throws Error as Transport::ask does. More than max_batch requests go in several messages.
    boost::asio::awaitable<std::vector<Reply>> ask(std::vector<Request> requests, Deadline deadline);
    // Asks for chain id and genesis unless that was done since the last failure; throws Error(wrong_ledger).
    boost::asio::awaitable<void> identify(Deadline deadline);

    bool usable() const { return standing_.usable(); }
    void worked() { standing_.worked(); }
    void failed(Code code, std::string problem);  // it rests for a while, longer each time
    Health health() const;
    // Whether it tells of each new block, which `announced` is called for.
    bool announces() const { return announces_; }
    std::function<void()> announced = [] {};
    // Whether it has answered the method, or said that it does not know it.
    bool has(std::string_view method) const { return known(method) == true; }
    bool lacks(std::string_view method) const { return known(method) == false; }
    void close() { transport_->close(); }

  private:
    boost::asio::awaitable<void> subscribe(Deadline deadline);
    void forget();
    std::optional<bool> known(std::string_view method) const {
        const auto at = methods_.find(method);
        return at == methods_.end() ? std::nullopt : std::optional(at->second);
    }

    std::string url_;
    EndpointLimits limits_;
    std::shared_ptr<ChainIdentity> identity_;
    std::unique_ptr<Transport> transport_;
    bool pushes_ = false;      // by its URL
    bool subscribed_ = false;  // on this connection, or it is being asked
    bool announces_ = false;   // has agreed to
    bool identified_ = false;
    std::map<std::string, bool, std::less<>> methods_;
    net::Standing standing_;
};

}  // namespace concordat::ledger::evm
