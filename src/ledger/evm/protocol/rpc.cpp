#include "rpc.hpp"

namespace concordat::ledger::evm::rpc {

Members::Members(const json::Value& value, std::string_view path) : object_(value.if_object()), path_(path) {
    if (object_ == nullptr) throw Error(Code::bad_format, path_, "must be an object");
}

bool Members::has(std::string_view name) const {
    const auto* value = object_->if_contains(name);
    return value != nullptr && !value->is_null();
}

const json::Value& Members::any(std::string_view name) const {
    const auto* value = object_->if_contains(name);
    if (value == nullptr) throw Error(Code::missing_field, at(name), "must be given");
    return *value;
}

std::string_view Members::string(std::string_view name) const {
    const auto& value = any(name);
    if (!value.is_string()) throw Error(Code::bad_format, at(name), "must be a string");
    return value.get_string();
}

Bytes Members::bytes(std::string_view name, std::size_t max) const { return parse_0x(string(name), at(name), max); }

Bytes Members::fixed(std::string_view name, std::size_t size) const {
    Bytes out = bytes(name, size);
    if (out.size() != size)
        throw Error(Code::bad_format, at(name), "must have exactly " + std::to_string(size) + " bytes");
    return out;
}

const json::Array& Members::array(std::string_view name, std::size_t max) const {
    const auto& value = any(name);
    if (!value.is_array()) throw Error(Code::bad_format, at(name), "must be an array");
    if (value.get_array().size() > max)
        throw Error(Code::too_large, at(name), "must have at most " + std::to_string(max) + " items");
    return value.get_array();
}

}  // namespace concordat::ledger::evm::rpc
