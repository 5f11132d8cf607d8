#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "state.hpp"

namespace concordat::enclave::runtime {
namespace {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30;
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20;

// Each feature is set by name: a newer wasmtime must not widen the language that contracts may use by new defaults.
void set_language(wasm_config_t* config) {
    wasmtime_config_wasm_multi_value_set(config, true);
    wasmtime_config_wasm_bulk_memory_set(config, true);
    wasmtime_config_wasm_reference_types_set(config, true);  // compilers encode tables that way
    // Off: wasmtime 50's C API aborts the process when it lists an export whose type mentions v128 (found by fuzzing).
    wasmtime_config_wasm_simd_set(config, false);
    wasmtime_config_wasm_relaxed_simd_set(config, false);  // may differ between processors
    wasmtime_config_wasm_relaxed_simd_deterministic_set(config, true);
    wasmtime_config_wasm_threads_set(config, false);
    wasmtime_config_shared_memory_set(config, false);
    wasmtime_config_wasm_tail_call_set(config, false);
    wasmtime_config_wasm_function_references_set(config, false);
    wasmtime_config_wasm_gc_set(config, false);
    wasmtime_config_wasm_exceptions_set(config, false);
    wasmtime_config_gc_support_set(config, false);
    wasmtime_config_wasm_multi_memory_set(config, false);
    wasmtime_config_wasm_memory64_set(config, false);
    wasmtime_config_wasm_wide_arithmetic_set(config, false);
    wasmtime_config_wasm_custom_page_sizes_set(config, false);
    wasmtime_config_wasm_stack_switching_set(config, false);
    wasmtime_config_wasm_component_model_set(config, false);
}

void set_code_generation(wasm_config_t* config) {
    wasmtime_config_strategy_set(config, WASMTIME_STRATEGY_CRANELIFT);
    wasmtime_config_cranelift_opt_level_set(config, WASMTIME_OPT_LEVEL_SPEED);
    wasmtime_config_cranelift_nan_canonicalization_set(config, true);
    wasmtime_config_parallel_compilation_set(config, false);  // no threads inside the sandbox
    wasmtime_config_consume_fuel_set(config, true);
    wasmtime_config_epoch_interruption_set(config, true);
    wasmtime_config_max_wasm_stack_set(config, 512 * 1024);
    wasmtime_config_debug_info_set(config, false);
    wasmtime_config_profiler_set(config, WASMTIME_PROFILING_STRATEGY_NONE);
#if defined(__x86_64__)
    // One instruction set for all hosts: frame sizes, and so the depth at which a stack overflows, stay the same.
    const ErrorPtr error(wasmtime_config_target_set(config, "x86_64-unknown-linux-gnu"));
    if (error) throw Error(Code::internal, "wasmtime", message_of(*error));
    for (const char* feature : {"has_sse3", "has_ssse3", "has_cmpxchg16b", "has_sse41", "has_sse42", "has_popcnt"}) {
        wasmtime_config_cranelift_flag_enable(config, feature);
    }
#endif
}

void set_memory(wasm_config_t* config, const Options& options) {
    // With the whole 32-bit space and a guard reserved, bounds checks cost nothing.
    wasmtime_config_memory_reservation_set(config, 4 * gibibyte);
    wasmtime_config_memory_guard_size_set(config, 32 * mebibyte);
    wasmtime_config_memory_init_cow_set(config, true);
    std::unique_ptr<wasmtime_pooling_allocation_config_t, Deleter<wasmtime_pooling_allocation_config_delete>> pool(
        wasmtime_pooling_allocation_config_new());
    wasmtime_pooling_allocation_config_total_core_instances_set(pool.get(), options.slots);
    wasmtime_pooling_allocation_config_total_memories_set(pool.get(), options.slots);
    wasmtime_pooling_allocation_config_total_tables_set(pool.get(), options.slots);
    wasmtime_pooling_allocation_config_total_stacks_set(pool.get(), 1);  // of asynchronous calls: there are none
    wasmtime_pooling_allocation_config_total_component_instances_set(pool.get(), 1);
    wasmtime_pooling_allocation_config_max_memories_per_module_set(pool.get(), 1);
    wasmtime_pooling_allocation_config_max_tables_per_module_set(pool.get(), 1);
    wasmtime_pooling_allocation_config_table_elements_set(pool.get(), options.max_table_elements);
    wasmtime_pooling_allocation_config_max_memory_size_set(pool.get(), options.max_memory_bytes);
    wasmtime_pooling_allocation_config_max_unused_warm_slots_set(pool.get(), options.slots);
    wasmtime_pooling_allocation_config_linear_memory_keep_resident_set(pool.get(), mebibyte);
    wasmtime_pooling_allocation_config_table_keep_resident_set(pool.get(), 64 * 1024);
    // A finished instance's memory is cleared at once: it held plaintext.
    wasmtime_pooling_allocation_config_decommit_batch_size_set(pool.get(), 1);
    wasmtime_pooling_allocation_strategy_set(config, pool.get());
}

// A module in check: takes ownership, checks it, prepares instantiation.
std::shared_ptr<const ModuleState> prepare(std::shared_ptr<const EngineState> engine, ModulePtr module) {
    auto state = std::make_shared<ModuleState>();
    state->engine = std::move(engine);
    state->module = std::move(module);
    check_shape(*state);
    wasmtime_instance_pre_t* pre = nullptr;
    const ErrorPtr error(wasmtime_linker_instantiate_pre(state->engine->linker.get(), state->module.get(), &pre));
    if (error) throw Error(Code::bad_module, "module", message_of(*error));
    state->pre.reset(pre);
    return state;
}

}  // namespace

std::string message_of(const wasmtime_error_t& error) {
    wasm_name_t text;
    wasmtime_error_message(&error, &text);
    std::string out(text.data, std::min<std::size_t>(text.size, 300));
    wasm_name_delete(&text);
    std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, ' ');
    return out;
}

class Engine::Ticker {
  public:
    explicit Ticker(std::shared_ptr<const EngineState> state) : state_(std::move(state)), thread_([this] { run(); }) {
        // Until it runs, so that a sandbox applied next does not meet the system calls of a thread that starts.
        running_.wait(false);
    }
    ~Ticker() {
        {
            const std::lock_guard lock(mutex_);
            stopping_ = true;
        }
        wake_.notify_one();
        thread_.join();
    }

  private:
    void run() {
        running_.store(true);
        running_.notify_one();
        const std::chrono::milliseconds period(state_->options.tick_ms);
        std::unique_lock lock(mutex_);
        while (!wake_.wait_for(lock, period, [this] { return stopping_; })) {
            wasmtime_engine_increment_epoch(state_->engine.get());
        }
    }

    std::shared_ptr<const EngineState> state_;
    std::mutex mutex_;
    std::condition_variable wake_;
    bool stopping_ = false;
    std::atomic<bool> running_ = false;
    std::thread thread_;  // last: it uses the members above
};

Engine::Engine(const Options& options) : state_(std::make_shared<EngineState>()) {
    if (options.slots == 0 || options.tick_ms == 0) panic("runtime::Options: slots and tick_ms must be positive");
    state_->options = options;
    wasm_config_t* config = wasm_config_new();
    set_language(config);
    set_code_generation(config);
    set_memory(config, options);
    state_->engine.reset(wasm_engine_new_with_config(config));  // takes the config
    if (!state_->engine) throw Error(Code::internal, "wasmtime", "the engine does not start with this configuration");
    state_->linker.reset(wasmtime_linker_new(state_->engine.get()));
}

Engine::~Engine() = default;

Module Engine::compile(ByteView wasm) const {
    if (wasm.size() > state_->options.max_module_bytes) {
        throw Error(Code::too_large, "module",
                    "at most " + std::to_string(state_->options.max_module_bytes) + " bytes of WebAssembly");
    }
    wasmtime_module_t* module = nullptr;
    const ErrorPtr error(wasmtime_module_new(state_->engine.get(), wasm.data(), wasm.size(), &module));
    if (error) throw Error(Code::bad_module, "module", message_of(*error));
    return Module(prepare(state_, ModulePtr(module)));
}

Module Engine::deserialize(ByteView authenticated) const {
    wasmtime_module_t* module = nullptr;
    const ErrorPtr error(
        wasmtime_module_deserialize(state_->engine.get(), authenticated.data(), authenticated.size(), &module));
    if (error) throw Error(Code::bad_module, "module", message_of(*error));
    return Module(prepare(state_, ModulePtr(module)));
}

void Engine::start_ticker() {
    if (!ticker_) ticker_ = std::make_unique<Ticker>(state_);
}

void Engine::tick() const { wasmtime_engine_increment_epoch(state_->engine.get()); }

}  // namespace concordat::enclave::runtime
