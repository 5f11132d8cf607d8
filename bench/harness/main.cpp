// concordat-bench: measures, prints a table, writes a list of {name, value, unit, bound, ratio, target}.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <base/error.hpp>
#include <base/file.hpp>
#include <base/json_text.hpp>
#include <base/log.hpp>
#include <cmath>
#include <cstdio>
#include <set>

#include "enclave_driver.hpp"
#include "measurements.hpp"

namespace concordat::bench {

std::vector<Measurement> measurements() {
    return {
        {{"execution_rate", "execution_cpu"}, measure_execution},
        {{"fresh_instance"}, measure_fresh_instance},
        {{"http_durable_rate", "hot_binding_rate", "low_load_p50", "low_load_p99", "receipt_verify_rate", "idle_memory",
          "ledger_audit_rate", "disk_bytes_per_message"},
         measure_node},
        {{"binding_growth", "binding_first_touch", "node_start_100k"}, measure_growth},
        {{"evm_confirm_rate"}, measure_evm},
        {{"two_ledger_rate", "coordination_latency"}, measure_two_ledgers},
        {{"three_ledger_rate"}, measure_three_ledgers},
        {{"in_flight_memory", "recovery_rate"}, measure_in_flight},
    };
}

namespace {

std::string number(const std::optional<double>& value) {
    if (!value) return "-";
    char text[32];
    std::snprintf(text, sizeof text, *value >= 1000 ? "%.0f" : *value >= 10 ? "%.1f" : "%.3f", *value);
    return text;
}

void print_header() {
    std::printf("%-24s %10s %-6s %10s %8s %8s  %s\n", "name", "value", "unit", "bound", "ratio", "target", "met");
}

void print(const Result& result) {
    const std::string target = result.target ? (result.at_most ? "<=" : ">=") + number(result.target) : "-";
    const char* met = result.met() ? (*result.met() ? "yes" : "NO") : "-";
    std::printf("%-24s %10s %-6s %10s %8s %8s  %s\n", result.name.c_str(), number(result.value).c_str(),
                result.unit.c_str(), number(result.bound).c_str(), number(result.ratio()).c_str(), target.c_str(), met);
    std::fflush(stdout);
}

// JSON for other people's tools: fractions are fine here, which our own strict JSON does not have.
std::string json_of(const Results& results) {
    const auto figure = [](const std::optional<double>& value) {
        if (!value || !std::isfinite(*value)) return std::string("null");
        char text[40];
        std::snprintf(text, sizeof text, "%.6g", *value);
        return std::string(text);
    };
    std::string out = "[";
    for (const Result& result : results) {
        if (out.size() > 1) out += ",";
        out += "\n  {\"name\": \"" + result.name + "\", \"value\": " + figure(result.value) + ", \"unit\": \"" +
               result.unit + "\", \"bound\": " + figure(result.bound) + ", \"ratio\": " + figure(result.ratio()) +
               ", \"target\": " + figure(result.target) + "}";
    }
    return out + "\n]\n";
}

bool asked(const Measurement& measurement, const std::set<std::string>& only) {
    if (only.empty()) return true;
    return std::ranges::any_of(measurement.names, [&](const std::string& name) { return only.contains(name); });
}

void check_names(const std::set<std::string>& only) {
    std::set<std::string> known;
    for (const Measurement& measurement : measurements())
        known.insert(measurement.names.begin(), measurement.names.end());
    for (const std::string& name : only) {
        if (!known.contains(name)) throw Error(Code::not_found, "--only", "there is no measurement '" + name + "'");
    }
}

int run(const Options& options, const std::string& out, const std::set<std::string>& only) {
    check_names(only);
    std::filesystem::remove_all(options.scratch);
    std::filesystem::create_directories(options.scratch);
    const std::filesystem::path log = options.scratch.parent_path() / "bench.log";
    const UniqueFd log_fd(::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (log_fd) child_log() = log_fd.get();
    Results all;
    bool failed = false;
    print_header();
    for (const Measurement& measurement : measurements()) {
        if (!asked(measurement, only)) continue;
        try {
            for (Result& result : measurement.run(options)) {
                print(result);
                all.push_back(std::move(result));
            }
        } catch (const Error& error) {
            failed = true;
            std::fprintf(stderr, "%s: not measured: %s\n", measurement.names.front().c_str(), error.what());
        }
    }
    for (const Result& result : all) {
        if (!result.note.empty()) std::printf("  %s: %s\n", result.name.c_str(), result.note.c_str());
    }
    write_file_atomic(out, bytes_of(json_of(all)));
    std::filesystem::remove_all(options.scratch);
    return failed ? 1 : 0;
}

}  // namespace
}  // namespace concordat::bench

int main(int argc, char** argv) {
    using namespace concordat;
    bench::Options options;
    std::string out = "build/bench.json";
    std::vector<std::string> only;
    CLI::App app{"Measures Concordat on this machine."};
    app.add_option("--out", out, "where the JSON list goes");
    app.add_option("--only", only,
                   "names of lines, separated by commas; what is measured together is reported together")
        ->delimiter(',');
    app.add_option("--bindings", options.many_bindings, "of binding_growth and node_start_100k")
        ->check(CLI::Range(1000, 1'000'000));
    app.add_option("--seconds", options.seconds, "of each sustained load")->check(CLI::Range(0.5, 60.0));
    app.add_option("--scratch", options.scratch,
                   "a folder on the disk to be measured; used is bench-data in it, made anew")
        ->default_str("that of --out");
    CLI11_PARSE(app, argc, argv);
    log::set_process("bench");
    log::set_level(log::Level::error);
    try {
        if (options.scratch.empty()) options.scratch = std::filesystem::absolute(out).parent_path();
        options.scratch /= "bench-data";
        return bench::run(options, out, {only.begin(), only.end()});
    } catch (const Error& error) {
        return std::fprintf(stderr, "%s\n", error.what()), 1;
    }
}
