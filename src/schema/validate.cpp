#include <algorithm>

#include "node.hpp"

namespace concordat::schema {
namespace {

// Every value meets exactly one node (the profile has no combinators), so the work is linear in the value, and the
// recursion is no deeper than the schema.
class Validator {
  public:
    Validator(const Compiled& schema, std::string_view what) : schema_(schema), what_(what) {}

    void check(const Node& node, const json::Value& value, const At& at) const {
        switch (node.type) {
            case Type::object:
                check_object(node, value, at);
                break;
            case Type::array:
                check_array(node, value, at);
                break;
            case Type::string:
                check_string(node, value, at);
                break;
            case Type::integer:
                check_integer(node, value, at);
                break;
            case Type::boolean:
                if (!value.is_bool()) fail(at, "must be a boolean");
                break;
            case Type::null:
                if (!value.is_null()) fail(at, "must be null");
                break;
            case Type::scalar:
                break;
        }
        if (node.choices.present && !node.choices.contains(value)) fail(at, "must be one of the values listed");
    }

  private:
    [[noreturn]] void fail(const At& at, std::string rule) const {
        throw Error(Code::schema_mismatch, at.pointer(what_), std::move(rule));
    }

    void check_object(const Node& node, const json::Value& value, const At& at) const {
        const auto* object = value.if_object();
        if (object == nullptr) fail(at, "must be an object");
        std::uint32_t required = 0;
        std::size_t next =
            0;  // canonical documents hold their members in this order already, so guess before searching
        for (const auto& member : *object) {
            const std::string_view name = member.key();
            const Property* property;
            if (next < node.properties.size() && node.properties[next].name == name) {
                property = &node.properties[next];
            } else {
                property = node.find(name);
                if (property == nullptr) fail(at.member(name), "is not a property of this object");
            }
            next = static_cast<std::size_t>(property - node.properties.data()) + 1;
            required += property->required ? 1 : 0;
            check(schema_.nodes[property->node], member.value(), at.member(name));
        }
        if (required != node.required_count) fail_missing(node, *object, at);
    }

    [[noreturn]] void fail_missing(const Node& node, const json::Object& object, const At& at) const {
        for (const auto& property : node.properties) {
            if (property.required && !object.contains(property.name)) fail(at.member(property.name), "is required");
        }
        panic("schema: a required property was counted wrongly");
    }

    void check_array(const Node& node, const json::Value& value, const At& at) const {
        const auto* array = value.if_array();
        if (array == nullptr) fail(at, "must be an array");
        const auto size = static_cast<std::int64_t>(array->size());
        if (size < node.min) fail(at, "must have at least " + std::to_string(node.min) + " items");
        if (size > node.max) fail(at, "must have at most " + std::to_string(node.max) + " items");
        const Node& items = schema_.nodes[node.items];
        for (std::size_t i = 0; i < array->size(); ++i) check(items, (*array)[i], at.item(i));
    }

    void check_string(const Node& node, const json::Value& value, const At& at) const {
        const auto* string = value.if_string();
        if (string == nullptr) fail(at, "must be a string");
        const std::string_view text = *string;
        if (node.max != INT64_MAX || node.min > 0) {
            const auto size = static_cast<std::int64_t>(code_points(text));
            if (size < node.min) fail(at, "must have at least " + std::to_string(node.min) + " characters");
            if (size > node.max) fail(at, "must have at most " + std::to_string(node.max) + " characters");
        }
        if (const char* rule = check_format(node.format, text, node.scale)) fail(at, rule);
        if (node.pattern &&
            !node.pattern->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, nullptr, 0)) {
            fail(at, "must match the pattern " + node.pattern->pattern());
        }
    }

    void check_integer(const Node& node, const json::Value& value, const At& at) const {
        const auto number = integer_of(value);
        if (!number) fail(at, "must be an integer");
        if (*number < node.min) fail(at, "must be at least " + std::to_string(node.min));
        if (*number > node.max) fail(at, "must be at most " + std::to_string(node.max));
    }

    const Compiled& schema_;
    std::string_view what_;
};

}  // namespace

void Schema::validate(const json::Value& value, std::string_view what) const {
    const Compiled& schema = compiled();
    Validator(schema, what).check(schema.nodes[schema.root], value, At{});
}

const std::vector<ConfidentialField>& Schema::confidential() const { return compiled().confidential; }

const Compiled& Schema::compiled() const {
    if (!compiled_) panic("schema: used before it was compiled");
    return *compiled_;
}

}  // namespace concordat::schema
