#include "cursor.hpp"

#include <base/error.hpp>
#include <charconv>

namespace concordat::ledger::evm {

namespace {

constexpr std::size_t max_mark_bytes = 20 + 1 + 64 + 1;

[[noreturn]] void refuse() { throw Error(Code::bad_format, "/cursor", "must be what an earlier page gave"); }

Cursor::Mark parse_mark(std::string_view text) {
    Cursor::Mark out;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), out.number);
    const auto colon = static_cast<std::size_t>(end - text.data());
    if (problem != std::errc{} || colon >= text.size() || text[colon] != ':') refuse();
    const auto hash = from_hex(text.substr(colon + 1));
    if (!hash || hash->size() != 32) refuse();
    out.hash = Hash256::from(*hash);
    return out;
}

}  // namespace

Cursor Cursor::parse(std::string_view text) {
    if (text.size() > max_marks * max_mark_bytes) refuse();
    Cursor out;
    while (!text.empty()) {
        const auto stop = text.find(',');
        const Mark mark = parse_mark(text.substr(0, stop));
        if (!out.marks_.empty() && mark.number <= out.last().number) refuse();
        out.marks_.push_back(mark);
        text = stop == std::string_view::npos ? std::string_view{} : text.substr(stop + 1);
    }
    if (out.marks_.empty() || out.marks_.size() > max_marks) refuse();
    return out;
}

std::string Cursor::text() const {
    std::string out;
    for (const Mark& mark : marks_) {
        if (!out.empty()) out += ',';
        out += std::to_string(mark.number) + ":" + mark.hash.hex();
    }
    return out;
}

void Cursor::advance(Mark mark) {
    if (mark.number <= last().number) panic("a cursor that goes back");
    marks_.push_back(mark);
    if (marks_.size() <= max_marks) return;
    // The first one stays: below it nothing was told. Of the others the one goes whose neighbours are closest together
    // for their distance from the end.
    std::size_t least = 1;
    double least_worth = 0;
    for (std::size_t i = 1; i + 1 < marks_.size(); ++i) {
        const auto gap = static_cast<double>(marks_[i + 1].number - marks_[i - 1].number);
        const double worth = gap / static_cast<double>(mark.number - marks_[i].number);
        if (i == 1 || worth < least_worth) {
            least = i;
            least_worth = worth;
        }
    }
    marks_.erase(marks_.begin() + static_cast<std::ptrdiff_t>(least));
}

void Cursor::cut(std::size_t count) {
    if (count == 0 || count > marks_.size()) panic("a cursor needs a mark");
    marks_.resize(count);
}

}  // namespace concordat::ledger::evm
