// Injected time. Times are milliseconds since 1970 UTC; their text form is RFC 3339 UTC with milliseconds
// ("2026-01-31T09:30:00.000Z").
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

namespace concordat {

using TimeMs = std::int64_t;

class Clock {
  public:
    virtual ~Clock() = default;
    virtual TimeMs now() = 0;
};

class SystemClock final : public Clock {
  public:
    TimeMs now() override;
};

class ManualClock final : public Clock {
  public:
    explicit ManualClock(TimeMs start) : now_(start) {}
    TimeMs now() override { return now_; }
    void set(TimeMs now) { now_ = now; }
    void advance(TimeMs ms) { now_ += ms; }

  private:
    TimeMs now_;
};

std::string format_time(TimeMs time);
// Throws Error(bad_format) naming `field` unless exactly "YYYY-MM-DDThh:mm:ss.mmmZ" and a real date.
TimeMs parse_time(std::string_view text, std::string_view field);
std::int64_t monotonic_ns();

}  // namespace concordat
