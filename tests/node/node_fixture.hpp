// A node's process in a folder of its own, and two parties who use it over HTTP.
#pragma once
#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <client/documents.hpp>
#include <contract/input.hpp>
#include <filesystem>
#include <http/client.hpp>
#include <process/child.hpp>
#include <registry/archive.hpp>
#include <registry/build.hpp>
#include <thread>

#include "support/amended_forward.hpp"
#include "support/fixture.hpp"

namespace concordat::test {

namespace fs = std::filesystem;

class Folder {
  public:
    Folder() {
        std::string pattern = (fs::temp_directory_path() / "concordat-node-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    const fs::path& path() const { return path_; }

  private:
    fs::path path_;
};

inline const contract::Package& sample(const std::string& version) {
    static enclave::runtime::Engine engine;
    static std::map<std::string, contract::Package> built;
    auto found = built.find(version);
    if (found == built.end()) {
        registry::Toolchain toolchain;
        toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
        found = built
                    .emplace(version,
                             registry::build_package(CONCORDAT_SOURCE_DIR "/samples/equity-forward/package-" + version,
                                                     toolchain, engine))
                    .first;
    }
    return found->second;
}

class NodeProcess {
  public:
    explicit NodeProcess(const fs::path& data, std::vector<std::string> more = {}) : data_(data) {
        const std::string programs = CONCORDAT_BIN_DIR "/";
        std::vector<std::string> arguments{"data=" + data.string(), "port=0", "log_level=warning",
                                           "ledger_program=" + programs + "concordat-ledger",
                                           "enclave_program=" + programs + "concordat-enclave"};
        arguments.insert(arguments.end(), more.begin(), more.end());
        process::ChildOptions options;
        options.program = CONCORDAT_PROBE;
        options.arguments = arguments;
        child_.emplace(process::ChildProcess::spawn(options));
    }
    // The port, once the node is ready; 0 when it ended instead.
    std::uint16_t wait_ready(int timeout_ms = 60'000) {
        pollfd entry{child_->socket(), POLLIN, 0};
        char text[16] = {};
        if (::poll(&entry, 1, timeout_ms) <= 0) return 0;
        const auto got = ::read(child_->socket(), text, sizeof text - 1);
        if (got <= 0) return 0;
        port_ = static_cast<std::uint16_t>(std::stoi(text));
        for (int i = 0; i < 600; ++i) {
            http::HttpClient client("127.0.0.1", port_);
            if (client.request("GET", "/readyz").status == 200) return port_;
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
        }
        return 0;
    }
    std::uint16_t port() const { return port_; }
    pid_t pid() const { return child_->pid(); }
    void kill(int signal = 9) { child_->kill(signal); }
    std::optional<process::ExitStatus> wait(int timeout_ms = 30'000) { return child_->wait(timeout_ms); }
    std::string token() const { return read_text_file(data_ / "operator.token"); }
    // The node's children of that name.
    std::vector<pid_t> children(const std::string& name) const {
        std::vector<pid_t> out;
        for (const auto& entry : fs::directory_iterator("/proc")) {
            const std::string id = entry.path().filename().string();
            if (id.find_first_not_of("0123456789") != std::string::npos) continue;
            try {
                const std::string stat = read_text_file(entry.path() / "stat");
                const auto open = stat.find('('), close = stat.rfind(')');
                const std::string parent = stat.substr(close + 4, stat.find(' ', close + 4) - close - 4);
                if (stat.substr(open + 1, close - open - 1) == name.substr(0, 15) &&
                    parent == std::to_string(child_->pid()))
                    out.push_back(std::stoi(id));
            } catch (const Error&) {  // it ended meanwhile
            }
        }
        return out;
    }

  private:
    fs::path data_;
    std::optional<process::ChildProcess> child_;
    std::uint16_t port_ = 0;
};

struct Answer {
    int status = 0;
    json::Value body;
    std::string text, location;
    std::string code() const {
        return status >= 400 && body.is_object() && body.get_object().contains("code")
                   ? std::string(body.at("code").as_string())
                   : "";
    }
};

// The sample's forward between two banks, through a node.
class Parties {
  public:
    Parties() = default;  // without a node: only documents
    explicit Parties(NodeProcess& node)
        : http_(std::make_unique<http::HttpClient>("127.0.0.1", node.port())), token_(node.token()) {}
    void reconnect(NodeProcess& node) { http_ = std::make_unique<http::HttpClient>("127.0.0.1", node.port()); }

    Answer call(std::string_view method, const std::string& target, std::string_view body = {},
                http::Pairs headers = {}) {
        const auto response = http_->request(method, target, headers, body);
        Answer answer{response.status, nullptr, response.body, std::string(response.headers["location"])};
        if (response.headers["content-type"].find("json") != std::string_view::npos)
            answer.body = json::parse(response.body, "answer", {.bytes = 1 << 24});
        return answer;
    }
    Answer upload(const std::string& of_version) { return upload(sample(of_version)); }
    Answer upload(const contract::Package& package, const std::string& key = {}) {
        const Bytes tar = registry::write_archive(package);
        http::Pairs headers{{"Authorization", "Bearer " + token_}, {"Content-Type", "application/x-tar"}};
        if (!key.empty()) headers.emplace_back("Idempotency-Key", key);
        return call("POST", "/v1/packages", text_of(tar), headers);
    }
    json::Object document(std::uint64_t nonce) {
        const json::Value attestation = call("GET", "/v1/attestation").body;
        return document_for(call("GET", "/v1/ledger").body, attestation.at("enclaves").as_array().at(0), nonce);
    }
    json::Object document_for(const json::Value& ledger, const json::Value& enclave, std::uint64_t nonce) {
        std::array<std::uint8_t, 16> bytes{};
        std::memcpy(bytes.data(), &nonce, sizeof nonce);
        const auto party = [](std::string_view id, const crypto::PrivateKey& key,
                              const crypto::EncryptionPrivateKey& encryption) {
            return json::Array{json::Object{{"id", id},
                                            {"keys", json::Array{key.public_key().jwk()}},
                                            {"encryption", json::Array{encryption.public_key().jwk()}}}};
        };
        const auto root = crypto::PublicKey::from_jwk(enclave.at("evidence").at("root"), "root").thumbprint();
        SystemClock clock;
        json::Object out{
            {"typ", contract::binding_typ},
            {"version", 1},
            {"nonce", to_base64url(bytes)},
            {"package", sample("1.0.0").id().text()},
            {"record", json::Object{{"chain", ledger.at("chain")},
                                    {"service_key", ledger.at("service_key")},
                                    {"encryption_key", ledger.at("encryption_key")}}},
            {"enclaves", json::Object{{"evidence", json::Array{"development"}},
                                      {"development_roots", json::Array{root.text()}},
                                      {"measurements", json::Array{enclave.at("measurement")}},
                                      {"minimum_svn", 1},
                                      {"isolation", isolation}}},
            {"parties",
             json::Object{{"buyer", party("did:web:buyer.example", world.buyer, world.buyer_encryption)},
                          {"seller", party("did:web:seller.example", world.seller, world.seller_encryption)}}},
            {"sources", json::Object{{"fixing", json::Object{{"id", "did:web:prices.example"},
                                                             {"keys", json::Array{world.feed.public_key().jwk()}}}}}},
            {"ledgers", json::Object{}},
            {"suite", contract::cipher_suite},
            {"amendment",
             json::Object{{"rule", "all"}, {"self", true}, {"meanwhile", "pause"}, {"deadline_hours", 72}}},
            {"expires", format_time(clock.now() + 3'600'000)}};
        client::seal_terms(out, contract::Contract::parse(sample("1.0.0").config).terms,
                           json::Object{{"symbol", "MSFT"},
                                        {"currency", "USD"},
                                        {"effective", "2009-01-01"},
                                        {"maturity", "2010-03-01"},
                                        {"notional", "1000"},
                                        {"strike", "29.50"}},
                           random);
        return out;
    }
    // Proposed by the buyer, countersigned by the seller.
    Hash256 lock(const json::Object& doc) {
        const Answer proposed = call("POST", "/v1/bindings", json::canonical(sign_binding(doc, world.buyer).to_json()));
        EXPECT_EQ(proposed.status, 201) << proposed.text;
        const Hash256 id = crypto::sha256(json::canonical(doc));
        const Answer locked = call("POST", "/v1/bindings/" + id.text() + "/signatures",
                                   json::canonical(sign_binding(doc, world.seller).to_json()));
        EXPECT_EQ(locked.status, 200) << locked.text;
        if (locked.status == 200) {
            EXPECT_EQ(locked.body.at("status").as_string(), "locked");
        }
        return version = binding = id;
    }
    // What the buyer needs to know before it sends: the head, and its audience keys.
    void learn() {
        const Answer first = call("GET", "/v1/bindings/" + binding.text() + "/entries/0");
        ASSERT_EQ(first.status, 200) << first.text;
        keys =
            client::open_audience_keys(first.body.at("document").at("audiences").as_object(), world.buyer_encryption);
        see();
    }
    void see() {
        seen = Hash256::parse(
            std::string_view(call("GET", "/v1/bindings/" + binding.text() + "/state").body.at("entry").as_string()),
            "entry");
    }
    std::string message(const std::string& action, std::int64_t number, const json::Value& body = json::Object{}) {
        contract::Message out;
        out.binding = binding;
        out.version = version;
        out.seen = seen;
        out.ledger = std::string(call("GET", "/v1/ledger").body.at("chain").as_string());
        out.action = action;
        out.number = number;
        out.expires = SystemClock().now() + 3'600'000;
        return client::make_message(out, contract::Contract::parse(sample("1.0.0").config).actions.at(action).message,
                                    body, keys, world.buyer, random);
    }
    std::string fixing(const std::string& date, const std::string& price, std::int64_t number) {
        contract::Observation out;
        out.source = "did:web:prices.example";
        out.number = number;
        out.observed = SystemClock().now();
        out.expires = out.observed + 3'600'000;
        out.body = json::Object{{"symbol", "MSFT"}, {"date", date}, {"price", price}};
        return client::make_observation(out, world.feed);
    }
    Answer send(const std::string& text, http::Pairs headers = {}) {
        headers.emplace_back("Content-Type", "application/jose");
        return call("POST", "/v1/bindings/" + binding.text() + "/messages", text, headers);
    }

    World world;
    SystemRandom random;
    std::string isolation = "shared";
    Hash256 binding, version, seen;
    client::AudienceKeys keys;

  private:
    std::unique_ptr<http::HttpClient> http_;
    std::string token_;
};

}  // namespace concordat::test
