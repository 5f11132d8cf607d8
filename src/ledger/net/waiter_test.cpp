#include "waiter.hpp"

#include <gtest/gtest.h>

#include <base/error.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>
#include <thread>

namespace concordat::ledger::net {
namespace {

using namespace std::chrono_literals;

class WaiterTest : public testing::Test {
  protected:
    void begin() {
        boost::asio::co_spawn(io, waiter.wait(), [this](const std::exception_ptr& thrown, bool result) {
            failure = thrown;
            woken = result;
        });
        io.poll();
    }

    boost::asio::io_context io;
    Waiter waiter{io.get_executor(), std::chrono::steady_clock::now() + 30ms};
    std::exception_ptr failure;
    std::optional<bool> woken;
};

TEST_F(WaiterTest, IsWokenOrNotInTime) {
    begin();
    EXPECT_FALSE(woken);
    waiter.wake();
    io.poll();
    EXPECT_EQ(woken, true);
}

TEST_F(WaiterTest, NobodyWakesIt) {
    begin();
    io.run_for(1s);
    EXPECT_EQ(woken, false);
    EXPECT_EQ(failure, nullptr);
}

TEST_F(WaiterTest, WhatCameBeforeIsNotMissed) {
    waiter.wake();
    begin();
    EXPECT_EQ(woken, true);
}

TEST_F(WaiterTest, WokenAtTheLastMomentIsWoken) {
    begin();
    std::this_thread::sleep_for(40ms);  // the time is up, but nobody has looked yet
    waiter.wake();
    io.poll();
    EXPECT_EQ(woken, true);
}

TEST_F(WaiterTest, ThrowsWhatItIsWokenWith) {
    begin();
    waiter.wake(std::make_exception_ptr(Error(Code::busy, "endpoint", "rests")));
    io.poll();
    ASSERT_NE(failure, nullptr);
    EXPECT_THROW(std::rethrow_exception(failure), Error);
}

}  // namespace
}  // namespace concordat::ledger::net
