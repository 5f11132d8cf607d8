#include "options.hpp"

#include <algorithm>
#include <base/file.hpp>
#include <base/json.hpp>
#include <charconv>
#include <variant>

namespace concordat::node {

namespace {

using Path = std::filesystem::path NodeOptions::*;
using Text = std::string NodeOptions::*;
struct Number {
    std::int64_t NodeOptions::* member;
    std::int64_t min, max;
};

struct Setting {
    const char* name;
    const char* meaning;
    std::variant<Path, Text, Number> target;
};

const std::vector<Setting>& settings() {
    static const std::vector<Setting> all{
        {"data", "the node's folder; only from the environment or the command line", &NodeOptions::data},
        {"host", "address to listen on", &NodeOptions::host},
        {"port", "port to listen on; 0 lets the system choose", Number{&NodeOptions::port, 0, 65535}},
        {"log_level", "debug, info, warning or error", &NodeOptions::log_level},
        {"ledger_program", "path of concordat-ledger", &NodeOptions::ledger_program},
        {"enclave_program", "path of concordat-enclave", &NodeOptions::enclave_program},
        {"enclaves_minimum", "shared enclaves that always run", Number{&NodeOptions::enclaves_minimum, 1, 64}},
        {"enclaves_maximum", "shared enclaves at most", Number{&NodeOptions::enclaves_maximum, 1, 64}},
        {"enclaves_dedicated", "bindings at most that have an enclave of their own at one time",
         Number{&NodeOptions::enclaves_dedicated, 0, 48}},
        {"enclave_idle_seconds", "after which an enclave that is not needed ends",
         Number{&NodeOptions::enclave_idle_seconds, 1, 86'400}},
        {"enclave_ping_timeout_ms", "silence after which an enclave is replaced",
         Number{&NodeOptions::enclave_ping_timeout_ms, 500, 600'000}},
        {"connections", "HTTP connections at most", Number{&NodeOptions::connections, 1, 65'536}},
        {"requests_per_second", "of one peer address; 0 without limit",
         Number{&NodeOptions::requests_per_second, 0, 1'000'000}},
        {"request_burst", "requests that a quiet peer may make at once",
         Number{&NodeOptions::request_burst, 1, 1'000'000}},
        {"message_bytes", "of one signed message at most", Number{&NodeOptions::message_bytes, 1024, 1 << 20}},
        {"binding_queue", "messages of one binding that wait at most", Number{&NodeOptions::binding_queue, 1, 65'536}},
        {"total_queue", "messages that wait at most", Number{&NodeOptions::total_queue, 1, 1'000'000}},
        {"inbox_limit", "accepted messages (202) that wait at most", Number{&NodeOptions::inbox_limit, 1, 100'000'000}},
        {"routed_transactions", "open at most on a ledger that is one of a binding's candidates",
         Number{&NodeOptions::routed_transactions, 1, 1'000'000}},
        {"cache_megabytes", "memory for entries read lately", Number{&NodeOptions::cache_megabytes, 1, 65'536}},
        {"stop_seconds", "that a graceful stop waits for requests", Number{&NodeOptions::stop_seconds, 0, 600}},
    };
    return all;
}

void set(NodeOptions& options, const Setting& setting, std::string_view text, const std::string& from) {
    if (const auto* path = std::get_if<Path>(&setting.target)) {
        options.** path = std::string(text);
    } else if (const auto* value = std::get_if<Text>(&setting.target)) {
        options.** value = std::string(text);
    } else {
        const auto& number = std::get<Number>(setting.target);
        std::int64_t parsed = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
        if (error != std::errc{} || end != text.data() + text.size() || parsed < number.min || parsed > number.max)
            throw Error(Code::config, from,
                        "must be an integer from " + std::to_string(number.min) + " to " + std::to_string(number.max));
        options.*number.member = parsed;
    }
}

const Setting& find(const std::string& name, const std::string& from) {
    const auto found =
        std::ranges::find(settings(), name, [](const Setting& setting) { return std::string(setting.name); });
    if (found == settings().end()) throw Error(Code::config, from, "is not a setting; see docs/node.md");
    return *found;
}

void read_config(NodeOptions& options) {
    const auto file = options.data / "concordat.json";
    if (!std::filesystem::exists(file)) return;
    const json::Value value = json::parse(read_text_file(file, 1 << 20), file.string());
    if (!value.is_object()) throw Error(Code::config, file.string(), "must be an object");
    for (const auto& member : value.get_object()) {
        const std::string from = file.string() + "/" + std::string(member.key());
        const Setting& setting = find(std::string(member.key()), from);
        if (setting.name == std::string_view("data"))
            throw Error(Code::config, from, "the file lies in the folder: it cannot name it");
        if (member.value().is_int64()) {
            set(options, setting, std::to_string(member.value().get_int64()), from);
        } else if (member.value().is_string() && !std::holds_alternative<Number>(setting.target)) {
            set(options, setting, std::string_view(member.value().get_string()), from);
        } else {
            throw Error(Code::config, from, "must be a string or an integer, as docs/node.md says");
        }
    }
}

std::string variable_of(const char* name) {
    std::string out = "CONCORDAT_";
    for (const char* c = name; *c != 0; ++c) out += static_cast<char>(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    return out;
}

std::filesystem::path beside(const char* program) {
    std::error_code error;
    const auto self = std::filesystem::read_symlink("/proc/self/exe", error);
    return error ? std::filesystem::path(program) : self.parent_path() / program;
}

void check(const NodeOptions& options) {
    static constexpr std::array levels{"debug", "info", "warning", "error"};
    if (std::ranges::find(levels, options.log_level) == levels.end())
        throw Error(Code::config, "log_level", "must be debug, info, warning or error");
    if (options.enclaves_maximum < options.enclaves_minimum)
        throw Error(Code::config, "enclaves_maximum", "must not be less than enclaves_minimum");
}

}  // namespace

std::vector<OptionField> option_fields() {
    const NodeOptions defaults;
    std::vector<OptionField> out;
    for (const Setting& setting : settings()) {
        std::string otherwise;
        if (const auto* path = std::get_if<Path>(&setting.target)) otherwise = (defaults.**path).string();
        if (const auto* text = std::get_if<Text>(&setting.target)) otherwise = defaults.**text;
        if (const auto* number = std::get_if<Number>(&setting.target))
            otherwise = std::to_string(defaults.*number->member);
        out.push_back({setting.name, setting.meaning, otherwise});
    }
    return out;
}

NodeOptions load_options(const std::map<std::string, std::string>& given,
                         const std::function<const char*(const char*)>& environment) {
    NodeOptions options;
    const char* data = environment("CONCORDAT_DATA");
    if (data != nullptr) options.data = data;
    if (const auto found = given.find("data"); found != given.end()) options.data = found->second;
    read_config(options);
    for (const Setting& setting : settings()) {
        const std::string variable = variable_of(setting.name);
        const char* value = environment(variable.c_str());
        if (value != nullptr && setting.name != std::string_view("data")) set(options, setting, value, variable);
    }
    for (const auto& [name, text] : given) set(options, find(name, name), text, name);
    if (options.ledger_program.empty()) options.ledger_program = beside("concordat-ledger");
    if (options.enclave_program.empty()) options.enclave_program = beside("concordat-enclave");
    check(options);
    return options;
}

}  // namespace concordat::node
