#include "entry_view.hpp"

#include <charconv>

namespace concordat::node {

namespace detail {

void not_canonical() { throw Error(Code::protocol, "/entry", "must be a canonical entry document"); }

std::size_t skip_string(std::string_view text, std::size_t at) {
    if (at >= text.size() || text[at] != '"') not_canonical();
    for (++at; at < text.size(); ++at) {
        if (text[at] == '"') return at + 1;
        if (text[at] == '\\') ++at;
    }
    not_canonical();
}

std::size_t skip_value(std::string_view text, std::size_t at) {
    std::size_t depth = 0;
    while (at < text.size()) {
        switch (text[at]) {
            case '"':
                at = skip_string(text, at);
                break;
            case '{':
            case '[':
                ++depth;
                ++at;
                break;
            case '}':
            case ']':
                if (depth == 0) return at;
                --depth;
                ++at;
                break;
            case ',':
                if (depth == 0) return at;
                ++at;
                break;
            default:
                ++at;
        }
        if (depth == 0 && at < text.size() && (text[at] == ',' || text[at] == '}' || text[at] == ']')) return at;
    }
    return at;
}

}  // namespace detail

namespace {

std::string_view unquote(std::string_view raw) {
    if (raw.size() < 2 || raw.front() != '"') detail::not_canonical();
    return raw.substr(1, raw.size() - 2);
}

template <class Integer>
Integer integer(std::string_view raw) {
    Integer value{};
    const auto [end, error] = std::from_chars(raw.data(), raw.data() + raw.size(), value);
    if (error != std::errc{} || end != raw.data() + raw.size()) detail::not_canonical();
    return value;
}

Hash256 hash(std::string_view raw) { return Hash256::parse(unquote(raw), "/entry"); }

}  // namespace

EntryView EntryView::scan(ByteView document) {
    EntryView view;
    contract::Entry entry;  // only what the id is made of
    each_member(text_of(document), [&](std::string_view key, std::string_view raw) {
        if (key == "type")
            entry.type = contract::entry_type_from_name(unquote(raw), "/entry/type");
        else if (key == "binding")
            entry.binding = hash(raw);
        else if (key == "version")
            entry.version = hash(raw);
        else if (key == "sequence")
            entry.sequence = integer<std::int64_t>(raw);
        else if (key == "previous")
            entry.previous = hash(raw);
        else if (key == "input")
            entry.input = hash(raw);
        else if (key == "state_after")
            entry.state_after = hash(raw);
        else if (key == "effects")
            entry.effects = boost::json::parse(raw).as_array(), view.effects = raw;
        else if (key == "number")
            view.number = integer<std::int64_t>(raw);
        else if (key == "action")
            view.action = raw;
        else if (key == "time")
            view.time = raw;
        else if (key == "sender")
            view.sender = raw;
        else if (key == "result")
            view.result = raw;
        else if (key == "events")
            view.events = raw;
        else if (key == "reason")
            view.reason = raw;
        else if (key == "deadline")
            view.deadline = raw;
        else if (key == "ending")
            view.ending = raw;
        else if (key == "fate")
            view.fate = raw;
        else if (key == "transaction")
            view.transaction = hash(raw);
        else if (key == "proposal")
            view.proposal = hash(raw);
        else if (key == "package")
            view.package = hash(raw);
    });
    if (entry.type == contract::EntryType{}) detail::not_canonical();
    if (!view.sender.empty())
        each_member(view.sender, [&](std::string_view key, std::string_view raw) {
            if (key == "key") view.sender_key = unquote(raw);
        });
    view.type = entry.type;
    view.binding = entry.binding;
    view.version = entry.version;
    view.input = entry.input;
    view.sequence = static_cast<std::uint64_t>(entry.sequence);
    view.id = entry.id(document);
    return view;
}

}  // namespace concordat::node
