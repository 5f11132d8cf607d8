// Time on an event loop. Header only: whoever has no event loop does not link one.
#pragma once
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

#include "timeline.hpp"

namespace concordat {

class AsioTimeline final : public Timeline {
  public:
    AsioTimeline(boost::asio::io_context& io, Clock& clock) : io_(io), clock_(clock) {}
    TimeMs now() override { return clock_.now(); }
    TimeMs passed() override {
        const auto since_start = std::chrono::steady_clock::now().time_since_epoch();
        return std::chrono::duration_cast<std::chrono::milliseconds>(since_start).count();
    }
    void after(TimeMs delay_ms, std::function<void()> what) override {
        const auto timer =
            std::make_shared<boost::asio::steady_timer>(io_, std::chrono::milliseconds(std::max<TimeMs>(delay_ms, 0)));
        timer->async_wait([timer, what = std::move(what)](const boost::system::error_code& problem) {
            if (!problem) what();
        });
    }

  private:
    boost::asio::io_context& io_;
    Clock& clock_;
};

}  // namespace concordat
