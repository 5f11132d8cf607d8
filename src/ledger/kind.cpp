#include "kind.hpp"

#include <charconv>

namespace concordat::ledger {

namespace {

constexpr std::size_t max_name_bytes = 128;

}  // namespace

std::uint64_t read_number(json::Reader& reader, std::string_view name) {
    const std::string_view text = reader.string(name, 20);
    std::uint64_t value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool padded = text.size() > 1 && text.front() == '0';
    if (problem != std::errc{} || end != text.data() + text.size() || padded) {
        reader.fail(name, "must be a whole number below 2^64, as text");
    }
    return value;
}

const std::shared_ptr<const json::Object>& SharedObject::empty() {
    static const auto none = std::make_shared<const json::Object>();
    return none;
}

json::Object Pin::to_json() const {
    // Slots and prices may exceed 2^53, so they are text.
    return json::Object{{"chain", chain},
                        {"account", account},
                        {"slot", std::to_string(slot)},
                        {"call", *call},
                        {"ceiling", std::to_string(ceiling)}};
}

Pin Pin::parse(const json::Value& value, const std::string& path) {
    json::Reader reader(value, path);
    Pin pin;
    pin.chain = reader.string("chain", max_name_bytes);
    pin.account = reader.string("account", max_name_bytes);
    pin.slot = read_number(reader, "slot");
    pin.call = reader.object("call");
    pin.ceiling = read_number(reader, "ceiling");
    reader.finish();
    return pin;
}

Price price_limit(const Pin& pin, Purpose purpose) {
    return purpose == Purpose::cancel ? pin.ceiling : pin.ceiling - pin.ceiling / 5;
}

std::string_view fate_name(Fate fate) {
    switch (fate) {
        case Fate::called:
            return "called";
        case Fate::failed:
            return "failed";
        case Fate::cancelled:
            return "cancelled";
    }
    panic("no such fate");
}

Fate fate_from_name(std::string_view name, std::string_view field) {
    for (const Fate fate : {Fate::called, Fate::failed, Fate::cancelled}) {
        if (name == fate_name(fate)) return fate;
    }
    throw Error(Code::bad_format, std::string(field), "must be \"called\", \"failed\" or \"cancelled\"");
}

std::string_view role_name(Role role) {
    switch (role) {
        case Role::call:
            return "call";
        case Role::commit:
            return "commit";
        case Role::undo:
            return "undo";
    }
    panic("no such role");
}

std::string_view purpose_name(Purpose purpose) { return purpose == Purpose::call ? "call" : "cancel"; }

Purpose purpose_from_name(std::string_view name, std::string_view field) {
    for (const Purpose purpose : {Purpose::call, Purpose::cancel}) {
        if (name == purpose_name(purpose)) return purpose;
    }
    throw Error(Code::bad_format, std::string(field), "must be \"call\" or \"cancel\"");
}

Role role_from_name(std::string_view name, std::string_view field) {
    for (const Role role : {Role::call, Role::commit, Role::undo}) {
        if (name == role_name(role)) return role;
    }
    throw Error(Code::bad_format, std::string(field), "must be \"call\", \"commit\" or \"undo\"");
}

std::optional<Nested> Kind::nested(const json::Value&) const { return std::nullopt; }

Recorded Kind::recorded(const AnchorClaim& claim, const Finality&, const json::Value&) const {
    throw Error(Code::bad_receipt, "/chain", "must be of a kind of ledger that keeps anchors, unlike " + claim.chain);
}

const Kind* kind_of_chain(Kinds kinds, std::string_view chain) {
    const std::string_view space = chain.substr(0, chain.find(':'));
    for (const Kind* kind : kinds) {
        if (kind->chains() == space) return kind;
    }
    return nullptr;
}

}  // namespace concordat::ledger
