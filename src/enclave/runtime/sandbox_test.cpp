// The list of system calls in runtime.hpp, held to: everything else kills the process here. Not under sanitizers, which
// make system calls of their own.
#if !defined(CONCORDAT_SANITIZED)
#include <gtest/gtest.h>
#include <seccomp.h>
#include <unistd.h>
#include <base/file.hpp>

#include <optional>

#include "runtime.hpp"

namespace concordat::enclave::runtime {
namespace {

constexpr const char* handle_input =
    R"({"abi":1,"action":"refuse","call":"handle","message":{},"state":{},"terms":{}})";
constexpr const char* init_input = R"({"abi":1,"call":"init","terms":{"quantity":"1","strike":"2"}})";
constexpr const char* hog_input = R"({"abi":1,"action":"hog","call":"handle","message":{},"state":{},"terms":{}})";

bool apply_sandbox() {
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
    bool ok = filter != nullptr;
    for (const int call :
         {SCMP_SYS(brk), SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(mprotect), SCMP_SYS(madvise),
          SCMP_SYS(futex), SCMP_SYS(memfd_create), SCMP_SYS(write), SCMP_SYS(fcntl), SCMP_SYS(close),
          SCMP_SYS(sigaltstack), SCMP_SYS(rt_sigreturn), SCMP_SYS(exit), SCMP_SYS(exit_group)}) {
        ok = ok && seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0;
    }
    ok = ok && seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 && seccomp_load(filter) == 0;
    seccomp_release(filter);
    return ok;
}

std::optional<Code> failure_of(const Module& module, const char* input, const Limits& limits) {
    try {
        (void)module.run(input, limits);
    } catch (const Error& error) {
        return error.code();
    }
    return std::nullopt;
}

// 0 when all went as it should.
int work_inside(const Engine& engine, const Bytes& wasm) {
    const Module module = engine.compile(wasm);
    for (int i = 0; i < 100; ++i) {
        if (module.run(init_input).abort) return 2;
        if (!module.run(handle_input).abort) return 3;
    }
    if (failure_of(module, hog_input, {.fuel = 1'000'000'000}) != Code::out_of_memory) return 4;
    if (failure_of(module, init_input, {.fuel = 10}) != Code::out_of_fuel) return 5;
    const Module again = engine.deserialize(module.serialize());
    return again.run(init_input).output == module.run(init_input).output ? 0 : 6;
}

TEST(SandboxDeathTest, TheListedSystemCallsAreEnough) {
    testing::FLAGS_gtest_death_test_style = "threadsafe";  // a fork of this process would lack its threads
    EXPECT_EXIT(
        {
            const Bytes wasm = read_file(SAMPLE_WASM);
            Engine engine;
            engine.start_ticker();
            _exit(apply_sandbox() ? work_inside(engine, wasm) : 1);
        },
        testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace concordat::enclave::runtime
#endif
