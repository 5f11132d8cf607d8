// Changes a JSON document at a pointer, making objects on the way; array indices must exist.
#pragma once
#include <base/json.hpp>
#include <string_view>

namespace concordat::test {

inline void set_at(json::Value& root, std::string_view pointer, json::Value value) {
    json::Value* here = &root;
    while (!pointer.empty()) {
        pointer.remove_prefix(1);
        const std::string_view name = pointer.substr(0, pointer.find('/'));
        pointer.remove_prefix(name.size());
        if (here->is_array()) {
            here = &here->as_array().at(std::stoul(std::string(name)));
        } else {
            if (!here->is_object()) here->emplace_object();
            here = &here->as_object()[name];
        }
    }
    *here = std::move(value);
}

}  // namespace concordat::test
