// Scenarios over the sample: those it has, and wrong expectations that must show themselves.
#include "scenario.hpp"

#include <gtest/gtest.h>

#include "archive.hpp"
#include "command.hpp"

namespace concordat::registry {
namespace {

namespace fs = std::filesystem;

const enclave::runtime::Engine& engine() {
    static const enclave::runtime::Engine one;  // one per process
    return one;
}

Toolchain toolchain() { return {.sdk = fs::path(CONCORDAT_SOURCE_DIR) / "sdk/cryptlet/cpp"}; }
fs::path sample(const char* package) { return fs::path(CONCORDAT_SOURCE_DIR) / "samples/equity-forward" / package; }

const std::shared_ptr<const LoadedPackage>& forward() {
    static const auto package = load_package(build_package(sample("package-1.0.0"), toolchain(), engine()), engine());
    return package;
}

ScenarioResult run(const std::string& text) {
    return run_scenario(text, "tests/x.yaml", forward(), [](const std::string&) { return forward(); });
}

const std::string terms =
    "terms: { symbol: MSFT, currency: USD, effective: 2009-01-01, maturity: 2009-03-01, notional: \"10\", strike: "
    "\"20\" }\n";

TEST(Scenario, TheSamplesPass) {
    for (const char* version : {"package-1.0.0", "package-1.1.0"}) {
        const PackageTest result = test_package(sample(version), toolchain(), engine());
        EXPECT_EQ(result.scenarios.size(), 3U);
        for (const ScenarioResult& one : result.scenarios) {
            EXPECT_TRUE(one.passed()) << version << " " << one.problems[0];
            EXPECT_GT(one.steps, 0U);
        }
    }
}

TEST(Scenario, TheSamplesAcrossLedgersPass) {
    for (const char* name : {"bridge", "delivery-versus-payment", "order-to-cash"}) {
        const fs::path folder = fs::path(CONCORDAT_SOURCE_DIR) / "samples" / name / "package";
        const PackageTest result = test_package(folder, toolchain(), engine());
        EXPECT_FALSE(result.scenarios.empty()) << name;
        for (const ScenarioResult& one : result.scenarios) EXPECT_TRUE(one.passed()) << name << " " << one.problems[0];
    }
}

TEST(Scenario, AContractHearsWhatBecameOfEffectsThatItCommittedEarly) {
    const fs::path folder = fs::path(CONCORDAT_SOURCE_DIR) / "tests/faults/contracts/tokens";
    const PackageTest result = test_package(folder, toolchain(), engine());
    ASSERT_EQ(result.scenarios.size(), 1U);
    EXPECT_TRUE(result.passed()) << result.scenarios[0].problems[0];
    EXPECT_EQ(result.scenarios[0].steps, 7U);  // init too
}

TEST(Scenario, RepeatsExactly) {
    const std::string text = terms +
                             "steps:\n  - { by: buyer, action: confirm }\n"
                             "  - { by: fixing, message: { symbol: MSFT, date: 2009-01-01, price: \"21.00\" } }\n";
    const ScenarioResult first = run(text);
    EXPECT_TRUE(first.passed());
    EXPECT_EQ(first.fuel, run(text).fuel);
}

TEST(Scenario, ShowsWhatDiffers) {
    const ScenarioResult result =
        run(terms +
            "steps:\n"
            "  - by: buyer\n"
            "    action: confirm\n"
            "    expect: { state: { status: draft, fixings: 1, settlement: { payer: buyer } }, events: [] }\n"
            "  - { by: nobody, action: confirm }\n");
    EXPECT_EQ(result.problems,
              (std::vector<std::string>{
                  "tests/x.yaml:3 confirm: state/status: expected \"draft\", got \"active\"",
                  "tests/x.yaml:3 confirm: state/fixings: expected 1, got 0",
                  "tests/x.yaml:3 confirm: state/settlement: expected {\"payer\":\"buyer\"}, got nothing",
                  "tests/x.yaml:3 confirm: events: expected [], got "
                  "[{\"data\":{},\"type\":\"confirmed\"}]"}));
    EXPECT_EQ(result.steps, 1U);  // init
}

TEST(Scenario, ShowsUnexpectedRefusalsAndAcceptance) {
    EXPECT_EQ(run(terms + "steps:\n  - { by: seller, action: confirm }\n").problems,
              (std::vector<std::string>{
                  "tests/x.yaml:3 confirm: refused with not_a_party: /action 'confirm' is not for seller"}));
    EXPECT_EQ(run(terms + "steps:\n  - { by: buyer, action: confirm, refused: busy }\n").problems,
              (std::vector<std::string>{"tests/x.yaml:3 confirm: expected to be refused, but it was accepted"}));
    EXPECT_EQ(run(terms + "steps:\n  - { by: buyer, action: none, refused: not_a_party }\n").problems.size(), 1U);
    EXPECT_EQ(run("terms: { symbol: MSFT }\nsteps: []\n").problems.size(), 1U);
}

TEST(Scenario, RefusalsChangeNothing) {
    EXPECT_TRUE(
        run(terms +
            "steps:\n"
            "  - { by: buyer, action: confirm }\n"
            "  - { by: fixing, message: { symbol: IBM, date: 2009-01-01, price: \"1\" }, refused: wrong_symbol }\n"
            "  - { by: fixing, action: confirm, refused: not_a_party }\n"
            "  - { by: buyer, action: confirm, time: 2020-01-01T00:00:00.000Z, refused: time_went_back }\n"
            "  - { by: fixing, message: { symbol: MSFT, date: 2009-01-01, price: \"21.00\" }, expect: { state: { "
            "fixings: 1 } } }\n")
            .passed());
}

TEST(Scenario, AmendingTermsKeepsTheState) {
    EXPECT_TRUE(run(terms + "steps:\n"
                            "  - { by: buyer, action: confirm }\n"
                            "  - amend: { terms: { symbol: MSFT, currency: USD, effective: 2009-01-01, maturity: "
                            "2009-03-01, notional: \"20\", strike: \"20\" } }\n"
                            "    expect: { state: { status: active } }\n"
                            "  - { by: fixing, message: { symbol: MSFT, date: 2009-01-01, price: \"21.00\" }, expect: "
                            "{ state: { mark_to_market: \"20.00\" } } }\n")
                    .passed());
}

TEST(Scenario, IsReadStrictly) {
    for (const std::string& text :
         {terms + "steps: []\nmore: 1\n", terms + "steps:\n  - { by: buyer, action: confirm, wait: 1 }\n",
          terms + "steps:\n  - { by: buyer, action: confirm, expect: { stat: {} } }\n", terms,
          std::string("steps: []\n"), terms + "steps: 5\n", terms + "steps:\n  - 5\n",
          terms + "time: yesterday\nsteps: []\n"}) {
        EXPECT_THROW(run(text), Error) << text;
    }
}

TEST(Scenario, ComparesInPart) {
    const auto count = [](std::string_view expected, std::string_view actual) {
        const json::Value value = json::parse(actual, "actual");
        return partial_differences(json::parse(expected, "expected"), &value, "x").size();
    };
    EXPECT_EQ(count(R"({"a":1})", R"({"a":1,"b":2})"), 0U);
    EXPECT_EQ(count(R"({"c":null})", R"({"a":1})"), 0U);
    EXPECT_EQ(count(R"({"a":null})", R"({"a":1})"), 1U);
    EXPECT_EQ(count(R"([{"a":1}])", R"([{"a":1,"b":2}])"), 0U);
    EXPECT_EQ(count(R"([1])", R"([1,2])"), 1U);
    EXPECT_EQ(count(R"("1")", "1"), 1U);
}

}  // namespace
}  // namespace concordat::registry
