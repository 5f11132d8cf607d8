#include "gate.hpp"

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <optional>

namespace concordat::ledger::net {
namespace {

using namespace std::chrono_literals;
using std::chrono::steady_clock;

class GateTest : public testing::Test {
  protected:
    // What became of one that entered: its turn, once it has one, or why not.
    struct Visit {
        std::optional<Gate::Turn> turn;
        std::optional<Code> refused;
    };
    Visit& enter(steady_clock::duration patience = 10s) {
        Visit& visit = visits.emplace_back();
        boost::asio::co_spawn(io, visit_until(visit, steady_clock::now() + patience), boost::asio::detached);
        io.poll();
        return visit;
    }

    boost::asio::awaitable<void> visit_until(Visit& visit, Deadline deadline) {
        try {
            visit.turn.emplace(co_await gate.enter(deadline));
        } catch (const Error& error) {
            visit.refused = error.code();
        }
    }

    boost::asio::io_context io;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> until_the_end{io.get_executor()};
    Gate gate{io.get_executor(), 2, 3};
    std::deque<Visit> visits;
};

TEST_F(GateTest, WhoComesLaterWaitsForATurnInOrder) {
    Visit &a = enter(), &b = enter(), &c = enter(), &d = enter();
    EXPECT_TRUE(a.turn && b.turn);
    EXPECT_FALSE(c.turn || d.turn);
    EXPECT_EQ(gate.waiting(), 2u);
    b.turn.reset();
    io.poll();
    EXPECT_TRUE(c.turn);
    EXPECT_FALSE(d.turn);
    // A turn that has been given on is not free for who comes then.
    EXPECT_FALSE(enter().turn);
    a.turn.reset();
    c.turn.reset();
    io.poll();
    EXPECT_TRUE(d.turn);
    EXPECT_EQ(gate.waiting(), 0u);
}

TEST_F(GateTest, WhereTooManyWaitTheNextOneIsTold) {
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(enter().refused);
    EXPECT_EQ(enter().refused, Code::busy);
    visits.front().turn.reset();
    io.poll();
    EXPECT_FALSE(enter().refused);
}

TEST_F(GateTest, WhoseTurnDoesNotComeInTimeIsTold) {
    Visit& a = enter();
    enter();
    Visit& late = enter(20ms);
    io.run_for(50ms);
    EXPECT_EQ(late.refused, Code::busy);
    // The place that it had is nobody's.
    a.turn.reset();
    io.poll();
    EXPECT_TRUE(enter().turn);
}

TEST_F(GateTest, AClosedOneLetsNobodyIn) {
    enter();
    enter();
    Visit& waiting = enter();
    gate.close();
    io.poll();
    EXPECT_EQ(waiting.refused, Code::unavailable);
    EXPECT_EQ(enter().refused, Code::unavailable);
}

}  // namespace
}  // namespace concordat::ledger::net
