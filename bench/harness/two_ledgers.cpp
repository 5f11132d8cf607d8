// A message with an effect on another ledger: a private entry and a call on anvil, both or neither, over a real node.
// Against the same chain's calls without anything in between.
#include <registry/archive.hpp>

#include "evm_load.hpp"
#include "load_client.hpp"
#include "measurements.hpp"
#include "node_process.hpp"
#include "payments.hpp"

namespace concordat::bench {

namespace {

constexpr int latency_messages = 100;

// One party's bindings, each with an account of its own, on a node that reaches the chain.
class Payments {
  public:
    Payments(const std::filesystem::path& data, const evm::NetworkDescription& network, std::size_t count)
        : node_(data), client_("127.0.0.1", node_.port()) {
        call("POST", "/v1/packages", text_of(registry::write_archive(payment_package())), "application/x-tar");
        call("PUT", "/v1/ledgers/" + network.chain.text(), ledger_settings(network), "application/json");
        evm::PlainClient chain(network.ports.front());
        for (std::size_t i = 0; i < count; ++i) lock(network, chain, i);
    }

    std::uint16_t port() const { return node_.port(); }
    std::map<std::string, double> cpu_seconds() const { return node_.cpu_seconds(); }
    std::size_t size() const { return bindings_.size(); }
    // One payment, to be answered when its outcome is recorded.
    std::string request(std::size_t index) {
        Agreement& binding = bindings_[index];
        const std::string body = make_payment(binding, chain_, payer_);
        std::string out = post_request("/v1/bindings/" + binding.id.text() + "/messages", body);
        return out.insert(out.find("Content-Type"), "Prefer: wait=20\r\n");
    }
    // Throws unless the answer says that the payment is committed.
    void answered(std::size_t index, int status, std::string_view body) {
        const json::Value answer = json::parse(body, "answer");
        if (status != 200 || answer.at("status").as_string() != "committed") {
            throw Error(Code::internal, "/payment", std::string(body));
        }
        bindings_[index].seen = Hash256::parse(answer.at("entry").as_string(), "entry");
    }

  private:
    json::Value call(std::string_view method, const std::string& target, std::string_view body = {},
                     std::string_view type = {}) {
        http::Pairs headers{{"Authorization", "Bearer " + node_.token()}};
        if (!type.empty()) headers.emplace_back("Content-Type", std::string(type));
        const http::ClientResponse response = client_.request(method, target, headers, body);
        if (response.status > 299) throw http::error_of(response);
        return json::parse(response.body, "answer", {.bytes = std::size_t{16} << 20, .depth = 64});
    }

    void lock(const evm::NetworkDescription& network, evm::PlainClient& chain, std::size_t index) {
        const json::Value ledger = call("GET", "/v1/ledger"), attestation = call("GET", "/v1/attestation");
        const json::Value& enclave = attestation.at("enclaves").at(0);
        const auto root = crypto::PublicKey::from_jwk(enclave.at("evidence").at("root"), "root").thumbprint();
        chain_ = ledger.at("chain").as_string();
        const Platform platform{
            .chain = chain_,
            .service_key = crypto::PublicKey::from_jwk(ledger.at("service_key"), "service_key"),
            .encryption_key = crypto::EncryptionPublicKey::from_jwk(ledger.at("encryption_key"), "encryption_key"),
            .measurement = Hash256::parse(enclave.at("measurement").as_string(), "measurement"),
            .root = root};
        Agreement binding = make_payment_agreement(platform, payer_, network, "bench-" + std::to_string(index));
        call("POST", "/v1/bindings", text_of(binding.jws), "application/jose+json");
        const std::string url = "/v1/bindings/" + binding.id.text();
        binding.seen = Hash256::parse(call("GET", url).at("entry").as_string(), "entry");
        const json::Value accounts = call("GET", url + "/accounts");
        chain.ask("anvil_setBalance",
                  {accounts.at("accounts").at(0).at("account"), json::Value("0xd3c21bcecceda1000000")});
        bindings_.push_back(binding);
    }

    NodeProcess node_;
    http::HttpClient client_;
    std::string chain_;
    Payer payer_;
    std::vector<Agreement> bindings_;
};

double chain_cpu(const evm::NetworkDescription& network) {
    double out = 0;
    for (const evm::NodeProcess& node : network.nodes) out += cpu_seconds_of(node.pid);
    return out;
}

// Processor time of what a payment keeps busy, by program.
std::map<std::string, double> cpu_of(const Payments& payments, const evm::NetworkDescription& network) {
    std::map<std::string, double> out = payments.cpu_seconds();
    out["chain"] = chain_cpu(network);
    out["this"] = cpu_seconds_of(::getpid());
    return out;
}

// Committed payments a second, one at a time in each binding.
double payment_rate(Payments& payments, double seconds, std::size_t& count) {
    const std::int64_t began = monotonic_ns();
    const std::size_t before = count;
    LoadClient load(payments.port(), payments.size());
    load.run(
        [&](std::size_t index) { return seconds_since(began) < seconds ? payments.request(index) : std::string(); },
        [&](std::size_t index, int status, std::string_view body) {
            payments.answered(index, status, body);
            ++count;
        });
    return static_cast<double>(count - before) / seconds_since(began);
}

std::vector<double> payment_latencies(Payments& payments) {
    std::vector<double> out;
    std::int64_t began = 0;
    LoadClient load(payments.port(), 1);
    load.run(
        [&](std::size_t) {
            if (out.size() == latency_messages) return std::string();
            std::string request = payments.request(0);
            began = monotonic_ns();
            return request;
        },
        [&](std::size_t, int status, std::string_view body) {
            out.push_back(seconds_since(began) * 1e3);
            payments.answered(0, status, body);
        });
    return out;
}

}  // namespace

Results measure_two_ledgers(const Options& options) {
    const evm::Network network = start_anvil(options.scratch / "two-ledgers-anvil");
    evm::PlainClient client(network.description().ports.front());
    std::vector<Account> accounts = make_accounts(client, network.description().chain.text());
    Payments payments(options.scratch / "two-ledgers", network.description(), account_count);
    std::vector<double> bare, both;
    std::map<std::string, double> cpu;
    double bare_cpu = 0;
    std::size_t count = 0;
    for (int i = 0; i < rounds; ++i) {
        const double chain_before = chain_cpu(network.description());
        const double bare_seconds = options.seconds / rounds;
        bare.push_back(bare_rate(accounts, network.description().ports.front(), bare_seconds));
        bare_cpu += (chain_cpu(network.description()) - chain_before) / (bare.back() * bare_seconds * rounds);
        for (const auto& [name, used] : cpu_of(payments, network.description())) cpu[name] -= used;
        both.push_back(payment_rate(payments, options.seconds / rounds, count));
        for (const auto& [name, used] : cpu_of(payments, network.description())) cpu[name] += used;
    }
    std::string busy = "the chain's own " + std::to_string(bare_cpu * 1e3) + "; ";
    for (const auto& [name, used] : cpu) {
        busy += name + " " + std::to_string(used * 1e3 / static_cast<double>(count)) + " ";
    }
    std::vector<double> alone;
    for (int i = 0; i < latency_messages; ++i) alone.push_back(bare_latency_ms(accounts.front(), client));
    const double added = quantile(payment_latencies(payments), 0.5) - quantile(alone, 0.5);
    return {
        {.name = "two_ledger_rate",
         .value = quantile(both, 0.5),
         .unit = "1/s",
         .bound = quantile(bare, 0.5),
         .target = 0.7,
         .note = "messages committed on the record ledger and on anvil, 16 bindings with an account each; bound: the "
                 "chain's own rate, as for evm_confirm_rate; medians of 3. Processor time of one, in ms: " +
                 busy},
        {.name = "coordination_latency",
         .value = added,
         .unit = "ms",
         .target = 10,
         .at_most = true,
         .note = "from a message's arrival to its recorded outcome, less the chain's own confirmation (" +
                 std::to_string(quantile(alone, 0.5)) + " ms); medians of 100"}};
}

}  // namespace concordat::bench
