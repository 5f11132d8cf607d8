// The node's pool of enclave processes: between a minimum and a maximum of shared ones, and one more for each binding
// that asks for an enclave of its own. A binding sticks to one enclave; a dead or stuck enclave is replaced, and its
// requests fail with (unavailable, "/enclave"): whoever asked looks at the ledger before asking again.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <enclave/protocol/protocol.hpp>
#include <filesystem>
#include <functional>
#include <list>
#include <map>
#include <process/link/link.hpp>
#include <process/link/outcome.hpp>
#include <unordered_map>

namespace concordat::enclave {

using process::Nothing;
using process::Then;

struct Route {
    Hash256 group;  // what shares it shares an enclave: a binding, or the bindings that act through one account
    bool dedicated = false;
};

// What a node needs of its enclaves. `then` is never called inside the call. Replies of execute and act are encoded
// Committed, kept as they came.
class Enclaves {
  public:
    virtual ~Enclaves() = default;
    virtual void execute(const Route& route, const Execute& request, Then<Bytes> then) = 0;
    virtual void act(const Route& route, const Act& request, Then<Bytes> then) = 0;
    // The reply is the transaction that the other ledger takes.
    virtual void sign(const Route& route, const Sign& request, Then<Bytes> then) = 0;
    virtual void load_package(const Route& route, const LoadPackage& package, Then<Nothing> then) = 0;
    virtual void load_binding(const Route& route, const LoadBinding& binding, Then<Nothing> then) = 0;
};

// The other end of the attested channel, given by the node: this module does not know the ledger's process.
struct ChannelRelay {
    struct Events {
        std::function<void(Bytes)> data;
        std::function<void(std::string why)> closed;
    };
    std::function<std::uint64_t(Events)> open;  // throws Error(unavailable)
    std::function<void(std::uint64_t channel, ByteView)> send;
    std::function<void(std::uint64_t channel)> close;
};

struct PoolOptions {
    std::filesystem::path program, attestation;
    std::string log_level = "info";
    std::size_t minimum = 1, maximum = 2;
    std::size_t maximum_dedicated = 16;
    std::size_t grow_queue = 512;  // requests per shared enclave above which another is started
    int ping_every_ms = 2000, ping_timeout_ms = 5000;
    int request_timeout_ms = 30'000;  // nothing that an enclave does is allowed to take as long: it is stuck
    int start_timeout_ms = 30'000;
    int restart_delay_ms = 100, restart_delay_max_ms = 10'000;
    int idle_ms = 60'000;  // after which an enclave above the minimum, or a dedicated one, is ended
    std::size_t max_requests = 65'536;
    std::size_t max_affinity = 262'144;
};

struct EnclaveStatus {
    std::uint64_t slot = 0;
    pid_t pid = -1;
    std::string state;  // "ready" "starting" "down"
    std::string kid;
    std::string key, evidence;  // JCS, as the enclave showed them
    std::string sandbox;        // JCS object
    Hash256 measurement;
    bool dedicated = false;
    std::size_t requests = 0, bindings = 0;
    std::uint64_t restarts = 0;
};

class EnclavePool final : public Enclaves {
  public:
    // `on_ready` is told each enclave's key and evidence before the enclave is given work; `on_lost` each enclave that
    // was ready and ended.
    EnclavePool(boost::asio::io_context& loop, PoolOptions options, ChannelRelay relay,
                std::function<void(const std::string& kid, const HelloReply&)> on_ready, std::function<void()> on_lost);
    ~EnclavePool() override;

    void start();        // throws what ChildProcess::spawn throws
    void restart_all();  // the ledger started anew: every enclave must prove itself to it again
    void stop();         // ends all; pending requests fail with unavailable

    void execute(const Route& route, const Execute& request, Then<Bytes> then) override;
    void act(const Route& route, const Act& request, Then<Bytes> then) override;
    void sign(const Route& route, const Sign& request, Then<Bytes> then) override;
    void load_package(const Route& route, const LoadPackage& package, Then<Nothing> then) override;
    void load_binding(const Route& route, const LoadBinding& binding, Then<Nothing> then) override;

    std::vector<EnclaveStatus> status() const;
    std::size_t ready_count() const;
    std::size_t request_count() const { return requests_; }

  private:
    struct Request {
        FrameType type{};
        Bytes payload;
        Then<Bytes> then;
        std::int64_t deadline_ns = 0;
    };
    struct Slot;
    struct Affinity {
        Hash256 group;
        std::uint64_t slot = 0;
    };

    Slot& add_slot(bool dedicated, const Hash256& binding);
    void spawn(Slot& slot);
    void on_frame(Slot& slot, Frame frame);
    void on_ended(Slot& slot, const std::string& why);
    void on_hello(Slot& slot, process::Outcome<Bytes> reply);
    void connect(Slot& slot);
    void on_connected(Slot& slot, process::Outcome<Bytes> reply);
    void close_channel(Slot& slot);
    void retry_later(Slot& slot);
    void remove_slot(std::uint64_t id);
    void fail_all(Slot& slot, const Error& error, bool also_waiting);

    void ask(const Route& route, FrameType type, Bytes payload, Then<Bytes> then);
    void send(Slot& slot, Request request);
    Slot& place(const Route& route);
    Slot& place_dedicated(const Hash256& binding);
    Slot& least_loaded();

    void watch();
    void watch_slot(Slot& slot, std::int64_t now);
    void fit_size(std::int64_t now);

    boost::asio::io_context& loop_;
    PoolOptions options_;
    ChannelRelay relay_;
    std::function<void(const std::string&, const HelloReply&)> on_ready_;
    std::function<void()> on_lost_;
    boost::asio::steady_timer watch_timer_;
    std::map<std::uint64_t, std::unique_ptr<Slot>> slots_;
    std::list<Affinity> recent_;  // most recently used first
    std::unordered_map<Hash256, std::list<Affinity>::iterator, Hash256Hasher> affinity_;
    std::map<Hash256, std::uint64_t> dedicated_;
    std::uint64_t next_slot_ = 1, next_request_ = 1;
    std::size_t requests_ = 0;
    bool stopping_ = false;
};

}  // namespace concordat::enclave
