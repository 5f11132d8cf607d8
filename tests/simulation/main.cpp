// simulate [--seeds N] [--first S] [--skip KIND | --fault NAME] [--seed S --trace]
#include <fmt/core.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <string_view>
#include <thread>

#include "world.hpp"

namespace {

using namespace concordat;
using namespace concordat::simulation;

struct Arguments {
    std::uint64_t first = 1, seeds = 100;
    std::string fault;  // as given: what must be noticed
    Options options;
};

[[noreturn]] void usage(int status) {
    fmt::print(status == 0 ? stdout : stderr, R"(usage: simulate [--seeds N] [--first S] [--skip KIND | --fault NAME]
       simulate --seed S [--skip KIND | --fault NAME] [--trace]

Runs histories of transactions over three fake chains, one for each seed: one or two nodes at once, each with its
enclave, over one record ledger. Every history has crashes of nodes and ledger, lost, late and repeated requests,
silence, reorganisations, price jumps and an outsider with an account's key; nodes that stand still, are cut off from
the record ledger or learn late of the other's entries; endpoints that answer much later or stand still on an old
branch; full disks. Some have clocks that jump by an hour, endpoints that lie or show another chain,
reorganisations beyond finality, calls that never succeed, which people give up, and states with a confidential field.

Without --skip and --fault every seed must keep the invariants; with one of them some seed must break one.
  --skip KIND   one write in three of that kind of entry is acknowledged and lost with the next crash of the record
                ledger: prepare cancelling step outcome disputed resolve
  --fault NAME  unfenced: an append is taken whatever entry it follows, and a signature leaves whatever the newest is
                old-heads: only the latter
                plaintext: now and then a state leaves an enclave unsealed
  --trace       says what happens, step by step
)");
    std::exit(status);
}

std::uint64_t whole(const char* text) {
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end || text == end) usage(2);
    return value;
}

Arguments parse(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--help") usage(0);
        if (name == "--trace") {
            out.options.trace = true;
            continue;
        }
        if (i + 1 == argc) usage(2);
        const char* value = argv[++i];
        if (name == "--seeds") {
            out.seeds = whole(value);
        } else if (name == "--first") {
            out.first = whole(value);
        } else if (name == "--seed") {
            out.first = whole(value);
            out.seeds = 1;
        } else if (name == "--skip") {
            out.options.skip = contract::entry_type_from_name(value, "--skip");
            out.fault += " --skip " + std::string(value);
        } else if (name == "--fault") {
            const std::string_view fault = value;
            if (fault == "plaintext") {
                out.options.leaks = true;
            } else if (fault == "unfenced" || fault == "old-heads") {
                out.options.fences = {.compare = fault != "unfenced", .newest = false};
            } else {
                usage(2);
            }
            out.fault += " --fault " + std::string(value);
        } else {
            usage(2);
        }
    }
    return out;
}

struct Result {
    std::atomic<bool> enough = false;  // a seed has broken an invariant; all lower ones have begun
    std::mutex mutex;
    Counts counts;
    std::optional<std::pair<std::uint64_t, std::string>> broken;  // the lowest seed
};

void run_seed(const Arguments& arguments, std::uint64_t seed, Result& result) {
    std::string violation;
    Counts counts;
    try {
        Options options = arguments.options;
        options.seed = seed;
        counts = World(options).run();
    } catch (const Violation& found) {
        violation = found.what();
    }
    const std::lock_guard lock(result.mutex);
    result.counts.add(counts);
    if (violation.empty()) return;
    result.enough = true;
    if (!result.broken || seed < result.broken->first) result.broken = {seed, violation};
}

int report(const Arguments& arguments, const Result& result) {
    const Counts& all = result.counts;
    fmt::print(
        "{} committed, {} aborted, {} disputed, {} calls given up; {} node crashes, {} ledger crashes, {} "
        "reorganisations\n",
        all.committed, all.aborted, all.disputed, all.resolved, all.node_crashes, all.ledger_crashes, all.reorgs);
    fmt::print(
        "{} lost races, {} nodes stood still, {} cut off, {} clock jumps, {} full disks, {} bad endpoints, "
        "{} forged proofs refused\n",
        all.conflicts, all.freezes, all.cuts, all.clock_jumps, all.full_disks, all.bad_endpoints, all.evidence_refused);
    if (result.broken) {
        fmt::print("seed {}: {}\nreplay: build/tests/simulate --seed {}{} --trace\n", result.broken->first,
                   result.broken->second, result.broken->first, arguments.fault);
    }
    const bool expected = !arguments.fault.empty();
    if (expected && !result.broken) fmt::print("no seed noticed{}\n", arguments.fault);
    return result.broken.has_value() == expected ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
    const Arguments arguments = parse(argc, argv);
    Result result;
    std::atomic<std::uint64_t> next = arguments.first;
    const auto work = [&] {
        for (std::uint64_t seed = next++; seed < arguments.first + arguments.seeds; seed = next++) {
            run_seed(arguments, seed, result);
            if (result.enough) return;
        }
    };
    std::vector<std::jthread> threads;
    const unsigned more = arguments.seeds > 1 ? std::max(1u, std::thread::hardware_concurrency()) - 1 : 0;
    for (unsigned i = 0; i < more; ++i) threads.emplace_back(work);
    work();
    threads.clear();
    return report(arguments, result);
} catch (const Error& error) {
    fmt::print(stderr, "simulate: {}\n", error.what());
    return 2;
}
