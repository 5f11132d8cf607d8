// What people give on the command line, turned into values. Errors name the option.
#pragma once
#include <base/clock.hpp>
#include <base/json.hpp>
#include <map>
#include <string>
#include <vault/keyfile.hpp>
#include <vector>

#include "session.hpp"

namespace CLI {
class App;
}

namespace concordat::cli {

// JSON as given, or the content of the file behind '@'.
json::Value json_argument(const std::string& text, const std::string& option);
json::Value json_file(const std::string& path);
// "2026-01-31T09:30:00.000Z", or from now on: "+90s", "+30m", "+12h", "+7d".
TimeMs time_argument(const std::string& text, const std::string& option, TimeMs now);
// "name=value": Error(bad_format) without a '='.
std::pair<std::string, std::string> pair_argument(const std::string& text, const std::string& option);
Hash256 digest_argument(const std::string& text, const std::string& option);

// --key FILE and --passphrase-file FILE, which commands that sign or open share.
struct KeyOptions {
    std::string file, passphrase_file;
    void add_to(CLI::App& command, bool required = true);
    vault::KeyFile load() const;
};
std::optional<std::string> passphrase_from(const std::string& file);

// {"id","keys","encryption"}: what a party gives to the others.
json::Object public_part(const vault::KeyFile& file);

}  // namespace concordat::cli
