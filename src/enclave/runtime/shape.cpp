#include <algorithm>

#include "state.hpp"

namespace concordat::enclave::runtime {
namespace {

using ImportsPtr = std::unique_ptr<wasm_importtype_vec_t, Deleter<wasm_importtype_vec_delete>>;
using ExportsPtr = std::unique_ptr<wasm_exporttype_vec_t, Deleter<wasm_exporttype_vec_delete>>;

// At most 80 printable characters of a name that the module's author chose.
std::string printable(const wasm_name_t& name) {
    std::string out(name.data, std::min<std::size_t>(name.size, 80));
    std::replace_if(out.begin(), out.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
    return out;
}

void refuse_imports(const wasmtime_module_t& module) {
    wasm_importtype_vec_t imports;
    wasmtime_module_imports(&module, &imports);
    const ImportsPtr owner(&imports);
    if (imports.size == 0) return;
    const wasm_importtype_t* first = imports.data[0];
    throw Error(Code::bad_module,
                "imports/" + printable(*wasm_importtype_module(first)) + "." + printable(*wasm_importtype_name(first)),
                "a module may import nothing: it has only its input");
}

bool matches(const wasm_valtype_vec_t& types, std::initializer_list<wasm_valkind_t> kinds) {
    return types.size == kinds.size() &&
           std::equal(kinds.begin(), kinds.end(), types.data,
                      [](wasm_valkind_t kind, const wasm_valtype_t* type) { return wasm_valtype_kind(type) == kind; });
}

// The type of the named export, or null.
const wasm_externtype_t* find_export(const wasm_exporttype_vec_t& exports, std::string_view name) {
    for (std::size_t i = 0; i < exports.size; ++i) {
        const wasm_name_t* found = wasm_exporttype_name(exports.data[i]);
        if (std::string_view(found->data, found->size) == name) return wasm_exporttype_type(exports.data[i]);
    }
    return nullptr;
}

// True when the export is there; throws when it is there with another type.
bool check_function(const wasm_exporttype_vec_t& exports, std::string_view name,
                    std::initializer_list<wasm_valkind_t> params, std::initializer_list<wasm_valkind_t> results,
                    std::string_view signature) {
    const wasm_externtype_t* type = find_export(exports, name);
    if (type == nullptr) return false;
    const wasm_functype_t* function =
        wasm_externtype_kind(type) == WASM_EXTERN_FUNC ? wasm_externtype_as_functype_const(type) : nullptr;
    if (function == nullptr || !matches(*wasm_functype_params(function), params) ||
        !matches(*wasm_functype_results(function), results)) {
        throw Error(Code::bad_module, "exports/" + std::string(name), "must be a function " + std::string(signature));
    }
    return true;
}

void require(bool present, std::string_view name) {
    if (!present) throw Error(Code::bad_module, "exports/" + std::string(name), "the module must export it");
}

void check_memory(const wasm_exporttype_vec_t& exports, ModuleState& state) {
    constexpr std::string_view field = "exports/memory";
    const wasm_externtype_t* type = find_export(exports, "memory");
    require(type != nullptr, "memory");
    if (wasm_externtype_kind(type) != WASM_EXTERN_MEMORY) {
        throw Error(Code::bad_module, std::string(field), "must be a memory");
    }
    const wasm_memorytype_t* memory = wasm_externtype_as_memorytype_const(type);
    std::uint64_t maximum_pages = 0;
    if (!wasmtime_memorytype_maximum(memory, &maximum_pages)) {
        throw Error(Code::bad_module, std::string(field), "the memory must declare a maximum size");
    }
    constexpr std::uint64_t page = 65536;
    const std::size_t limit = state.engine->options.max_memory_bytes;
    if (maximum_pages > limit / page) {
        throw Error(Code::bad_module, std::string(field),
                    "the memory's maximum may not be above " + std::to_string(limit) + " bytes");
    }
    state.initial_memory_bytes = wasmtime_memorytype_minimum(memory) * page;
    state.maximum_memory_bytes = maximum_pages * page;
}

}  // namespace

void check_shape(ModuleState& state) {
    refuse_imports(*state.module);
    wasm_exporttype_vec_t exports;
    wasmtime_module_exports(state.module.get(), &exports);
    const ExportsPtr owner(&exports);
    check_memory(exports, state);
    require(check_function(exports, "cryptlet_alloc", {WASM_I32}, {WASM_I32}, "(i32) -> i32"), "cryptlet_alloc");
    require(check_function(exports, "cryptlet_handle", {WASM_I32, WASM_I32}, {WASM_I64}, "(i32, i32) -> i64"),
            "cryptlet_handle");
    state.has_initialize = check_function(exports, "_initialize", {}, {}, "()");
    state.has_aborted = check_function(exports, "cryptlet_aborted", {}, {WASM_I64}, "() -> i64");
}

}  // namespace concordat::enclave::runtime
