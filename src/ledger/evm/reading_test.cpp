#include "reading.hpp"

#include <gtest/gtest.h>

#include "reader.hpp"

namespace concordat::ledger::evm {
namespace {

using Sent = Submission::Status;

RpcError error(std::string message, json::Value data = nullptr) {
    return {.code = -32000, .message = std::move(message), .data = std::move(data)};
}

// The texts that geth 1.13, geth 1.16 and anvil 1.7 give.
TEST(EvmReading, RefusalsOfNodes) {
    const std::pair<const char*, Sent> cases[] = {
        {"already known", Sent::accepted},
        {"transaction already imported", Sent::accepted},
        {"nonce too low: next nonce 5, tx nonce 4", Sent::filled},
        {"replacement transaction underpriced", Sent::priced},
        {"transaction underpriced: gas tip cap 0, minimum needed 1", Sent::priced},
        {"max fee per gas less than block base fee: address 0x00, maxFeePerGas: 1, baseFee: 7", Sent::priced},
        {"insufficient funds for gas * price + value: balance 0, tx cost 600", Sent::funds},
        {"Insufficient funds for gas * price + value", Sent::funds},
        {"intrinsic gas too low: gas 21000, minimum needed 21064", Sent::rejected},
        {"exceeds block gas limit", Sent::rejected},
        {"invalid sender", Sent::rejected},
        {"tx fee (2.00 ether) exceeds the configured cap (1.00 ether)", Sent::rejected},
        {"limit exceeded", Sent::unknown},
        {"", Sent::unknown},
    };
    for (const auto& [text, status] : cases) {
        const Submission out = refusal_of(error(text));
        EXPECT_EQ(out.status, status) << text;
        EXPECT_EQ(out.detail, text);
        EXPECT_EQ(out.transaction, "");
    }
}

TEST(EvmReading, APriceLeavesRoomForTwoFullBlocks) {
    EXPECT_EQ(price_of({.base_fee = U256(64), .gas_price = 1, .advised_tip = 2, .paid = {}}), 83u);
    // What others paid counts where it is more: the median of the medians.
    EXPECT_EQ(price_of({.base_fee = U256(64), .gas_price = 1, .advised_tip = 2, .paid = {9, 1, 5}}), 86u);
    EXPECT_EQ(price_of({.base_fee = U256(0), .gas_price = 1, .advised_tip = 0, .paid = {}}), 1u);
    EXPECT_EQ(price_of({.base_fee = {}, .gas_price = 40, .advised_tip = 2, .paid = {9}}), 40u);
    const U256 huge = U256(1) << 200;
    EXPECT_EQ(price_of({.base_fee = huge, .gas_price = 1, .advised_tip = 2, .paid = {}}), ~Price{0});
    EXPECT_EQ(price_of({.base_fee = U256(7), .gas_price = 1, .advised_tip = huge, .paid = {}}), ~Price{0});
    EXPECT_EQ(price_of({.base_fee = {}, .gas_price = huge, .advised_tip = 0, .paid = {}}), ~Price{0});
}

TEST(EvmReading, TipsThatOthersPaid) {
    EXPECT_EQ(paid_tips(json::Object{{"reward", json::Array{json::Array{"0x2"}, json::Array{"0x0"}, json::Array{}}}}),
              std::vector<U256>{2});
    EXPECT_TRUE(paid_tips(json::Object{{"reward", nullptr}}).empty());
    EXPECT_TRUE(paid_tips(nullptr).empty());
    EXPECT_THROW(paid_tips(json::Object{{"reward", json::Array(1, json::Array{"two"})}}), Error);
}

TEST(EvmReading, GasWithAMargin) {
    EXPECT_EQ(gas_with_margin(21000, 30'000'000), 21000u);
    EXPECT_EQ(gas_with_margin(100'000, 30'000'000), 125'000u);
    EXPECT_EQ(gas_with_margin(29'000'000, 30'000'000), 30'000'000u);
    EXPECT_EQ(gas_with_margin(~std::uint64_t{0}, 30'000'000), 30'000'000u);
    EXPECT_EQ(gas_with_margin(50'000, 0), 21000u);
}

TEST(EvmReading, WhyACallWouldFail) {
    const std::string reason =
        "0x08c379a0" + std::string(62, '0') + "20" + std::string(63, '0') + "5" + "62726f6b65" + std::string(54, '0');
    EXPECT_EQ(problem_of(error("execution reverted", json::Value(reason))), "reverted: broke");
    EXPECT_NE(problem_of(error("execution reverted", json::Value("0x12345678"))).find("0x12345678"), std::string::npos);
    EXPECT_EQ(problem_of(error("execution reverted", json::Value("0x"))), "execution reverted");
    EXPECT_EQ(problem_of(error("no gas", json::Value("x"))), "no gas");
    EXPECT_EQ(problem_of(error("no gas", json::Value(""))), "no gas");
    EXPECT_EQ(problem_of(error(std::string(2000, 'x'))).size(), 512u);
}

const std::string hash_text = "0x" + std::string(64, '1');
const std::string address_text = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";

TEST(EvmReading, FiltersOfEvents) {
    EXPECT_EQ(log_filter({}), json::Object{});
    EXPECT_EQ(
        log_filter({{"address", address_text}, {"topics", json::Array{nullptr, hash_text, json::Array{hash_text}}}}),
        (json::Object{{"address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
                      {"topics", json::Array{nullptr, hash_text, json::Array{hash_text}}}}));
    EXPECT_EQ(log_filter({{"address", json::Array{address_text}}}).at("address").as_array().size(), 1u);
    const json::Object bad[] = {{{"address", 1}},
                                {{"address", json::Array{}}},
                                {{"address", "0x12"}},
                                {{"topics", "0x"}},
                                {{"topics", json::Array{1}}},
                                {{"topics", json::Array(1, json::Array{})}},
                                {{"topics", json::Array{"0x12"}}},
                                {{"topics", json::Array{nullptr, nullptr, nullptr, nullptr, nullptr}}},
                                {{"fromBlock", "0x1"}}};
    for (const json::Object& filter : bad) EXPECT_THROW(log_filter(filter), Error) << filter;
}

TEST(EvmReading, EventsOfLogs) {
    const json::Object log{{"address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
                           {"topics", json::Array{hash_text}},
                           {"data", "0x01"},
                           {"blockNumber", "0x10"},
                           {"blockHash", hash_text},
                           {"logIndex", "0x2"},
                           {"transactionHash", hash_text},
                           {"removed", true}};
    const Event event = event_of(log, "log");
    EXPECT_EQ(event.block, 16u);
    EXPECT_EQ(event.index, 2u);
    EXPECT_EQ(event.transaction, hash_text);
    EXPECT_EQ(event.data,
              (json::Object{{"address", address_text}, {"topics", json::Array{hash_text}}, {"data", "0x01"}}));
    EXPECT_TRUE(place_of(log, "log").removed);
    for (const char* member : {"address", "topics", "data", "blockNumber", "logIndex", "transactionHash"}) {
        json::Object without = log;
        without.erase(member);
        EXPECT_THROW(event_of(without, "log"), Error) << member;
        without[member] = 1;
        EXPECT_THROW(event_of(without, "log"), Error) << member;
    }
}

TEST(EvmReading, TransactionsThatWaitAndThatAreInBlocks) {
    json::Object listed{{"hash", hash_text}, {"from", address_text},  {"nonce", "0x7"},  {"to", address_text},
                        {"input", "0x"},     {"value", "0x0"},        {"gas", "0x5208"}, {"maxFeePerGas", "0x9"},
                        {"gasPrice", "0x5"}, {"blockNumber", nullptr}};
    EXPECT_FALSE(listed_of(listed, "tx").block);
    EXPECT_EQ(listed_of(listed, "tx").price, 9u);
    listed["blockNumber"] = "0x3";
    EXPECT_EQ(listed_of(listed, "tx").block, 3u);
    listed["maxFeePerGas"] = "0x" + std::string(64, 'f');
    EXPECT_EQ(listed_of(listed, "tx").price, ~Price{0});
    listed.erase("maxFeePerGas");
    EXPECT_EQ(listed_of(listed, "tx").price, 5u);
    listed["nonce"] = "0x" + std::string(20, 'f');
    EXPECT_THROW(listed_of(listed, "tx"), Error);
    EXPECT_THROW(listed_of(json::Array{}, "tx"), Error);
}

TEST(EvmReading, BlocksWithAndWithoutABaseFee) {
    json::Object block{{"number", "0x2"},
                       {"hash", hash_text},
                       {"parentHash", hash_text},
                       {"gasLimit", "0x10"},
                       {"baseFeePerGas", "0x7"}};
    EXPECT_EQ(head_of(block, "block").base_fee, U256(7));
    block.erase("baseFeePerGas");
    EXPECT_FALSE(head_of(block, "block").base_fee);
    block["number"] = 2;
    EXPECT_THROW(head_of(block, "block"), Error);
    EXPECT_THROW(head_of(nullptr, "block"), Error);
}

TEST(EvmMemory, ForgetsTheOldest) {
    Memory memory;
    Hash256 hash;
    const Slot first{.account = {}, .number = 0};
    for (std::uint8_t i = 0; i < 20; ++i) {
        hash.bytes[0] = i;
        memory.remember(first, hash);
        memory.remember(first, hash);
    }
    EXPECT_EQ(memory.of(first).size(), Memory::max_each);
    EXPECT_EQ(memory.of(first).back(), hash);
    for (std::uint64_t i = 1; i <= Memory::max_slots; ++i) memory.remember({.account = {}, .number = i}, hash);
    EXPECT_TRUE(memory.of(first).empty());
    EXPECT_EQ(memory.of({.account = {}, .number = 1}).size(), 1u);
}

TEST(EvmMemory, TellsWhoLags) {
    Memory memory;
    const Deadline start{std::chrono::hours(1)};
    const auto behind = [&](std::uint64_t head, std::uint64_t depth, std::chrono::seconds later) {
        return memory.is_behind(head, depth, memory.highest(), start + later);
    };
    using std::chrono::seconds;
    EXPECT_FALSE(behind(10, 3, seconds(0)));
    EXPECT_FALSE(behind(8, 3, seconds(0)));
    EXPECT_TRUE(behind(7, 3, seconds(0)));
    EXPECT_TRUE(behind(0, 3, seconds(0)));
    EXPECT_FALSE(behind(7, 4, seconds(0)));
    EXPECT_FALSE(behind(11, 1, seconds(0)));
    EXPECT_FALSE(memory.is_behind(10, 1, 10, start));  // asked before there was an eleventh
    EXPECT_TRUE(behind(10, 1, Memory::patience));
    // The chain itself went back.
    EXPECT_FALSE(behind(2, 1, Memory::patience + seconds(1)));
    EXPECT_FALSE(behind(3, 1, Memory::patience + seconds(2)));
    EXPECT_TRUE(behind(2, 1, Memory::patience + seconds(2)));
}

}  // namespace
}  // namespace concordat::ledger::evm
