#include "session.hpp"

#include <charconv>
#include <limits>

namespace concordat::cli {

namespace {

constexpr std::size_t max_answer_bytes = std::size_t{64} << 20;
constexpr std::size_t max_answer_depth = 64;
constexpr int answer_timeout_ms = 150'000;  // more than the longest wait that a message may ask for

[[noreturn]] void bad_url(const std::string& url) {
    throw Error(Code::config, "--node",
                "must be http://HOST:PORT, got '" + url + "'; for TLS, put the node behind a proxy on this machine");
}

json::Value parsed(const std::string& answer) {
    return json::parse(answer, "answer", {.bytes = max_answer_bytes, .depth = max_answer_depth});
}

std::string first_line(std::string text) {
    if (const auto end = text.find_first_of("\r\n"); end != std::string::npos) text.resize(end);
    return text;
}

}  // namespace

std::pair<std::string, std::uint16_t> Session::address() const {
    constexpr std::string_view scheme = "http://";
    if (!node_url.starts_with(scheme)) bad_url(node_url);
    std::string host = node_url.substr(scheme.size());
    while (host.ends_with('/')) host.pop_back();
    const auto colon = host.rfind(':');
    if (colon == std::string::npos || colon == 0) bad_url(node_url);
    unsigned port = 0;
    const char* end = host.data() + host.size();
    const auto [at, error] = std::from_chars(host.data() + colon + 1, end, port);
    if (error != std::errc() || at != end || port == 0 || port > std::numeric_limits<std::uint16_t>::max())
        bad_url(node_url);
    return {host.substr(0, colon), static_cast<std::uint16_t>(port)};
}

http::Pairs Session::headers() {
    http::Pairs out;
    if (token.empty() && !token_file.empty()) token = first_line(read_text_file(token_file, 4096));
    if (!token.empty()) out.emplace_back("Authorization", "Bearer " + token);
    if (!tenant.empty()) out.emplace_back("Concordat-Tenant", tenant);
    return out;
}

http::ClientResponse Session::request(std::string_view method, const std::string& target, http::Pairs extra,
                                      std::string_view body) {
    if (!client_) {
        auto [host, port] = address();
        client_ = std::make_unique<http::HttpClient>(std::move(host), port);
    }
    http::Pairs all = headers();
    all.insert(all.end(), extra.begin(), extra.end());
    http::ClientResponse response;
    try {
        response = client_->request(method, target, all, body, answer_timeout_ms);
    } catch (const Error& error) {
        if (error.code() != Code::unavailable) throw;
        throw Error(Code::unavailable, "--node", "nobody answers at " + node_url + ": " + error.rule());
    }
    if (response.status > 299) throw http::error_of(response);
    return response;
}

std::string Session::get(const std::string& target) { return request("GET", target, {}, {}).body; }

json::Value Session::get_json(const std::string& target) { return parsed(get(target)); }

json::Value Session::post_json(const std::string& target, std::string_view body, std::string_view type,
                               const std::string& prefer) {
    http::Pairs extra{{"Content-Type", std::string(type)}};
    if (!prefer.empty()) extra.emplace_back("Prefer", prefer);
    return parsed(request("POST", target, std::move(extra), body).body);
}

json::Value Session::put_json(const std::string& target, const json::Value& body) {
    return parsed(request("PUT", target, {{"Content-Type", "application/json"}}, json::canonical(body)).body);
}

json::Value Session::delete_json(const std::string& target) { return parsed(request("DELETE", target, {}, {}).body); }

json::Array Session::collect(std::string target, std::string_view member, std::size_t limit) {
    json::Array out;
    while (out.size() < limit) {
        const json::Value page = get_json(target);
        json::Reader reader(page, "/answer");
        for (const json::Value& item : reader.array(member, 1000)) {
            if (out.size() < limit) out.push_back(item);
        }
        const json::Value* next = reader.find("next");
        more = next != nullptr && next->is_string();
        if (!more) break;
        target = std::string(next->get_string());
    }
    return out;
}

std::unique_ptr<http::EventReader> Session::events(const std::string& target, const std::string& last_id) {
    const auto [host, port] = address();
    http::Pairs all = headers();
    if (!last_id.empty()) all.emplace_back("Last-Event-ID", last_id);
    return std::make_unique<http::EventReader>(host, port, target, all);
}

}  // namespace concordat::cli
