#include "disk_thread.hpp"

#include <algorithm>
#include <base/clock.hpp>
#include <base/log.hpp>
#include <boost/asio/post.hpp>

namespace concordat::node {

namespace {
constexpr std::size_t max_batch = 4096;
constexpr std::int64_t log_every_ns = 10'000'000'000;
}  // namespace

DiskThread::DiskThread(boost::asio::io_context& loop, Transaction transaction, std::size_t max_jobs)
    : loop_(loop), transaction_(std::move(transaction)), max_jobs_(max_jobs), thread_([this] { run(); }) {}

DiskThread::~DiskThread() {
    *alive_ = false;
    {
        const std::lock_guard lock(mutex_);
        ending_ = true;
    }
    wake_.notify_one();
    thread_.join();
}

void DiskThread::write(Job job, Done done) {
    ++asked_;
    bool sleeps = false;
    {
        const std::lock_guard lock(mutex_);
        queue_.push_back({std::move(job), std::move(done), epoch_});
        sleeps = !busy_ && queue_.size() == 1;
    }
    if (sleeps) wake_.notify_one();
}

void DiskThread::barrier(std::function<void()> then) {
    if (answered_ == asked_) return then();
    barriers_.emplace_back(asked_, std::move(then));
}

void DiskThread::finish() {
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [this] { return queue_.empty() && !busy_; });
}

void DiskThread::run() {
    for (;;) {
        std::deque<Item> batch;
        {
            std::unique_lock lock(mutex_);
            busy_ = false;
            if (queue_.empty()) idle_.notify_all();
            wake_.wait(lock, [this] { return ending_ || !queue_.empty(); });
            if (queue_.empty()) return;
            busy_ = true;
            if (queue_.size() <= max_batch) {
                batch.swap(queue_);
            } else {
                for (std::size_t i = 0; i < max_batch; ++i) {
                    batch.push_back(std::move(queue_.front()));
                    queue_.pop_front();
                }
            }
        }
        const auto error = write_batch(batch);
        boost::asio::post(loop_, [this, alive = alive_, error, batch = std::move(batch)] {
            if (!*alive) return;
            answered_ += batch.size();
            if (error) epoch_ = std::max(epoch_, batch.back().epoch + 1);
            for (const Item& item : batch)
                if (item.done) item.done(error);
            while (*alive && !barriers_.empty() && barriers_.front().first <= answered_) {
                const auto then = std::move(barriers_.front().second);
                barriers_.pop_front();
                then();
            }
        });
    }
}

std::optional<Error> DiskThread::write_batch(const std::deque<Item>& batch) {
    if (failure_ && batch.front().epoch <= failed_epoch_) {
        failed_epoch_ = batch.back().epoch;
        return failure_;
    }
    try {
        transaction_.begin();
        for (const Item& item : batch) item.job();
        transaction_.commit();
        return std::nullopt;
    } catch (const Error& error) {
        log_failure(error, batch.size());
        try {
            transaction_.rollback();
        } catch (const Error&) {  // the transaction is gone already
        }
        failed_epoch_ = batch.back().epoch;
        failure_ = error;
        return error;
    }
}

// A disk that is full fails many times a second, and its log may be on the same disk.
void DiskThread::log_failure(const Error& error, std::size_t jobs) {
    const std::int64_t now = monotonic_ns();
    if (logged_ns_ != 0 && now - logged_ns_ < log_every_ns) {
        ++not_logged_;
        return;
    }
    logged_ns_ = now;
    log::error("database_write_failed",
               {{"rule", error.what()}, {"jobs", jobs}, {"not_logged_before", std::exchange(not_logged_, 0)}});
}

}  // namespace concordat::node
