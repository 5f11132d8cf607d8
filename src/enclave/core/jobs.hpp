// Inputs under way, shared out over the caller's thread and helper threads. What needs nothing of the inputs before it
// (parsing, signature, schema) is done for several inputs at once; running is done in the order in which the inputs of
// a binding came, and for several bindings at once. No thread waits for another while there is something to begin: one
// that has lost its processor holds up its own piece only.
#pragma once
#include <array>
#include <atomic>
#include <boost/json/monotonic_resource.hpp>
#include <condition_variable>
#include <deque>
#include <enclave/protocol/protocol.hpp>
#include <functional>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "execute.hpp"

namespace concordat::enclave {

struct Job {
    // Given. While the job is under way its context's head, keys, version and package belong to Jobs.
    std::uint64_t request = 0;
    std::shared_ptr<Context> context;
    Execute in;
    // Instead of executing `in`: what makes an entry of its input, or a signature, on the head.
    std::function<Link(const Context&, ByteView input, Slots&)> act;
    std::function<Bytes(const Context&)> sign;
    // Made. `error` has nothing to do with the binding's state; `refusal` does, and speaks of the head `id`.
    std::optional<Error> error, refusal;
    Hash256 id;  // of the entry, or of the head that it was refused on
    contract::EntryRecord record;
    std::vector<std::string> accounts;  // whose slots the entry pins, as Slots names them
    std::optional<Bytes> signed_transaction;
    bool is_act() const { return act || sign; }

  private:
    friend class Jobs;
    HeldSlots slots_;
    struct Lane* lane_ = nullptr;
    bool is_prepared_ = false;
    std::array<unsigned char, 16 * 1024> first_memory_;  // enough for most messages; more comes from the heap
    boost::json::monotonic_resource memory_{first_memory_.data(), first_memory_.size()};
    std::optional<Prepared> prepared_;  // lies in `memory_`
};

class Jobs {
  public:
    // Entries that are made beyond `max_made_bytes`, counting those that keep_back() names, are refused as busy.
    Jobs(std::size_t helpers, const runtime::Limits& limits, std::size_t max_made_bytes);
    ~Jobs();
    Jobs(const Jobs&) = delete;
    Jobs& operator=(const Jobs&) = delete;

    // An empty job, or one that was handed back.
    std::unique_ptr<Job> fresh();
    void add(std::unique_ptr<Job> job);
    // Does one piece of the work on this thread; false when there is none to begin just now.
    bool step();
    // The jobs that are done: of one binding in their order.
    std::vector<std::unique_ptr<Job>> take_done();
    void hand_back(std::unique_ptr<Job> job);
    // Waits a moment for a helper to finish a piece.
    void wait();
    // What of the entries made still waits elsewhere in this process.
    void keep_back(std::size_t bytes) { kept_back_ = bytes; }
    Slots& slots() { return slots_; }

    std::size_t under_way() const { return under_way_; }  // added and not taken
    std::size_t input_bytes() const { return input_bytes_; }

  private:
    void help();
    bool one_piece(class SoonLocked& lock);
    std::unique_ptr<struct Lane> fresh_lane();
    void make_ready(Lane& lane);
    void prepare_one(Job& job) const;
    void run_one(Job& job);
    Link make(Job& job);

    const runtime::Limits limits_;
    const std::size_t max_made_bytes_;
    Slots slots_;
    std::atomic<std::size_t> kept_back_ = 0, made_bytes_ = 0;
    std::size_t under_way_ = 0, input_bytes_ = 0;  // the caller's thread only
    std::vector<std::unique_ptr<Job>> spare_;      // the caller's thread only

    std::mutex mutex_;  // guards what follows
    std::condition_variable wake_, finished_;
    std::deque<Job*> to_prepare_;
    std::deque<Lane*> ready_;  // its first job is prepared, and nobody runs it
    std::unordered_map<const Context*, std::unique_ptr<Lane>> lanes_;
    std::vector<std::unique_ptr<Lane>> spare_lanes_;
    std::vector<std::unique_ptr<Job>> done_;
    std::size_t asleep_ = 0;
    bool ending_ = false;
    std::atomic<std::size_t> to_begin_ = 0;  // pieces; looked at without the mutex as well
    std::vector<std::thread> helpers_;       // last: they use the members above
};

}  // namespace concordat::enclave
