// The part of YAML 1.2 that people write in contract.yaml and in scenarios: mappings with text keys, sequences,
// scalars, one document. Refused: anchors, aliases and merge keys (so nothing expands), tags, duplicate keys, a second
// document, text that is not UTF-8, depth and size over the limits. Every value remembers its line, so that errors can
// name it. Source: YAML 1.2.2; scalars without quotes are read by its core schema, except that numbers JSON here does
// not take (fractions, exponents, hexadecimal, beyond 2^53-1) are refused: amounts are written in quotes.
#pragma once
#include <base/json.hpp>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace concordat::registry {

inline constexpr std::size_t max_yaml_bytes = 256 * 1024;
inline constexpr std::size_t max_yaml_depth = 24;
inline constexpr std::size_t max_yaml_nodes = 20'000;

struct YamlMember;

struct YamlNode {
    enum class Kind { null, scalar, sequence, map } kind = Kind::null;
    bool quoted = false;  // a scalar in quotes or a block: always text
    int line = 0;         // from 1
    std::string text;
    std::vector<YamlNode> items;
    std::vector<YamlMember> members;

    static YamlNode of(Kind kind, int line);
    const YamlNode* find(std::string_view key) const;  // null when absent or not a map
};

struct YamlMember {
    std::string key;
    int line = 0;
    YamlNode value;
};

// `file` names the document in errors: their field is "<file>:<line>". Throws Error(bad_format | too_large).
YamlNode parse_yaml(std::string_view text, const std::string& file);

// Reads one map by key; the errors' field is "<file>:<line>/<path>". finish() refuses keys that nobody asked for.
class YamlReader {
  public:
    YamlReader(const YamlNode& node, std::string file, std::string path);
    const YamlNode& any(std::string_view key);   // throws missing_field
    const YamlNode* find(std::string_view key);  // null when absent
    std::string text(std::string_view key, std::size_t max_bytes = 1024);
    std::string text_or(std::string_view key, std::string_view otherwise, std::size_t max_bytes = 1024);
    std::vector<std::string> texts(const YamlNode& node, std::string_view key, std::size_t max_items = 64) const;
    const YamlNode& map(std::string_view key);
    const YamlNode* map_or_null(std::string_view key);  // absent and empty are the same
    YamlReader inside(const YamlNode& node, std::string_view key) const;
    std::string at(int line, std::string_view key) const;
    [[noreturn]] void fail(const YamlNode& node, std::string_view key, std::string rule) const;
    void finish(std::string_view known_keys_hint = {}) const;  // throws unknown_field
    const YamlNode& node() const { return *node_; }

  private:
    const YamlNode* node_;
    std::string file_, path_;
    std::vector<bool> asked_;
};

// The JSON value that the node stands for. Throws Error(bad_format) naming the line.
json::Value yaml_to_json(const YamlNode& node, const std::string& file);

}  // namespace concordat::registry
