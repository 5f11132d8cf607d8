// A bound on what is under way at a time: who comes later waits for a turn, in order. One thread, the executor's.
#pragma once
#include <base/error.hpp>
#include <deque>
#include <memory>
#include <utility>

#include "url.hpp"
#include "waiter.hpp"

namespace concordat::ledger::net {

class Gate {
    struct State {
        std::size_t left = 0;
        std::deque<std::shared_ptr<Waiter>> waiting;
        bool closed = false;
        // The turn goes to the next one, which wakes with it.
        void leave() {
            if (waiting.empty()) {
                ++left;
                return;
            }
            const auto next = std::move(waiting.front());
            waiting.pop_front();
            next->wake();
        }
    };

  public:
    Gate(boost::asio::any_io_executor executor, std::size_t most, std::size_t most_waiting)
        : executor_(std::move(executor)), state_(std::make_shared<State>()), most_waiting_(most_waiting) {
        state_->left = most;
    }

    // One turn, until it is destroyed; the gate may be gone by then.
    class Turn {
      public:
        explicit Turn(std::shared_ptr<State> state) : state_(std::move(state)) {}
        Turn(Turn&&) = default;
        Turn& operator=(Turn&&) = delete;
        ~Turn() {
            if (state_) state_->leave();
        }

      private:
        std::shared_ptr<State> state_;
    };

    // Throws Error(busy) where too many wait already, or its turn has not come by then: what is asked for was not
    // begun, and nobody has failed. Error(unavailable) once it is closed.
    boost::asio::awaitable<Turn> enter(Deadline deadline) {
        const std::shared_ptr<State> state = state_;
        if (!state->closed && state->left == 0) {
            if (state->waiting.size() >= most_waiting_) throw Error(Code::busy, "endpoint", "too much waits for it");
            const auto waiter = std::make_shared<Waiter>(executor_, deadline);
            state->waiting.push_back(waiter);
            if (!co_await waiter->wait()) {
                std::erase(state->waiting, waiter);
                throw Error(Code::busy, "endpoint", "was busy with other requests for too long");
            }
        } else if (!state->closed) {
            --state->left;
        }
        if (state->closed) throw Error(Code::unavailable, "endpoint", "is closed");
        co_return Turn(state);
    }
    void close() {
        state_->closed = true;
        for (const auto& waiter : std::exchange(state_->waiting, {})) waiter->wake();
    }
    std::size_t waiting() const { return state_->waiting.size(); }

  private:
    boost::asio::any_io_executor executor_;
    std::shared_ptr<State> state_;
    std::size_t most_waiting_;
};

}  // namespace concordat::ledger::net
