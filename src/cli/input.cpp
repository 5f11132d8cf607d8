#include "input.hpp"

#include <CLI/CLI.hpp>
#include <charconv>

namespace concordat::cli {

namespace {

constexpr std::size_t max_input_bytes = std::size_t{2} << 20;

}  // namespace

json::Value json_file(const std::string& path) {
    return json::parse(read_text_file(path, max_input_bytes), path, {.bytes = max_input_bytes});
}

json::Value json_argument(const std::string& text, const std::string& option) {
    if (text.starts_with('@')) return json_file(text.substr(1));
    return json::parse(text, option, {.bytes = max_input_bytes});
}

TimeMs time_argument(const std::string& text, const std::string& option, TimeMs now) {
    if (!text.starts_with('+')) return parse_time(text, option);
    static const std::map<char, TimeMs> units{{'s', 1000}, {'m', 60'000}, {'h', 3'600'000}, {'d', 86'400'000}};
    constexpr TimeMs most = 100'000;
    TimeMs count = 0;
    const auto unit = units.find(text.back());
    const auto [at, error] = std::from_chars(text.data() + 1, text.data() + text.size() - 1, count);
    if (unit == units.end() || error != std::errc() || at != text.data() + text.size() - 1 || count < 0 ||
        count > most) {
        throw Error(Code::bad_format, option,
                    "must be a time such as 2026-01-31T09:30:00.000Z, or +90s, +30m, +12h, +7d from now");
    }
    return now + count * unit->second;
}

std::pair<std::string, std::string> pair_argument(const std::string& text, const std::string& option) {
    const auto at = text.find('=');
    if (at == std::string::npos || at == 0 || at + 1 == text.size()) {
        throw Error(Code::bad_format, option, "must be NAME=FILE, got '" + text + "'");
    }
    return {text.substr(0, at), text.substr(at + 1)};
}

Hash256 digest_argument(const std::string& text, const std::string& option) { return Hash256::parse(text, option); }

std::optional<std::string> passphrase_from(const std::string& file) {
    if (file.empty()) return std::nullopt;
    std::string text = read_text_file(file, 2048);
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    return text;
}

void KeyOptions::add_to(CLI::App& command, bool required) {
    auto* option = command.add_option("-k,--key", file, "your key file")->envname("CONCORDAT_KEY");
    if (required) option->required();
    command.add_option("--passphrase-file", passphrase_file, "file that holds the key file's passphrase")
        ->envname("CONCORDAT_PASSPHRASE_FILE");
}

vault::KeyFile KeyOptions::load() const {
    std::optional<std::string> passphrase = passphrase_from(passphrase_file);
    vault::KeyFile out = vault::KeyFile::load(file, passphrase);
    if (passphrase) wipe(passphrase->data(), passphrase->size());
    return out;
}

json::Object public_part(const vault::KeyFile& file) {
    json::Array keys;
    for (const auto& key : file.keys) keys.emplace_back(key.public_key().jwk());
    return {{"id", file.id},
            {"keys", std::move(keys)},
            {"encryption", json::Array{json::Value(file.encryption.public_key().jwk())}}};
}

}  // namespace concordat::cli
