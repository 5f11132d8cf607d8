// The load of kill.py: two parties to each of some bindings, who send one signed message after the other and repeat the
// same bytes until they are answered. The seller hands its messages in to be run later: once told that they are kept,
// it only asks what became of them. Every answer is written down before the next message is signed.
//
//   fault_load PORT DATA BINDINGS FOLDER     sends until FOLDER/stop exists; answers go to FOLDER/acknowledged, one a
//   line:
//                                            binding role number entry sequence
#include <atomic>
#include <client/documents.hpp>
#include <cstdio>
#include <filesystem>
#include <http/client.hpp>
#include <mutex>
#include <registry/archive.hpp>
#include <registry/build.hpp>
#include <thread>

#include "support/fixture.hpp"

namespace {

using namespace concordat;
namespace fs = std::filesystem;

constexpr int retry_ms = 50;
constexpr int give_up_ms = 60'000;
constexpr TimeMs lifetime_ms = 3'600'000;

contract::Package rogue() {
    enclave::runtime::Engine engine;
    registry::Toolchain toolchain;
    toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
    return registry::build_package(CONCORDAT_SOURCE_DIR "/tests/host/contracts/rogue", toolchain, engine);
}

bool worth_repeating(int status) { return status == 429 || status >= 500; }

// Repeats a request until it is answered for good.
http::ClientResponse insist(http::HttpClient& client, std::string_view method, const std::string& target,
                            const http::Pairs& headers = {}, std::string_view body = {}) {
    const std::int64_t until = monotonic_ns() + give_up_ms * std::int64_t{1'000'000};
    std::string last;
    while (monotonic_ns() < until) {
        try {
            http::ClientResponse response = client.request(method, target, headers, body, 10'000);
            if (!worth_repeating(response.status)) return response;
            last = response.body;
        } catch (const Error& error) {
            last = error.what();
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(retry_ms));
    }
    throw Error(Code::timeout, target, "not answered in a minute, lastly: " + last);
}

json::Value get(http::HttpClient& client, const std::string& target) {
    return json::parse(insist(client, "GET", target).body, target, {.bytes = 1 << 24});
}

struct Load {
    std::uint16_t port;
    fs::path folder;
    contract::Package package = rogue();
    test::World world;
    std::string chain;
    std::FILE* acknowledged = nullptr;
    std::mutex writing;
    std::atomic<bool> failed = false;

    Load(std::uint16_t the_port, fs::path the_folder) : port(the_port), folder(std::move(the_folder)) {}

    struct Bound {
        Hash256 id, entry;
    };

    json::Object document(http::HttpClient& client, std::uint64_t number) {
        const json::Value ledger = get(client, "/v1/ledger");
        const json::Value attestation = get(client, "/v1/attestation");
        const json::Value& enclave = attestation.at("enclaves").as_array().at(0);
        json::Object out = world.first_document();
        chain = ledger.at("chain").as_string();
        out["nonce"] = to_base64url(ByteView(test::hash_of(std::to_string(number)).bytes).first(16));
        out["package"] = package.id().text();
        out["record"] = json::Object{{"chain", ledger.at("chain")},
                                     {"service_key", ledger.at("service_key")},
                                     {"encryption_key", ledger.at("encryption_key")}};
        const auto root = crypto::PublicKey::from_jwk(enclave.at("evidence").at("root"), "root").thumbprint();
        json::Object& enclaves = out["enclaves"].as_object();
        enclaves["development_roots"] = json::Array{root.text()};
        enclaves["measurements"] = json::Array{enclave.at("measurement")};
        out["sources"] = json::Object{};
        out["terms"] = json::Object{};
        out["expires"] = format_time(SystemClock().now() + lifetime_ms);
        return out;
    }

    Bound lock(http::HttpClient& client, std::uint64_t number) {
        const json::Object doc = document(client, number);
        const Hash256 id = crypto::sha256(json::canonical(doc));
        const auto post = [&](const std::string& target, const crypto::PrivateKey& key) {
            const auto answer =
                insist(client, "POST", target, {}, json::canonical(test::sign_binding(doc, key).to_json()));
            if (answer.status >= 300) throw Error(Code::protocol, target, answer.body);
        };
        post("/v1/bindings", world.buyer);
        post("/v1/bindings/" + id.text() + "/signatures", world.seller);
        const json::Value state = get(client, "/v1/bindings/" + id.text() + "/state");
        return {id, Hash256::parse(std::string_view(state.at("entry").as_string()), "entry")};
    }

    static http::ClientResponse post(http::HttpClient& client, const Bound& bound, const std::string& text,
                                     http::Pairs headers) {
        headers.emplace_back("Content-Type", "application/jose");
        return insist(client, "POST", "/v1/bindings/" + bound.id.text() + "/messages", headers, text);
    }
    static json::Value run_now(http::HttpClient& client, const Bound& bound, const std::string& text) {
        const auto answer = post(client, bound, text, {});
        if (answer.status != 200) throw Error(Code::protocol, "message", answer.body);
        return json::parse(answer.body, "answer", {.bytes = 1 << 22});
    }
    static json::Value run_later(http::HttpClient& client, const Bound& bound, const std::string& text) {
        const auto kept = post(client, bound, text, {{"Prefer", "respond-async"}});
        if (kept.status != 202) throw Error(Code::protocol, "message", kept.body);
        const std::string target = "/v1/messages/" + crypto::sha256(text).text() + "?binding=" + bound.id.text();
        const std::int64_t until = monotonic_ns() + give_up_ms * std::int64_t{1'000'000};
        while (monotonic_ns() < until) {
            const auto answer = insist(client, "GET", target);
            if (answer.status >= 300) throw Error(Code::protocol, "a message that was kept", answer.body);
            const json::Value status = json::parse(answer.body, "status", {.bytes = 1 << 22});
            if (status.at("status").as_string() == "failed")
                throw Error(Code::protocol, "a message that was kept", answer.body);
            if (status.at("status").as_string() == "done") return status.at("answer");
            std::this_thread::sleep_for(std::chrono::milliseconds(retry_ms));
        }
        throw Error(Code::timeout, target, "kept, and not run in a minute");
    }

    void send_as(const std::string& role, const crypto::PrivateKey& key, const Bound& bound) try {
        http::HttpClient client("127.0.0.1", port);
        SystemRandom random;
        SystemClock clock;
        const contract::Contract contract = contract::Contract::parse(package.config);
        contract::Message message;
        message.binding = message.version = bound.id;
        message.seen = bound.entry;
        message.ledger = chain;
        message.action = "poke";
        const json::Object body{{"way", "nothing"}};
        while (!failed && !fs::exists(folder / "stop")) {
            ++message.number;
            message.expires = clock.now() + lifetime_ms;
            const std::string text =
                client::make_message(message, contract.actions.at("poke").message, body, {}, key, random);
            const json::Value entry = role == "seller" ? run_later(client, bound, text) : run_now(client, bound, text);
            message.seen = Hash256::parse(std::string_view(entry.at("entry").as_string()), "entry");
            const std::lock_guard guard(writing);
            std::fprintf(acknowledged, "%s %s %lld %s %lld\n", bound.id.text().c_str(), role.c_str(),
                         static_cast<long long>(message.number), message.seen.text().c_str(),
                         static_cast<long long>(entry.at("sequence").as_int64()));
            std::fflush(acknowledged);
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s: %s\n", role.c_str(), error.what());
        failed = true;
    }

    int run(const std::string& token, std::uint64_t bindings) {
        http::HttpClient client("127.0.0.1", port);
        const Bytes tar = registry::write_archive(package);
        const auto uploaded =
            insist(client, "POST", "/v1/packages",
                   {{"Authorization", "Bearer " + token}, {"Content-Type", "application/x-tar"}}, text_of(tar));
        if (uploaded.status >= 300) throw Error(Code::protocol, "/v1/packages", uploaded.body);
        std::vector<Bound> bound;
        for (std::uint64_t i = 0; i < bindings; ++i) bound.push_back(lock(client, i));
        acknowledged = std::fopen((folder / "acknowledged").c_str(), "a");
        std::puts("ready");
        std::fflush(stdout);
        std::vector<std::thread> senders;
        for (const Bound& one : bound) {
            senders.emplace_back([&] { send_as("buyer", world.buyer, one); });
            senders.emplace_back([&] { send_as("seller", world.seller, one); });
        }
        for (std::thread& sender : senders) sender.join();
        std::fclose(acknowledged);
        return failed ? 1 : 0;
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 5) {
        std::fprintf(stderr, "usage: fault_load PORT DATA BINDINGS FOLDER\n");
        return 2;
    }
    try {
        Load load(static_cast<std::uint16_t>(std::stoi(argv[1])), argv[4]);
        return load.run(read_text_file(fs::path(argv[2]) / "operator.token"), std::stoull(argv[3]));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
}
