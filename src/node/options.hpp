// One node's settings: <data>/concordat.json, then the environment (CONCORDAT_<FIELD>), then what the command line
// gives. Later ones win. Every field has a default; an unknown field or a value out of its bounds is Error(config)
// naming it.
#pragma once
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace concordat::node {

struct NodeOptions {
    std::filesystem::path data = "concordat-data";
    std::string host = "127.0.0.1";
    std::int64_t port = 8440;
    std::string log_level = "info";
    std::filesystem::path ledger_program, enclave_program;  // beside this program unless given
    std::int64_t enclaves_minimum = 1, enclaves_maximum = 2, enclaves_dedicated = 16;
    std::int64_t enclave_idle_seconds = 60;
    std::int64_t enclave_ping_timeout_ms = 5000;
    std::int64_t connections = 1024;
    std::int64_t requests_per_second = 0;  // of one peer address; 0 without limit
    std::int64_t request_burst = 1000;
    std::int64_t message_bytes = 1 << 19;
    std::int64_t binding_queue = 256, total_queue = 16'384;
    std::int64_t inbox_limit = 100'000;
    std::int64_t routed_transactions = 256;
    std::int64_t cache_megabytes = 64;
    std::int64_t stop_seconds = 10;
};

struct OptionField {
    std::string name, meaning, otherwise;  // otherwise: the default, as text
};
std::vector<OptionField> option_fields();

// `given`: field → text. `data` must be in it or in the environment, or its default is used; the file lies inside it.
NodeOptions load_options(const std::map<std::string, std::string>& given,
                         const std::function<const char*(const char*)>& environment);

}  // namespace concordat::node
