#include "clock.hpp"

#include <chrono>

#include "error.hpp"

namespace concordat {
namespace {

using namespace std::chrono;

constexpr std::int64_t ms_per_day = 86'400'000;

bool read_digits(std::string_view text, std::size_t at, std::size_t count, int& out) {
    out = 0;
    for (std::size_t i = at; i < at + count; ++i) {
        if (text[i] < '0' || text[i] > '9') return false;
        out = out * 10 + (text[i] - '0');
    }
    return true;
}

struct Fields {
    int year, month, day, hour, minute, second, ms;
};

constexpr std::string_view shape = "0000-00-00T00:00:00.000Z";

bool read_fields(std::string_view text, Fields& f) {
    if (text.size() != shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i) {
        if (shape[i] != '0' && text[i] != shape[i]) return false;
    }
    return read_digits(text, 0, 4, f.year) && read_digits(text, 5, 2, f.month) && read_digits(text, 8, 2, f.day) &&
           read_digits(text, 11, 2, f.hour) && read_digits(text, 14, 2, f.minute) &&
           read_digits(text, 17, 2, f.second) && read_digits(text, 20, 3, f.ms);
}

}  // namespace

TimeMs SystemClock::now() { return duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count(); }

std::string format_time(TimeMs time) {
    std::int64_t day_number = time / ms_per_day;
    std::int64_t rest = time % ms_per_day;
    if (rest < 0) {
        rest += ms_per_day;
        --day_number;
    }
    constexpr std::int64_t first_day = -719'528, last_day = 2'932'896;  // 0000-01-01 and 9999-12-31
    if (day_number < first_day || day_number > last_day) {
        throw Error(Code::bad_format, "time", "must lie in the years 0000 to 9999");
    }
    const year_month_day date{sys_days{days{day_number}}};
    std::string out(shape);  // without printf: each entry has a few times
    const auto put = [&](std::size_t at, std::size_t digits, std::int64_t number) {
        for (; digits > 0; number /= 10) out[at + --digits] = static_cast<char>('0' + number % 10);
    };
    put(0, 4, int{date.year()});
    put(5, 2, unsigned{date.month()});
    put(8, 2, unsigned{date.day()});
    put(11, 2, rest / 3'600'000);
    put(14, 2, rest / 60'000 % 60);
    put(17, 2, rest / 1000 % 60);
    put(20, 3, rest % 1000);
    return out;
}

TimeMs parse_time(std::string_view text, std::string_view field) {
    Fields f{};
    const bool shaped = read_fields(text, f);
    const year_month_day date{year{f.year}, month{static_cast<unsigned>(f.month)}, day{static_cast<unsigned>(f.day)}};
    if (!shaped || !date.ok() || f.hour > 23 || f.minute > 59 || f.second > 59) {
        throw Error(Code::bad_format, std::string(field), "must be a UTC time as \"2026-01-31T09:30:00.000Z\"");
    }
    const std::int64_t day_number = sys_days{date}.time_since_epoch().count();
    return day_number * ms_per_day + ((f.hour * 60 + f.minute) * 60 + f.second) * std::int64_t{1000} + f.ms;
}

std::int64_t monotonic_ns() { return duration_cast<nanoseconds>(steady_clock::now().time_since_epoch()).count(); }

}  // namespace concordat
