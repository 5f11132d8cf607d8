#include "log.hpp"

#include <unistd.h>

#include <atomic>
#include <mutex>

#include "clock.hpp"
#include "json_text.hpp"

namespace concordat::log {
namespace {

constexpr std::size_t max_value_bytes = 4096;

std::atomic<Level> least_level{Level::info};
std::mutex process_mutex;
std::string process_name;  // guarded by process_mutex: logging is far from the hot path

std::string_view level_name(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "error";
}

// A value may hold bytes from outside, so it is cut and made valid UTF-8: a log line must never fail to parse.
void append_member(std::string& out, std::string_view name, std::string_view value) {
    out += ',';
    json::append_string(out, json::to_valid_utf8(name.substr(0, max_value_bytes)));
    out += ':';
    json::append_string(out, json::to_valid_utf8(value.substr(0, max_value_bytes)));
}

void append_field(std::string& out, const Field& field) {
    if (const auto* text = std::get_if<std::string>(&field.value)) return append_member(out, field.name, *text);
    out += ',';
    json::append_string(out, json::to_valid_utf8(field.name));
    out += ':';
    if (const auto* integer = std::get_if<std::int64_t>(&field.value)) {
        out += std::to_string(*integer);
    } else {
        out += std::get<bool>(field.value) ? "true" : "false";
    }
}

}  // namespace

void set_level(Level least) { least_level = least; }

bool enabled(Level level) { return level >= least_level.load(std::memory_order_relaxed); }

Level level_of(std::string_view name) {
    for (const Level level : {Level::debug, Level::warning, Level::error}) {
        if (level_name(level) == name) return level;
    }
    return Level::info;
}

void set_process(std::string_view name) {
    const std::lock_guard lock(process_mutex);
    process_name = name;
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
    if (!enabled(level)) return;
    std::string line = "{\"time\":\"" + format_time(SystemClock().now()) + '"';
    append_member(line, "level", level_name(level));
    {
        const std::lock_guard lock(process_mutex);
        if (!process_name.empty()) append_member(line, "process", process_name);
    }
    append_member(line, "event", event);
    for (const Field& field : fields) append_field(line, field);
    line += "}\n";
    // One write, so that lines of several processes on one pipe do not mix; a full or closed pipe loses the line.
    [[maybe_unused]] const ssize_t wrote = ::write(STDERR_FILENO, line.data(), line.size());
}

}  // namespace concordat::log
