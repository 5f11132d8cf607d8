// A thread that does one database's writes in batches: what is asked for while a batch is being written makes the next
// one, in one transaction. Answers come back on the event loop, after the commit. A batch that fails fails whole, and
// so does everything asked for before the loop has heard of it: a later batch must not say that an earlier one was
// written.
#pragma once
#include <base/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

namespace concordat::node {

class DiskThread {
  public:
    using Job = std::function<void()>;  // on the thread, inside the transaction
    using Done = std::function<void(const std::optional<Error>&)>;
    struct Transaction {
        std::function<void()> begin, commit, rollback;  // on the thread
    };

    DiskThread(boost::asio::io_context& loop, Transaction transaction, std::size_t max_jobs);
    ~DiskThread();  // writes what is queued, then ends; its answers are not given any more
    DiskThread(const DiskThread&) = delete;
    DiskThread& operator=(const DiskThread&) = delete;

    void write(Job job, Done done = nullptr);
    // After everything asked for so far; at once, inside the call, when nothing is under way.
    void barrier(std::function<void()> then);
    bool full() const { return asked_ - answered_ >= max_jobs_; }
    std::uint64_t asked() const { return asked_; }        // jobs ever asked for
    std::uint64_t answered() const { return answered_; }  // of those, on disk (or failed)
    void finish();                                        // waits for everything asked for so far

  private:
    struct Item {
        Job job;
        Done done;
        std::uint64_t epoch = 0;
    };
    void run();
    std::optional<Error> write_batch(const std::deque<Item>& batch);
    void log_failure(const Error& error, std::size_t jobs);

    boost::asio::io_context& loop_;
    Transaction transaction_;
    std::size_t max_jobs_;
    std::uint64_t asked_ = 0, answered_ = 0;  // loop thread only
    std::uint64_t epoch_ = 1;                 // loop thread only: rises with each failure that the loop has heard of
    std::uint64_t failed_epoch_ = 0;          // the writing thread's
    std::optional<Error> failure_;            // the writing thread's
    std::int64_t logged_ns_ = 0;              // the writing thread's
    std::int64_t not_logged_ = 0;             // failures since then
    std::deque<std::pair<std::uint64_t, std::function<void()>>> barriers_;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
    std::mutex mutex_;
    std::condition_variable wake_, idle_;
    std::deque<Item> queue_;
    bool busy_ = false, ending_ = false;
    std::thread thread_;
};

}  // namespace concordat::node
