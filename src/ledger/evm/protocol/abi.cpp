#include "abi.hpp"

#include <algorithm>

#include "amount.hpp"
#include "keccak.hpp"

namespace concordat::ledger::evm::abi {
namespace {

constexpr std::size_t max_items = 4096;

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

Selector selector_of(std::string_view signature) {
    const Hash256 hash = keccak256(signature);
    return {hash.bytes[0], hash.bytes[1], hash.bytes[2], hash.bytes[3]};
}

bool starts_with(ByteView data, const Selector& selector) {
    return data.size() >= 4 && std::equal(selector.begin(), selector.end(), data.begin());
}

std::string_view string_in(const json::Object& item, std::string_view name, const std::string& field) {
    const auto* value = item.if_contains(name);
    if (value == nullptr) throw Error(Code::missing_field, field + "/" + std::string(name), "must be given");
    if (!value->is_string()) refuse(field + "/" + std::string(name), "must be a string");
    return value->get_string();
}

std::string name_in(const json::Object& item, const std::string& field) {
    const auto name = string_in(item, "name", field);
    if (!is_identifier(name)) refuse(field + "/name", "must be a Solidity identifier");
    return std::string(name);
}

const json::Array& array_in(const json::Object& item, std::string_view name, const std::string& field) {
    static const json::Array none;
    const auto* value = item.if_contains(name);
    if (value == nullptr) return none;  // old compilers leave empty lists out
    if (!value->is_array()) refuse(field + "/" + std::string(name), "must be an array");
    return value->get_array();
}

bool flag_in(const json::Object& item, std::string_view name) {
    const auto* value = item.if_contains(name);
    return value != nullptr && value->is_bool() && value->get_bool();
}

Type parameters_in(const json::Object& item, std::string_view name, const std::string& field) {
    return parameters_from_json(array_in(item, name, field), field + "/" + std::string(name));
}

Function function_from(const json::Object& item, std::string name, const std::string& field) {
    Function out{.name = std::move(name),
                 .inputs = parameters_in(item, "inputs", field),
                 .outputs = parameters_in(item, "outputs", field),
                 .payable = flag_in(item, "payable"),
                 .constant = flag_in(item, "constant")};
    const auto* mutability = item.if_contains("stateMutability");
    if (mutability == nullptr) return out;
    out.payable = *mutability == "payable";
    out.constant = *mutability == "view" || *mutability == "pure";
    return out;
}

Event event_from(const json::Object& item, const std::string& field) {
    Event out{.name = name_in(item, field),
              .inputs = parameters_in(item, "inputs", field),
              .indexed = {},
              .anonymous = flag_in(item, "anonymous")};
    for (const auto& input : array_in(item, "inputs", field))
        out.indexed.push_back(flag_in(input.get_object(), "indexed"));
    if (std::count(out.indexed.begin(), out.indexed.end(), true) > (out.anonymous ? 4 : 3))
        refuse(field + "/inputs", "must have at most 3 indexed parameters, 4 if anonymous");
    return out;
}

// The part of an event's parameters that stands in the data.
Type unindexed(const Event& event) {
    std::vector<Type> types;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < event.indexed.size(); ++i) {
        if (event.indexed[i]) continue;
        types.push_back(event.inputs.parts[i]);
        names.emplace_back();  // an array is easier to take apart again
    }
    return tuple_of(std::move(types), std::move(names), "");
}

bool is_value_type(const Type& type) { return type.kind < Type::Kind::bytes; }

json::Value topic_value(const Type& type, const Hash256& topic, const std::string& field) {
    if (!is_value_type(type)) return json::Value(to_0x(topic.view()));
    return std::move(decode(tuple_of({type}, {""}, field), topic.view(), field).as_array()[0]);
}

Hash256 topic_for(const Type& type, const json::Value& value, const std::string& field) {
    const Bytes encoded = encode_for_topic(type, value, field);
    return is_value_type(type) ? Hash256::from(encoded) : keccak256(encoded);
}

template <class Item>
const Item& find_one(const std::vector<Item>& items, std::string_view wanted, std::string_view field,
                     std::string_view what) {
    const Item* found = nullptr;
    for (const auto& item : items) {
        if (item.signature() == wanted) return item;
        if (item.name != wanted) continue;
        if (found != nullptr) refuse(field, "must give the signature, since several are named " + std::string(wanted));
        found = &item;
    }
    if (found == nullptr)
        throw Error(Code::not_found, std::string(field),
                    "must name " + std::string(what) + " of the interface: " + std::string(wanted));
    return *found;
}

std::string panic_text(const U256& code) {
    if (code == 0x01) return "assertion failed";
    if (code == 0x11) return "arithmetic overflow or underflow";
    if (code == 0x12) return "division or modulo by zero";
    if (code == 0x21) return "value outside its enum";
    if (code == 0x22) return "storage byte array wrongly encoded";
    if (code == 0x31) return "pop of an empty array";
    if (code == 0x32) return "array index out of bounds";
    if (code == 0x41) return "too much memory allocated or array too large";
    if (code == 0x51) return "call of an uninitialised internal function";
    return "panic " + decimal(code);
}

const Function& reason() {
    static const Function made = Function::parse("Error(string)", "");
    return made;
}

const Function& panicked() {
    static const Function made = Function::parse("Panic(uint256)", "");
    return made;
}

Revert custom(const CustomError& error, ByteView data) {
    Revert out{
        .kind = "custom", .name = error.name, .arguments = {}, .text = error.signature(), .data = to_bytes(data)};
    out.arguments = decode(error.inputs, data.subspan(4), "revert");
    return out;
}

Revert known_revert(ByteView data, std::span<const CustomError> errors) {
    Revert out{.kind = "none", .name = {}, .arguments = {}, .text = {}, .data = to_bytes(data)};
    if (data.empty()) return out;
    if (starts_with(data, reason().selector())) {
        out.kind = "error";
        out.arguments = reason().decode_call(data, "revert");
        out.text = out.arguments.at(0).as_string();
        return out;
    }
    if (starts_with(data, panicked().selector())) {
        out.kind = "panic";
        out.arguments = panicked().decode_call(data, "revert");
        out.text = panic_text(from_word(data.subspan(4)));
        return out;
    }
    for (const auto& error : errors) {
        if (starts_with(data, error.selector())) return custom(error, data);
    }
    out.kind = "unknown";
    return out;
}

// The text of a function, cut at its parentheses: "name", "(…)", " view ", "(…)".
struct FunctionText {
    std::string_view name, inputs, between, outputs;
};

// The text from its '(' to the ')' that closes it; moves on behind that.
std::string_view take_group(std::string_view& rest, std::string_view field) {
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest.size(); ++i) {
        if (rest[i] == '(') ++depth;
        if (rest[i] != ')' || depth == 0 || --depth != 0) continue;
        const auto group = rest.substr(0, i + 1);
        rest.remove_prefix(i + 1);
        return group;
    }
    refuse(field, "must close its parentheses");
}

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

FunctionText cut(std::string_view text, std::string_view field) {
    FunctionText out{.name = {}, .inputs = {}, .between = {}, .outputs = "()"};
    std::string_view rest = trimmed(text);
    if (rest.starts_with("function ")) rest = trimmed(rest.substr(9));
    const auto open = rest.find('(');
    if (open == rest.npos) refuse(field, "must be a name and types in parentheses: transfer(address,uint256)");
    out.name = rest.substr(0, open);
    rest.remove_prefix(open);
    out.inputs = take_group(rest, field);
    const auto again = rest.find('(');
    out.between = trimmed(rest.substr(0, again));
    if (again == rest.npos) return out;
    rest.remove_prefix(again);
    out.outputs = take_group(rest, field);
    if (!trimmed(rest).empty()) refuse(field, "must have nothing after what it returns");
    return out;
}

void read_words(std::string_view words, bool returns, Function& out, std::string_view field) {
    bool said_returns = false;
    for (words = trimmed(words); !words.empty(); words = trimmed(words)) {
        const auto word = words.substr(0, words.find(' '));
        words.remove_prefix(word.size());
        if (said_returns) refuse(field, "must have the types that it returns after \"returns\"");
        said_returns = word == "returns";
        if (word == "payable") out.payable = true;
        if (word == "view" || word == "pure") out.constant = true;
        if (!said_returns && word != "payable" && word != "view" && word != "pure" && word != "external" &&
            word != "public" && word != "nonpayable")
            refuse(field, "must have only external, public, payable, nonpayable, view, pure or returns here");
    }
    if (said_returns != returns) refuse(field, "must have \"returns\" before the types that it returns");
}

}  // namespace

Function Function::parse(std::string_view text, std::string_view field) {
    if (text.size() > 65536) throw Error(Code::too_large, std::string(field), "must have at most 65536 bytes");
    const FunctionText parts = cut(text, field);
    if (!is_identifier(parts.name)) refuse(field, "must have a Solidity identifier as its name");
    Function out;
    out.name = parts.name;
    out.inputs = parse_parameters(parts.inputs, field);
    out.outputs = parse_parameters(parts.outputs, field);
    read_words(parts.between, parts.outputs != "()", out, field);
    return out;
}

Selector Function::selector() const { return selector_of(signature()); }

Bytes Function::encode_call(const json::Value& arguments, std::string_view field) const {
    const Selector prefix = selector();
    Bytes out(prefix.begin(), prefix.end());
    const Bytes encoded = encode(inputs, arguments, field);
    out.insert(out.end(), encoded.begin(), encoded.end());
    return out;
}

json::Value Function::decode_call(ByteView call_data, std::string_view field) const {
    if (!starts_with(call_data, selector())) refuse(field, "must start with the selector of " + signature());
    return decode(inputs, call_data.subspan(4), field);
}

json::Value Function::decode_result(ByteView result, std::string_view field) const {
    return decode(outputs, result, field);
}

Hash256 Event::topic() const { return keccak256(signature()); }

json::Value Event::decode(std::span<const Hash256> topics, ByteView data, std::string_view field) const {
    const std::string at(field);
    std::size_t next = anonymous ? 0 : 1;
    const auto expected = next + static_cast<std::size_t>(std::count(indexed.begin(), indexed.end(), true));
    if (topics.size() != expected)
        refuse(at + "/topics", "must be " + std::to_string(expected) + " for " + signature());
    if (!anonymous && topics[0] != topic()) refuse(at + "/topics/0", "must be that of " + signature());
    json::Value plain = abi::decode(unindexed(*this), data, at + "/data");
    auto& rest = plain.as_array();
    std::size_t next_plain = 0;
    json::Array values;
    for (std::size_t i = 0; i < indexed.size(); ++i) {
        if (!indexed[i]) {
            values.push_back(std::move(rest[next_plain++]));
            continue;
        }
        values.push_back(topic_value(inputs.parts[i], topics[next], at + "/topics/" + std::to_string(next)));
        ++next;
    }
    if (!inputs.is_named()) return json::Value(std::move(values));
    json::Object out;
    for (std::size_t i = 0; i < values.size(); ++i) out.emplace(inputs.names[i], std::move(values[i]));
    return json::Value(std::move(out));
}

std::vector<std::optional<Hash256>> Event::filter(const json::Array& wanted, std::string_view field) const {
    const std::string at(field);
    if (wanted.size() > indexed.size()) refuse(field, "must have at most as many values as " + signature());
    std::vector<std::optional<Hash256>> out;
    if (!anonymous) out.push_back(topic());
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        const std::string item = at + "/" + std::to_string(i);
        if (!indexed[i] && !wanted[i].is_null()) refuse(item, "must be null: the parameter is not indexed");
        if (!indexed[i]) continue;
        if (wanted[i].is_null())
            out.push_back(std::nullopt);
        else
            out.push_back(topic_for(inputs.parts[i], wanted[i], item));
    }
    while (!out.empty() && !out.back()) out.pop_back();
    return out;
}

Selector CustomError::selector() const { return selector_of(signature()); }

Interface Interface::parse(const json::Value& abi, std::string_view field) {
    const auto* items = abi.if_array();
    if (items == nullptr) refuse(field, "must be the array of a JSON ABI");
    if (items->size() > max_items) throw Error(Code::too_large, std::string(field), "must have at most 4096 items");
    Interface out;
    for (std::size_t i = 0; i < items->size(); ++i) {
        const std::string at = std::string(field) + "/" + std::to_string(i);
        const auto* item = (*items)[i].if_object();
        if (item == nullptr) refuse(at, "must be an object");
        out.add(*item, at);
    }
    return out;
}

void Interface::add(const json::Object& item, const std::string& field) {
    const auto type = item.contains("type") ? string_in(item, "type", field) : std::string_view("function");
    if (type == "function") return functions_.push_back(function_from(item, name_in(item, field), field));
    if (type == "event") return events_.push_back(event_from(item, field));
    if (type == "error") {
        errors_.push_back({name_in(item, field), parameters_in(item, "inputs", field)});
        return;
    }
    if (type == "constructor") {
        if (constructor_) refuse(field, "must be the only constructor");
        constructor_ = function_from(item, "constructor", field);
        return;
    }
    if (type != "receive" && type != "fallback")
        refuse(field + "/type", "must be function, constructor, event, error, receive or fallback");
}

const Function& Interface::function(std::string_view name_or_signature, std::string_view field) const {
    return find_one(functions_, name_or_signature, field, "a function");
}

const Event& Interface::event(std::string_view name_or_signature, std::string_view field) const {
    return find_one(events_, name_or_signature, field, "an event");
}

const Event* Interface::event_of(const Hash256& first_topic) const {
    const auto found = std::find_if(events_.begin(), events_.end(), [&](const Event& event) {
        return !event.anonymous && event.topic() == first_topic;
    });
    return found == events_.end() ? nullptr : &*found;
}

Bytes Interface::encode_creation(ByteView code, const json::Value& arguments, std::string_view field) const {
    static const Type none = tuple_of({}, {}, "");
    Bytes out = to_bytes(code);
    const Bytes encoded = encode(constructor_ ? constructor_->inputs : none, arguments, field);
    out.insert(out.end(), encoded.begin(), encoded.end());
    return out;
}

Revert decode_revert(ByteView data, std::span<const CustomError> errors) {
    try {
        return known_revert(data, errors);
    } catch (const Error&) {  // a selector of ours before other bytes
        return {.kind = "unknown", .name = {}, .arguments = {}, .text = {}, .data = to_bytes(data)};
    }
}

}  // namespace concordat::ledger::evm::abi
