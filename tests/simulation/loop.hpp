// Simulated time: events in order of time, and of asking where times are equal.
#pragma once
#include <base/timeline.hpp>
#include <queue>
#include <tuple>
#include <vector>

namespace concordat::simulation {

class Loop final : public Timeline {
  public:
    TimeMs now() override { return now_; }
    void after(TimeMs delay_ms, std::function<void()> what) override {
        events_.push({now_ + delay_ms, asked_++, std::move(what)});
    }
    // Runs what is due until `end`, or until `enough` says so.
    void run_until(TimeMs end, const std::function<bool()>& enough) {
        while (!events_.empty() && events_.top().time <= end && !enough()) {
            Event event = std::move(const_cast<Event&>(events_.top()));  // top() is const only to keep the order
            events_.pop();
            now_ = event.time;
            event.what();
        }
        if (!enough()) now_ = end;
    }

  private:
    struct Event {
        TimeMs time;
        std::uint64_t order;
        std::function<void()> what;
        bool operator<(const Event& other) const { return std::tie(other.time, other.order) < std::tie(time, order); }
    };
    std::priority_queue<Event> events_;
    TimeMs now_ = 1'000'000'000;
    std::uint64_t asked_ = 0;
};

}  // namespace concordat::simulation
