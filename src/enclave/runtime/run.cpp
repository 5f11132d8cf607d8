#include <algorithm>
#include <base/json.hpp>
#include <cstring>

#include "state.hpp"

#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

namespace concordat::enclave::runtime {
namespace {

// What the module may spend on saying where its abort message lies; not charged, so that fuel stays the run's own.
constexpr std::uint64_t abort_fuel = 10'000;
constexpr std::size_t max_abort_json = 4096;

[[noreturn]] void fail(Code code, std::string rule) { throw Error(code, "logic", std::move(rule)); }

std::string_view trap_text(wasmtime_trap_code_t code) {
    switch (code) {
        case WASMTIME_TRAP_CODE_STACK_OVERFLOW:
            return "the stack overflowed";
        case WASMTIME_TRAP_CODE_MEMORY_OUT_OF_BOUNDS:
            return "an access outside the memory";
        case WASMTIME_TRAP_CODE_TABLE_OUT_OF_BOUNDS:
            return "an access outside a table";
        case WASMTIME_TRAP_CODE_INDIRECT_CALL_TO_NULL:
            return "an indirect call to nothing";
        case WASMTIME_TRAP_CODE_BAD_SIGNATURE:
            return "an indirect call with the wrong signature";
        case WASMTIME_TRAP_CODE_INTEGER_OVERFLOW:
            return "an integer overflow";
        case WASMTIME_TRAP_CODE_INTEGER_DIVISION_BY_ZERO:
            return "an integer division by zero";
        case WASMTIME_TRAP_CODE_BAD_CONVERSION_TO_INTEGER:
            return "a float that is no integer";
        case WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED:
            return "unreachable code was reached";
        default:
            return "the module trapped";
    }
}

// Counts a run in, so that a full pool is Error(busy) and not a failed instantiation.
class Slot {
  public:
    explicit Slot(const EngineState& engine) : engine_(engine) {
        if (engine_.running.fetch_add(1) >= engine_.options.slots) {
            engine_.running.fetch_sub(1);
            throw Error(Code::busy, "logic", "every instance slot of this enclave is in use");
        }
    }
    ~Slot() { engine_.running.fetch_sub(1); }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;

  private:
    const EngineState& engine_;
};

// The pool in libwasmtime orders an instance's end before the next use of its memory. The library is not instrumented,
// so ThreadSanitizer has to be told.
#if defined(__SANITIZE_THREAD__)
void memory_taken(const EngineState& engine) { __tsan_acquire(const_cast<EngineState*>(&engine)); }
void memory_given_back(const EngineState& engine) { __tsan_release(const_cast<EngineState*>(&engine)); }
#else
void memory_taken(const EngineState&) {}
void memory_given_back(const EngineState&) {}
#endif

struct Place {
    std::uint32_t address;
    std::uint32_t length;
    explicit Place(std::uint64_t packed)
        : address(static_cast<std::uint32_t>(packed >> 32)), length(static_cast<std::uint32_t>(packed)) {}
};

bool is_abort_code(std::string_view code) {
    if (code.empty() || code.size() > 64 || code[0] < 'a' || code[0] > 'z') return false;
    for (const char c : code) {
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_')) return false;
    }
    return true;
}

// Throws Error(trapped) on JSON that is no abort: a module that cannot even refuse properly is broken.
Abort parse_abort(std::string_view text) {
    try {
        const json::Value value = json::parse(text, "abort", {.bytes = max_abort_json, .depth = 4});
        json::Reader outer(value, "");
        json::Reader inner(outer.any("abort"), "/abort");
        outer.finish();
        Abort abort{std::string(inner.string("code", 64)), std::string(inner.string("text", 1024))};
        inner.finish();
        if (is_abort_code(abort.code)) return abort;
    } catch (const Error&) {
        // The cause would quote what the module wrote; that must not leave.
    }
    fail(Code::trapped, "the module aborted with a message that is no {\"abort\":{\"code\",\"text\"}}");
}

class Instance {
  public:
    Instance(const ModuleState& module, const Limits& limits)
        : module_(module),
          limits_(limits),
          slot_(*module.engine),
          store_(wasmtime_store_new(module.engine->engine.get(), nullptr, nullptr)),
          context_(wasmtime_store_context(store_.get())) {
        wasmtime_store_limiter(store_.get(), static_cast<std::int64_t>(limits.memory_bytes),
                               module.engine->options.max_table_elements, 1, 1, 1);
        set_fuel(limits.fuel);
        // One tick more: the current one may be nearly over.
        wasmtime_context_set_epoch_deadline(context_, limits.time_ms / module.engine->options.tick_ms + 1);
    }

    ~Instance() { memory_given_back(*module_.engine); }
    Instance(const Instance&) = delete;
    Instance& operator=(const Instance&) = delete;

    Outcome run(std::string_view input) {
        Outcome outcome;
        try {
            start();
            const Place output = handle(input);
            outcome.fuel = fuel_used();
            outcome.output = read(output, limits_.output_bytes, "the output");
            if (outcome.output.starts_with("{\"abort\":")) {
                outcome.abort = parse_abort(outcome.output);
                outcome.output.clear();
            }
        } catch (const Unreachable&) {
            outcome.fuel = fuel_used();
            outcome.abort = deliberate_abort();
        }
        if (outcome.abort && outcome.abort->code == "out_of_memory") {
            fail(Code::out_of_memory, "the module needed more memory than it may have");
        }
        return outcome;
    }

  private:
    struct Unreachable {};  // the one trap that may be a deliberate abort

    void start() {
        if (module_.initial_memory_bytes > limits_.memory_bytes) {
            fail(Code::out_of_memory, "the module starts with more memory than it may have");
        }
        wasm_trap_t* trap = nullptr;
        const ErrorPtr error(wasmtime_instance_pre_instantiate(module_.pre.get(), context_, &instance_, &trap));
        check(error.get(), TrapPtr(trap));
        memory_taken(*module_.engine);
        wasmtime_extern_t memory;
        if (!wasmtime_instance_export_get(context_, &instance_, "memory", 6, &memory)) panic("memory was checked");
        memory_ = memory.of.memory;
        started_ = true;
        if (module_.has_initialize) {
            wasmtime_val_raw_t none{};
            call("_initialize", &none, 0);
        }
    }

    Place handle(std::string_view input) {
        if (input.size() > limits_.memory_bytes) fail(Code::too_large, "the input is larger than the memory may be");
        wasmtime_val_raw_t slots[2]{};
        slots[0].i32 = static_cast<std::int32_t>(input.size());
        call("cryptlet_alloc", slots, 1);
        const auto at = static_cast<std::uint32_t>(slots[0].i32);
        if (at == 0) fail(Code::out_of_memory, "the module has no memory for its input");
        if (!inside(at, input.size())) fail(Code::trapped, "cryptlet_alloc returned a place outside the memory");
        std::memcpy(wasmtime_memory_data(context_, &memory_) + at, input.data(), input.size());
        slots[0].i32 = static_cast<std::int32_t>(at);
        slots[1].i32 = static_cast<std::int32_t>(input.size());
        call("cryptlet_handle", slots, 2);
        return Place(static_cast<std::uint64_t>(slots[0].i64));
    }

    // Arguments in, result out in the first slot; check_shape() has checked the types.
    void call(std::string_view name, wasmtime_val_raw_t* slots, std::size_t count) {
        wasmtime_extern_t function;
        if (!wasmtime_instance_export_get(context_, &instance_, name.data(), name.size(), &function)) {
            panic("export was checked");
        }
        wasm_trap_t* trap = nullptr;
        const ErrorPtr error(wasmtime_func_call_unchecked(context_, &function.of.func, slots, count, &trap));
        check(error.get(), TrapPtr(trap));
    }

    void check(const wasmtime_error_t* error, TrapPtr trap) {
        if (error != nullptr) fail(Code::internal, "the module could not be run");
        if (!trap) return;
        wasmtime_trap_code_t code = 0;
        if (!wasmtime_trap_code(trap.get(), &code)) fail(Code::trapped, "the module trapped");
        if (code == WASMTIME_TRAP_CODE_OUT_OF_FUEL) {
            fail(Code::out_of_fuel, "at most " + std::to_string(limits_.fuel) + " units of fuel");
        }
        if (code == WASMTIME_TRAP_CODE_INTERRUPT) {
            fail(Code::out_of_time, "at most " + std::to_string(limits_.time_ms) + " ms");
        }
        if (code == WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED && started_) throw Unreachable{};
        fail(Code::trapped, std::string(trap_text(code)));
    }

    // After an `unreachable` trap: what the module says about it. Throws when it was not meant.
    Abort deliberate_abort() {
        const bool full = memory_is_full();
        if (module_.has_aborted) {
            set_fuel(abort_fuel);
            wasmtime_val_raw_t slot{};
            try {
                call("cryptlet_aborted", &slot, 1);
            } catch (const Unreachable&) {
                slot.i64 = 0;
            } catch (const Error& error) {
                if (error.code() == Code::out_of_time) throw;
                slot.i64 = 0;
            }
            const Place place(static_cast<std::uint64_t>(slot.i64));
            if (place.length != 0) return parse_abort(read(place, max_abort_json, "the abort"));
        }
        if (full) fail(Code::out_of_memory, "the module needed more memory than it may have");
        fail(Code::trapped, std::string(trap_text(WASMTIME_TRAP_CODE_UNREACHABLE_CODE_REACHED)));
    }

    std::string read(Place place, std::size_t limit, const char* what) {
        if (place.length > limit) {
            fail(Code::too_large, std::string(what) + " may have at most " + std::to_string(limit) + " bytes");
        }
        if (!inside(place.address, place.length)) fail(Code::trapped, std::string(what) + " lies outside the memory");
        const auto* data = reinterpret_cast<const char*>(wasmtime_memory_data(context_, &memory_));
        return {data + place.address, place.length};
    }

    bool inside(std::uint64_t address, std::uint64_t length) {
        return address + length <= wasmtime_memory_data_size(context_, &memory_);
    }

    bool memory_is_full() {
        constexpr std::size_t page = 65536;
        const std::size_t limit = std::min(limits_.memory_bytes, module_.maximum_memory_bytes);
        return module_.maximum_memory_bytes > module_.initial_memory_bytes &&
               wasmtime_memory_data_size(context_, &memory_) + page > limit;
    }

    void set_fuel(std::uint64_t fuel) {
        const ErrorPtr error(wasmtime_context_set_fuel(context_, fuel));
        if (error) panic("fuel is on in every engine");
    }

    std::uint64_t fuel_used() const {
        std::uint64_t left = 0;
        const ErrorPtr error(wasmtime_context_get_fuel(context_, &left));
        if (error) panic("fuel is on in every engine");
        return limits_.fuel - left;
    }

    const ModuleState& module_;
    const Limits& limits_;
    Slot slot_;  // before the store: the slot is free only when the store is gone
    StorePtr store_;
    wasmtime_context_t* context_;
    wasmtime_instance_t instance_{};
    wasmtime_memory_t memory_{};
    bool started_ = false;
};

}  // namespace

Outcome Module::run(std::string_view input_json, const Limits& limits) const {
    return Instance(*state_, limits).run(input_json);
}

Bytes Module::serialize() const {
    wasm_byte_vec_t bytes;
    const ErrorPtr error(wasmtime_module_serialize(state_->module.get(), &bytes));
    if (error) throw Error(Code::internal, "module", message_of(*error));
    Bytes out(bytes.data, bytes.data + bytes.size);
    wasm_byte_vec_delete(&bytes);
    return out;
}

}  // namespace concordat::enclave::runtime
