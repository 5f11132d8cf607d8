#include "verdict.hpp"

#include <base/json_text.hpp>

namespace concordat::proof {
namespace {

// Texts hold what a hostile receipt brought: no control character may reach a terminal.
std::string printable(std::string_view text) {
    std::string out;
    for (const char c : json::to_valid_utf8(text)) {
        out += (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) ? '?' : c;
    }
    return out;
}

void render_lines(std::string& out, const std::vector<Line>& lines, const std::string& indent) {
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        const bool last = i + 1 == lines.size();
        out += indent + (last ? "└─ " : "├─ ") + (line.ok ? "✓ " : "✗ ") + line.layer + ": " + printable(line.text) +
               " [" + std::string(how_name(line.how)) + "]\n";
        const std::string deeper = indent + (last ? "   " : "│  ");
        if (!line.ok) out += deeper + "   " + printable(line.problem) + "\n";
        render_lines(out, line.below, deeper);
    }
}

json::Array lines_to_json(const std::vector<Line>& lines) {
    json::Array out;
    for (const Line& line : lines) {
        json::Object one{{"layer", line.layer},
                         {"text", json::to_valid_utf8(line.text)},
                         {"how", how_name(line.how)},
                         {"ok", line.ok}};
        if (!line.ok) one["problem"] = json::to_valid_utf8(line.problem);
        if (!line.below.empty()) one["below"] = lines_to_json(line.below);
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace

std::string_view how_name(How how) {
    switch (how) {
        case How::proved:
            return "proved";
        case How::attested:
            return "attested";
        case How::asserted:
            return "asserted";
    }
    panic("a way of knowing that does not exist");
}

const Line* first_problem(const std::vector<Line>& lines) {
    for (const Line& line : lines) {
        if (const Line* below = first_problem(line.below)) return below;
        if (!line.ok) return &line;
    }
    return nullptr;
}

std::string render_text(const Verdict& verdict) {
    std::string out = verdict.holds ? "The receipt holds\n" : "The receipt DOES NOT HOLD\n";
    render_lines(out, verdict.lines, "");
    return out;
}

json::Value render_json(const Verdict& verdict) {
    return json::Object{{"holds", verdict.holds}, {"lines", lines_to_json(verdict.lines)}};
}

}  // namespace concordat::proof
