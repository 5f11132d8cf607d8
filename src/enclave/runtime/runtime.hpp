// The WebAssembly runtime inside the enclave: runs a contract's logic ("cryptlet"), a core module that imports nothing,
// over wasmtime's C API. A run is a pure function of (module, input, limits): each has a fresh instance, no host time,
// no randomness, no file, no socket; NaNs are canonical, threads and SIMD are off, and code is compiled for one
// fixed instruction set (x86-64-v2), so fuel, results and the depth of the stack are the same on every machine.
// Only Error(out_of_time), the wall-clock backstop, depends on the machine; callers must not record it as an outcome.
//
// Host interface, version 1 (sdk/cryptlet/cpp/README.md). The module must export
//   memory                                   one, 32-bit, with a maximum not above Options::max_memory_bytes
//   cryptlet_alloc(i32 length) -> i32        where to write the input; 0 means no memory
//   cryptlet_handle(i32 at, i32 length) -> i64     output as (address << 32 | length)
// and may export
//   _initialize()                            called once before the others
//   cryptlet_aborted() -> i64                asked only after an `unreachable` trap: the place of the abort's JSON
//                                            {"abort":{"code":"snake_case","text":"…"}}, or 0 if the trap was a bug
//
// System calls (strace, x86-64, glibc 2.36; sandbox_test.cpp runs under exactly this list). Make the Engine before the
// sandbox: it reads /proc and /sys. After that
//   compile(), deserialize()  brk mmap munmap mremap mprotect madvise futex memfd_create write fcntl close
//   run()                     the same, and sigaltstack on a thread's first run; when warm, almost none at all
//   a trap, an abort          rt_sigreturn: traps arrive as SIGILL, SIGSEGV or SIGFPE, and the handlers that the
//                             Engine installed must stay
//   start_ticker()            clone3 rseq set_robust_list rt_sigprocmask rt_sigaction, then futex; at the end exit
// The Engine reserves Options::slots x 4 GiB of addresses (not memory): leave RLIMIT_AS alone.
#pragma once
#include <base/bytes.hpp>
#include <base/error.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace concordat::enclave::runtime {

// Names how fuel is counted; it goes wherever a fuel figure is recorded.
inline constexpr std::string_view meter_version = "wasmtime-50.0.1/1";
inline constexpr std::string_view host_interface = "concordat_1";

struct Options {
    std::uint32_t slots = 16;                              // instances at one time, over all modules
    std::size_t max_module_bytes = std::size_t{4} << 20;   // of WebAssembly given to compile()
    std::size_t max_memory_bytes = std::size_t{16} << 20;  // a module's declared maximum may not be above
    std::uint32_t max_table_elements = 10'000;
    std::uint32_t tick_ms = 10;
};

struct Limits {
    std::uint64_t fuel = 50'000'000;                   // about one unit per WebAssembly instruction
    std::size_t memory_bytes = std::size_t{16} << 20;  // of the instance's linear memory
    std::uint32_t time_ms = 1000;                      // wall clock; works only while somebody ticks the engine
    std::size_t output_bytes = std::size_t{1} << 20;
};

// The contract refused the message, deliberately. Code is [a-z][a-z0-9_]{0,63}, text at most 1024 bytes of UTF-8.
struct Abort {
    std::string code;
    std::string text;
};

struct Outcome {
    std::string output;          // the bytes that the module returned; empty when it aborted
    std::optional<Abort> abort;  // also set when the output itself begins with {"abort":
    std::uint64_t fuel = 0;      // used; the same for the same module, input and limits
};

struct EngineState;
struct ModuleState;

// Checked and compiled code. Cheap to copy (copies share the code, which never changes); run() may be called from
// several threads at once. Stays usable after its Engine object is gone, but nobody ticks then.
class Module {
  public:
    // Throws Error(out_of_fuel | out_of_memory | out_of_time | trapped | too_large | busy); field is "logic", and the
    // rule never holds anything from the instance's memory. out_of_memory means: the module says so (the SDK does), it
    // starts with more than its limit, or it hit `unreachable` when its memory could not grow by another page; any
    // other way of failing after a refused growth is `trapped`.
    Outcome run(std::string_view input_json, const Limits& limits = {}) const;

    // Native code for Engine::deserialize of the same wasmtime version. Authenticate it before it leaves the process.
    Bytes serialize() const;

  private:
    friend class Engine;
    explicit Module(std::shared_ptr<const ModuleState> state) : state_(std::move(state)) {}
    // Shared: copies of a Module, held by runs in several threads, use one piece of compiled code.
    std::shared_ptr<const ModuleState> state_;
};

// One per process. Throws Error(internal) if wasmtime refuses to start.
class Engine {
  public:
    explicit Engine(const Options& options = {});
    ~Engine();
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;

    // Throws Error(bad_module): field names the part ("module", "imports/env.clock", "exports/memory"), rule says why.
    // Throws Error(too_large) above max_module_bytes. Compiles on the calling thread, starts none.
    Module compile(ByteView wasm) const;

    // TRUSTED BYTES ONLY: this is native code and runs with the enclave's rights. Give it nothing but what serialize()
    // made and the caller has authenticated (a MAC under an enclave key). Throws Error(bad_module).
    Module deserialize(ByteView authenticated) const;

    // Starts the thread that ticks every tick_ms until the Engine goes, and returns when it runs; harmless when it runs
    // already.
    void start_ticker();
    // One tick, for a caller with a timer of its own.
    void tick() const;

  private:
    class Ticker;
    // Shared with the modules, which need the engine for each instance.
    std::shared_ptr<EngineState> state_;
    std::unique_ptr<Ticker> ticker_;
};

}  // namespace concordat::enclave::runtime
