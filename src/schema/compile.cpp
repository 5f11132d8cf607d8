#include <algorithm>
#include <map>

#include "node.hpp"

namespace concordat::schema {
namespace {

using Mask = unsigned;
constexpr Mask mask_of(Type type) { return 1u << static_cast<unsigned>(type); }
constexpr Mask of_object = mask_of(Type::object), of_array = mask_of(Type::array), of_string = mask_of(Type::string),
               of_integer = mask_of(Type::integer);
constexpr Mask of_reference = 1u << 7;
constexpr Mask of_any = 0x7F;  // every type, but not a reference
constexpr Mask of_values = of_any & ~of_object & ~of_array;
constexpr Mask of_root = 1u << 8;

// Which keyword may stand beside which type.
struct Keyword {
    std::string_view name;
    Mask where;
};
constexpr Keyword keywords[] = {
    {"$schema", of_root},
    {"$defs", of_root},
    {"$ref", of_reference},
    {"type", of_any},
    {"properties", of_object},
    {"required", of_object},
    {"additionalProperties", of_object},
    {"items", of_array},
    {"minItems", of_array},
    {"maxItems", of_array},
    {"enum", of_values},
    {"const", of_values},
    {"minimum", of_integer},
    {"maximum", of_integer},
    {"minLength", of_string},
    {"maxLength", of_string},
    {"pattern", of_string},
    {"format", of_string},
    {"x-scale", of_string},
    {"title", of_any | of_reference},
    {"description", of_any | of_reference},
    {"$comment", of_any | of_reference},
    {"examples", of_any | of_reference},
    {"default", of_any | of_reference},
    {"x-confidential", of_any | of_reference},
};

constexpr std::string_view dialect = "https://json-schema.org/draft/2020-12/schema";
constexpr std::string_view reference_prefix = "#/$defs/";
constexpr std::size_t max_name_bytes = 128, max_roles = 16;
constexpr std::int64_t max_scale = 30;

bool is_identifier(std::string_view text, std::string_view more) {
    const auto good = [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               more.find(c) != std::string_view::npos;
    };
    return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), good);
}

class Compiler {
  public:
    Compiler(const json::Value& document, std::string_view what) : document_(document), what_(what) {}

    Compiled run() {
        const At root;
        if (json::canonical(document_).size() > max_text_bytes) fail(root, "must have at most 64 KiB");
        read_root(as_object(document_, root), root);
        compiled_.root = compile(document_, root, 1, Place::root);
        const At defs = root.member("$defs");
        for (auto& [name, definition] : definitions_) refer(name, defs.member(name), 1);  // those nobody refers to, too
        std::vector<std::string> path;
        list_confidential(compiled_.root, path);
        return std::move(compiled_);
    }

  private:
    enum class Place { root, definition, property, item };
    enum class Progress : std::uint8_t { untouched, open, done };
    struct Definition {
        const json::Value* document;
        Progress progress = Progress::untouched;
        NodeIndex node = 0;
    };

    [[noreturn]] void fail(const At& at, std::string rule) const {
        throw Error(Code::bad_schema, at.pointer(what_), std::move(rule));
    }
    const json::Object& as_object(const json::Value& value, const At& at) const {
        if (!value.is_object()) fail(at, "must be an object");
        return value.get_object();
    }
    const json::Array& as_array(const json::Value& value, const At& at) const {
        if (!value.is_array()) fail(at, "must be an array");
        return value.get_array();
    }
    std::string_view as_string(const json::Value& value, const At& at) const {
        if (!value.is_string()) fail(at, "must be a string");
        return value.get_string();
    }
    std::int64_t as_integer(const json::Value& value, const At& at, std::int64_t min, std::int64_t max) const {
        const auto number = integer_of(value);
        if (!number || *number < min || *number > max)
            fail(at, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
        return *number;
    }

    void read_root(const json::Object& root, const At& at) {
        if (const auto* value = root.if_contains("$schema"); value != nullptr) {
            if (as_string(*value, at.member("$schema")) != dialect)
                fail(at.member("$schema"), "must be " + std::string(dialect));
        }
        const auto* defs = root.if_contains("$defs");
        if (defs == nullptr) return;
        const At defs_at = at.member("$defs");
        for (const auto& member : as_object(*defs, defs_at)) {
            const At here = defs_at.member(member.key());
            if (!is_identifier(member.key(), "_-.")) fail(here, "must be named with letters, digits, _ - .");
            if (as_object(member.value(), here).contains("$ref")) fail(here, "must not be only another reference");
            definitions_.emplace(std::string(member.key()), Definition{&member.value()});
        }
    }

    NodeIndex compile(const json::Value& value, const At& at, std::size_t depth, Place place) {
        const auto& object = as_object(value, at);
        if (depth > max_depth) fail(at, "must not be nested deeper than " + std::to_string(max_depth));
        if (object.contains("$ref")) return compile_reference(object, at, depth, place);
        Node node;
        node.type = type_of(object, at);
        check_keywords(object, at, mask_of(node.type) | (place == Place::root ? of_root : 0), place);
        read_choices(node, object, at);
        switch (node.type) {
            case Type::object:
                read_object(node, object, at, depth);
                break;
            case Type::array:
                read_array(node, object, at, depth);
                break;
            case Type::string:
                read_string(node, object, at);
                break;
            case Type::integer:
                read_range(node, object, at, "minimum", "maximum", -json::max_integer);
                break;
            default:
                break;
        }
        if (compiled_.nodes.size() == max_nodes)
            fail(at, "must not have more than " + std::to_string(max_nodes) + " parts");
        compiled_.nodes.push_back(std::move(node));
        return static_cast<NodeIndex>(compiled_.nodes.size() - 1);
    }

    NodeIndex compile_reference(const json::Object& object, const At& at, std::size_t depth, Place place) {
        check_keywords(object, at, of_reference | (place == Place::root ? of_root : 0), place);
        const At here = at.member("$ref");
        std::string_view target = as_string(object.at("$ref"), here);
        if (!target.starts_with(reference_prefix)) fail(here, "must begin with #/$defs/");
        target.remove_prefix(reference_prefix.size());
        return refer(target, here, depth);
    }

    NodeIndex refer(std::string_view name, const At& at, std::size_t depth) {
        const auto found = definitions_.find(name);
        if (found == definitions_.end()) fail(at, "must name a member of $defs");
        Definition& definition = found->second;
        if (definition.progress == Progress::open) fail(at, "must not be recursive");
        if (definition.progress == Progress::untouched) {
            definition.progress = Progress::open;
            const At root;
            const At defs = root.member("$defs");
            definition.node = compile(*definition.document, defs.member(found->first), depth, Place::definition);
            definition.progress = Progress::done;
        }
        if (depth + compiled_.nodes[definition.node].height - 1 > max_depth)
            fail(at, "must not be nested deeper than " + std::to_string(max_depth));
        return definition.node;
    }

    Type type_of(const json::Object& object, const At& at) const {
        const auto* value = object.if_contains("type");
        if (value == nullptr) {
            if (object.contains("enum") || object.contains("const")) return Type::scalar;
            fail(at, "must have one of type, $ref, enum and const");
        }
        static constexpr std::string_view names[] = {"object", "array", "string", "integer", "boolean", "null"};
        const auto name = as_string(*value, at.member("type"));
        const auto found = std::find(std::begin(names), std::end(names), name);
        if (found == std::end(names))
            fail(at.member("type"), "must be object, array, string, integer, boolean or null");
        return static_cast<Type>(found - std::begin(names));
    }

    void check_keywords(const json::Object& object, const At& at, Mask here, Place place) const {
        for (const auto& member : object) {
            const std::string_view name = member.key();
            const auto found = std::find_if(std::begin(keywords), std::end(keywords),
                                            [&](const Keyword& keyword) { return keyword.name == name; });
            if (found == std::end(keywords)) fail(at.member(name), "is not a keyword of the profile");
            if ((found->where & here) == 0) fail(at.member(name), "does not apply here");
            if (name == "x-confidential" && place != Place::property)
                fail(at.member(name), "may stand only on a property of an object");
            if (name == "title" || name == "description" || name == "$comment")
                as_string(member.value(), at.member(name));
            if (name == "examples") as_array(member.value(), at.member(name));
        }
    }

    void read_object(Node& node, const json::Object& object, const At& at, std::size_t depth) {
        const At here = at.member("properties");
        const auto* properties = object.if_contains("properties");
        if (properties == nullptr) fail(here, "is required for an object");
        if (const auto* more = object.if_contains("additionalProperties");
            more != nullptr && (!more->is_bool() || more->get_bool()))
            fail(at.member("additionalProperties"), "must be false");
        for (const auto& member : as_object(*properties, here)) {
            node.properties.push_back(read_property(member.key(), member.value(), here.member(member.key()), depth));
            const Property& property = node.properties.back();
            const Node& below = compiled_.nodes[property.node];
            node.height = std::max(node.height, below.height + 1);
            node.has_confidential |= property.confidential() || below.has_confidential;
        }
        std::sort(node.properties.begin(), node.properties.end(),
                  [](const Property& a, const Property& b) { return a.name < b.name; });
        read_required(node, object, at);
    }

    Property read_property(std::string_view name, const json::Value& value, const At& at, std::size_t depth) {
        if (is_reserved_name(name)) fail(at, "must not be named _sd or ...");
        if (name.empty() || name.size() > max_name_bytes) fail(at, "must have a name of 1 to 128 bytes");
        Property property{std::string(name), compile(value, at, depth + 1, Place::property)};
        const auto* roles = value.get_object().if_contains("x-confidential");
        if (roles == nullptr) return property;
        const At here = at.member("x-confidential");
        if (compiled_.nodes[property.node].has_confidential) fail(here, "must not stand above another x-confidential");
        property.roles = read_roles(as_array(*roles, here), here);
        for (const auto& role : property.roles) {
            if (!property.audience.empty()) property.audience += '+';
            property.audience += role;
        }
        return property;
    }

    std::vector<std::string> read_roles(const json::Array& list, const At& at) const {
        if (list.empty() || list.size() > max_roles) fail(at, "must list 1 to 16 roles");
        std::vector<std::string> roles;
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto role = as_string(list[i], at.item(i));
            if (!is_identifier(role, "_-")) fail(at.item(i), "must be a role name of letters, digits, _ and -");
            roles.emplace_back(role);
        }
        std::sort(roles.begin(), roles.end());
        if (std::adjacent_find(roles.begin(), roles.end()) != roles.end()) fail(at, "must not list a role twice");
        return roles;
    }

    void read_required(Node& node, const json::Object& object, const At& at) const {
        const auto* required = object.if_contains("required");
        if (required == nullptr) return;
        const At here = at.member("required");
        const auto& list = as_array(*required, here);
        for (std::size_t i = 0; i < list.size(); ++i) {
            const auto name = as_string(list[i], here.item(i));
            const auto property = std::find_if(node.properties.begin(), node.properties.end(),
                                               [&](const Property& p) { return p.name == name; });
            if (property == node.properties.end()) fail(here.item(i), "must name a property");
            if (property->required) fail(here.item(i), "must not name a property twice");
            property->required = true;
            ++node.required_count;
        }
    }

    void read_array(Node& node, const json::Object& object, const At& at, std::size_t depth) {
        const auto* items = object.if_contains("items");
        if (items == nullptr) fail(at.member("items"), "is required for an array");
        node.items = compile(*items, at.member("items"), depth + 1, Place::item);
        const Node& below = compiled_.nodes[node.items];
        if (below.has_confidential) fail(at.member("items"), "must not have confidential properties");
        node.height = below.height + 1;
        read_range(node, object, at, "minItems", "maxItems", 0);
    }

    void read_range(Node& node, const json::Object& object, const At& at, std::string_view min_name,
                    std::string_view max_name, std::int64_t least) const {
        if (const auto* value = object.if_contains(min_name))
            node.min = as_integer(*value, at.member(min_name), least, json::max_integer);
        if (const auto* value = object.if_contains(max_name))
            node.max = as_integer(*value, at.member(max_name), least, json::max_integer);
        if (node.min > node.max) fail(at.member(min_name), "must not be above " + std::string(max_name));
    }

    void read_string(Node& node, const json::Object& object, const At& at) {
        read_range(node, object, at, "minLength", "maxLength", 0);
        if (const auto* value = object.if_contains("pattern")) read_pattern(node, *value, at.member("pattern"));
        if (const auto* value = object.if_contains("format")) {
            static constexpr std::string_view names[] = {"date", "date-time", "decimal", "sha256"};
            const At here = at.member("format");
            const auto found = std::find(std::begin(names), std::end(names), as_string(*value, here));
            if (found == std::end(names)) fail(here, "must be date, date-time, decimal or sha256");
            node.format = static_cast<Format>(found - std::begin(names) + 1);
        }
        if (const auto* value = object.if_contains("x-scale")) {
            if (node.format != Format::decimal) fail(at.member("x-scale"), "does not apply without format decimal");
            node.scale = static_cast<int>(as_integer(*value, at.member("x-scale"), 0, max_scale));
        }
    }

    void read_pattern(Node& node, const json::Value& value, const At& at) {
        const auto text = as_string(value, at);
        if (text.size() > max_pattern_bytes) fail(at, "must have at most 1024 bytes");
        if (++patterns_ > max_patterns) fail(at, "must not be the 65th pattern of the schema");
        re2::RE2::Options options;
        options.set_log_errors(false);
        options.set_max_mem(512 * 1024);  // bounds program and caches; a search stays linear when the cache is full
        node.pattern = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
        if (!node.pattern->ok()) fail(at, "must be a regular expression in RE2 syntax: " + node.pattern->error());
        if (node.pattern->ProgramSize() > max_pattern_program)
            fail(at, "must not compile to more than 2000 instructions");
    }

    void read_choices(Node& node, const json::Object& object, const At& at) const {
        const auto* list = object.if_contains("enum");
        const auto* single = object.if_contains("const");
        if (list != nullptr && single != nullptr) fail(at.member("const"), "must not stand beside enum");
        if (single != nullptr) add_choice(node, *single, at.member("const"));
        if (list == nullptr) return;
        const At here = at.member("enum");
        const auto& values = as_array(*list, here);
        if (values.empty() || values.size() > max_choices) fail(here, "must list 1 to 256 values");
        for (std::size_t i = 0; i < values.size(); ++i) {
            if (node.choices.contains(values[i])) fail(here.item(i), "must not be listed twice");
            add_choice(node, values[i], here.item(i));
        }
    }

    void add_choice(Node& node, const json::Value& value, const At& at) const {
        Choices& choices = node.choices;
        choices.present = true;
        const auto allow = [&](Type type) {
            if (node.type != Type::scalar && node.type != type) fail(at, "must be of the type named by type");
        };
        if (const auto number = integer_of(value)) {
            allow(Type::integer);
            choices.integers.insert(std::upper_bound(choices.integers.begin(), choices.integers.end(), *number),
                                    *number);
        } else if (value.is_string()) {
            allow(Type::string);
            std::string text(value.get_string());
            choices.strings.insert(std::upper_bound(choices.strings.begin(), choices.strings.end(), text), text);
        } else if (value.is_bool()) {
            allow(Type::boolean);
            (value.get_bool() ? choices.yes : choices.no) = true;
        } else if (value.is_null()) {
            allow(Type::null);
            choices.null = true;
        } else {
            fail(at, "must be a string, an integer, a boolean or null");
        }
    }

    // Goes only where something confidential is, so the limit bounds the walk even when references fan out.
    void list_confidential(NodeIndex index, std::vector<std::string>& path) {
        const Node& node = compiled_.nodes[index];
        if (!node.has_confidential) return;
        for (const auto& property : node.properties) {
            path.push_back(property.name);
            if (property.confidential()) {
                if (compiled_.confidential.size() == max_confidential)
                    fail(At{}, "must not have more than 256 confidential fields");
                compiled_.confidential.push_back({path, property.roles, property.audience});
            } else {
                list_confidential(property.node, path);
            }
            path.pop_back();
        }
    }

    const json::Value& document_;
    std::string_view what_;
    Compiled compiled_;
    std::map<std::string, Definition, std::less<>> definitions_;
    std::size_t patterns_ = 0;
};

}  // namespace

Schema Schema::compile(const json::Value& document, std::string_view what) {
    Schema schema;
    schema.compiled_ = std::make_shared<const Compiled>(Compiler(document, what).run());
    return schema;
}

}  // namespace concordat::schema
