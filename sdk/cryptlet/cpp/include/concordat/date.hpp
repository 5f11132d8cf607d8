// Civil dates of the proleptic Gregorian calendar and instants in UTC. Nothing here knows "now": a contract's only
// clock is Context::time().
#pragma once
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "abort.hpp"

namespace concordat::cryptlet {

namespace detail {

inline bool is_leap(int year) { return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0); }

inline int days_in_month(int year, int month) {
    constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return month == 2 && is_leap(year) ? 29 : days[month - 1];
}

// The days of all years before `year`, counted from year 1.
inline std::int64_t days_before_year(std::int64_t year) {
    const std::int64_t past = year - 1;
    return past * 365 + past / 4 - past / 100 + past / 400;
}

inline constexpr std::int64_t epoch_day = 719'162;  // days_before_year(1970)

// Exactly `count` digits at `at`; aborts otherwise.
inline int digits(std::string_view text, std::size_t at, std::size_t count) {
    int value = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (i >= text.size() || text[i] < '0' || text[i] > '9') abort_with("bad_date", "a date or time is malformed");
        value = value * 10 + (text[i] - '0');
    }
    return value;
}

inline void put_digits(std::string& out, std::int64_t value, int count) {
    std::int64_t unit = 1;
    for (int i = 1; i < count; ++i) unit *= 10;
    for (; unit > 0; unit /= 10) out += static_cast<char>('0' + value / unit % 10);
}

}  // namespace detail

// Years 1 to 9999.
class Date {
  public:
    Date(int year, int month, int day) : year_(year), month_(month), day_(day) {
        require(year >= 1 && year <= 9999 && month >= 1 && month <= 12 && day >= 1 &&
                    day <= detail::days_in_month(year, month),
                "bad_date", "there is no such date");
    }
    // "2026-01-31"
    static Date parse(std::string_view text) {
        require(text.size() == 10 && text[4] == '-' && text[7] == '-', "bad_date", "a date is YYYY-MM-DD");
        return {detail::digits(text, 0, 4), detail::digits(text, 5, 2), detail::digits(text, 8, 2)};
    }
    // Days since 1970-01-01.
    static Date from_days(std::int64_t days) {
        std::int64_t left = days + detail::epoch_day;
        require(left >= 0 && left < detail::days_before_year(10'000), "bad_date", "the date is outside the calendar");
        auto year = static_cast<int>(left / 366 + 1);  // at most the year looked for, and near it
        while (detail::days_before_year(year + 1) <= left) ++year;
        left -= detail::days_before_year(year);
        int month = 1;
        for (; left >= detail::days_in_month(year, month); ++month) left -= detail::days_in_month(year, month);
        return {year, month, static_cast<int>(left) + 1};
    }

    int year() const { return year_; }
    int month() const { return month_; }
    int day() const { return day_; }
    int weekday() const { return static_cast<int>((days() + detail::epoch_day) % 7) + 1; }  // ISO: Monday is 1
    std::int64_t days() const {
        std::int64_t count = detail::days_before_year(year_) - detail::epoch_day + day_ - 1;
        for (int month = 1; month < month_; ++month) count += detail::days_in_month(year_, month);
        return count;
    }
    Date plus_days(std::int64_t count) const { return from_days(days() + count); }
    // The same day of another month, or that month's last day if it is shorter.
    Date plus_months(int count) const {
        const int index = year_ * 12 + month_ - 1 + count;
        require(index >= 12 && index < 120'000, "bad_date", "the date is outside the calendar");
        const int last = detail::days_in_month(index / 12, index % 12 + 1);
        return {index / 12, index % 12 + 1, day_ < last ? day_ : last};
    }
    std::string text() const {
        std::string out;
        detail::put_digits(out, year_, 4);
        out += '-';
        detail::put_digits(out, month_, 2);
        out += '-';
        detail::put_digits(out, day_, 2);
        return out;
    }
    auto operator<=>(const Date&) const = default;

  private:
    int year_;
    int month_;
    int day_;
};

inline std::int64_t days_between(const Date& from, const Date& to) { return to.days() - from.days(); }

// Milliseconds since 1970-01-01T00:00:00Z; text "2026-01-31T09:30:00.000Z", exactly that form (RFC 3339, UTC).
class Time {
  public:
    Time() = default;
    explicit Time(std::int64_t milliseconds) : milliseconds_(milliseconds) {}
    static Time parse(std::string_view text) {
        require(text.size() == 24 && text[10] == 'T' && text[13] == ':' && text[16] == ':' && text[19] == '.' &&
                    text[23] == 'Z',
                "bad_date", "a time is YYYY-MM-DDThh:mm:ss.mmmZ");
        const Date date = Date::parse(text.substr(0, 10));
        const int hour = detail::digits(text, 11, 2);
        const int minute = detail::digits(text, 14, 2);
        const int second = detail::digits(text, 17, 2);
        require(hour < 24 && minute < 60 && second < 60, "bad_date", "there is no such time of day");
        // NOLINTNEXTLINE(bugprone-implicit-widening-of-multiplication-result): below a day's seconds
        const std::int64_t seconds = date.days() * 86'400 + hour * 3600 + minute * 60 + second;
        return Time(seconds * 1000 + detail::digits(text, 20, 3));
    }
    std::int64_t milliseconds() const { return milliseconds_; }
    Date date() const { return Date::from_days(day()); }
    Time plus_milliseconds(std::int64_t count) const { return Time(milliseconds_ + count); }
    std::string text() const {
        const std::int64_t in_day = milliseconds_ - day() * day_ms;
        std::string out = date().text();
        out += 'T';
        detail::put_digits(out, in_day / 3'600'000, 2);
        out += ':';
        detail::put_digits(out, in_day / 60'000 % 60, 2);
        out += ':';
        detail::put_digits(out, in_day / 1000 % 60, 2);
        out += '.';
        detail::put_digits(out, in_day % 1000, 3);
        out += 'Z';
        return out;
    }
    auto operator<=>(const Time&) const = default;

  private:
    static constexpr std::int64_t day_ms = 86'400'000;
    std::int64_t day() const { return milliseconds_ / day_ms - (milliseconds_ % day_ms < 0 ? 1 : 0); }
    std::int64_t milliseconds_ = 0;
};

}  // namespace concordat::cryptlet
