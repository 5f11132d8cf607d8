// concordat-enclave: runs contracts' logic in isolation. Started by a node with a socket at descriptor 3; it has no
// other way in or out.

#include <algorithm>
#include <attest/channel.hpp>
#include <attest/development.hpp>
#include <attest/measurement.hpp>

#include <base/frame.hpp>
#include <base/log.hpp>
#include <csignal>
#include <cstdio>
#include <enclave/core/core.hpp>
#include <ledger/kinds/kinds.hpp>
#include <process/sandbox.hpp>
#include <string_view>
#include <thread>
#include <vault/sealing.hpp>

namespace {

using namespace concordat;

constexpr int socket_fd = 3;
constexpr std::int64_t svn = 1;
constexpr std::int64_t spin_ns = 20'000;
constexpr std::string_view usage =
    "usage: concordat-enclave --attestation FOLDER [--dedicated] [--log-level debug|info|warning|error]";

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
        } else if (argument == "--log-level" && i + 1 < argc) {
            log::set_level(log::level_of(argv[++i]));
        } else {
            throw Error(Code::config, std::string(argument), std::string(usage));
        }
    }
    if (options.attestation.empty()) {
        throw Error(Code::config, "--attestation", std::string(usage));
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

// As many frames as are there, but not without end: what was run meanwhile wants to go out.
constexpr int frames_at_once = 256;

void serve(enclave::Core& core) {
    FrameSocket socket(socket_fd);
    bool closed = false, more = false;
    while (!closed && !core.ended()) {
        std::optional<Frame> frame = more ? socket.try_receive(closed) : receive_soon(socket, closed);
        if (!frame && !more) break;  // the node has gone
        for (int taken = 1; frame; ++taken) {
            core.handle(*frame);
            frame = taken < frames_at_once ? socket.try_receive(closed) : std::nullopt;
        }
        more = core.turn();
        if (const Bytes out = core.take_output(); !out.empty()) socket.send(out);
    }
}

// Two processes share a small machine with this one, so that all its processors are never ours.
std::size_t helper_threads() { return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 2, 4) - 1; }

}  // namespace

int main(int argc, char** argv) {
    log::set_process("enclave");
    std::signal(SIGPIPE, SIG_IGN);
    try {
        const Options options = parse_options(argc, argv);
        SystemClock clock;
        SystemRandom random;
        vault::DevelopmentRoot root(options.attestation);
        const Hash256 measurement = attest::measure_self();
        const std::size_t helpers = helper_threads();  // asks the system, so before the sandbox
        attest::DevelopmentProvider evidence(root.take_key(), measurement, "concordat-enclave", svn, clock);
        enclave::runtime::Engine engine;
        attest::prepare_tls();
        const std::string sandbox = enter_isolation();
        engine.start_ticker();
        enclave::Core core({.dedicated = options.dedicated, .helpers = helpers}, engine, evidence, sandbox, measurement,
                           random, ledger::all_kinds());
        log::info("started", {{"measurement", measurement.text()}, {"dedicated", options.dedicated}});
        serve(core);
        return 0;
    } catch (const Error& error) {
        log::error("failed", {{"code", code_name(error.code())}, {"field", error.field()}, {"rule", error.rule()}});
        return 1;
    }
}
