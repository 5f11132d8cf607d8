#include "json.hpp"

namespace concordat::json {
namespace {

std::string escape_pointer(std::string_view name) {
    std::string out;
    for (const char c : name) {
        if (c == '~') {
            out += "~0";
        } else if (c == '/') {
            out += "~1";
        } else {
            out += c;
        }
    }
    return out;
}

const Object& object_or_throw(const Value& value, const std::string& path) {
    if (const auto* object = value.if_object()) return *object;
    throw Error(Code::bad_format, path, "must be an object");
}

}  // namespace

Reader::Reader(const Value& value, std::string path) : object_(&object_or_throw(value, path)), path_(std::move(path)) {
    asked_.resize(object_->size());
}

Reader::Reader(const Object& object, std::string path) : object_(&object), path_(std::move(path)) {
    asked_.resize(object_->size());
}

std::string Reader::at(std::string_view name) const { return path_ + "/" + escape_pointer(name); }

void Reader::fail(std::string_view name, std::string rule) const {
    throw Error(Code::bad_format, at(name), std::move(rule));
}

void Reader::too_large(std::string_view name, std::size_t max, std::string_view unit) const {
    throw Error(Code::too_large, at(name), "must be at most " + std::to_string(max) + " " + std::string(unit));
}

const Value* Reader::find(std::string_view name) {
    const auto found = object_->find(name);
    if (found == object_->end()) return nullptr;
    asked_[static_cast<std::size_t>(found - object_->begin())] = true;
    return &found->value();
}

const Value& Reader::any(std::string_view name) {
    if (const Value* value = find(name)) return *value;
    throw Error(Code::missing_field, at(name), "must be present");
}

std::string_view Reader::string(std::string_view name, std::size_t max_bytes) {
    const auto* text = any(name).if_string();
    if (text == nullptr) fail(name, "must be a string");
    if (text->size() > max_bytes) too_large(name, max_bytes, "bytes");
    return *text;
}

std::string_view Reader::string_or(std::string_view name, std::string_view otherwise) {
    return find(name) == nullptr ? otherwise : string(name);
}

std::int64_t Reader::integer(std::string_view name, std::int64_t min, std::int64_t max) {
    const Value& value = any(name);
    const bool fits = value.is_int64() || (value.is_uint64() && value.get_uint64() <= std::uint64_t{max_integer});
    if (!fits) fail(name, "must be an integer");
    const std::int64_t integer = value.to_number<std::int64_t>();
    if (integer < min || integer > max) {
        fail(name, "must be from " + std::to_string(min) + " to " + std::to_string(max));
    }
    return integer;
}

std::int64_t Reader::integer_or(std::string_view name, std::int64_t otherwise, std::int64_t min, std::int64_t max) {
    return find(name) == nullptr ? otherwise : integer(name, min, max);
}

bool Reader::boolean_or(std::string_view name, bool otherwise) {
    const Value* value = find(name);
    if (value == nullptr) return otherwise;
    if (!value->is_bool()) fail(name, "must be true or false");
    return value->get_bool();
}

Hash256 Reader::hash(std::string_view name) {
    const auto* text = any(name).if_string();
    return Hash256::parse(text == nullptr ? std::string_view() : std::string_view(*text), at(name));
}

Bytes Reader::base64url(std::string_view name, std::size_t max_bytes) {
    const auto* text = any(name).if_string();
    if (text == nullptr) fail(name, "must be a base64url string");
    if (text->size() / 4 * 3 > max_bytes) too_large(name, max_bytes, "bytes");
    auto bytes = from_base64url(*text);
    if (!bytes) fail(name, "must be strict base64url without padding");
    if (bytes->size() > max_bytes) too_large(name, max_bytes, "bytes");
    return std::move(*bytes);
}

const Array& Reader::array(std::string_view name, std::size_t max_items) {
    const auto* array = any(name).if_array();
    if (array == nullptr) fail(name, "must be an array");
    if (array->size() > max_items) too_large(name, max_items, "items");
    return *array;
}

const Object& Reader::object(std::string_view name) {
    const auto* object = any(name).if_object();
    if (object == nullptr) fail(name, "must be an object");
    return *object;
}

void Reader::expect(std::string_view name, std::string_view value) {
    const auto* text = any(name).if_string();
    if (text == nullptr || std::string_view(*text) != value) fail(name, "must be \"" + std::string(value) + "\"");
}

void Reader::finish() const {
    std::size_t i = 0;
    for (const auto& member : *object_) {
        if (!asked_[i++]) throw Error(Code::unknown_field, at(member.key()), "is not known here");
    }
}

}  // namespace concordat::json
