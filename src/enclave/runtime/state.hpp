// What Engine and Module share inside; not for other modules. Owners of wasmtime's C objects.
#pragma once
#include <wasmtime.h>

#include <atomic>
#include <memory>

#include "runtime.hpp"

namespace concordat::enclave::runtime {

template <auto destroy>
struct Deleter {
    template <class T>
    void operator()(T* object) const {
        destroy(object);
    }
};
using EnginePtr = std::unique_ptr<wasm_engine_t, Deleter<wasm_engine_delete>>;
using LinkerPtr = std::unique_ptr<wasmtime_linker_t, Deleter<wasmtime_linker_delete>>;
using ModulePtr = std::unique_ptr<wasmtime_module_t, Deleter<wasmtime_module_delete>>;
using InstancePrePtr = std::unique_ptr<wasmtime_instance_pre_t, Deleter<wasmtime_instance_pre_delete>>;
using StorePtr = std::unique_ptr<wasmtime_store_t, Deleter<wasmtime_store_delete>>;
using ErrorPtr = std::unique_ptr<wasmtime_error_t, Deleter<wasmtime_error_delete>>;
using TrapPtr = std::unique_ptr<wasm_trap_t, Deleter<wasm_trap_delete>>;

struct EngineState {
    Options options;
    EnginePtr engine;
    LinkerPtr linker;  // empty: a module may import nothing
    mutable std::atomic<std::uint32_t> running{0};
};

struct ModuleState {
    std::shared_ptr<const EngineState> engine;
    ModulePtr module;
    InstancePrePtr pre;
    std::size_t initial_memory_bytes = 0;
    std::size_t maximum_memory_bytes = 0;
    bool has_initialize = false;
    bool has_aborted = false;
};

// Checks imports and exports against the host interface and fills in what run() needs to know. Throws bad_module.
void check_shape(ModuleState& state);

// wasmtime's message, cut to 300 printable ASCII characters.
std::string message_of(const wasmtime_error_t& error);

}  // namespace concordat::enclave::runtime
