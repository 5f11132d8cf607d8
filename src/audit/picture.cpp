#include "picture.hpp"

#include <algorithm>

#include "words.hpp"

namespace concordat::audit {
namespace {

using contract::EntryType;

constexpr int time_width = 74, least_lane = 128, usual_width = 760;
constexpr int character_width = 6;  // about, of 11 px
constexpr int head_height = 46, row_height = 36, box_height = 26, page_height = 860;

// Of a text of 11 px, about 6 px a character: what has no room is cut, the text beside the picture has all of it.
std::string fitting(std::string_view text, int width) {
    const auto room = static_cast<std::size_t>(std::max(width / character_width, 3));
    std::size_t characters = 0, end = 0;
    while (end < text.size() && characters < room) {
        ++end;
        while (end < text.size() && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) ++end;
        ++characters;
    }
    return end == text.size() ? std::string(text) : std::string(text.substr(0, end)) + "…";
}

struct Lane {
    std::string name, below;
};

class Picture {
  public:
    Picture(Html& html, const TransactionFact& fact) : html_(html), fact_(fact) {
        lanes_.push_back({fact.sender_role.empty() ? "party" : fact.sender_role, fact.sender_id});
        lanes_.push_back({"record ledger", "entries"});
        for (const StepFact& step : fact.steps) {
            if (lane_of_.contains(step.ledger)) continue;
            lane_of_[step.ledger] = lanes_.size();
            const auto called = std::ranges::find_if(
                fact.calls, [&](const CallFact& call) { return fact.steps[call.step].ledger == step.ledger; });
            lanes_.push_back({step.ledger, called == fact.calls.end() ? "never called" : called->chain});
        }
        const int lanes = static_cast<int>(lanes_.size());
        spacing_ = std::max(least_lane, (usual_width - time_width) / lanes);
        width_ = time_width + spacing_ * lanes;
    }

    void draw() {
        for (const TransactionEntry& entry : fact_.entries) add(entry);
        flush();
    }

  private:
    int x(std::size_t lane) const { return time_width + spacing_ * static_cast<int>(lane) + spacing_ / 2; }
    std::size_t lane_of(const CallFact& call) const { return lane_of_.at(fact_.steps[call.step].ledger); }
    int box_width() const { return std::min(spacing_ - 14, 150); }

    void say(const std::string& text) { told_ += (told_.empty() ? "" : " ") + text + "."; }

    void text(int at_x, int at_y, std::string_view words, const char* look, const char* anchor = "middle") {
        body_.html().put(
            "text", words,
            {{"x", std::to_string(at_x)}, {"y", std::to_string(at_y)}, {"class", look}, {"text-anchor", anchor}});
    }
    void box(std::size_t lane, std::string_view words, const char* look) {
        const int width = box_width();
        body_.html().empty("rect", {{"x", std::to_string(x(lane) - width / 2)},
                                    {"y", std::to_string(y_ - box_height / 2)},
                                    {"width", std::to_string(width)},
                                    {"height", std::to_string(box_height)},
                                    {"rx", "3"},
                                    {"class", std::string("box ") + look}});
        text(x(lane), y_ + 4, fitting(words, width - 10), look);
    }
    // From and to are x coordinates; the head is at the end.
    void arrow(int from, int to, const std::string& look) {
        body_.html().empty("line", {{"x1", std::to_string(from)},
                                    {"y1", std::to_string(y_)},
                                    {"x2", std::to_string(to)},
                                    {"y2", std::to_string(y_)},
                                    {"class", "arrow " + look}});
        const int back = to > from ? -8 : 8;
        std::string points = std::to_string(to) + "," + std::to_string(y_);
        for (const int up : {-4, 4}) points += " " + std::to_string(to + back) + "," + std::to_string(y_ + up);
        body_.html().empty("polygon", {{"points", points}, {"class", "tip " + look}});
    }

    void add(const TransactionEntry& entry) {
        const int needed = row_height * static_cast<int>(1 + entry.pins.size() + (entry.decision.empty() ? 0 : 1));
        if (y_ > 0 && y_ + needed > page_height) flush();
        if (y_ == 0) y_ = head_height;
        next_row();
        const std::string time = time_text(entry.time);
        text(4, y_ + 4, time.substr(11), "clock", "start");
        if (const std::string day = time.substr(0, 10); day != day_) {
            text(4, y_ - 9, day, "clock", "start");
            day_ = day;
        }
        add_entry(entry);
        if (!entry.decision.empty() && entry.decision != decided_) decide(entry.decision);
        for (const std::size_t call : entry.pins) add_pin(call);
    }

    void next_row() { y_ += row_height; }

    void add_entry(const TransactionEntry& entry) {
        const std::string name =
            std::to_string(entry.sequence) + " " + std::string(contract::entry_type_name(entry.type));
        const int left = x(1) - box_width() / 2;
        switch (entry.type) {
            case EntryType::prepare:
                arrow(x(0), left, "said");
                text((x(0) + left) / 2, y_ - 5, fitting(fact_.action, left - x(0) - 8), "label");
                box(1, name, "entry");
                say("Entry " + name + ": " + fact_.sender_role + " asks for " + fact_.action);
                return;
            case EntryType::step:
            case EntryType::outcome:
                if (entry.call) add_fate(*entry.call, false);
                box(1, entry.ending.empty() ? name : std::to_string(entry.sequence) + " " + entry.ending,
                    entry.ending.empty()          ? "entry"
                    : entry.ending == "committed" ? "good"
                                                  : "off");
                say("Entry " + name + (entry.ending.empty() ? "" : ": " + entry.ending));
                return;
            case EntryType::disputed:
                if (entry.call) add_fate(*entry.call, true);
                box(1, name, "bad");
                say("Entry " + name + ": the ledger went back on it");
                return;
            case EntryType::resolve:
                box(1, name, "off");
                say("Entry " + name + ": the parties give up call " + std::to_string(entry.call.value_or(0)));
                return;
            default:
                box(1, name, "entry");
                say("Entry " + name);
        }
    }

    void add_fate(std::size_t number, bool disputed) {
        const CallFact& call = fact_.calls[number];
        const std::size_t lane = lane_of(call);
        std::string words = disputed                            ? "went back on it"
                            : call.effective                    ? "✓ done"
                            : !call.fate                        ? "✗ not done"
                            : call.fate == ledger::Fate::failed ? "✗ failed"
                                                                : "✗ cancelled";
        const std::string block = call.block ? ", block " + std::to_string(*call.block) : "";
        const auto room_in_box = static_cast<std::size_t>((box_width() - 10) / character_width);
        if (!disputed && words.size() + block.size() <= room_in_box + 2) words += block;  // the sign has three bytes
        arrow(x(lane) - box_width() / 2, x(1) + box_width() / 2, disputed ? "told wrong" : "told");
        const int room = spacing_ - box_width() - 6;
        if (room >= 40) text(x(1) + spacing_ / 2, y_ - 5, fitting("evidence", room), "label");
        box(lane, words, disputed ? "bad" : call.effective ? "good" : "off");
        say("Call " + std::to_string(number) + " " + call_name(fact_, number) + " on " + lanes_[lane].name + ": " +
            (disputed ? "disputed" : fate_text(call)));
    }

    void add_pin(std::size_t number) {
        next_row();
        const CallFact& call = fact_.calls[number];
        const std::size_t lane = lane_of(call);
        const char* look = call.role == ledger::Role::undo     ? "undo"
                           : call.role == ledger::Role::commit ? "commit"
                                                               : "call";
        body_.html().empty("circle", {{"cx", std::to_string(x(1))},
                                      {"cy", std::to_string(y_)},
                                      {"r", "3.5"},
                                      {"class", std::string("tip ") + look}});
        arrow(x(1), x(lane), look);
        const int room = x(lane) - x(1) - 20;
        text(x(1) + 9, y_ - 5, fitting(std::to_string(number) + " · " + call_name(fact_, number), room), "label",
             "start");
        if (!call.function.empty())
            text(x(1) + 9, y_ + 12, fitting(function_name(call.function), room), "label where", "start");
        say("Call " + std::to_string(number) + " is pinned: " + call_name(fact_, number) + " on " + lanes_[lane].name);
    }

    void decide(const std::string& decision) {
        decided_ = decision;
        next_row();
        body_.html().empty("line", {{"x1", std::to_string(time_width)},
                                    {"y1", std::to_string(y_)},
                                    {"x2", std::to_string(width_)},
                                    {"y2", std::to_string(y_)},
                                    {"class", "decision"}});
        box(1, "decided: " + decision, decision == "commit" ? "decided good" : "decided off");
        say("Decided: " + decision);
    }

    void draw_lanes() {
        for (std::size_t lane = 0; lane < lanes_.size(); ++lane) {
            html_.empty("line", {{"x1", std::to_string(x(lane))},
                                 {"y1", std::to_string(head_height)},
                                 {"x2", std::to_string(x(lane))},
                                 {"y2", std::to_string(y_ + row_height / 2)},
                                 {"class", "lane"}});
            const std::string middle = std::to_string(x(lane));
            const int room = spacing_ - 8;
            html_.put("text", fitting(lanes_[lane].name, room),
                      {{"x", middle}, {"y", "16"}, {"class", "who"}, {"text-anchor", "middle"}});
            html_.put("text", fitting(lanes_[lane].below, room + room / 5),
                      {{"x", middle}, {"y", "32"}, {"class", "where"}, {"text-anchor", "middle"}});
        }
    }

    void flush() {
        if (y_ == 0) return;
        const auto figure = html_.in("figure");
        {
            const auto scroll = html_.in("div", {{"class", "scroll"},
                                                 {"tabindex", "0"},
                                                 {"role", "group"},
                                                 {"aria-label", "picture of the transaction"}});
            const std::string id = "p" + std::to_string(fact_.sequence) + "-" + std::to_string(part_);
            const auto svg = html_.in(
                "svg", {{"role", "img"},
                        {"aria-labelledby", id + "t " + id + "d"},
                        {"viewBox", "0 0 " + std::to_string(width_) + " " + std::to_string(y_ + row_height / 2 + 4)},
                        {"preserveAspectRatio", "xMinYMin meet"}});
            html_.put("title", "Transaction at entry " + std::to_string(fact_.sequence), {{"id", id + "t"}});
            html_.put("desc", told_, {{"id", id + "d"}});
            draw_lanes();
            html_.add(body_);
        }
        html_.put(
            "figcaption",
            "Time goes down. Solid arrows: calls, as the record ledger pins them; green ones make a step hold, dashed "
            "ones take it back. Dotted arrows: evidence of what became of them.");
        ++part_;
        told_.clear();
        day_.clear();
        body_.clear();
        y_ = 0;
    }

    Html& html_;
    const TransactionFact& fact_;
    std::vector<Lane> lanes_;
    std::map<std::string, std::size_t> lane_of_;  // by the contract's name of the ledger
    int spacing_ = 0, width_ = 0, y_ = 0;
    std::size_t part_ = 0;
    std::string day_, decided_, told_;
    Piece body_;
};

}  // namespace

void draw(Html& html, const TransactionFact& transaction) { Picture(html, transaction).draw(); }

}  // namespace concordat::audit
