#include "yaml.hpp"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/mark.h>
#include <yaml-cpp/parser.h>

#include <algorithm>
#include <base/json_text.hpp>
#include <charconv>
#include <sstream>

namespace concordat::registry {
namespace {

std::string place(const std::string& file, int line) { return file + ":" + std::to_string(line); }

// Builds the tree from the parser's events, so that yaml-cpp's own node graph (which resolves aliases) is never made.
class Builder final : public YAML::EventHandler {
  public:
    explicit Builder(const std::string& file) : file_(file) {}

    void OnDocumentStart(const YAML::Mark& mark) override {
        if (documents_++ != 0) refuse(mark, "one document, not several");
    }
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
        check(mark, anchor);
        add(YamlNode::of(YamlNode::Kind::null, line_of(mark)));
    }
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { refuse(mark, "aliases (*name) are not allowed"); }
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override {
        check(mark, anchor);
        if (tag != "?" && tag != "!" && !tag.empty()) refuse(mark, "tags (!name) are not allowed");
        YamlNode node = YamlNode::of(YamlNode::Kind::scalar, line_of(mark));
        node.quoted = tag == "!";
        node.text = value;
        add(std::move(node));
    }
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::sequence);
    }
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value) override {
        open(mark, tag, anchor, YamlNode::Kind::map);
    }
    void OnMapEnd() override { close(); }
    void OnAnchor(const YAML::Mark& mark, const std::string&) override {
        refuse(mark, "anchors (&name) are not allowed");
    }

    YamlNode take() { return std::move(root_); }

  private:
    struct Level {
        YamlNode node;
        bool has_key = false;
        std::string key;
        int key_line = 0;
    };

    static int line_of(const YAML::Mark& mark) { return mark.line + 1; }

    [[noreturn]] void refuse(const YAML::Mark& mark, std::string rule) const {
        throw Error(Code::bad_format, place(file_, line_of(mark)), std::move(rule));
    }

    void check(const YAML::Mark& mark, YAML::anchor_t anchor) {
        if (anchor != 0) refuse(mark, "anchors (&name) are not allowed");
        if (++nodes_ > max_yaml_nodes) {
            throw Error(Code::too_large, place(file_, line_of(mark)),
                        "at most " + std::to_string(max_yaml_nodes) + " values");
        }
    }

    void open(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, YamlNode::Kind kind) {
        check(mark, anchor);
        if (tag != "?" && tag != "!" && !tag.empty()) refuse(mark, "tags (!name) are not allowed");
        if (levels_.size() >= max_yaml_depth) {
            throw Error(Code::too_large, place(file_, line_of(mark)),
                        "at most " + std::to_string(max_yaml_depth) + " levels");
        }
        levels_.emplace_back();
        levels_.back().node = YamlNode::of(kind, line_of(mark));
    }

    void close() {
        YamlNode node = std::move(levels_.back().node);
        levels_.pop_back();
        add(std::move(node));
    }

    void add(YamlNode node) {
        if (levels_.empty()) {
            root_ = std::move(node);
            return;
        }
        Level& top = levels_.back();
        if (top.node.kind == YamlNode::Kind::sequence) {
            top.node.items.push_back(std::move(node));
        } else if (!top.has_key) {
            take_key(top, std::move(node));
        } else {
            top.node.members.push_back({std::move(top.key), top.key_line, std::move(node)});
            top.has_key = false;
        }
    }

    void take_key(Level& top, YamlNode node) {
        if (node.kind != YamlNode::Kind::scalar) {
            throw Error(Code::bad_format, place(file_, node.line), "a key is a single word or text");
        }
        if (node.text == "<<") {
            throw Error(Code::bad_format, place(file_, node.line), "merge keys (<<) are not allowed");
        }
        if (top.node.find(node.text) != nullptr) {
            throw Error(Code::bad_format, place(file_, node.line), "the key \"" + node.text + "\" stands here twice");
        }
        top.has_key = true;
        top.key = std::move(node.text);
        top.key_line = node.line;
    }

    const std::string& file_;
    YamlNode root_;
    std::vector<Level> levels_;
    std::size_t nodes_ = 0;
    int documents_ = 0;
};

void check_text(std::string_view text, const std::string& file) {
    if (text.size() > max_yaml_bytes) {
        throw Error(Code::too_large, file, "at most " + std::to_string(max_yaml_bytes) + " bytes");
    }
    int line = 1;
    for (const char c : text) {
        if (c == '\n') ++line;
        const auto byte = static_cast<unsigned char>(c);
        if ((byte < 0x20 && c != '\n' && c != '\r' && c != '\t') || byte == 0x7f) {
            throw Error(Code::bad_format, place(file, line), "control characters are not allowed");
        }
    }
    if (json::to_valid_utf8(text) != text) throw Error(Code::bad_format, file, "must be UTF-8");
}

bool is_integer(std::string_view text) {
    const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
    return !digits.empty() && std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; }) &&
           (digits.size() == 1 || digits[0] != '0') && text != "-0";
}

// Everything that YAML 1.1 or 1.2 or a reader might take for a number.
bool looks_like_number(std::string_view text) {
    std::string_view rest = text;
    if (!rest.empty() && (rest[0] == '-' || rest[0] == '+')) rest.remove_prefix(1);
    if (!rest.empty() && rest[0] == '.') rest.remove_prefix(1);
    if (rest == "inf" || rest == "nan" || rest == "Inf" || rest == "NaN" || rest == "INF" || rest == "NAN") {
        return rest.size() != text.size();
    }
    return !rest.empty() && rest[0] >= '0' && rest[0] <= '9' &&
           rest.find_first_not_of("0123456789.eE+_xXabcdefABCDEFo") == std::string_view::npos;
}

json::Value scalar_to_json(const YamlNode& node, const std::string& file) {
    const std::string& text = node.text;
    if (node.quoted) return json::Value(text);
    if (text == "true") return json::Value(true);
    if (text == "false") return json::Value(false);
    if (text == "null" || text == "~") return json::Value(nullptr);
    if (is_integer(text)) {
        std::int64_t value = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        if (error != std::errc{} || end != text.data() + text.size() || value > json::max_integer ||
            value < -json::max_integer) {
            throw Error(Code::bad_format, place(file, node.line), "an integer beyond 2^53-1 is written in quotes");
        }
        return json::Value(value);
    }
    if (looks_like_number(text)) {
        throw Error(Code::bad_format, place(file, node.line),
                    "\"" + text + "\" is written in quotes: numbers without quotes are plain integers");
    }
    return json::Value(text);
}

}  // namespace

YamlNode YamlNode::of(Kind kind, int line) {
    YamlNode node;
    node.kind = kind;
    node.line = line;
    return node;
}

const YamlNode* YamlNode::find(std::string_view key) const {
    const auto found = std::find_if(members.begin(), members.end(), [&](const YamlMember& m) { return m.key == key; });
    return found == members.end() ? nullptr : &found->value;
}

YamlNode parse_yaml(std::string_view text, const std::string& file) {
    check_text(text, file);
    std::istringstream in{std::string(text)};
    Builder builder(file);
    try {
        YAML::Parser parser(in);
        while (parser.HandleNextDocument(builder)) {
        }
    } catch (const YAML::Exception& error) {
        throw Error(Code::bad_format, place(file, std::max(0, error.mark.line) + 1), error.msg);
    }
    return builder.take();
}

json::Value yaml_to_json(const YamlNode& node, const std::string& file) {
    switch (node.kind) {
        case YamlNode::Kind::null:
            return json::Value(nullptr);
        case YamlNode::Kind::scalar:
            return scalar_to_json(node, file);
        case YamlNode::Kind::sequence: {
            json::Array out;
            for (const YamlNode& item : node.items) out.push_back(yaml_to_json(item, file));
            return out;
        }
        case YamlNode::Kind::map:
            break;
    }
    json::Object out;
    for (const YamlMember& member : node.members) out.emplace(member.key, yaml_to_json(member.value, file));
    return out;
}

YamlReader::YamlReader(const YamlNode& node, std::string file, std::string path)
    : node_(&node), file_(std::move(file)), path_(std::move(path)) {
    if (node.kind != YamlNode::Kind::map) {
        throw Error(Code::bad_format, place(file_, node.line) + path_, "must be a map of keys to values");
    }
    asked_.resize(node.members.size());
}

std::string YamlReader::at(int line, std::string_view key) const {
    return place(file_, line) + path_ + "/" + std::string(key);
}

void YamlReader::fail(const YamlNode& node, std::string_view key, std::string rule) const {
    throw Error(Code::bad_format, at(node.line, key), std::move(rule));
}

const YamlNode* YamlReader::find(std::string_view key) {
    for (std::size_t i = 0; i < node_->members.size(); ++i) {
        if (node_->members[i].key != key) continue;
        asked_[i] = true;
        return &node_->members[i].value;
    }
    return nullptr;
}

const YamlNode& YamlReader::any(std::string_view key) {
    const YamlNode* found = find(key);
    if (found == nullptr) throw Error(Code::missing_field, at(node_->line, key), "must be given");
    return *found;
}

std::string YamlReader::text(std::string_view key, std::size_t max_bytes) {
    const YamlNode& node = any(key);
    if (node.kind != YamlNode::Kind::scalar || node.text.empty()) fail(node, key, "must be text");
    if (node.text.size() > max_bytes) {
        throw Error(Code::too_large, at(node.line, key), "at most " + std::to_string(max_bytes) + " bytes");
    }
    return node.text;
}

std::string YamlReader::text_or(std::string_view key, std::string_view otherwise, std::size_t max_bytes) {
    return node_->find(key) == nullptr ? std::string(otherwise) : text(key, max_bytes);
}

std::vector<std::string> YamlReader::texts(const YamlNode& node, std::string_view key, std::size_t max_items) const {
    if (node.kind != YamlNode::Kind::sequence) fail(node, key, "must be a list");
    if (node.items.size() > max_items) {
        throw Error(Code::too_large, at(node.line, key), "at most " + std::to_string(max_items) + " items");
    }
    std::vector<std::string> out;
    for (const YamlNode& item : node.items) {
        if (item.kind != YamlNode::Kind::scalar || item.text.empty()) fail(item, key, "every item must be text");
        if (std::find(out.begin(), out.end(), item.text) != out.end()) {
            fail(item, key, "\"" + item.text + "\" stands in the list twice");
        }
        out.push_back(item.text);
    }
    return out;
}

const YamlNode& YamlReader::map(std::string_view key) {
    const YamlNode& node = any(key);
    if (node.kind != YamlNode::Kind::map) fail(node, key, "must be a map of keys to values");
    return node;
}

const YamlNode* YamlReader::map_or_null(std::string_view key) {
    const YamlNode* node = find(key);
    if (node == nullptr || node->kind == YamlNode::Kind::null) return nullptr;
    if (node->kind != YamlNode::Kind::map) fail(*node, key, "must be a map of keys to values");
    return node->members.empty() ? nullptr : node;
}

YamlReader YamlReader::inside(const YamlNode& node, std::string_view key) const {
    return {node, file_, path_ + "/" + std::string(key)};
}

void YamlReader::finish(std::string_view known_keys_hint) const {
    for (std::size_t i = 0; i < asked_.size(); ++i) {
        if (asked_[i]) continue;
        const YamlMember& member = node_->members[i];
        std::string rule = "unknown key \"" + member.key + "\"";
        if (!known_keys_hint.empty()) rule += "; known here: " + std::string(known_keys_hint);
        throw Error(Code::unknown_field, at(member.line, member.key), std::move(rule));
    }
}

}  // namespace concordat::registry
