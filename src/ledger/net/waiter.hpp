// One coroutine that waits for what another one does. One thread, the executor's.
#pragma once
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace concordat::ledger::net {

// Must outlive the wait.
class Waiter {
  public:
    Waiter(const boost::asio::any_io_executor& executor, std::chrono::steady_clock::time_point deadline)
        : timer_(executor, deadline) {}

    // Whether it was woken, before or meanwhile; throws what it was woken with.
    boost::asio::awaitable<bool> wait() {
        if (!woken_) (void)co_await timer_.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
        if (failure_) std::rethrow_exception(failure_);
        co_return woken_;
    }
    void wake(std::exception_ptr failure = nullptr) {
        woken_ = true;
        failure_ = std::move(failure);
        timer_.cancel();
    }

  private:
    boost::asio::steady_timer timer_;
    bool woken_ = false;
    std::exception_ptr failure_;
};

}  // namespace concordat::ledger::net
