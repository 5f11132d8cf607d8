// An entry as the node needs it for every message: views into the canonical text, without a JSON tree. The node
// believes what its enclaves send it as far as an index needs: the receipts are what others check.
#pragma once
#include <contract/entry.hpp>
#include <string_view>

namespace concordat::node {

struct EntryView {
    contract::EntryType type{};
    Hash256 id, binding, version, input;
    std::uint64_t sequence = 0;
    std::int64_t number = 0;
    // Raw canonical JSON; empty when absent.
    std::string_view action, time, sender, result, effects, events, reason, deadline, ending, fate;
    Hash256 proposal, package, transaction;  // zero when absent
    std::string_view sender_key;

    // `document` must outlive the view. Throws Error(protocol) when it is not a canonical entry.
    static EntryView scan(ByteView document);
};

// The members of one canonical JSON object, in order: f(key, raw value). Throws Error(protocol).
template <class F>
void each_member(std::string_view object, F&& f);

namespace detail {
std::size_t skip_string(std::string_view text, std::size_t at);  // just behind the closing quote
std::size_t skip_value(std::string_view text, std::size_t at);
[[noreturn]] void not_canonical();
}  // namespace detail

template <class F>
void each_member(std::string_view object, F&& f) {
    if (object.size() < 2 || object.front() != '{' || object.back() != '}') detail::not_canonical();
    std::size_t at = 1;
    while (object[at] != '}') {
        const std::size_t key_end = detail::skip_string(object, at);
        if (key_end >= object.size() || object[key_end] != ':') detail::not_canonical();
        const std::size_t value_end = detail::skip_value(object, key_end + 1);
        f(object.substr(at + 1, key_end - at - 2), object.substr(key_end + 1, value_end - key_end - 1));
        at = value_end;
        if (at < object.size() && object[at] == ',') ++at;
        if (at >= object.size()) detail::not_canonical();
    }
    if (at + 1 != object.size()) detail::not_canonical();
}

}  // namespace concordat::node
