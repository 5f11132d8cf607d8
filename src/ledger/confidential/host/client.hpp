// The node's side of the record ledger: starts `concordat-ledger`, asks it, relays the attested channels of enclaves to
// it, and starts it again when it ends or stops answering. All on the event loop's thread.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <filesystem>
#include <functional>
#include <ledger/confidential/protocol/protocol.hpp>
#include <map>
#include <process/link/link.hpp>
#include <process/link/outcome.hpp>

namespace concordat::ledger::confidential {

using process::Nothing;
using process::Then;

// What a node needs of its record ledger.
class Ledger {
  public:
    virtual ~Ledger() = default;
    virtual void read(std::uint64_t from, std::uint32_t limit, Then<ReadReply> then) = 0;
    virtual void head(const Hash256& binding, const Hash256& nonce, Then<HeadStatement> then) = 0;
    virtual void root(Then<SignedRoot> then) = 0;
    virtual void consistency(std::uint64_t from, std::uint64_t to, Then<std::vector<Hash256>> then) = 0;
};

// The relay of one enclave's attested channel. The bytes are TLS: nothing here can read them.
struct ChannelEvents {
    std::function<void(Bytes)> data;
    std::function<void(std::string why)> closed;  // told once; also when the ledger ends
};

struct LedgerOptions {
    std::filesystem::path program, data, attestation;
    std::string log_level = "info";
    int answer_timeout_ms = 10'000;   // of one request
    int silence_timeout_ms = 20'000;  // an asked ledger that says nothing at all for this long is killed
    int start_timeout_ms = 60'000;    // reading the log may take a while
    int restart_delay_ms = 200;       // doubled at each failure in a row, up to restart_delay_max_ms
    int restart_delay_max_ms = 10'000;
    std::size_t max_requests = 65'536;
};

struct LedgerEvents {
    std::function<void(const IdentityReply&)> ready;           // after each start
    std::function<void(const std::string& why)> lost;          // every channel is closed, every request has failed
    std::function<void(const std::string& why)> start_failed;  // it ended before it was ready; it is tried again
};

class LedgerClient final : public Ledger {
  public:
    LedgerClient(boost::asio::io_context& loop, LedgerOptions options, LedgerEvents events);
    ~LedgerClient() override;

    // Throws what ChildProcess::spawn throws the first time; later failures are retried.
    void start();
    // Snapshot, then end. `then` comes in any case, at the latest after the answer time-out; no restart follows.
    void stop(std::function<void()> then);
    bool ready() const { return ready_; }
    pid_t pid() const { return link_ ? link_->pid() : -1; }

    void read(std::uint64_t from, std::uint32_t limit, Then<ReadReply> then) override;
    void head(const Hash256& binding, const Hash256& nonce, Then<HeadStatement> then) override;
    void root(Then<SignedRoot> then) override;
    void consistency(std::uint64_t from, std::uint64_t to, Then<std::vector<Hash256>> then) override;
    void snapshot(Then<Nothing> then);

    // Throws Error(unavailable) while the ledger is not ready.
    std::uint64_t open_channel(ChannelEvents events);
    void channel_data(std::uint64_t channel, ByteView bytes);
    void close_channel(std::uint64_t channel);  // no event follows

  private:
    struct Pending {
        Then<Bytes> then;
        std::int64_t deadline_ns = 0;
    };
    void spawn();
    void on_frame(Frame frame);
    void on_channel_frame(Frame frame);
    void on_ended(const std::string& why);
    void on_identity(process::Outcome<Bytes> reply);
    void schedule_restart();
    void watch();
    void ask(FrameType type, ByteView payload, Then<Bytes> then, int timeout_ms = 0);
    template <class T, class Decode>
    void ask_for(FrameType type, ByteView payload, Then<T> then, Decode decode);
    void drop_everything(const std::string& why);

    boost::asio::io_context& loop_;
    LedgerOptions options_;
    LedgerEvents events_;
    boost::asio::steady_timer restart_timer_, watch_timer_;
    std::unique_ptr<process::ChildLink> link_;
    std::map<std::uint64_t, Pending> pending_;
    std::map<std::uint64_t, ChannelEvents> channels_;
    std::uint64_t next_id_ = 1;
    std::int64_t last_frame_ns_ = 0, last_ask_ns_ = 0;
    int failures_ = 0;
    bool ready_ = false, stopping_ = false;
    std::function<void()> stopped_;
};

}  // namespace concordat::ledger::confidential
