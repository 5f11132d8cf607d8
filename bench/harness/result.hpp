// What a measurement gives: one line of the table and of build/bench.json.
#pragma once
#include <sys/types.h>

#include <algorithm>
#include <base/clock.hpp>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

namespace concordat::bench {

struct Result {
    std::string name;
    double value = 0;
    std::string unit;
    std::optional<double> bound = {};   // measured in the same run, in `unit` unless the note says otherwise
    std::optional<double> target = {};  // of the ratio, or of the value where there is no bound
    bool at_most = false;               // the target is a maximum
    std::string note = {};              // how it was measured

    std::optional<double> ratio() const { return bound ? std::optional(value / *bound) : std::nullopt; }
    std::optional<bool> met() const {
        if (!target) return std::nullopt;
        const double figure = ratio().value_or(value);
        return at_most ? figure <= *target : figure >= *target;
    }
};

using Results = std::vector<Result>;

inline double seconds_since(std::int64_t began_ns) { return static_cast<double>(monotonic_ns() - began_ns) / 1e9; }

// Processor time that a process has used so far.
inline double cpu_seconds_of(pid_t pid) {
    clockid_t clock{};
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &time) != 0) return 0;
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

inline double quantile(std::vector<double> sample, double q) {
    if (sample.empty()) return 0;
    std::ranges::sort(sample);
    return sample[std::min(sample.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sample.size())))];
}

}  // namespace concordat::bench
