// Untrusted WebAssembly: compile() must refuse or accept, and what it accepts must run or fail within its limits, with
// the same fuel each time. The first byte's place is part of the module, so the corpus holds plain .wasm files.
#include <cstdlib>
#include <enclave/runtime/runtime.hpp>

using concordat::Code;
using concordat::Error;
namespace runtime = concordat::enclave::runtime;

namespace {

constexpr runtime::Limits limits{.fuel = 200'000, .memory_bytes = 1 << 20, .time_ms = 1000, .output_bytes = 4096};

// The fuel used, or a code that no fuel figure has.
std::uint64_t run(const runtime::Module& module) {
    try {
        const runtime::Outcome outcome = module.run(R"({"abi":1,"call":"init"})", limits);
        if (outcome.output.size() > limits.output_bytes || outcome.fuel > limits.fuel) std::abort();
        return outcome.fuel;
    } catch (const Error& error) {
        switch (error.code()) {
            case Code::out_of_fuel:
            case Code::out_of_memory:
            case Code::out_of_time:
            case Code::trapped:
            case Code::too_large:
                return limits.fuel + 1 + static_cast<std::uint64_t>(error.code());
            default:
                std::abort();
        }
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const runtime::Engine engine(runtime::Options{.slots = 2, .max_module_bytes = 1 << 16});
    try {
        const runtime::Module module = engine.compile({data, size});
        if (run(module) != run(module)) std::abort();
    } catch (const Error& error) {
        if (error.code() != Code::bad_module && error.code() != Code::too_large) std::abort();
    }
    return 0;
}
