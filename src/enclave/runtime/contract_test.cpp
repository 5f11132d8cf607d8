// A contract written with the C++ SDK, through the runtime.
#include <gtest/gtest.h>
#include <stdlib.h>
#include <base/clock.hpp>
#include <base/file.hpp>
#include <base/json.hpp>

#include <concordat/abort.hpp>
#include <cstdio>
#include <filesystem>

#include "runtime.hpp"

std::string concordat_run(std::string_view input);  // the sample, compiled natively

namespace concordat::enclave::runtime {
namespace {

const std::string seed = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

std::string input(std::string_view call, std::string_view action, std::string_view message,
                  std::string_view state = R"({"notes":[],"status":"open","strike":"29.50"})") {
    json::Object in{{"abi", 1},
                    {"call", call},
                    {"binding", "sha256:aa"},
                    {"version", 1},
                    {"sequence", 3},
                    {"sender", json::Object{{"role", "close"}, {"id", "did:web:prices.example"}}},
                    {"terms", json::parse(R"({"maturity":"2010-03-01","quantity":"1000","strike":"29.50"})", "terms")},
                    {"time", "2010-03-03T21:00:00.000Z"},
                    {"seed", seed}};
    if (call != "init") in["state"] = json::parse(state, "state");
    if (call == "migrate") in["from"] = "1.1.0";
    if (call == "handle") {
        in["action"] = action;
        in["message"] = json::parse(message, "message");
    }
    return json::canonical(in);
}

const Module& sample() {
    static Engine engine;
    engine.start_ticker();
    static const Module module = engine.compile(read_file(SAMPLE_WASM));
    return module;
}

Outcome run(std::string_view call, std::string_view action = "", std::string_view message = "{}") {
    return sample().run(input(call, action, message));
}

TEST(Contract, InitMakesTheStateFromTheTerms) {
    EXPECT_EQ(run("init").output, R"({"state":{"notes":[],"status":"open","strike":"29.50"}})");
}

TEST(Contract, AnActionGivesStateResultEffectsAndEvents) {
    const Outcome outcome = run("handle", "settle", R"({"price":"31.255"})");
    EXPECT_EQ(outcome.output, R"({"effects":[{"args":{"amount":"1755.00","from":"buyer"},"effect":"pay"}],)"
                              R"("events":[{"data":{"late_days":2},"type":"settled"}],"result":{"amount":"1755.00"},)"
                              R"("state":{"amount":"1755.00","notes":[],"status":"settled","strike":"29.50"}})");
    EXPECT_EQ(outcome.output, json::canonical(json::parse(outcome.output, "output")));
    EXPECT_NE(run("handle", "settle", R"({"price":"29.4"})").output.find(R"("from":"seller")"), std::string::npos);
}

TEST(Contract, MigrateTurnsTheOldState) {
    EXPECT_EQ(run("migrate").output, R"({"state":{"migrated_from":"1.1.0","status":"open","strike":"29.50"}})");
}

TEST(Contract, AbortsCarryCodeAndText) {
    const auto abort_of = [](const Outcome& outcome) {
        EXPECT_TRUE(outcome.output.empty());
        EXPECT_GT(outcome.fuel, 0U);
        return outcome.abort.value_or(Abort{"none", ""});
    };
    EXPECT_EQ(abort_of(run("handle", "refuse")).code, "refused");
    EXPECT_EQ(abort_of(run("handle", "refuse")).text, "a \"quoted\" reason in two lines");
    EXPECT_EQ(abort_of(run("handle", "nonsense")).code, "unknown_action");
    EXPECT_EQ(abort_of(run("handle", "divide")).code, "division_by_zero");
    EXPECT_EQ(abort_of(run("handle", "settle")).code, "missing_field");
    EXPECT_EQ(abort_of(run("handle", "settle", R"({"price":"1e3"})")).code, "bad_decimal");
    EXPECT_EQ(abort_of(run("handle", "settle", R"({"price":1})")).code, "wrong_type");
    EXPECT_EQ(abort_of(run("explode")).code, "unknown_call");
    EXPECT_EQ(abort_of(sample().run("{}")).code, "missing_field");
    EXPECT_EQ(abort_of(sample().run("{")).code, "bad_json");
    EXPECT_EQ(abort_of(sample().run("")).code, "bad_json");
}

TEST(Contract, RunsOutOfMemoryAndFuelByName) {
    const auto code_of = [](std::string_view action, std::uint64_t fuel) {
        try {
            (void)sample().run(input("handle", action, "{}"), {.fuel = fuel});
        } catch (const Error& error) {
            return error.code();
        }
        return Code::internal;
    };
    EXPECT_EQ(code_of("hog", 1'000'000'000), Code::out_of_memory);
    EXPECT_EQ(code_of("spin", 10'000'000), Code::out_of_fuel);
    EXPECT_EQ(code_of("refuse", 100), Code::out_of_fuel);
}

TEST(Contract, TheSameInputGivesTheSameBytesAndFuel) {
    Engine other;  // another engine, compiled anew
    const Module again = other.compile(read_file(SAMPLE_WASM));
    for (const std::string& in : {input("init", "", ""), input("handle", "settle", R"({"price":"31.255"})"),
                                  input("handle", "draw", "{}"), input("migrate", "", "")}) {
        const Outcome first = sample().run(in);
        for (int i = 0; i < 20; ++i) {
            const Outcome next = (i % 2 == 0 ? sample() : again).run(in);
            EXPECT_EQ(next.output, first.output);
            EXPECT_EQ(next.fuel, first.fuel);
        }
        EXPECT_EQ(concordat_run(in), first.output) << "native code agrees";
    }
    EXPECT_EQ(sample().run(input("handle", "refuse", "{}")).fuel, again.run(input("handle", "refuse", "{}")).fuel);
}

TEST(Contract, NativeTestsSeeAborts) {
    EXPECT_THROW(concordat_run(input("handle", "refuse", "{}")), cryptlet::Aborted);
}

// A party that rebuilds a package must get the same bytes, wherever its folders lie.
TEST(Contract, BuildsToTheSameBytesInAnotherFolder) {
    namespace fs = std::filesystem;
    std::string pattern = (fs::temp_directory_path() / "cryptlet-rebuild-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    const fs::path folder(pattern);
    fs::create_directories(folder / "elsewhere");
    fs::copy(CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp", folder / "elsewhere/kit", fs::copy_options::recursive);
    fs::create_directories(folder / "src");
    fs::copy(SAMPLE_SOURCE, folder / "src/sample.cpp");
    const std::string command = "cd " + pattern +
                                "/src && " WASM_CLANG
                                " @../elsewhere/kit/flags.txt -I../elsewhere/kit/include sample.cpp "
                                "../elsewhere/kit/shim.cpp -o again.wasm";
    ASSERT_EQ(std::system(command.c_str()), 0);
    EXPECT_TRUE(read_file(folder / "src/again.wasm") == read_file(SAMPLE_WASM));
    fs::remove_all(folder);
}

template <class Function>
double microseconds(Function&& once) {
    constexpr int runs = 2000;
    for (int i = 0; i < 200; ++i) once();
    const std::int64_t start = monotonic_ns();
    for (int i = 0; i < runs; ++i) once();
    return static_cast<double>(monotonic_ns() - start) / runs / 1e3;
}

TEST(Throughput, JsonContractOnOneKibibyte) {
    json::Object message;
    for (int i = 0; i < 16; ++i) message["field_" + std::to_string(i)] = std::string(49, 'v');
    const std::string note = input("handle", "note", json::canonical(message));
    std::printf("note: message %zu bytes, input %zu, output %zu, fuel %llu\n", json::canonical(message).size(),
                note.size(), sample().run(note).output.size(),
                static_cast<unsigned long long>(sample().run(note).fuel));
    std::printf("note, fresh instance: %.2f us; native: %.2f us\n", microseconds([&] { (void)sample().run(note); }),
                microseconds([&] { (void)concordat_run(note); }));
    const std::string settle = input("handle", "settle", R"({"price":"31.255"})");
    std::printf("settle, fresh instance: %.2f us (fuel %llu); native: %.2f us\n",
                microseconds([&] { (void)sample().run(settle); }),
                static_cast<unsigned long long>(sample().run(settle).fuel),
                microseconds([&] { (void)concordat_run(settle); }));
}

}  // namespace
}  // namespace concordat::enclave::runtime
