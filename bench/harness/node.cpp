// A real node over HTTP: sustained load, one hot binding, low load, and what can be read and audited afterwards.
#include <fcntl.h>
#include <unistd.h>

#include <base/error.hpp>
#include <charconv>
#include <ledger/confidential/core/ledger.hpp>
#include <numeric>
#include <proof/verify.hpp>
#include <thread>
#include <vault/sealing.hpp>

#include "load_client.hpp"
#include "measurements.hpp"
#include "node_process.hpp"

namespace concordat::bench {

namespace {

namespace ccl = ledger::confidential;

// The text of a member of an answer whose members do not repeat: enough for our own node's answers, and cheap.
std::string_view member_of(std::string_view body, std::string_view name) {
    const std::string quoted = "\"" + std::string(name) + "\":";
    std::size_t at = body.find(quoted);
    if (at == std::string_view::npos) throw Error(Code::protocol, "/node", "an answer without " + std::string(name));
    at += quoted.size();
    if (body[at] == '"') ++at;
    return body.substr(at, body.find_first_of(",}\"", at) - at);
}

void require_ok(int status, std::string_view body) {
    if (status != 200)
        throw Error(Code::unavailable, "/node",
                    "answered " + std::to_string(status) + ": " + std::string(body.substr(0, 300)));
}

std::string target_of(const Agreement& agreement) { return "/v1/bindings/" + agreement.id.text() + "/messages"; }

// One fdatasync after an append of 4 KiB, in µs.
class SyncProbe {
  public:
    explicit SyncProbe(const std::filesystem::path& file)
        : fd_(::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600)) {}
    double once() {
        const std::int64_t began = monotonic_ns();
        if (::write(fd_.get(), block_.data(), block_.size()) < 0 || ::fdatasync(fd_.get()) != 0)
            throw Error(Code::disk, "bench", "fdatasync");
        return seconds_since(began) * 1e6;
    }

  private:
    UniqueFd fd_;
    Bytes block_ = Bytes(4096, 0x5a);
};

// Processor time of a message in each process.
class CpuMeter {
  public:
    explicit CpuMeter(const NodeProcess& node) : node_(&node) {}
    void begin() { before_ = now(); }
    void end() {
        for (const auto& [name, seconds] : now()) used_[name] += seconds - before_[name];
    }
    std::string note(std::uint64_t messages) const {
        std::string out = "processor time of one message:";
        for (const auto& [name, seconds] : used_) {
            out += " " + name + " " + std::to_string(static_cast<int>(seconds / static_cast<double>(messages) * 1e6));
        }
        return out + " us";
    }

  private:
    std::map<std::string, double> now() const {
        auto all = node_->cpu_seconds();
        all["client"] = cpu_seconds_of(::getpid());
        return all;
    }
    const NodeProcess* node_;
    std::map<std::string, double> before_, used_;
};

struct World {
    std::filesystem::path data;
    Senders two{2}, many{64};
    Prepared prepared;
    std::optional<NodeProcess> node;
    VerificationBound bound;
    std::uint64_t accepted = 0;
    double message_bytes = 0;
};

// 64 bindings, two senders each, messages signed before each round; only the rounds are timed.
Result durable_rate(World& w, double seconds) {
    constexpr std::size_t bindings = 64, senders = 2,
                          each = 14;  // 28 entries of a binding in a round: `seen` is not too old
    LoadClient client(w.node->port(), bindings * senders);
    CpuMeter cpu(*w.node);
    double wall = 0;
    std::uint64_t done = 0;
    for (int round = 0; wall < seconds && round < 200; ++round) {
        std::vector<std::vector<std::string>> requests(bindings * senders);
        for (std::size_t i = 0; i < bindings; ++i) {
            Agreement& agreement = w.prepared.agreements[i];
            const std::int64_t first = agreement.next_number;  // each key counts for itself
            for (std::size_t s = 0; s < senders; ++s) {
                agreement.next_number = first;
                for (std::size_t n = 0; n < each; ++n) {
                    const std::string text = make_delivery(agreement, w.prepared.platform, w.two, s);
                    w.message_bytes = static_cast<double>(text.size());
                    requests[i * senders + s].push_back(post_request(target_of(agreement), text));
                }
            }
        }
        w.bound.measure(0.1);
        std::vector<std::size_t> at(requests.size());
        std::vector<std::string> newest(bindings);
        std::vector<std::uint64_t> sequence(bindings);
        cpu.begin();
        const std::int64_t began = monotonic_ns();
        client.run([&](std::size_t c) { return at[c] < each ? std::move(requests[c][at[c]++]) : std::string(); },
                   [&](std::size_t c, int status, std::string_view body) {
                       require_ok(status, body);
                       if (at[c] < each) return;
                       const std::string_view text = member_of(body, "sequence");
                       std::uint64_t n = 0;
                       std::from_chars(text.data(), text.data() + text.size(), n);
                       if (n < sequence[c / senders]) return;
                       sequence[c / senders] = n;
                       newest[c / senders] = member_of(body, "entry");
                   });
        const double took = seconds_since(began);
        w.accepted += requests.size() * each;
        for (std::size_t i = 0; i < bindings; ++i) w.prepared.agreements[i].seen = Hash256::parse(newest[i], "/entry");
        if (round == 0) continue;  // loads the bindings into the enclave
        cpu.end();
        wall += took;
        done += requests.size() * each;
    }
    return {
        .name = "http_durable_rate",
        .value = static_cast<double>(done) / wall,
        .unit = "1/s",
        .bound = w.bound.per_second(),
        .target = 0.3,
        .note =
            "64 bindings, 128 keep-alive connections with one message each under way, messages signed beforehand; " +
            cpu.note(done)};
}

// One binding that 64 keys write to, one message of each under way. Signed as it goes: what a message has seen must be
// among the last 64 entries.
Result hot_rate(World& w, double seconds) {
    const std::size_t senders = w.many.buyers.size();
    LoadClient client(w.node->port(), senders);
    Agreement& hot = w.prepared.agreements.back();
    std::vector<std::int64_t> numbers(senders, 1);
    std::uint64_t newest = 0, done = 0;
    double wall = 0;
    CpuMeter cpu(*w.node);
    for (const double portion : {seconds / 8, seconds}) {
        w.bound.measure(0.2);
        done = 0;
        cpu = CpuMeter(*w.node);
        cpu.begin();
        const std::int64_t began = monotonic_ns();
        client.run(
            [&](std::size_t s) {
                if (seconds_since(began) > portion) return std::string();
                hot.next_number = numbers[s]++;
                return post_request(target_of(hot), make_delivery(hot, w.prepared.platform, w.many, s));
            },
            [&](std::size_t, int status, std::string_view body) {
                require_ok(status, body);
                ++done;
                ++w.accepted;
                const std::string_view text = member_of(body, "sequence");
                std::uint64_t n = 0;
                std::from_chars(text.data(), text.data() + text.size(), n);
                if (n < newest) return;
                newest = n;
                hot.seen = Hash256::parse(member_of(body, "entry"), "/entry");
            });
        wall = seconds_since(began);
        cpu.end();
    }
    return {.name = "hot_binding_rate",
            .value = static_cast<double>(done) / wall,
            .unit = "1/s",
            .bound = w.bound.per_second(),
            .target = 0.2,
            .note =
                "one binding, 64 senders with one message each under way, each signed by the client when the last "
                "answer is there; " +
                cpu.note(done)};
}

Results low_load(World& w) {
    http::HttpClient client("127.0.0.1", w.node->port());
    SyncProbe probe(w.data / "probe");
    Agreement& agreement = w.prepared.agreements[1];
    agreement.next_number += 1'000'000;
    std::vector<double> ours, sync;
    for (int i = 0; i < 320; ++i) {
        const std::string text = make_delivery(agreement, w.prepared.platform, w.two, 0);
        const std::string target = target_of(agreement);
        const std::int64_t began = monotonic_ns();
        const http::ClientResponse response =
            client.request("POST", target, {{"Content-Type", "application/jose"}}, text);
        const double took = seconds_since(began) * 1e6;
        require_ok(response.status, response.body);
        agreement.seen = Hash256::parse(member_of(response.body, "entry"), "/entry");
        ++w.accepted;
        const double one = probe.once();
        if (i < 20) continue;
        ours.push_back(took);
        sync.push_back(one);
    }
    std::filesystem::remove(w.data / "probe");
    return {
        {.name = "low_load_p50",
         .value = quantile(ours, 0.5),
         .unit = "us",
         .bound = quantile(sync, 0.5),
         .target = 5,
         .at_most = true,
         .note =
             "one client, one message at a time; bound: fdatasync after 4 KiB appended, in turns with the messages"},
        {.name = "low_load_p99",
         .value = quantile(ours, 0.99),
         .unit = "us",
         .bound = quantile(sync, 0.99),
         .note = {}}};
}

Result verify_rate(World& w) {
    http::HttpClient client("127.0.0.1", w.node->port());
    const http::ClientResponse response =
        client.request("GET", "/v1/bindings/" + w.prepared.agreements[1].id.text() + "/entries/5/receipt");
    require_ok(response.status, response.body);
    proof::TrustFile trust;
    trust.ledgers.push_back({w.prepared.platform.chain, w.prepared.platform.service_key});
    trust.development_roots.push_back(w.prepared.platform.root);
    trust.measurements.push_back(w.prepared.platform.measurement);
    trust.minimum_svn = 1;
    trust.allow_development = true;
    trust.allow_asserted = {"clock", "rollback"};
    // The ledger's evidence names its own measurement.
    const json::Value receipt = json::parse(response.body, "receipt", {.bytes = std::size_t{16} << 20});
    const auto ledger = attest::verify_evidence(receipt.at("ledger").at("evidence"), "/ledger/evidence");
    trust.measurements.push_back(ledger.measurement);
    const proof::Verdict verdict = proof::verify(response.body, trust, {});
    if (!verdict.holds) throw Error(Code::bad_receipt, "/receipt", proof::render_text(verdict));
    int done = 0;
    const std::int64_t began = monotonic_ns();
    for (; seconds_since(began) < 1.0; ++done) proof::verify(response.body, trust, {});
    const double rate = done / seconds_since(began);
    // Signatures in it: two of the binding, the message's, and of both entries claim and ledger receipt; the ledger's
    // identity and two reports of the development root.
    constexpr double signatures = 2 + 1 + 4 + 1 + 2;
    return {.name = "receipt_verify_rate",
            .value = rate,
            .unit = "1/s",
            .bound = w.bound.per_second() / signatures,
            .note = "against the ten signatures in it; receipt of " + std::to_string(response.body.size()) + " bytes"};
}

Result audit_rate(World& w) {
    SystemClock clock;
    SystemRandom random;
    vault::DevelopmentSealing sealing(w.data / "attestation", random);
    ccl::FolderDisk disk(w.data / "ledger");
    const std::int64_t began = monotonic_ns();
    const ccl::AuditReport report = ccl::RecordLedger::audit(
        ccl::Ports{disk, clock, random, [&](std::string_view purpose) { return sealing.sealing_key(purpose); }});
    return {.name = "ledger_audit_rate",
            .value = static_cast<double>(report.entries) / seconds_since(began),
            .unit = "1/s",
            .bound = w.bound.per_second(),
            .note = std::to_string(report.entries) + " entries in " + std::to_string(report.commits) + " commits"};
}

}  // namespace

Results measure_node(const Options& options) {
    World w;
    w.data = options.scratch / "node";
    w.prepared = prepare(w.data, 64, w.two);
    Prepared hot = prepare(w.data, 1, w.many);
    w.prepared.agreements.push_back(std::move(hot.agreements.at(0)));
    w.node.emplace(w.data);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    Results out;
    const Result memory{.name = "idle_memory",
                        .value = w.node->memory_mib(),
                        .unit = "MiB",
                        .note = "proportional set size of node, ledger and one enclave, started, 65 bindings"};
    const double before = folder_bytes(w.data);
    out.push_back(durable_rate(w, options.seconds));
    out.push_back(hot_rate(w, options.seconds));
    for (Result& result : low_load(w)) out.push_back(std::move(result));
    out.push_back(verify_rate(w));
    out.push_back(memory);
    w.node->stop();
    out.push_back({.name = "disk_bytes_per_message",
                   .value = (folder_bytes(w.data) - before) / static_cast<double>(w.accepted),
                   .unit = "bytes",
                   .bound = w.message_bytes,
                   .note = "ledger, index and everything else, against the signed message"});
    out.push_back(audit_rate(w));
    return out;
}

}  // namespace concordat::bench
