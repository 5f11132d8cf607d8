#include "runtime.hpp"

#include <gtest/gtest.h>
#include <wasmtime.h>
#include <base/clock.hpp>

#include <cstdio>
#include <thread>

namespace concordat::enclave::runtime {
namespace {

Bytes wasm_of(std::string_view wat) {
    wasm_byte_vec_t out;
    wasmtime_error_t* error = wasmtime_wat2wasm(wat.data(), wat.size(), &out);
    if (error != nullptr) {
        wasm_name_t text;
        wasmtime_error_message(error, &text);
        ADD_FAILURE() << std::string(text.data, text.size);
        return {};
    }
    Bytes bytes(out.data, out.data + out.size);
    wasm_byte_vec_delete(&out);
    return bytes;
}

constexpr std::string_view alloc_at_1024 =
    R"((func (export "cryptlet_alloc") (param i32) (result i32) i32.const 1024))";

// A module whose cryptlet_handle has the given body; memory and alloc are the usual ones.
std::string module_with(std::string_view handle_body, std::string_view more = "", std::string_view memory = "1 16") {
    std::string wat = "(module (memory (export \"memory\") " + std::string(memory) + ")";
    wat += alloc_at_1024;
    wat += R"((func (export "cryptlet_handle") (param $at i32) (param $length i32) (result i64) )";
    wat += handle_body;
    wat += ")";
    wat += more;
    return wat + ")";
}

// Returns the input as output.
constexpr std::string_view echo_body = R"(
    local.get $at i64.extend_i32_u i64.const 32 i64.shl local.get $length i64.extend_i32_u i64.or)";

Engine& engine() {
    static Engine one;
    one.start_ticker();
    return one;
}

Module compile(std::string_view wat) { return engine().compile(wasm_of(wat)); }

Code run_code(const Module& module, const Limits& limits = {}, std::string_view input = "{}") {
    try {
        (void)module.run(input, limits);
    } catch (const Error& error) {
        EXPECT_EQ(error.field(), "logic");
        EXPECT_FALSE(error.rule().empty());
        return error.code();
    }
    ADD_FAILURE() << "the run did not fail";
    return Code::internal;
}

void expect_bad_module(std::string_view wat, std::string_view field, std::string_view rule_part) {
    try {
        (void)compile(wat);
        ADD_FAILURE() << "accepted: " << wat;
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::bad_module);
        EXPECT_EQ(error.field(), field);
        EXPECT_NE(error.rule().find(rule_part), std::string::npos) << error.rule();
    }
}

TEST(Run, ReturnsTheOutput) {
    const Outcome outcome = compile(module_with(echo_body)).run(R"({"a":1})");
    EXPECT_EQ(outcome.output, R"({"a":1})");
    EXPECT_FALSE(outcome.abort);
    EXPECT_GT(outcome.fuel, 0U);
}

TEST(Run, FuelIsTheSameEachTime) {
    const Module module = compile(module_with(R"(
        (local $i i32)
        (loop $again
            local.get $i i32.const 1 i32.add local.tee $i
            local.get $length i32.const 100 i32.mul i32.lt_u br_if $again)
        i64.const 0)"));
    const Outcome first = module.run("{\"a\":1}");
    for (int i = 0; i < 50; ++i) EXPECT_EQ(module.run("{\"a\":1}").fuel, first.fuel);
    const Module again = engine().deserialize(module.serialize());
    EXPECT_EQ(again.run("{\"a\":1}").fuel, first.fuel);
    Limits more;
    more.fuel *= 2;
    EXPECT_EQ(module.run("{\"a\":1}", more).fuel, first.fuel);
    EXPECT_GT(module.run("{\"a\":12}").fuel, first.fuel);
}

TEST(Run, EndlessLoopRunsOutOfFuel) {
    const Module module = compile(module_with("(loop $again br $again) i64.const 0"));
    EXPECT_EQ(run_code(module, {.fuel = 1'000'000}), Code::out_of_fuel);
    EXPECT_EQ(run_code(module, {.fuel = 0}), Code::out_of_fuel);
}

TEST(Run, EndlessLoopRunsOutOfTime) {
    const Module module = compile(module_with("(loop $again br $again) i64.const 0"));
    const std::int64_t start = monotonic_ns();
    EXPECT_EQ(run_code(module, {.fuel = UINT64_MAX / 2, .time_ms = 50}), Code::out_of_time);
    EXPECT_LT(monotonic_ns() - start, 5'000'000'000);
}

TEST(Run, MemoryBombEndsAtItsLimit) {
    // Grows until it is refused, then goes to `unreachable` as allocators do.
    constexpr std::string_view bomb = R"(
        (loop $again
            (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then unreachable))
            br $again)
        i64.const 0)";
    const Module module = compile(module_with(bomb, "", "1 256"));
    EXPECT_EQ(run_code(module), Code::out_of_memory);
    EXPECT_EQ(run_code(module, {.memory_bytes = 1 << 20}), Code::out_of_memory);
    EXPECT_EQ(run_code(module, {.memory_bytes = 1 << 10}), Code::out_of_memory) << "starts with more";
}

TEST(Run, GrowthStopsAtTheLimitOfTheRun) {
    const Module module = compile(module_with("(drop (memory.grow (i32.const 7))) (i64.extend_i32_s (memory.size))"));
    EXPECT_EQ(module.run("{}").output.size(), 8U);  // address 0, length 8 pages
    EXPECT_EQ(module.run("{}", {.memory_bytes = 4 * 65536}).output.size(), 1U);
}

TEST(Run, OneLargeRefusedGrowthIsATrap) {
    const Module module = compile(module_with(
        "(if (i32.eq (memory.grow (i32.const 500)) (i32.const -1)) (then unreachable)) i64.const 0", "", "1 256"));
    EXPECT_EQ(run_code(module), Code::trapped);
}

TEST(Run, DeepRecursionTraps) {
    const Module module = compile(module_with("(call $deep (i64.const 0))",
                                              "(func $deep (param i64) (result i64) (i64.add (call $deep (i64.add "
                                              "(local.get 0) (i64.const 1))) (i64.const 1)))"));
    EXPECT_EQ(run_code(module), Code::trapped);
    EXPECT_EQ(run_code(module), Code::trapped) << "and again: the engine survives it";
}

TEST(Run, TrapsAreNamed) {
    struct Case {
        const char* body;
        const char* rule;
    };
    for (const Case& c :
         {Case{"unreachable", "unreachable"}, Case{"(i64.div_u (i64.const 1) (i64.const 0))", "division"},
          Case{"(i64.load (i32.const -8))", "outside the memory"}}) {
        try {
            (void)compile(module_with(c.body)).run("{}");
            ADD_FAILURE() << c.body;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::trapped);
            EXPECT_NE(error.rule().find(c.rule), std::string::npos) << error.rule();
        }
    }
}

TEST(Run, StartFunctionThatTrapsIsCaught) {
    EXPECT_EQ(run_code(compile(module_with("i64.const 0", "(func $s unreachable) (start $s)"))), Code::trapped);
    EXPECT_EQ(run_code(compile(module_with("i64.const 0", "(func $s (loop $l br $l)) (start $s)"))), Code::out_of_fuel);
}

TEST(Run, OutputIsBounded) {
    EXPECT_EQ(run_code(compile(module_with("i64.const 0x0000_0000_0010_0001"))), Code::too_large);
    EXPECT_EQ(run_code(compile(module_with(echo_body)), {.output_bytes = 1}), Code::too_large);
    EXPECT_EQ(run_code(compile(module_with("i64.const -1"))), Code::too_large);
}

TEST(Run, OutputOutsideTheMemoryIsATrap) {
    EXPECT_EQ(run_code(compile(module_with("i64.const 0x0000_ffff_0000_0002"))), Code::trapped);
    EXPECT_EQ(run_code(compile(module_with("i64.const 0xffff_ffff_0000_0001"))), Code::trapped);
    EXPECT_EQ(compile(module_with("i64.const 0x0000_ffff_0000_0001")).run("{}").output.size(), 1U) << "the last byte";
}

TEST(Run, AllocOutsideTheMemoryIsATrap) {
    const auto with_alloc = [](std::string_view value) {
        return "(module (memory (export \"memory\") 1 1) (func (export \"cryptlet_alloc\") (param i32) (result i32) "
               "i32.const " +
               std::string(value) + ") (func (export \"cryptlet_handle\") (param i32 i32) (result i64) i64.const 0))";
    };
    EXPECT_EQ(run_code(compile(with_alloc("65535"))), Code::trapped);
    EXPECT_EQ(run_code(compile(with_alloc("-1"))), Code::trapped);
    EXPECT_EQ(run_code(compile(with_alloc("0"))), Code::out_of_memory);
    EXPECT_EQ(run_code(compile(with_alloc("1024")), {}, std::string(65536, 'x')), Code::trapped);
    EXPECT_EQ(run_code(compile(with_alloc("1024")), {.memory_bytes = 65536}, std::string(65537, 'x')), Code::too_large);
}

TEST(Run, AFreshInstanceSeesNothingOfTheRunBefore) {
    // Returns the byte at 2000 (grown page too) as the output's length, and leaves a mark for a next run to find.
    const Module module = compile(module_with(R"(
        (local $seen i32)
        (drop (memory.grow (i32.const 3)))
        (local.set $seen (i32.add (i32.load8_u (i32.const 2000)) (i32.load8_u (i32.const 200000))))
        (local.set $seen (i32.add (local.get $seen) (global.get $mark)))
        (i32.store8 (i32.const 2000) (i32.const 7))
        (i32.store8 (i32.const 200000) (i32.const 7))
        (global.set $mark (i32.const 7))
        (i64.extend_i32_u (local.get $seen)))",
                                              "(global $mark (mut i32) (i32.const 0)) (data (i32.const 2001) \"x\")"));
    for (int i = 0; i < 100; ++i) ASSERT_EQ(module.run("{}").output.size(), 0U);
    // The slot's next tenant is another module.
    const Module reader =
        compile(module_with("(drop (memory.grow (i32.const 3))) (i64.extend_i32_u (i32.load8_u (i32.const 200000)))"));
    for (int i = 0; i < 100; ++i) {
        (void)module.run("{}");
        ASSERT_EQ(reader.run("{}").output.size(), 0U);
    }
}

TEST(Run, NansAreCanonical) {
    // 0/0 has the sign bit set on x86 unless canonicalised; the output's length says which bits came out.
    const Module module =
        compile(module_with("(i64.extend_i32_u (i32.eq (i32.reinterpret_f32 (f32.div (f32.const 0) (f32.const 0))) "
                            "(i32.const 0x7fc00000)))"));
    EXPECT_EQ(module.run("{}").output.size(), 1U);
}

TEST(Run, InitializeRunsFirst) {
    const Module module = compile(module_with(
        "(i64.extend_i32_u (global.get $g))",
        R"((global $g (mut i32) (i32.const 0)) (func (export "_initialize") (global.set $g (i32.const 5))))"));
    EXPECT_EQ(module.run("{}").output.size(), 5U);
}

TEST(Abort, IsReadAfterATrap) {
    const std::string json = R"({"abort":{"code":"too_late","text":"the deadline has passed"}})";
    const auto wat = [&](std::string_view text, std::size_t length) {
        std::string escaped;
        for (const char c : text) escaped += c == '"' ? std::string("\\22") : std::string(1, c);
        return module_with("unreachable", "(data (i32.const 4096) \"" + escaped +
                                              "\") (func (export \"cryptlet_aborted\") (result i64) i64.const " +
                                              std::to_string((std::uint64_t{4096} << 32) | length) + ")");
    };
    const Outcome outcome = compile(wat(json, json.size())).run("{}");
    ASSERT_TRUE(outcome.abort);
    EXPECT_EQ(outcome.abort->code, "too_late");
    EXPECT_EQ(outcome.abort->text, "the deadline has passed");
    EXPECT_TRUE(outcome.output.empty());
    EXPECT_LT(outcome.fuel, 100U) << "what the trapped run used, no more";
    EXPECT_EQ(run_code(compile(wat(json, 0))), Code::trapped) << "0: not deliberate";
    EXPECT_EQ(run_code(compile(wat(json, json.size() - 1))), Code::trapped);
    EXPECT_EQ(run_code(compile(wat(json, 100'000))), Code::too_large);
    const std::string bad_code = R"({"abort":{"code":"Too late","text":""}})";
    EXPECT_EQ(run_code(compile(wat(bad_code, bad_code.size()))), Code::trapped);
    const std::string memory = R"({"abort":{"code":"out_of_memory","text":""}})";
    EXPECT_EQ(run_code(compile(wat(memory, memory.size()))), Code::out_of_memory);
}

TEST(Abort, MayAlsoBeReturned) {
    const Outcome outcome = compile(module_with(echo_body)).run(R"({"abort":{"code":"no","text":"t"}})");
    ASSERT_TRUE(outcome.abort);
    EXPECT_EQ(outcome.abort->code, "no");
    EXPECT_EQ(run_code(compile(module_with(echo_body)), {}, R"({"abort":1})"), Code::trapped);
}

TEST(Abort, AskingForItIsBounded) {
    const auto with = [](std::string_view body) {
        return module_with("unreachable",
                           "(func (export \"cryptlet_aborted\") (result i64) " + std::string(body) + ")");
    };
    EXPECT_EQ(run_code(compile(with("(loop $l br $l) i64.const 0"))), Code::trapped);
    EXPECT_EQ(run_code(compile(with("unreachable"))), Code::trapped);
    EXPECT_EQ(run_code(compile(with("i64.const 0xffff_ffff_0000_0010"))), Code::trapped);
}

TEST(Compile, RefusesWhatIsNotWasm) {
    expect_bad_module("(module)", "exports/memory", "must export");
    try {
        (void)engine().compile(bytes_of("not wasm"));
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::bad_module);
        EXPECT_EQ(error.field(), "module");
    }
    try {
        (void)engine().compile(Bytes((4U << 20) + 1));
        ADD_FAILURE();
    } catch (const Error& error) {
        EXPECT_EQ(error.code(), Code::too_large);
    }
}

TEST(Compile, RefusesImports) {
    expect_bad_module(R"((module (import "wasi_snapshot_preview1" "clock_time_get" (func))))",
                      "imports/wasi_snapshot_preview1.clock_time_get", "nothing");
    expect_bad_module(R"((module (import "env" "now" (func (result i64)))))", "imports/env.now", "nothing");
    expect_bad_module(R"((module (import "concordat_1" "log" (func))))", "imports/concordat_1.log", "nothing");
    expect_bad_module(R"((module (import "env" "memory" (memory 1 2))))", "imports/env.memory", "nothing");
}

TEST(Compile, RefusesMissingAndMistypedExports) {
    const std::string memory = R"((memory (export "memory") 1 2))";
    const std::string alloc(alloc_at_1024);
    const std::string handle = R"((func (export "cryptlet_handle") (param i32 i32) (result i64) i64.const 0))";
    (void)compile("(module " + memory + alloc + handle + ")");
    expect_bad_module("(module " + alloc + handle + ")", "exports/memory", "must export");
    expect_bad_module("(module " + memory + handle + ")", "exports/cryptlet_alloc", "must export");
    expect_bad_module("(module " + memory + alloc + ")", "exports/cryptlet_handle", "must export");
    expect_bad_module(
        "(module " + memory + alloc + R"((func (export "cryptlet_handle") (param i32) (result i64) i64.const 0)))",
        "exports/cryptlet_handle", "(i32, i32) -> i64");
    expect_bad_module("(module " + memory + handle + R"((global (export "cryptlet_alloc") i32 (i32.const 0))))",
                      "exports/cryptlet_alloc", "(i32) -> i32");
    expect_bad_module("(module " + memory + alloc + handle + R"((func (export "_initialize") (param i32))))",
                      "exports/_initialize", "()");
    expect_bad_module("(module " + memory + alloc + handle + R"((func (export "cryptlet_aborted"))))",
                      "exports/cryptlet_aborted", "i64");
    expect_bad_module("(module " + alloc + handle + R"((func (export "memory"))))", "exports/memory",
                      "must be a memory");
}

TEST(Compile, RefusesUnboundedOrLargeMemory) {
    expect_bad_module(module_with("i64.const 0", "", "1"), "exports/memory", "maximum");
    expect_bad_module(module_with("i64.const 0", "", "1 257"), "exports/memory", "16777216");
    expect_bad_module(module_with("i64.const 0", "", "257 300"), "module", "");
}

TEST(Compile, RefusesWhatIsOutsideTheLanguage) {
    const std::string wide = "i64.const 0";
    expect_bad_module(module_with(wide, "(memory 1 1)"), "module", "");                           // two memories
    expect_bad_module(module_with(wide, "(table 10 funcref) (table 10 funcref)"), "module", "");  // two tables
    expect_bad_module(module_with(wide, "(table 20000 funcref)"), "module", "");                  // a large one
    expect_bad_module(module_with(wide, "", "1 1 shared"), "module", "");                         // threads
    expect_bad_module(module_with(wide, "(func (return_call 0 (i32.const 1)) )"), "module", "");  // tail calls
    expect_bad_module(module_with(wide, "(tag)"), "module", "");                                  // exceptions
    expect_bad_module(module_with(wide, "", "i64 1 1"), "module", "");                            // 64-bit memory
    // SIMD; in the type of an export it would end the process if it came as far as the check of exports.
    expect_bad_module(module_with(wide, "(func (result v128) (v128.const i64x2 0 0))"), "module", "");
    expect_bad_module(module_with(wide, "(func (export \"v\") (param v128))"), "module", "");
    expect_bad_module(module_with(wide, "(global (export \"v\") v128 (v128.const i64x2 0 0))"), "module", "");
    expect_bad_module("(module (import \"env\" \"f\" (func (param v128))))", "module", "");
    (void)compile(module_with(wide, "(table 10 funcref) (func (export \"f\") (param funcref))"));
}

TEST(Engine, AModuleOutlivesItAndRunsInManyThreads) {
    auto module = [] {
        const Engine short_lived(Options{.slots = 4});
        return short_lived.compile(wasm_of(module_with(echo_body)));
    }();
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([module] {
            for (int i = 0; i < 200; ++i) {
                const std::string input = "{\"n\":" + std::to_string(i) + "}";
                EXPECT_EQ(module.run(input).output, input);
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
}

TEST(Engine, AFullPoolIsBusy) {
    Engine one(Options{.slots = 1});
    const Module endless = one.compile(wasm_of(module_with("(loop $again br $again) i64.const 0")));
    std::thread holder([&] {
        Code code = Code::busy;
        while (code == Code::busy) code = run_code(endless, {.fuel = UINT64_MAX / 2, .time_ms = 10});
        EXPECT_EQ(code, Code::out_of_time);
    });
    Code seen = Code::internal;
    for (int i = 0; i < 1000 && seen != Code::busy; ++i) {
        seen = run_code(endless, {.fuel = 1000});
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    EXPECT_EQ(seen, Code::busy);
    for (int i = 0; i < 5; ++i) one.tick();
    holder.join();
}

TEST(Engine, DeserializeChecksAgain) { EXPECT_THROW((void)engine().deserialize(bytes_of("garbage")), Error); }

TEST(Throughput, EchoOfOneKibibyte) {
    const Module module = compile(module_with(echo_body));
    const std::string input = "{\"a\":\"" + std::string(1016, 'x') + "\"}";
    constexpr int runs = 5000;
    for (int i = 0; i < 500; ++i) (void)module.run(input);
    const std::int64_t start = monotonic_ns();
    for (int i = 0; i < runs; ++i) (void)module.run(input);
    std::printf("echo of 1 KiB in a fresh instance: %.2f us\n",
                static_cast<double>(monotonic_ns() - start) / runs / 1e3);
}

}  // namespace
}  // namespace concordat::enclave::runtime
