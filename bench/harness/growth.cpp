// What many bindings cost: a message to one of 100,000 against one of 100, and starting a node that has them.
#include <base/error.hpp>

#include "measurements.hpp"
#include "node_process.hpp"

namespace concordat::bench {

namespace {

constexpr std::size_t touched = 100;

struct Latencies {
    std::vector<double> first, later;  // µs; the first message to a binding loads it into the enclave
    double start_seconds = 0;
};

double send_one(http::HttpClient& client, Agreement& agreement, const Prepared& prepared, const Senders& senders) {
    const std::string text = make_delivery(agreement, prepared.platform, senders, 0);
    const std::string target = "/v1/bindings/" + agreement.id.text() + "/messages";
    const std::int64_t began = monotonic_ns();
    const http::ClientResponse response = client.request("POST", target, {{"Content-Type", "application/jose"}}, text);
    const double took = seconds_since(began) * 1e6;
    if (response.status != 200) throw http::error_of(response);
    return took;
}

// A node that holds `agreements`, of which every n-th is written to.
class Side {
  public:
    Side(const std::filesystem::path& data, std::size_t bindings, const Senders& senders)
        : senders_(senders), prepared_(prepare(data, bindings, senders)) {
        {
            NodeProcess first(data);
        }  // its index is made from the ledger, once
        node_.emplace(data);
        client_.emplace("127.0.0.1", node_->port());
        latencies.start_seconds = node_->start_seconds();
    }
    void send(std::size_t i) {
        Agreement& agreement = prepared_.agreements[i * (prepared_.agreements.size() / touched)];
        const bool first = latencies.first.size() < touched;
        (first ? latencies.first : latencies.later).push_back(send_one(*client_, agreement, prepared_, senders_));
    }
    std::size_t bindings() const { return prepared_.agreements.size(); }
    Latencies latencies;

  private:
    const Senders& senders_;
    Prepared prepared_;
    std::optional<NodeProcess> node_;
    std::optional<http::HttpClient> client_;
};

}  // namespace

Results measure_growth(const Options& options) {
    const Senders senders(1);
    Side few(options.scratch / "few", touched, senders);
    const std::int64_t began = monotonic_ns();
    Side many(options.scratch / "many", options.many_bindings, senders);
    const std::string made = std::to_string(many.bindings()) + " bindings, locked by an enclave and indexed in " +
                             std::to_string(static_cast<int>(seconds_since(began))) + " s";
    for (std::size_t i = 0; i < 6 * touched; ++i) {  // in turns, so that neither has the quieter machine
        few.send(i % touched);
        many.send(i % touched);
    }
    return {{.name = "binding_growth",
             .value = quantile(many.latencies.later, 0.5),
             .unit = "us",
             .bound = quantile(few.latencies.later, 0.5),
             .target = 1.2,
             .at_most = true,
             .note = "median of a message to bindings that the enclave holds; " + made},
            {.name = "binding_first_touch",
             .value = quantile(many.latencies.first, 0.5),
             .unit = "us",
             .bound = quantile(few.latencies.first, 0.5),
             .note = "median of the first message to a binding, which loads it into the enclave"},
            {.name = "node_start_100k",
             .value = many.latencies.start_seconds,
             .unit = "s",
             .target = 2,
             .at_most = true,
             .note = "from starting the process to /readyz, " + std::to_string(many.bindings()) + " bindings"}};
}

}  // namespace concordat::bench
