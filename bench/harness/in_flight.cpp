// Many transactions under way at once: what each costs in memory, and how long a node that starts needs to take them
// up.
#include <base/error.hpp>
#include <ledger/confidential/core/disk.hpp>
#include <ledger/evm/protocol/amount.hpp>
#include <thread>
#include <transaction/journal.hpp>

#include "enclave_driver.hpp"
#include "evm_load.hpp"
#include "measurements.hpp"
#include "node_process.hpp"
#include "payments.hpp"

namespace concordat::bench {

namespace {

constexpr std::size_t of_one = transaction::max_open_early;  // open in one binding
constexpr std::size_t measured = 10'000;
constexpr double patience_seconds = 240;

// A data folder with bindings that pay, `open` payments begun in each and none ended; made by a real enclave and a real
// ledger on disk, without a node. Gives the bindings' accounts on the chain.
std::vector<std::string> prepare_payments(const std::filesystem::path& data, const evm::NetworkDescription& network,
                                          std::size_t bindings, std::size_t open) {
    make_data_folder(data, payment_package());
    ccl::FolderDisk disk(data / "ledger");
    EnclaveDriver driver(data / "attestation", disk);
    driver.load(payment_package());
    const Payer payer;
    SystemClock clock;
    std::vector<Agreement> agreements;
    std::vector<Bytes> acts;
    for (std::size_t i = 0; i < bindings; ++i) {
        agreements.push_back(make_payment_agreement(driver.platform(), payer, network, "bench-" + std::to_string(i)));
        acts.push_back(
            enclave::encode(enclave::Act{contract::EntryType::bind, {}, clock.now(), agreements.back().jws}));
    }
    std::vector<std::string> accounts;
    const std::vector<Bytes> locked = driver.call_all(enclave::FrameType::act, acts, 256);
    for (std::size_t i = 0; i < bindings; ++i) {
        const enclave::Committed made = enclave::decode_committed(locked[i]);
        agreements[i].seen = entry_id_of(made);
        accounts.emplace_back(made.record.check().accounts.at("cash").as_string());
    }
    for (std::size_t n = 0; n < open; ++n) {
        std::vector<Bytes> messages;
        for (Agreement& agreement : agreements) {
            messages.push_back(enclave::encode(enclave::Execute{
                agreement.id, clock.now(), make_payment(agreement, driver.platform().chain, payer, "pay_soon"), {}}));
        }
        driver.call_all(enclave::FrameType::execute, messages, 256);
    }
    driver.ledger().snapshot();
    return accounts;
}

void connect(const NodeProcess& node, const evm::NetworkDescription& network) {
    http::HttpClient client("127.0.0.1", node.port());
    const http::ClientResponse response = client.request(
        "PUT", "/v1/ledgers/" + network.chain.text(),
        {{"Authorization", "Bearer " + node.token()}, {"Content-Type", "application/json"}}, ledger_settings(network));
    if (response.status > 299) throw http::error_of(response);
}

void await(const std::string& what, const std::function<bool()>& done) {
    const std::int64_t began = monotonic_ns();
    const auto answered = [&] {
        try {
            return done();
        } catch (const Error& error) {
            if (error.code() == Code::timeout) return false;  // busy
            throw;
        }
    };
    while (!answered()) {
        if (seconds_since(began) > patience_seconds) throw Error(Code::timeout, "/" + what, "did not come");
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
}

double under_way(const NodeProcess& node) { return node.metric("concordat_transactions_under_way"); }

using Memory = std::map<std::string, double>;  // by program

// A node's memory with so many bindings, each of which has `open` payments that wait in the chain's pool.
Memory memory_of(const std::filesystem::path& data, const evm::Network& network, std::size_t bindings,
                 std::size_t open) {
    evm::PlainClient chain(network.description().ports.front());
    const std::vector<std::string> accounts = prepare_payments(data, network.description(), bindings, open);
    for (const std::string& account : accounts) {
        chain.ask("anvil_setBalance", {json::Value(account), json::Value("0xd3c21bcecceda1000000")});
    }
    {
        NodeProcess first(data);  // its index is made from the ledger, once
        connect(first, network.description());
    }
    NodeProcess node(data);
    const auto wanted = static_cast<double>(bindings * open);
    await("transactions", [&] { return under_way(node) >= wanted; });
    await("pool", [&] {
        const json::Value pool = chain.ask("txpool_status");
        return static_cast<double>(evm::parse_quantity_u64(pool.at("pending").as_string(), "pending")) >= wanted;
    });
    std::this_thread::sleep_for(std::chrono::seconds(2));
    return node.memory_by_program_mib();
}

// Of each of so many payments, in all programs and in each.
struct Shares {
    double sum = 0;
    std::string text;
};
Shares shares_of(const Memory& without, const Memory& with, std::size_t payments) {
    Shares out;
    for (const auto& [program, mib] : with) {
        const auto before = without.find(program);
        const double more = mib - (before == without.end() ? 0 : before->second);
        const double kib = more * 1024 / static_cast<double>(payments);
        out.sum += kib;
        out.text +=
            (out.text.empty() ? "" : ", ") + program + " " + std::to_string(static_cast<int>(kib * 1024)) + " bytes";
    }
    return out;
}

}  // namespace

Results measure_in_flight(const Options& options) {
    const std::size_t bindings = measured / of_one + 1, many = options.many_bindings / of_one + 1;
    const evm::Network network = start_anvil(options.scratch / "in-flight-anvil");
    evm::PlainClient(network.description().ports.front()).ask("evm_setAutomine", {false});
    const Memory without = memory_of(options.scratch / "none-in-flight", network, bindings, 0);
    const Memory with = memory_of(options.scratch / "in-flight", network, bindings, of_one);
    const Shares shares = shares_of(without, with, bindings * of_one);

    const std::filesystem::path data = options.scratch / "recovery";
    prepare_payments(data, network.description(), many, of_one);
    {
        NodeProcess first(data);
        connect(first, network.description());
    }
    const std::int64_t began = monotonic_ns();
    NodeProcess node(data);
    const auto wanted = static_cast<double>(many * of_one);
    await("recovery", [&] { return under_way(node) >= wanted; });
    return {{.name = "in_flight_memory",
             .value = shares.sum,
             .unit = "KiB",
             .target = 8,
             .at_most = true,
             .note = std::to_string(bindings * of_one) +
                     " payments that wait in anvil's pool, over a node with as many "
                     "bindings and none: node, record ledger and enclaves together, each payment's share (" +
                     shares.text + ")"},
            {.name = "recovery_rate",
             .value = wanted / seconds_since(began),
             .unit = "1/s",
             .target = 10'000,
             .note = std::to_string(many * of_one) +
                     " open transactions, from starting the process until it has taken them all up"}};
}

}  // namespace concordat::bench
