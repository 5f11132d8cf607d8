// The record ledger alone, on a real disk: appends a second in groups of 1 and of 64 against a bare loop of write and
// fdatasync, then the time and memory to open many bindings. Usage: bench_ledger_core FOLDER [BINDINGS]
#include <fcntl.h>
#include <unistd.h>

#include <base/log.hpp>
#include <cstdio>
#include <fstream>

#include "../tests/support/ledger.hpp"

namespace {

using namespace concordat;
using namespace concordat::ledger::confidential;

double seconds_since(std::int64_t began) { return static_cast<double>(monotonic_ns() - began) / 1e9; }

double resident_mib() {
    std::ifstream in("/proc/self/statm");
    double total = 0, resident = 0;
    in >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

void must_hold(const std::vector<AppendOutcome>& outcomes) {
    for (const AppendOutcome& outcome : outcomes) {
        const auto* result = std::get_if<AppendResult>(&outcome);
        if (result == nullptr || !result->items.at(0).appended)
            throw Error(Code::internal, "bench", "an append failed");
    }
}

double bare_syncs(const std::filesystem::path& folder, int n) {
    const auto path = folder / "bare";
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600));
    const Bytes record(1500);
    const std::int64_t began = monotonic_ns();
    for (int i = 0; i < n; ++i) {
        if (::write(fd.get(), record.data(), record.size()) < 0 || ::fdatasync(fd.get()) != 0) return 0;
    }
    return n / seconds_since(began);
}

struct Bench {
    test::LedgerWorld w;
    std::filesystem::path folder;
    FolderDisk disk;
    test::TestEnclave enclave;
    std::uint64_t next_binding = 1;

    Ports ports() { return {disk, w.clock, w.random, test::test_sealing_key}; }
    explicit Bench(std::filesystem::path f) : folder(std::move(f)), disk(folder), enclave(w.enclave("one")) {
        w.ledger = std::make_unique<RecordLedger>(ports());
        w.admit_again(enclave);
    }

    // `group` entries of as many bindings, committed together: each under its enclave's own signature, or all under
    // one.
    double appends(std::size_t group, int rounds, bool one_signature) {
        std::vector<test::Link> links;
        for (std::size_t i = 0; i < group; ++i) links.push_back(w.bind(enclave, next_binding++));
        double seconds = 0;
        for (int round = 0; round < rounds; ++round) {
            std::vector<Append> appends;
            std::vector<contract::EntryRecord> records;
            for (test::Link& link : links) {
                records.push_back(w.next_record(link));
                if (!one_signature) appends.push_back(enclave.append(std::exchange(records, {}), w.ledger->chain()));
            }
            if (one_signature) appends.push_back(enclave.append(std::move(records), w.ledger->chain()));
            std::vector<AppendRequest> requests;
            for (const Append& append : appends) requests.push_back({enclave.id, &append});
            const std::int64_t began = monotonic_ns();
            must_hold(w.ledger->append(requests));
            seconds += seconds_since(began);
        }
        return static_cast<double>(group) * rounds / seconds;
    }

    void bind_many(std::uint64_t n) {
        for (std::uint64_t at = 0; at < n;) {
            std::vector<contract::EntryRecord> records;
            for (; records.size() < 256 && at < n; ++at) {
                test::Link link;
                records.push_back(w.bind_record(enclave, 10'000'000 + at, link));
            }
            w.append(enclave, std::move(records));
            w.ledger->snapshot_if_due();
        }
    }
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return std::fprintf(stderr, "usage: bench_ledger_core FOLDER [BINDINGS]\n"), 1;
    log::set_level(log::Level::warning);
    const std::filesystem::path folder = argv[1];
    std::filesystem::create_directories(folder);
    try {
        std::printf("bare write+fdatasync of 1500 bytes: %.0f/s\n", bare_syncs(folder, 1000));
        Bench bench(folder);
        std::printf("appends in groups of 1:  %.0f/s\n", bench.appends(1, 1000, false));
        std::printf("appends in groups of 64: %.0f/s\n", bench.appends(64, 50, false));
        std::printf("appends in groups of 64 under one signature: %.0f/s\n", bench.appends(64, 50, true));
        const std::uint64_t bindings = argc > 2 ? std::stoull(argv[2]) : 1000;
        bench.bind_many(bindings);
        std::int64_t began = monotonic_ns();
        bench.w.ledger->snapshot();
        std::printf("snapshot of %zu bindings: %.3f s\n", bench.w.ledger->bindings(), seconds_since(began));
        bench.w.ledger.reset();
        const double before = resident_mib();
        began = monotonic_ns();
        RecordLedger opened(bench.ports());
        std::printf("open %zu bindings, %llu entries: %.3f s; resident %.0f MiB before, %.0f after\n",
                    opened.bindings(), static_cast<unsigned long long>(opened.size()), seconds_since(began), before,
                    resident_mib());
    } catch (const Error& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
    return 0;
}
