// Real time on an io_context.
#pragma once
#include <base/timeline.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>

namespace concordat::ledger::conformance {

class AsioTimeline final : public Timeline {
  public:
    explicit AsioTimeline(boost::asio::io_context& io) : io_(io) {}
    TimeMs now() override {
        return std::chrono::duration_cast<std::chrono::milliseconds>(
                   std::chrono::system_clock::now().time_since_epoch())
            .count();
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
};

}  // namespace concordat::ledger::conformance
