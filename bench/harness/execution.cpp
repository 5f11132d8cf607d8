// Executions through one enclave, and what a fresh instance costs.
#include <unistd.h>
#include <wasmtime.h>

#include <base/error.hpp>
#include <crypto/hash.hpp>
#include <cstring>

#include "enclave_driver.hpp"
#include "measurements.hpp"
#include "memory_disk.hpp"

namespace concordat::bench {

Results measure_execution(const Options& options) {
    constexpr std::size_t bindings = 64;
    constexpr std::size_t each = 32;  // an enclave remembers 64 entries of a binding: what was seen must be among them
    const std::filesystem::path attestation = options.scratch / "execution";
    std::filesystem::create_directories(attestation);
    MemoryDisk disk;
    EnclaveDriver driver(attestation, disk);
    driver.load(bench_package());
    const Senders senders(1);
    std::vector<Agreement> agreements = driver.lock(bindings, senders);

    VerificationBound bound;
    SystemClock clock;
    double wall = 0, cpu = 0, own_cpu = 0, message_bytes = 0;
    std::uint64_t done = 0;
    for (int round = 0; wall < options.seconds && round < 100; ++round) {
        std::vector<Bytes> requests;
        for (std::size_t i = 0; i < each; ++i) {
            for (Agreement& agreement : agreements) {
                std::string text = make_delivery(agreement, driver.platform(), senders, 0);
                message_bytes = static_cast<double>(text.size());
                requests.push_back(enclave::encode(enclave::Execute{agreement.id, clock.now(), std::move(text), {}}));
            }
        }
        bound.measure(0.1);
        const double cpu_before = cpu_seconds_of(driver.pid());
        const double own_before = cpu_seconds_of(::getpid());
        const std::int64_t began = monotonic_ns();
        const std::vector<Bytes> replies = driver.call_all(enclave::FrameType::execute, requests, 512);
        if (round > 0) {  // the first warms caches
            wall += seconds_since(began);
            cpu += cpu_seconds_of(driver.pid()) - cpu_before;
            own_cpu += cpu_seconds_of(::getpid()) - own_before;
            done += replies.size();
        }
        for (std::size_t i = 0; i < bindings; ++i) {
            agreements[i].seen = entry_id_of(enclave::decode_committed(replies[replies.size() - bindings + i]));
        }
    }
    const double rate = static_cast<double>(done) / wall;
    return {
        {.name = "execution_rate",
         .value = rate,
         .unit = "1/s",
         .bound = bound.per_second(),
         .target = 0.5,
         .note = "one concordat-enclave process over its socket, 64 bindings, messages of " +
                 std::to_string(static_cast<int>(message_bytes)) +
                 " bytes as signed; ledger's end in the bench process on a disk in memory"},
        {.name = "execution_cpu",
         .value = cpu / static_cast<double>(done) * 1e6,
         .unit = "us",
         .bound = 1e6 / bound.per_second(),
         .note =
             "processor time of the enclave for one execution, against one verification; the bench process, which is "
             "node and ledger to it, uses " +
             std::to_string(static_cast<int>(own_cpu / static_cast<double>(done) * 1e6)) + " us"}};
}

namespace {

// The bare runtime, set as the enclave's is (src/enclave/runtime/engine.cpp), doing by hand what Module::run does.
class BareRuntime {
  public:
    BareRuntime(ByteView wasm) {
        wasm_config_t* config = wasm_config_new();
        wasmtime_config_wasm_simd_set(config, false);
        wasmtime_config_wasm_relaxed_simd_set(config, false);
        wasmtime_config_cranelift_nan_canonicalization_set(config, true);
        wasmtime_config_parallel_compilation_set(config, false);
        wasmtime_config_consume_fuel_set(config, true);
        wasmtime_config_epoch_interruption_set(config, true);
        wasmtime_config_max_wasm_stack_set(config, 512 * 1024);
        wasmtime_config_memory_reservation_set(config, std::uint64_t{1} << 32);
        wasmtime_config_memory_guard_size_set(config, 32 << 20);
        wasmtime_config_memory_init_cow_set(config, true);
#if defined(__x86_64__)
        require(wasmtime_config_target_set(config, "x86_64-unknown-linux-gnu"));
        for (const char* feature :
             {"has_sse3", "has_ssse3", "has_cmpxchg16b", "has_sse41", "has_sse42", "has_popcnt"}) {
            wasmtime_config_cranelift_flag_enable(config, feature);
        }
#endif
        set_pool(config);
        engine_ = wasm_engine_new_with_config(config);
        if (engine_ == nullptr) throw Error(Code::internal, "bench", "the bare engine does not start");
        linker_ = wasmtime_linker_new(engine_);
        require(wasmtime_module_new(engine_, wasm.data(), wasm.size(), &module_));
        require(wasmtime_linker_instantiate_pre(linker_, module_, &pre_));
    }
    ~BareRuntime() {
        wasmtime_instance_pre_delete(pre_);
        wasmtime_module_delete(module_);
        wasmtime_linker_delete(linker_);
        wasm_engine_delete(engine_);
    }
    BareRuntime(const BareRuntime&) = delete;
    BareRuntime& operator=(const BareRuntime&) = delete;

    std::string run(std::string_view input) {
        wasmtime_store_t* store = wasmtime_store_new(engine_, nullptr, nullptr);
        wasmtime_context_t* context = wasmtime_store_context(store);
        wasmtime_store_limiter(store, 16 << 20, 10'000, 1, 1, 1);
        require(wasmtime_context_set_fuel(context, 50'000'000));
        wasmtime_context_set_epoch_deadline(context, 101);
        wasmtime_instance_t instance;
        wasm_trap_t* trap = nullptr;
        require(wasmtime_instance_pre_instantiate(pre_, context, &instance, &trap));
        wasmtime_extern_t memory;
        if (!wasmtime_instance_export_get(context, &instance, "memory", 6, &memory))
            throw Error(Code::internal, "bench", "no memory");
        wasmtime_val_raw_t slots[2]{};
        call(context, instance, "_initialize", slots, 0);
        slots[0].i32 = static_cast<std::int32_t>(input.size());
        call(context, instance, "cryptlet_alloc", slots, 1);
        const auto at = static_cast<std::uint32_t>(slots[0].i32);
        std::memcpy(wasmtime_memory_data(context, &memory.of.memory) + at, input.data(), input.size());
        slots[0].i32 = static_cast<std::int32_t>(at);
        slots[1].i32 = static_cast<std::int32_t>(input.size());
        call(context, instance, "cryptlet_handle", slots, 2);
        const auto packed = static_cast<std::uint64_t>(slots[0].i64);
        std::string out(
            reinterpret_cast<const char*>(wasmtime_memory_data(context, &memory.of.memory)) + (packed >> 32),
            packed & 0xffffffff);
        wasmtime_store_delete(store);
        return out;
    }

  private:
    static void require(wasmtime_error_t* error) {
        if (error != nullptr) throw Error(Code::internal, "bench", "wasmtime refuses");
    }
    static void set_pool(wasm_config_t* config) {
        wasmtime_pooling_allocation_config_t* pool = wasmtime_pooling_allocation_config_new();
        wasmtime_pooling_allocation_config_total_core_instances_set(pool, 16);
        wasmtime_pooling_allocation_config_total_memories_set(pool, 16);
        wasmtime_pooling_allocation_config_total_tables_set(pool, 16);
        wasmtime_pooling_allocation_config_table_elements_set(pool, 10'000);
        wasmtime_pooling_allocation_config_max_memory_size_set(pool, 16 << 20);
        wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool, 16);
        wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool, 1 << 20);
        wasmtime_pooling_allocation_config_table_keep_resident_set(pool, 64 * 1024);
        wasmtime_pooling_allocation_config_decommit_batch_size_set(pool, 1);
        wasmtime_pooling_allocation_strategy_set(config, pool);
        wasmtime_pooling_allocation_config_delete(pool);
    }
    static void call(wasmtime_context_t* context, wasmtime_instance_t& instance, std::string_view name,
                     wasmtime_val_raw_t* slots, std::size_t count) {
        wasmtime_extern_t function;
        if (!wasmtime_instance_export_get(context, &instance, name.data(), name.size(), &function)) return;
        wasm_trap_t* trap = nullptr;
        require(wasmtime_func_call_unchecked(context, &function.of.func, slots, count, &trap));
        if (trap != nullptr) throw Error(Code::internal, "bench", "the module trapped");
    }

    wasm_engine_t* engine_ = nullptr;
    wasmtime_linker_t* linker_ = nullptr;
    wasmtime_module_t* module_ = nullptr;
    wasmtime_instance_pre_t* pre_ = nullptr;
};

std::string sample_request() {
    return R"({"abi":1,"action":"deliver","binding":"sha256:00","call":"handle","message":{"lines":[{"article":"A-40000","price":"12.50","units":10},)"
           R"({"article":"A-40017","price":"12.51","units":11}],"order":"PO-1","place":"Rotterdam"},"seed":"00","sender":{"id":"did:web:buyer","role":"buyer"},)"
           R"("sequence":7,"state":{"deliveries":6,"total":"10.00","units":5},"terms":{"currency":"EUR","maximum":"1000000.00"},)"
           R"("time":"2026-01-31T09:00:00.000Z","version":1})";
}

}  // namespace

Results measure_fresh_instance(const Options&) {
    const enclave::runtime::Module module = bench_engine().compile(bench_package().module);
    BareRuntime bare(bench_package().module);
    const std::string request = sample_request();
    if (bare.run(request) != module.run(request).output)
        throw Error(Code::internal, "bench", "the two runtimes differ");
    constexpr int rounds = 40, each = 200;
    std::vector<double> ours, theirs;  // µs; in turns, and the median, so that neither has the quieter machine
    for (int round = 0; round < rounds; ++round) {
        std::int64_t began = monotonic_ns();
        for (int i = 0; i < each; ++i) module.run(request);
        ours.push_back(seconds_since(began) / each * 1e6);
        began = monotonic_ns();
        for (int i = 0; i < each; ++i) bare.run(request);
        theirs.push_back(seconds_since(began) / each * 1e6);
    }
    return {{.name = "fresh_instance",
             .value = quantile(ours, 0.5),
             .unit = "us",
             .bound = quantile(theirs, 0.5),
             .target = 1.3,
             .at_most = true,
             .note = "Module::run against wasmtime's C API with the same settings: store, instance, one call, drop"}};
}

}  // namespace concordat::bench
