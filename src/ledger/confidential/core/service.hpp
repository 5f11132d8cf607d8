// The ledger process without its socket: frames in, frames out (protocol.hpp). Frames are taken in as they come; what
// asks the ledger for something waits until flush(), which commits every append that waits as one group.
//
// The node is not trusted: what it sends wrongly is answered with an error frame, or closes the channel it names.
// Within a channel answers come in the order of the requests.
#pragma once
#include <attest/channel.hpp>
#include <base/frame.hpp>
#include <deque>

#include "ledger.hpp"

namespace concordat::ledger::confidential {

class Service {
  public:
    struct Options {
        std::string evidence;  // JCS, for report_data concordat/ledger-key/1
        std::string sandbox;   // JCS
        std::size_t max_channels = 256;
    };
    // `ledger` and `provider` must outlive it.
    Service(RecordLedger& ledger, attest::EvidenceProvider& provider, Options options)
        : ledger_(ledger), provider_(provider), options_(std::move(options)) {}

    void handle(const Frame& frame);
    void flush();
    Bytes take_output();  // encoded frames
    std::size_t output_bytes() const { return out_.size(); }
    // Bytes of requests that wait: beyond max_waiting_bytes, flush before more is taken in.
    bool full() const { return waiting_bytes_ > max_waiting_bytes; }
    bool stopped() const { return stopped_; }
    std::size_t channels() const { return channels_.size(); }

    static constexpr std::size_t max_waiting_bytes = std::size_t{1} << 26;

  private:
    struct Channel {
        attest::AttestedChannel tls;
        std::optional<EnclaveId> enclave;
        bool waits_for_commit = false;
        Channel(attest::EvidenceProvider& provider, const crypto::PrivateKey& key)
            : tls(attest::Side::ledger, provider, key) {}
    };
    struct Waiting {
        std::uint64_t channel = 0;
        Request request;
    };

    Bytes answer(const Frame& frame);
    void open_channel(std::uint64_t id);
    void channel_data(std::uint64_t id, ByteView bytes);
    void drop_channel(std::uint64_t id, std::string_view why);
    void forget_channel(std::uint64_t id);
    void take_request(std::uint64_t id, ByteView message);
    void commit(std::vector<Waiting>& appends);
    void reply(std::uint64_t id, const Reply& reply);
    Reply answer_request(Channel& channel, const Request& request);
    void send(FrameType type, std::uint64_t id, ByteView payload);
    void send_error(std::uint64_t id, const Error& error);

    RecordLedger& ledger_;
    attest::EvidenceProvider& provider_;
    Options options_;
    std::map<std::uint64_t, std::unique_ptr<Channel>> channels_;
    std::deque<Waiting> waiting_;
    std::size_t waiting_bytes_ = 0;
    Bytes out_;
    bool stopped_ = false;
};

}  // namespace concordat::ledger::confidential
