#include "source.hpp"

#include <fcntl.h>
#include <re2/re2.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <base/file.hpp>
#include <contract/package.hpp>
#include <set>

#include "yaml.hpp"

namespace concordat::registry {
namespace {

const re2::RE2& name_rule() {
    static const re2::RE2 rule("[a-z][a-z0-9-]{0,63}");
    return rule;
}

const re2::RE2& version_rule() {  // https://semver.org, without build metadata: two packages differ by more than that
    static const re2::RE2 rule(
        R"((0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))"
        R"((\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?)");
    return rule;
}

std::vector<std::string> path_parts(std::string_view path) {
    static const re2::RE2 part_rule("[A-Za-z0-9_][A-Za-z0-9._-]{0,99}");
    std::vector<std::string> parts;
    std::size_t start = 0;
    while (start <= path.size()) {
        const std::size_t end = std::min(path.find('/', start), path.size());
        parts.emplace_back(path.substr(start, end - start));
        if (!re2::RE2::FullMatch(parts.back(), part_rule) || parts.size() > 8) {
            throw Error(Code::bad_format, std::string(path.substr(0, 200)),
                        "must be a relative path inside the package, of letters, digits, '.', '_' and '-'");
        }
        start = end + 1;
    }
    return parts;
}

// Walks down with O_NOFOLLOW, so that no link and no race leads out.
UniqueFd open_inside(const std::filesystem::path& folder, std::string_view path) {
    const std::vector<std::string> parts = path_parts(path);
    UniqueFd at(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!at) throw Error(Code::not_found, folder.string(), "no such folder");
    for (std::size_t i = 0; i < parts.size(); ++i) {
        const int kind = i + 1 < parts.size() ? O_DIRECTORY : O_NONBLOCK;
        UniqueFd next(::openat(at.get(), parts[i].c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | kind));
        if (!next) {
            if (errno == ENOENT) throw Error(Code::not_found, std::string(path), "no such file in the package");
            throw Error(Code::bad_format, std::string(path), "must be a readable file, without links on its path");
        }
        at = std::move(next);
    }
    return at;
}

// Reads contract.yaml into the config.
class Converter {
  public:
    explicit Converter(const std::filesystem::path& folder) { source_.folder = folder; }

    Source convert() {
        source_.texts.emplace(contract_file, read_inside(source_.folder, contract_file));
        const YamlNode root =
            parse_yaml(text_of(source_.texts.at(std::string(contract_file))), std::string(contract_file));
        YamlReader in(root, std::string(contract_file), "");
        header(in);
        json::Object config{{"typ", "concordat/contract/1"}, {"abi", 1}};
        config["name"] = source_.name;
        config["version"] = source_.version;
        config["description"] = in.text_or("description", "", 1000);
        roles_ = roles(in);
        config["roles"] = roles_;
        state_ = schema(in.text("state"));
        config["state"] = state_;
        config["terms"] = schema(in.text("terms"));
        const YamlNode* sources = in.map_or_null("sources");
        config["sources"] = sources == nullptr ? json::Object{} : observations(in, *sources);
        config["actions"] = actions(in, sources);
        config["effects"] = declared(in, "effects", {"ledger", "call", "kind", "commit", "undo", "after"});
        config["ledgers"] = declared(in, "ledgers", {"kind", "interface"});
        if (const YamlNode* costs = in.find("costs")) {
            config["costs"] = yaml_to_json(*costs, std::string(contract_file));
        }
        logic(in);
        config["language"] = source_.language;
        in.finish(
            "apiVersion, name, version, description, roles, state, terms, actions, sources, effects, ledgers, costs, "
            "logic");
        source_.config = json::canonical(config);
        contract::Contract::parse(bytes_of(source_.config));
        return std::move(source_);
    }

  private:
    void header(YamlReader& in) {
        if (in.text("apiVersion") != "concordat/v1") {
            in.fail(in.any("apiVersion"), "apiVersion", "must be concordat/v1");
        }
        source_.name = in.text("name");
        if (!re2::RE2::FullMatch(source_.name, name_rule())) {
            in.fail(in.any("name"), "name",
                    "must begin with a small letter; small letters, digits and '-', at most 64");
        }
        source_.version = in.text("version");
        if (source_.version.size() > 64 || !re2::RE2::FullMatch(source_.version, version_rule())) {
            in.fail(in.any("version"), "version", "must be a semantic version such as 1.0.0");
        }
    }

    static json::Array roles(YamlReader& in) {
        const YamlNode& node = in.any("roles");
        std::set<std::string> names;
        if (node.kind == YamlNode::Kind::map) {
            for (const YamlMember& role : node.members) {
                const bool empty = role.value.kind == YamlNode::Kind::null ||
                                   (role.value.kind == YamlNode::Kind::map && role.value.members.empty());
                if (!empty) in.fail(role.value, "roles/" + role.key, "takes no settings: write {}");
                names.insert(role.key);
            }
        } else {
            const std::vector<std::string> list = in.texts(node, "roles");
            names.insert(list.begin(), list.end());
        }
        json::Array out;
        for (const std::string& name : names) out.emplace_back(name);
        return out;
    }

    json::Object observations(const YamlReader& in, const YamlNode& sources) {
        json::Object out;
        for (const YamlMember& member : sources.members) {
            YamlReader one = in.inside(member.value, "sources/" + member.key);
            out[member.key] = json::Object{{"observation", schema(one.text("observation"))}};
            one.finish("observation");
        }
        return out;
    }

    json::Object actions(YamlReader& in, const YamlNode* sources) {
        json::Object out;
        for (const YamlMember& member : in.map("actions").members) {
            YamlReader one = in.inside(member.value, "actions/" + member.key);
            const std::vector<std::string> from = one.texts(one.any("from"), "from");
            json::Object action{{"from", strings(from)}};
            action["message"] = message(one, from, sources, in.node().find("ledgers"));
            if (one.node().find("when") != nullptr) action["when"] = condition(one);
            if (one.node().find("result") != nullptr) action["result"] = schema(one.text("result"));
            if (const YamlNode* effects = one.find("effects"))
                action["effects"] = strings(one.texts(*effects, "effects"));
            if (one.node().find("commit") != nullptr) action["commit"] = one.text("commit");
            one.finish("from, message, when, result, effects, commit");
            out[member.key] = std::move(action);
        }
        return out;
    }

    // Left out, it is what the source observes, what is said of a ledger's outcome, or nothing.
    json::Value message(YamlReader& action, const std::vector<std::string>& from, const YamlNode* sources,
                        const YamlNode* ledgers) {
        if (action.node().find("message") != nullptr) return schema(action.text("message"));
        const YamlNode* source = from.size() == 1 && sources != nullptr ? sources->find(from[0]) : nullptr;
        const YamlNode* observation = source == nullptr ? nullptr : source->find("observation");
        if (observation != nullptr) return schema(observation->text);
        const bool ledger = from.size() == 1 && ledgers != nullptr && ledgers->find(from[0]) != nullptr;
        if (ledger && std::ranges::find(roles_, json::Value(from[0])) == roles_.end()) {
            return contract::outcome_schema();
        }
        return json::Object{{"type", "object"}, {"properties", json::Object{}}, {"additionalProperties", false}};
    }

    // Objects in the profile are closed, so a condition on the state would have to repeat every member of it. In source
    // form it names only those that it asks about; the others are filled in here from the state's schema.
    json::Value condition(YamlReader& action) {
        const std::string path = action.text("when");
        json::Value when = schema(path);
        if (!when.is_object() || !state_.is_object()) return when;  // Contract::parse says what is wrong
        fill_in(when.get_object(), without_confidential(state_).get_object(), "properties", nullptr);
        fill_in(when.get_object(), without_confidential(state_).get_object(), "$defs", path.c_str());
        return when;
    }

    // `strict_in` names the file in which a member that is there already must be the same.
    static void fill_in(json::Object& into, const json::Object& from, std::string_view member, const char* strict_in) {
        const json::Value* more = from.if_contains(member);
        if (more == nullptr || !more->is_object()) return;
        json::Value& have = into.emplace(member, json::Object{}).first->value();
        if (!have.is_object()) return;
        for (const auto& one : more->get_object()) {
            const auto [place, added] = have.get_object().emplace(one.key(), one.value());
            if (!added && strict_in != nullptr && place->value() != one.value()) {
                throw Error(Code::bad_schema,
                            std::string(strict_in) + "/" + std::string(member) + "/" + std::string(one.key()),
                            "the state's schema defines this name otherwise");
            }
        }
    }

    // A condition is not a document of its own: it seals nothing.
    static json::Value without_confidential(const json::Value& value) {
        if (!value.is_object()) return value;
        json::Object out;
        for (const auto& member : value.get_object()) {
            if (member.key() == "x-confidential" && member.value().is_array()) continue;
            out.emplace(member.key(), without_confidential(member.value()));
        }
        return out;
    }

    // Declarations of what lies outside the record ledger: checked key by key here, as a whole by Contract::parse.
    json::Object declared(YamlReader& in, std::string_view what, std::initializer_list<const char*> keys) {
        json::Object out;
        const YamlNode* map = in.map_or_null(what);
        if (map == nullptr) return out;
        for (const YamlMember& member : map->members) {
            YamlReader one = in.inside(member.value, std::string(what) + "/" + member.key);
            json::Object declaration;
            std::string known;
            for (const char* key : keys) {
                known += (known.empty() ? "" : ", ") + std::string(key);
                if (one.node().find(key) == nullptr) continue;
                if (std::string_view(key) == "after") {
                    declaration[key] = strings(one.texts(one.any(key), key));
                    continue;
                }
                const std::string text = one.text(key);
                declaration[key] = std::string_view(key) == "interface" ? file_json(text) : json::Value(text);
            }
            one.finish(known);
            out[member.key] = std::move(declaration);
        }
        return out;
    }

    void logic(YamlReader& in) {
        YamlReader one = in.inside(in.map("logic"), "logic");
        source_.language = one.text("language");
        if (source_.language != "c++") one.fail(one.any("language"), "language", "must be c++");
        const YamlNode& list = one.any("source");
        bool any_unit = false;
        for (const std::string& path : one.texts(list, "source", max_source_files)) {
            const std::string extension = std::filesystem::path(path).extension();
            if (extension != ".cpp" && extension != ".hpp") one.fail(list, "source", "\"" + path + "\": .cpp or .hpp");
            any_unit = any_unit || extension == ".cpp";
            source_.logic.emplace(path, read_inside(source_.folder, path));
        }
        if (!any_unit) one.fail(list, "source", "must name a .cpp file");
        one.finish("language, source");
    }

    json::Value schema(const std::string& path) { return file_json(path); }

    json::Value file_json(const std::string& path) {
        auto found = source_.texts.find(path);
        if (found == source_.texts.end()) {
            if (source_.texts.size() >= max_source_files) {
                throw Error(Code::too_large, path, "at most " + std::to_string(max_source_files) + " files");
            }
            found = source_.texts.emplace(path, read_inside(source_.folder, path)).first;
        }
        return json::parse(text_of(found->second), path);
    }

    static json::Array strings(const std::vector<std::string>& list) {
        json::Array out;
        for (const std::string& text : list) out.emplace_back(text);
        return out;
    }

    Source source_;
    json::Value state_;
    json::Array roles_;
};

}  // namespace

Bytes read_inside(const std::filesystem::path& folder, std::string_view path, std::size_t max_bytes) {
    const UniqueFd fd = open_inside(folder, path);
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) {
        throw Error(Code::bad_format, std::string(path), "must be a plain file");
    }
    Bytes out;
    std::array<std::uint8_t, 65536> chunk{};
    for (;;) {
        const ssize_t got = ::read(fd.get(), chunk.data(), chunk.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) throw Error(Code::disk, std::string(path), "cannot be read");
        if (got == 0) return out;
        if (out.size() + static_cast<std::size_t>(got) > max_bytes) {
            throw Error(Code::too_large, std::string(path), "at most " + std::to_string(max_bytes) + " bytes");
        }
        out.insert(out.end(), chunk.begin(), chunk.begin() + got);
    }
}

Source read_source(const std::filesystem::path& folder) { return Converter(folder).convert(); }

}  // namespace concordat::registry
