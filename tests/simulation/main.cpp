// simulate [--seeds N] [--first S] [--skip prepare|cancelling|step|outcome|disputed] [--seed S --trace]
#include <fmt/core.h>

#include <atomic>
#include <charconv>
#include <cstring>
#include <mutex>
#include <thread>

#include "world.hpp"

namespace {

using namespace concordat;
using namespace concordat::simulation;

struct Arguments {
    std::uint64_t first = 1, seeds = 100;
    std::optional<EntryType> skip;
    bool trace = false;
};

[[noreturn]] void usage() {
    fmt::print(stderr,
               "usage: simulate [--seeds N] [--first S] [--skip prepare|cancelling|step|outcome|disputed]\n"
               "       simulate --seed S [--skip …] [--trace]\n"
               "Without --skip every seed must keep the invariants; with it, some seed must break one.\n");
    std::exit(2);
}

std::uint64_t whole(const char* text) {
    std::uint64_t value = 0;
    const char* end = text + std::strlen(text);
    if (std::from_chars(text, end, value).ptr != end || text == end) usage();
    return value;
}

Arguments parse(int argc, char** argv) {
    Arguments out;
    for (int i = 1; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--trace") {
            out.trace = true;
            continue;
        }
        if (i + 1 == argc) usage();
        const char* value = argv[++i];
        if (name == "--seeds") {
            out.seeds = whole(value);
        } else if (name == "--first") {
            out.first = whole(value);
        } else if (name == "--seed") {
            out.first = whole(value);
            out.seeds = 1;
        } else if (name == "--skip") {
            out.skip = contract::entry_type_from_name(value, "--skip");
        } else {
            usage();
        }
    }
    return out;
}

struct Result {
    std::mutex mutex;
    Counts counts;
    std::optional<std::pair<std::uint64_t, std::string>> broken;  // the lowest seed
};

void run_seed(const Arguments& arguments, std::uint64_t seed, Result& result) {
    std::string violation;
    Counts counts;
    try {
        counts = World({.seed = seed, .skip = arguments.skip, .trace = arguments.trace}).run();
    } catch (const Violation& found) {
        violation = found.what();
    }
    const std::lock_guard lock(result.mutex);
    result.counts.committed += counts.committed;
    result.counts.aborted += counts.aborted;
    result.counts.disputed += counts.disputed;
    result.counts.node_crashes += counts.node_crashes;
    result.counts.ledger_crashes += counts.ledger_crashes;
    result.counts.reorgs += counts.reorgs;
    if (!violation.empty() && (!result.broken || seed < result.broken->first)) result.broken = {seed, violation};
}

int report(const Arguments& arguments, const Result& result) {
    const Counts& all = result.counts;
    fmt::print("{} committed, {} aborted, {} disputed; {} node crashes, {} ledger crashes, {} reorganisations\n",
               all.committed, all.aborted, all.disputed, all.node_crashes, all.ledger_crashes, all.reorgs);
    const std::string skip =
        arguments.skip ? " --skip " + std::string(contract::entry_type_name(*arguments.skip)) : std::string();
    if (result.broken) {
        fmt::print("seed {}: {}\nreplay: build/tests/simulate --seed {}{} --trace\n", result.broken->first,
                   result.broken->second, result.broken->first, skip);
    }
    if (arguments.skip && !result.broken) fmt::print("no seed noticed the skipped writes\n");
    return result.broken.has_value() == arguments.skip.has_value() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) try {
    const Arguments arguments = parse(argc, argv);
    Result result;
    std::atomic<std::uint64_t> next = arguments.first;
    const auto work = [&] {
        for (std::uint64_t seed = next++; seed < arguments.first + arguments.seeds; seed = next++) {
            run_seed(arguments, seed, result);
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
