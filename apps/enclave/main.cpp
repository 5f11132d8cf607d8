// concordat-enclave: runs contracts' logic in isolation. Started by a node with a socket at descriptor 3; it has no
// other way in or out.
#include <malloc.h>

#include <poll.h>
#include <attest/channel.hpp>
#include <attest/development.hpp>
#include <attest/measurement.hpp>

#include <base/frame.hpp>
#include <base/log.hpp>
#include <csignal>
#include <cstdio>
#include <enclave/core/core.hpp>
#include <process/sandbox.hpp>
#include <string_view>
#include <vault/sealing.hpp>

namespace {

using namespace concordat;

constexpr int socket_fd = 3;
constexpr std::int64_t svn = 1;
constexpr std::int64_t spin_ns = 20'000;

struct Options {
    std::string attestation;
    bool dedicated = false;
};

Options parse_options(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--dedicated") {
            options.dedicated = true;
        } else if (argument == "--attestation" && i + 1 < argc) {
            options.attestation = argv[++i];
        } else {
            throw Error(Code::config, std::string(argument),
                        "usage: concordat-enclave --attestation FOLDER [--dedicated]");
        }
    }
    if (options.attestation.empty()) {
        throw Error(Code::config, "--attestation", "usage: concordat-enclave --attestation FOLDER [--dedicated]");
    }
    return options;
}

std::string enter_isolation() {
    const process::SandboxReport report = process::enter_sandbox(process::enclave_rules());
    json::Object measures;
    for (const auto& [measure, state] : report.measures) measures[measure] = state;
    measures["hardware"] = "not available: development attestation, not hardware-protected";
    if (!report.held("seccomp") || !report.held("no_new_privs")) log::warning("isolation_incomplete", {});
    log::info("isolation", {{"measures", report.text()}, {"hardware_protected", false}});
    return json::canonical(measures);
}

// Waking from sleep costs more than a short message takes to run: look again for a moment before sleeping.
std::optional<Frame> receive_soon(FrameSocket& socket, bool& closed) {
    const std::int64_t until = monotonic_ns() + spin_ns;
    do {
        if (std::optional<Frame> frame = socket.try_receive(closed); frame || closed) return frame;
    } while (monotonic_ns() < until);
    return socket.receive();
}

void serve(enclave::Core& core) {
    FrameSocket socket(socket_fd);
    bool closed = false;
    while (!closed && !core.ended()) {
        std::optional<Frame> frame = receive_soon(socket, closed);
        if (!frame) break;  // the node has gone
        do {
            core.handle(*frame);
            frame = socket.try_receive(closed);
        } while (frame);
        core.flush();
        if (const Bytes out = core.take_output(); !out.empty()) socket.send(out);
    }
}

}  // namespace

int main(int argc, char** argv) {
    log::set_process("enclave");
    // Batches are a megabyte or so: by default each would be mapped, faulted in page by page and unmapped again.
    ::mallopt(M_MMAP_THRESHOLD, 64 << 20);
    ::mallopt(M_TRIM_THRESHOLD, 64 << 20);
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const Options options = parse_options(argc, argv);
        SystemClock clock;
        SystemRandom random;
        vault::DevelopmentRoot root(options.attestation);
        const Hash256 measurement = attest::measure_self();
        attest::DevelopmentProvider evidence(root.take_key(), measurement, "concordat-enclave", svn, clock);
        enclave::runtime::Engine engine;
        attest::prepare_tls();
        const std::string sandbox = enter_isolation();
        engine.start_ticker();
        enclave::Core core({.dedicated = options.dedicated}, engine, evidence, sandbox, measurement, random);
        log::info("started", {{"measurement", measurement.text()}, {"dedicated", options.dedicated}});
        serve(core);
        return 0;
    } catch (const Error& error) {
        log::error("failed", {{"code", code_name(error.code())}, {"field", error.field()}, {"rule", error.rule()}});
        return 1;
    }
}
