// What every command has: the node it speaks to, who asks, and how answers are shown.
#pragma once
#include <base/clock.hpp>
#include <base/id.hpp>
#include <base/json.hpp>
#include <http/client.hpp>
#include <memory>
#include <string>
#include <vector>

namespace concordat::cli {

class Session {
  public:
    // Set from the global options before any command runs.
    std::string node_url, token, token_file, tenant;
    bool json = false;
    std::string program = "concordat";  // and its version

    int exit_code = 0;  // of a command that ran but says no
    bool more = false;  // the last collect() stopped at its limit
    SystemClock clock;
    SystemRandom random;

    // The answer's body. A status above 299 is thrown as the Error that the problem document names; Error(unavailable)
    // names the node's address when nobody answers there.
    std::string get(const std::string& target);
    json::Value get_json(const std::string& target);
    // `prefer`: as RFC 7240 has it, "respond-async" or "wait=30".
    json::Value post_json(const std::string& target, std::string_view body, std::string_view type,
                          const std::string& prefer = {});
    json::Value put_json(const std::string& target, const json::Value& body);
    json::Value delete_json(const std::string& target);
    // Follows "next" until `limit` items of `member` are there.
    json::Array collect(std::string target, std::string_view member, std::size_t limit);
    std::unique_ptr<http::EventReader> events(const std::string& target, const std::string& last_id);

  private:
    http::ClientResponse request(std::string_view method, const std::string& target, http::Pairs headers,
                                 std::string_view body);
    http::Pairs headers();
    std::pair<std::string, std::uint16_t> address() const;

    std::unique_ptr<http::HttpClient> client_;
};

}  // namespace concordat::cli
