// concordat-ledger: the record ledger of a node's bindings, and the authority over their keys. Started by a node with a
// socket at descriptor 3; it has its own folder and no other way in or out.
//
//   concordat-ledger --data FOLDER --attestation FOLDER [--spin-us N]
//   concordat-ledger --data FOLDER --attestation FOLDER --audit      reads the whole log and says what it found
#include <malloc.h>

#include <poll.h>
#include <sys/stat.h>
#include <attest/channel.hpp>
#include <attest/development.hpp>
#include <attest/measurement.hpp>

#include <base/file.hpp>
#include <base/frame.hpp>
#include <base/log.hpp>
#include <base/memory.hpp>
#include <charconv>
#include <csignal>
#include <cstdio>
#include <ledger/confidential/core/service.hpp>
#include <process/sandbox.hpp>
#include <utility>
#include <vault/sealing.hpp>

namespace {

using namespace concordat;
namespace ccl = ledger::confidential;

constexpr int socket_fd = 3;
constexpr std::int64_t svn = 1;
constexpr int poll_ms = 1000;  // bounds how late a SIGTERM that arrives just before the wait is noticed
constexpr std::size_t max_output = std::size_t{16} << 20;
constexpr std::string_view usage =
    "usage: concordat-ledger --data FOLDER --attestation FOLDER [--audit] [--spin-us N] [--log-level "
    "debug|info|warning|error]";

volatile std::sig_atomic_t terminate_asked = 0;

struct Options {
    std::string data, attestation;
    bool audit = false;
    std::int64_t spin_us = 20;
};

Options parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const bool has_value = i + 1 < argc;
        if (argument == "--audit") {
            options.audit = true;
        } else if (argument == "--data" && has_value) {
            options.data = argv[++i];
        } else if (argument == "--attestation" && has_value) {
            options.attestation = argv[++i];
        } else if (argument == "--log-level" && has_value) {
            log::set_level(log::level_of(argv[++i]));
        } else if (argument == "--spin-us" && has_value) {
            const std::string_view value = argv[++i];
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.spin_us);
            if (error != std::errc() || end != value.data() + value.size() || options.spin_us < 0 ||
                options.spin_us > 1000) {
                throw Error(Code::config, "--spin-us", "must be a number from 0 to 1000");
            }
        } else {
            throw Error(Code::config, std::string(argument), std::string(usage));
        }
    }
    if (options.data.empty()) throw Error(Code::config, "--data", std::string(usage));
    if (options.attestation.empty()) throw Error(Code::config, "--attestation", std::string(usage));
    return options;
}

std::string enter_isolation(const std::string& folder) {
    const process::SandboxReport report = process::enter_sandbox(process::ledger_rules(folder));
    json::Object measures;
    for (const auto& [measure, state] : report.measures) measures[measure] = state;
    measures["hardware"] = "not available: development attestation, not hardware-protected";
    log::info("isolation", {{"measures", report.text()}, {"hardware_protected", false}});
    return json::canonical(measures);
}

// Waking from sleep costs more than a short message takes: look again for a moment before sleeping.
std::optional<Frame> receive_soon(FrameSocket& socket, bool& closed, bool& worked, std::int64_t spin_ns) {
    const std::int64_t until = monotonic_ns() + spin_ns;
    do {
        if (auto frame = socket.try_receive(closed); frame || closed) return frame;
    } while (monotonic_ns() < until);
    pollfd entry{socket_fd, POLLIN, 0};
    if (::poll(&entry, 1, poll_ms) == 0 && std::exchange(worked, false)) give_memory_back();
    return socket.try_receive(closed);
}

void send_output(FrameSocket& socket, ccl::Service& service) {
    if (const Bytes out = service.take_output(); !out.empty()) socket.send(out);
}

void serve(ccl::Service& service, std::int64_t spin_ns) {
    FrameSocket socket(socket_fd);
    bool closed = false, worked = true;
    while (!closed && !service.stopped() && terminate_asked == 0) {
        auto frame = receive_soon(socket, closed, worked, spin_ns);
        if (frame) worked = true;
        while (frame && !service.stopped()) {
            service.handle(*frame);
            if (service.full()) service.flush();
            if (service.output_bytes() > max_output) send_output(socket, service);
            frame = socket.try_receive(closed);
        }
        service.flush();
        send_output(socket, service);
    }
}

int audit(const ccl::Ports& ports) {
    const ccl::AuditReport report = ccl::RecordLedger::audit(ports);
    std::printf("%s\n", json::canonical(json::Object{{"entries", report.entries},
                                                     {"bindings", report.bindings},
                                                     {"commits", report.commits},
                                                     {"segments", report.segments},
                                                     {"unfinished_bytes", report.cut_bytes},
                                                     {"root", report.root.text()}})
                            .c_str());
    return 0;
}

int run(const Options& options) {
    if (!options.audit) std::filesystem::create_directories(options.data);
    ::chmod(options.data.c_str(), 0700);
    const UniqueFd lock = lock_folder(options.data);
    SystemClock clock;
    SystemRandom random;
    vault::DevelopmentSealing sealing(options.attestation, random);
    ccl::FolderDisk disk(options.data);
    const ccl::Ports ports{disk, clock, random, [&](std::string_view purpose) { return sealing.sealing_key(purpose); }};
    if (options.audit) return audit(ports);

    vault::DevelopmentRoot root(options.attestation);
    const Hash256 measurement = attest::measure_self();
    attest::DevelopmentProvider provider(root.take_key(), measurement, "concordat-ledger", svn, clock);
    attest::prepare_tls();
    const std::string sandbox = enter_isolation(options.data);
    ccl::RecordLedger ledger(ports);
    const std::string evidence = json::canonical(provider.make(ccl::ledger_report_data(ledger.service_key())));
    ccl::Service service(ledger, provider, {evidence, sandbox});
    log::info("started", {{"measurement", measurement.text()}, {"chain", ledger.chain()}, {"entries", ledger.size()}});
    try {
        serve(service, options.spin_us * 1000);
    } catch (const Error& error) {
        log::warning("node_gone", {{"why", error.what()}});
    }
    if (!ledger.halted()) ledger.snapshot();
    log::info("stopped", {{"entries", ledger.size()}});
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    log::set_process("ledger");
    // Batches are a megabyte or so: by default each would be mapped, faulted in page by page and unmapped again.
    ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGXFSZ, SIG_IGN);  // a log at its size limit is a failed write, answered as such
    struct sigaction action{};
    action.sa_handler = [](int) { terminate_asked = 1; };
    ::sigaction(SIGTERM, &action, nullptr);
    try {
        return run(parse_options(argc, argv));
    } catch (const Error& error) {
        log::error("failed", {{"code", code_name(error.code())}, {"field", error.field()}, {"rule", error.rule()}});
        return 1;
    }
}
