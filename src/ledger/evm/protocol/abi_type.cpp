#include "abi_type.hpp"

#include <algorithm>
#include <charconv>
#include <set>

namespace concordat::ledger::evm::abi {
namespace {

using Kind = Type::Kind;

[[noreturn]] void refuse(std::string_view field, std::string rule) {
    throw Error(Code::bad_format, std::string(field), std::move(rule));
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word(char c) { return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }

// A decimal without leading zeros, 1 … 65536; 0 for anything else.
std::size_t small_number(std::string_view text) {
    std::size_t value = 0;
    if (text.empty() || text[0] == '0' || !std::all_of(text.begin(), text.end(), is_digit)) return 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    return result.ec == std::errc() && value <= 65536 ? value : 0;
}

Type scalar(Kind kind, std::size_t size = 0) {
    Type out;
    out.kind = kind;
    out.size = size;
    out.dynamic = kind == Kind::bytes || kind == Kind::string;
    return out;
}

Type integer(Kind kind, std::string_view bits, std::string_view field) {
    const std::size_t size = bits.empty() ? 256 : small_number(bits);
    if (size == 0 || size % 8 != 0 || size > 256) refuse(field, "must give an integer 8, 16 … or 256 bits");
    return scalar(kind, size);
}

Type elementary(std::string_view word, std::string_view field) {
    if (word == "address") return scalar(Kind::address);
    if (word == "bool") return scalar(Kind::boolean);
    if (word == "string") return scalar(Kind::string);
    if (word == "bytes") return scalar(Kind::bytes);
    if (word == "function") return scalar(Kind::function, 24);
    if (word.starts_with("uint")) return integer(Kind::uint_n, word.substr(4), field);
    if (word.starts_with("int")) return integer(Kind::int_n, word.substr(3), field);
    if (word.starts_with("bytes")) {
        const std::size_t size = small_number(word.substr(5));
        if (size == 0 || size > 32) refuse(field, "must give bytesN from 1 to 32 bytes");
        return scalar(Kind::bytes_n, size);
    }
    refuse(field, "must name a type of the Solidity ABI (fixed and ufixed are not supported)");
}

Type array_of(Type element, std::size_t length, bool fixed, std::string_view field) {
    Type out;
    out.kind = fixed ? Kind::array : Kind::list;
    out.size = fixed ? length : 0;
    out.dynamic = !fixed || element.dynamic;
    if (fixed && element.head > max_head_bytes / length)
        throw Error(Code::too_large, std::string(field), "must have a static part of at most 65536 bytes");
    out.head = out.dynamic ? 32 : element.head * length;
    out.parts.push_back(std::move(element));
    return out;
}

class Parser {
  public:
    Parser(std::string_view text, std::string_view field) : text_(text), field_(field) {
        if (text.size() > 65536) throw Error(Code::too_large, std::string(field), "must have at most 65536 bytes");
    }

    Type type(std::size_t depth = 0) {
        if (depth > max_type_depth) refuse(field_, "must nest types at most 12 deep");
        Type out = at('(') ? members(depth, false) : elementary(word(), field_);
        while (at('[')) out = suffixed(std::move(out), ++depth);
        return out;
    }

    Type members(std::size_t depth, bool may_be_empty) {
        take('(');
        std::vector<Type> types;
        std::vector<std::string> names;
        skip_spaces();
        while (!at(')')) {
            if (!types.empty()) take(',');
            skip_spaces();
            if (types.size() == max_members) refuse(field_, "must have at most 256 members");
            types.push_back(type(depth + 1));
            names.push_back(name());
        }
        take(')');
        if (types.empty() && !may_be_empty) refuse(field_, "must not have an empty tuple");
        return tuple_of(std::move(types), std::move(names), field_);
    }

    void finish() const {
        if (!text_.empty()) refuse(field_, "must have nothing after the type");
    }

  private:
    bool at(char c) const { return text_.starts_with(c); }

    void take(char c) {
        if (!at(c))
            refuse(field_, std::string("must have '") + c + "' here: \"" + std::string(text_.substr(0, 16)) + '"');
        text_.remove_prefix(1);
    }

    bool skip_spaces() {
        const auto n = std::min(text_.find_first_not_of(' '), text_.size());
        text_.remove_prefix(n);
        return n > 0;
    }

    std::string_view word() {
        std::size_t n = 0;
        while (n < text_.size() && is_word(text_[n])) ++n;
        const auto out = text_.substr(0, n);
        text_.remove_prefix(n);
        return out;
    }

    Type suffixed(Type element, std::size_t depth) {
        if (depth > max_type_depth) refuse(field_, "must nest types at most 12 deep");
        take('[');
        const auto digits = word();
        take(']');
        const std::size_t length = small_number(digits);
        if (!digits.empty() && length == 0) refuse(field_, "must give an array's length from 1 to 65536");
        return array_of(std::move(element), length, !digits.empty(), field_);
    }

    // After a member's type: nothing, or a space and its name; "indexed" and data locations are for other places.
    std::string name() {
        std::string out;
        if (skip_spaces()) out = word();
        skip_spaces();
        if (!out.empty() && !is_identifier(out)) refuse(field_, "must have names that are Solidity identifiers");
        return out;
    }

    std::string_view text_;
    std::string_view field_;
};

Type from_json(const json::Value& parameter, const std::string& field, std::size_t depth, std::string* name) {
    if (depth > max_type_depth) refuse(field, "must nest types at most 12 deep");
    const auto* object = parameter.if_object();
    if (object == nullptr) refuse(field, "must be an object");
    const auto* named = object->if_contains("name");
    if (named != nullptr && named->is_string()) *name = named->get_string();
    if (!name->empty() && !is_identifier(*name)) refuse(field + "/name", "must be a Solidity identifier");
    const auto* type = object->if_contains("type");
    if (type == nullptr || !type->is_string()) refuse(field + "/type", "must be a string");
    const std::string_view text = type->get_string();
    if (!text.starts_with("tuple")) return parse_type(text, field + "/type");

    const auto* components = object->if_contains("components");
    if (components == nullptr || !components->is_array()) refuse(field + "/components", "must be an array for a tuple");
    const auto& list = components->get_array();
    if (list.size() > max_members) refuse(field + "/components", "must have at most 256 members");
    std::vector<Type> types;
    std::vector<std::string> names(list.size());
    for (std::size_t i = 0; i < list.size(); ++i)
        types.push_back(from_json(list[i], field + "/components/" + std::to_string(i), depth + 1, &names[i]));
    if (types.empty()) refuse(field + "/components", "must not be empty");
    Type out = tuple_of(std::move(types), std::move(names), field);
    // The suffixes are those of any type; "uint8" stands in for the tuple while they are read.
    const Type outline = parse_type("uint8" + std::string(text.substr(5)), field + "/type");
    std::vector<const Type*> suffixes;
    for (const Type* t = &outline; !t->parts.empty(); t = &t->parts[0]) suffixes.push_back(t);
    for (auto it = suffixes.rbegin(); it != suffixes.rend(); ++it)
        out = array_of(std::move(out), (*it)->size, (*it)->kind == Kind::array, field + "/type");
    return out;
}

}  // namespace

std::string Type::text() const {
    switch (kind) {
        case Kind::uint_n:
            return "uint" + std::to_string(size);
        case Kind::int_n:
            return "int" + std::to_string(size);
        case Kind::address:
            return "address";
        case Kind::boolean:
            return "bool";
        case Kind::bytes_n:
            return "bytes" + std::to_string(size);
        case Kind::function:
            return "function";
        case Kind::bytes:
            return "bytes";
        case Kind::string:
            return "string";
        case Kind::array:
            return parts[0].text() + "[" + std::to_string(size) + "]";
        case Kind::list:
            return parts[0].text() + "[]";
        case Kind::tuple:
            break;
    }
    std::string out = "(";
    for (const auto& part : parts) out += (out.size() > 1 ? "," : "") + part.text();
    return out + ")";
}

bool Type::is_named() const {
    const std::set<std::string_view> distinct(names.begin(), names.end());
    return !names.empty() && distinct.size() == names.size() && !distinct.contains("");
}

Type tuple_of(std::vector<Type> members, std::vector<std::string> names, std::string_view field) {
    Type out;
    out.kind = Kind::tuple;
    out.head = 0;
    for (const auto& member : members) {
        out.dynamic = out.dynamic || member.dynamic;
        out.head += member.head;
    }
    if (out.head > max_head_bytes)
        throw Error(Code::too_large, std::string(field), "must have a static part of at most 65536 bytes");
    if (out.dynamic) out.head = 32;
    out.parts = std::move(members);
    out.names = std::move(names);
    return out;
}

Type parse_type(std::string_view text, std::string_view field) {
    Parser parser(text, field);
    Type out = parser.type();
    parser.finish();
    return out;
}

Type parse_parameters(std::string_view text, std::string_view field) {
    Parser parser(text, field);
    Type out = parser.members(0, true);
    parser.finish();
    return out;
}

Type parameters_from_json(const json::Array& parameters, std::string_view field) {
    if (parameters.size() > max_members) refuse(field, "must have at most 256 members");
    std::vector<Type> types;
    std::vector<std::string> names(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i)
        types.push_back(from_json(parameters[i], std::string(field) + "/" + std::to_string(i), 0, &names[i]));
    return tuple_of(std::move(types), std::move(names), field);
}

bool is_identifier(std::string_view text) {
    return !text.empty() && text.size() <= 256 && !is_digit(text[0]) && std::all_of(text.begin(), text.end(), is_word);
}

}  // namespace concordat::ledger::evm::abi
