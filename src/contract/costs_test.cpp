#include "costs.hpp"

#include <gtest/gtest.h>

#include "../../tests/support/edit.hpp"
#include "entry.hpp"
#include "package.hpp"

namespace concordat::contract {
namespace {

std::string error_of(const std::function<void()>& act) {
    try {
        act();
    } catch (const Error& error) {
        return error.field();
    }
    return "accepted";
}

Usage usage(const char* text) {
    const json::Value value = json::parse(text, "costs");
    json::Reader reader(value, "/costs");
    const Usage out = Usage::read(reader);
    reader.finish();
    return out;
}

CostTerms terms(const char* text) {
    const json::Value value = json::parse(text, "costs");
    json::Reader reader(value, "/costs");
    const CostTerms out = CostTerms::read(reader);
    reader.finish();
    return out;
}

TEST(Usage, ReadsBackAndRefusesEverythingElse) {
    const char* good = R"({"bytes":"2048","fees":{"eip155:1":"21000"},"fuel":"18446744073709551615","signatures":"3"})";
    EXPECT_EQ(json::canonical(usage(good).to_json()), good);
    const auto refused = [](const char* pointer, const char* value) {
        json::Value changed =
            json::parse(R"({"bytes":"1","fuel":"1","signatures":"1","fees":{"eip155:1":"1"}})", "costs");
        test::set_at(changed, pointer, json::parse(value, "value"));
        return error_of([&] { usage(json::canonical(changed).c_str()); });
    };
    EXPECT_EQ(refused("/bytes", "1"), "/costs/bytes");
    EXPECT_EQ(refused("/fuel", R"("01")"), "/costs/fuel");
    EXPECT_EQ(refused("/signatures", R"("-1")"), "/costs/signatures");
    EXPECT_EQ(refused("/signatures", R"("18446744073709551616")"), "/costs/signatures");
    EXPECT_EQ(refused("/fees", "{}"), "/costs/fees");
    EXPECT_EQ(refused("/fees/eip155:1", R"("0")"), "/costs/fees/eip155:1");
    EXPECT_EQ(refused("/fees/eip155:1", "1"), "/costs/fees/eip155:1");
    EXPECT_EQ(refused("/fees/eip155:1", R"("1.5")"), "/costs/fees/eip155:1");
    EXPECT_EQ(refused("/fees/eip155", R"("1")"), "/costs/fees/eip155");
    EXPECT_EQ(refused("/fees/a b:1", R"("1")"), "/costs/fees/a b:1");
    const std::string limit = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    EXPECT_EQ(error_of([&] { check_amount(limit, "/f"); }), "accepted");
    EXPECT_EQ(error_of([&] { check_amount(limit.substr(0, 77) + "6", "/f"); }), "/f");
    EXPECT_EQ(error_of([&] { check_amount(limit + "0", "/f"); }), "/f");
    json::Object many;
    for (std::size_t i = 0; i <= max_fee_chains; ++i) many["eip155:" + std::to_string(i)] = "1";
    EXPECT_EQ(refused("/fees", json::canonical(many).c_str()), "/costs/fees");
}

TEST(Usage, AddsUpWithoutLosingADigit) {
    Usage total = usage(R"({"bytes":"1024","fuel":"10000","signatures":"2"})");
    total.add(usage(
        R"({"bytes":"1024","fuel":"0","signatures":"1","fees":{"eip155:1":"340282366920938463463374607431768211456"}})"));
    total.add_fee("eip155:1", "1");
    total.add_fee("http:0", "");
    total.add_fee("http:0", "0");
    EXPECT_EQ(
        json::canonical(total.to_json()),
        R"({"bytes":"2048","fees":{"eip155:1":"340282366920938463463374607431768211457"},"fuel":"10000","signatures":"3"})");
    const Usage nearly{.fuel = ~std::uint64_t{0}};
    EXPECT_EQ(error_of([&] { Usage(nearly).add(Usage{.fuel = 1}); }), "/costs/fuel");
    const std::string limit = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
    Usage rich;
    rich.add_fee("eip155:1", limit);
    EXPECT_EQ(error_of([&] { rich.add_fee("eip155:1", "1"); }), "/costs/fees/eip155:1");
}

TEST(Usage, IsTheDifferenceOfTwoTotalsThatNeverFall) {
    const Usage earlier = usage(R"({"bytes":"1024","fuel":"10000","signatures":"2","fees":{"eip155:1":"5"}})");
    Usage later = earlier;
    EXPECT_EQ(later.since(earlier, "/c"), Usage{});
    later.add(usage(R"({"bytes":"3072","fuel":"20000","signatures":"4","fees":{"eip155:1":"7","eip155:2":"9"}})"));
    EXPECT_EQ(json::canonical(later.since(earlier, "/c").to_json()),
              R"({"bytes":"3072","fees":{"eip155:1":"7","eip155:2":"9"},"fuel":"20000","signatures":"4"})");
    EXPECT_EQ(error_of([&] { earlier.since(later, "/c"); }), "/c/bytes");
    Usage less = earlier;
    less.fees = {{"eip155:1", "4"}};
    EXPECT_EQ(error_of([&] { less.since(earlier, "/c"); }), "/c/fees/eip155:1");
    less.fees.clear();
    EXPECT_EQ(error_of([&] { less.since(earlier, "/c"); }), "/c/fees/eip155:1");
}

TEST(Usage, HasRoomForSoManyChains) {
    Usage full;
    for (std::size_t i = 1; i < max_fee_chains; ++i) full.add_fee("eip155:" + std::to_string(i), "1");
    EXPECT_EQ(error_of([&] { check_fee_chains(full, {"eip155:1", "eip155:0"}); }), "accepted");
    EXPECT_EQ(error_of([&] { check_fee_chains(full, {"eip155:0", "http:0"}); }), "/ledgers");
    Usage wide{.bytes = ~std::uint64_t{0}, .fuel = ~std::uint64_t{0}, .signatures = ~std::uint64_t{0}};
    for (std::size_t i = 0; i < max_fee_chains; ++i) {
        wide.add_fee("abcdefgh:" + std::to_string(10'000 + i) + std::string(27, 'x'), std::string(77, '9'));
    }
    EXPECT_LT(json::canonical(wide.to_json()).size(), max_usage_bytes);
}

TEST(CostTerms, ReadsBackAndRefusesEverythingElse) {
    const char* good =
        R"({"rates":{"currency":"EUR","fuel":"0.00000001","signatures":"2"},"split":{"buyer":1,"seller":1000000}})";
    EXPECT_EQ(json::canonical(terms(good).to_json()), good);
    EXPECT_EQ(json::canonical(terms(R"({"split":{"buyer":1}})").to_json()), R"({"split":{"buyer":1}})");
    const auto refused = [&](const char* pointer, const char* value) {
        json::Value changed = json::parse(good, "costs");
        test::set_at(changed, pointer, json::parse(value, "value"));
        return error_of([&] { terms(json::canonical(changed).c_str()); });
    };
    EXPECT_EQ(refused("/split", "{}"), "/costs/split");
    EXPECT_EQ(refused("/split", "[]"), "/costs/split");
    EXPECT_EQ(refused("/split/buyer", "0"), "/costs/split/buyer");
    EXPECT_EQ(refused("/split/buyer", "-1"), "/costs/split/buyer");
    EXPECT_EQ(refused("/split/buyer", "1000001"), "/costs/split/buyer");
    EXPECT_EQ(refused("/split/buyer", R"("1")"), "/costs/split/buyer");
    EXPECT_EQ(refused("/split/a b", "1"), "/costs/split/a b");
    EXPECT_EQ(refused("/more", "1"), "/costs/more");
    EXPECT_EQ(refused("/rates/currency", R"("€")"), "/costs/rates/currency");
    EXPECT_EQ(refused("/rates/gas", R"("1")"), "/costs/rates/gas");
    EXPECT_EQ(refused("/rates", R"({"currency":"EUR"})"), "/costs/rates");
    EXPECT_EQ(refused("/rates", R"({"fuel":"1"})"), "/costs/rates/currency");
    for (const char* price : {"1", R"("0")", R"("0.00")", R"("-1")", R"(".5")", R"("1.")", R"("01")", R"("1e3")",
                              R"("1.1234567890123456789")", R"("1234567890123456789")", R"("1.2.3")", R"("")"}) {
        EXPECT_EQ(refused("/rates/fuel", price), "/costs/rates/fuel") << price;
    }
}

TEST(CostTerms, AreBorneByTheContractsRoles) {
    const auto refused = [](const char* costs) {
        const std::string config =
            R"({"typ":"concordat/contract/1","abi":1,"name":"c","version":"1.0.0","description":"","language":"c++",)"
            R"("roles":["buyer","seller"],"state":{"type":"object","properties":{}},)"
            R"("terms":{"type":"object","properties":{}},"actions":{"a":{"from":["buyer"],)"
            R"("message":{"type":"object","properties":{}}}},"sources":{},"effects":{},"ledgers":{},"costs":)" +
            std::string(costs) + "}";
        return error_of([&] { Contract::parse(bytes_of(config)); });
    };
    EXPECT_EQ(refused(R"({"split":{"buyer":2,"seller":1}})"), "accepted");
    EXPECT_EQ(refused(R"({"split":{"agent":1}})"), "/contract/costs/split/agent");
    EXPECT_EQ(refused(R"({"split":{"buyer":0}})"), "/contract/costs/split/buyer");
    EXPECT_EQ(refused(R"({"split":{"buyer":1},"fees":{}})"), "/contract/costs/fees");
    EXPECT_EQ(refused("{}"), "/contract/costs/split");
    EXPECT_EQ(refused("1"), "/contract/costs");
}

TEST(UsedBy, CountsWhatTheEntryAndItsInputShow) {
    Entry entry;
    entry.type = EntryType::execute;
    entry.fuel = 30'000;
    const auto used = [&](std::string_view input, std::size_t sealed) {
        return used_by(entry, bytes_of(input), sealed);
    };
    EXPECT_EQ(used("a.b.c", 2), (Usage{.bytes = 1024, .fuel = 30'000, .signatures = 2}));
    EXPECT_EQ(used(std::string(1000, 'x'), 24).bytes, 1024u);
    EXPECT_EQ(used(std::string(1000, 'x'), 25).bytes, 2048u);
    EXPECT_EQ(used("", 2).signatures, 1u);
    EXPECT_EQ(used("", 0).bytes, 0u);
    EXPECT_EQ(used("a.b.c\nd.e.f", 2).signatures, 3u);
    EXPECT_EQ(used("a.b.c\nd.e.f\n", 2).signatures, 3u);
    EXPECT_EQ(used(R"({"inclusion":{}})", 2).signatures, 2u);
    EXPECT_EQ(used(R"({"payload":"","signatures":[{},{},{}]})", 2).signatures, 4u);
}

}  // namespace
}  // namespace concordat::contract
