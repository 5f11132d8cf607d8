#include "event_stream.hpp"

#include <string_view>
#include <utility>

namespace concordat::http {
namespace {

void append_line(std::string& out, std::string_view name, std::string_view value) {
    out += name;
    for (char c : value) {
        if (c != '\n' && c != '\r' && c != '\0') out += c;
    }
    out += '\n';
}

}  // namespace

std::string format_event(const Event& event) {
    std::string out;
    out.reserve(event.id.size() + event.event.size() + event.data.size() + 32);
    if (!event.id.empty()) append_line(out, "id: ", event.id);
    if (event.place) return out + '\n';
    if (!event.event.empty()) append_line(out, "event: ", event.event);
    std::string_view rest = event.data;
    for (;;) {
        const auto end = rest.find('\n');
        append_line(out, "data: ", rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + 1);
    }
    out += '\n';
    return out;
}

bool EventStream::push(const Event& event) {
    if (closed_) return false;
    const std::string text = format_event(event);
    if (buffer_.size() + text.size() > max_bytes_) {
        close();
        return false;
    }
    buffer_ += text;
    if (wake_) wake_();
    return true;
}

void EventStream::close() {
    if (std::exchange(closed_, true)) return;
    if (wake_) wake_();
    if (auto call = std::exchange(on_close_, nullptr)) call();
}

}  // namespace concordat::http
