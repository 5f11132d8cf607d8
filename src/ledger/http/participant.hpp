// One participant behind its URL: who it is, what it answers (docs/participants.md). One thread, the io_context's.
// Nothing is believed that it has not signed, but that a number is free or waits: then the same is asked again.
#pragma once
#include <ledger/http/kind/kind.hpp>
#include <ledger/ledger.hpp>
#include <ledger/net/client.hpp>
#include <ledger/net/standing.hpp>
#include <map>

namespace concordat::ledger::http {

struct ParticipantOptions {
    std::string chain;               // "http:" and 32 hex digits
    std::optional<Hash256> genesis;  // the key's whole thumbprint; nothing: the chain's name is enough
    std::string url;                 // https://host:port/path, or http on this machine
    std::string ca;                  // certificates (PEM) of authorities that count for it, besides the system's
    std::chrono::milliseconds request_timeout{5'000};
    std::chrono::milliseconds believed_for{5'000};  // that who answers is still the same
    std::size_t connections = 8;
};

// What a participant shows of a number.
struct Shown {
    enum class Status : std::uint8_t { open, waits, answered } status = Status::open;
    std::string answer;  // compact JWS, by the participant, to this account and number
};

class Participant {
  public:
    // Throws Error(config) naming the option.
    Participant(boost::asio::io_context& io, ParticipantOptions options);

    // The operations throw Error(unavailable | timeout | protocol | too_large | busy | wrong_ledger).
    // Asks who is there, unless that was done a short while ago.
    boost::asio::awaitable<void> identify(net::Deadline deadline, bool now = false);
    boost::asio::awaitable<Submission> submit(Request request, std::string text, net::Deadline deadline);
    boost::asio::awaitable<Shown> look(std::string account, std::uint64_t number, net::Deadline deadline);

    std::optional<Hash256> thumbprint() const;  // its key's, where it is known
    bool usable() const { return standing_.usable(); }
    void worked() { standing_.worked(); }
    void failed(Code code, std::string problem);
    Health health() const;
    const std::string& chain() const { return options_.chain; }
    void close() { client_.close(); }

  private:
    boost::asio::awaitable<net::HttpAnswer> ask(net::HttpRequest request, net::Deadline deadline);
    Answer read(const std::string& text, const std::string& account, std::uint64_t number) const;
    void remember(const std::string& transaction, const std::string& answer);

    ParticipantOptions options_;
    net::Url url_;
    net::HttpClient client_;
    net::Standing standing_;
    crypto::PublicKey key_;
    net::Deadline known_until_{};
    // Answers hold for ever: what was seen need not be asked again.
    std::map<std::string, std::string> answers_;
    std::deque<std::string> oldest_;
};

}  // namespace concordat::ledger::http
