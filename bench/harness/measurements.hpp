// The measurements, each by the names of the lines that it gives.
#pragma once
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "result.hpp"

namespace concordat::bench {

struct Options {
    std::filesystem::path scratch;  // a folder of our own on the disk that is measured
    std::size_t many_bindings = 100'000;
    double seconds = 4;  // of each sustained load
};

struct Measurement {
    std::vector<std::string> names;
    std::function<Results(const Options&)> run;
};

Results measure_execution(const Options& options);       // execution_rate, execution_cpu
Results measure_fresh_instance(const Options& options);  // fresh_instance
Results measure_node(const Options& options);            // http_durable_rate … ledger_audit_rate
Results measure_growth(const Options& options);          // binding_growth, node_start_100k
Results measure_evm(const Options& options);             // evm_confirm_rate
Results measure_two_ledgers(const Options& options);     // two_ledger_rate, coordination_latency
Results measure_three_ledgers(const Options& options);   // three_ledger_rate
Results measure_in_flight(const Options& options);       // in_flight_memory, recovery_rate

std::vector<Measurement> measurements();

}  // namespace concordat::bench
