#include "reading.hpp"

#include <algorithm>
#include <ledger/evm/protocol/abi.hpp>
#include <ledger/evm/protocol/rpc.hpp>
#include <limits>

namespace concordat::ledger::evm {

namespace {

constexpr std::size_t max_topic_choices = 64;
constexpr std::size_t max_log_addresses = 256;
constexpr std::size_t max_problem_bytes = 512;

Price price_from(const U256& value) {
    constexpr Price most = std::numeric_limits<Price>::max();
    return value > most ? most : static_cast<Price>(value);
}

// A node gives a quantity that does not apply as null, or leaves it out.
U256 integer_or_zero(const rpc::Members& in, std::string_view name) {
    return in.has(name) ? in.integer(name) : U256(0);
}

bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    return out;
}

json::Value topic_filter(const json::Value& topic, const std::string& field) {
    if (topic.is_null()) return nullptr;
    if (topic.is_string()) return json::Value(to_0x(parse_hash_0x(topic.get_string(), field).view()));
    const json::Array* choices = topic.if_array();
    if (choices == nullptr || choices->empty() || choices->size() > max_topic_choices) {
        throw Error(Code::bad_format, field, "must be null, a hash, or an array of 1 to 64 hashes");
    }
    json::Array out;
    for (const json::Value& one : *choices) {
        if (!one.is_string()) throw Error(Code::bad_format, field, "must be hashes");
        out.emplace_back(to_0x(parse_hash_0x(one.get_string(), field).view()));
    }
    return out;
}

json::Value address_filter(const json::Value& value) {
    const auto one = [](const json::Value& item) -> json::Value {
        if (!item.is_string()) throw Error(Code::bad_format, "/filter/address", "must be an address");
        return json::Value(Address::parse(item.get_string(), "/filter/address").lower());
    };
    if (!value.is_array()) return one(value);
    if (value.get_array().empty() || value.get_array().size() > max_log_addresses) {
        throw Error(Code::bad_format, "/filter/address", "must be from 1 to 256 addresses");
    }
    json::Array out;
    for (const json::Value& item : value.get_array()) out.push_back(one(item));
    return out;
}

}  // namespace

Head head_of(const json::Value& block, std::string_view field) {
    const rpc::Members in(block, field);
    Head out{.number = in.u64("number"),
             .hash = in.hash("hash"),
             .parent = in.hash("parentHash"),
             .gas_limit = in.u64("gasLimit"),
             .base_fee = {}};
    if (in.has("baseFeePerGas")) out.base_fee = in.integer("baseFeePerGas");
    return out;
}

Listed listed_of(const json::Value& transaction, std::string_view field) {
    const rpc::Members in(transaction, field);
    Listed out;
    out.hash = in.hash("hash");
    out.sender = in.address("from");
    out.nonce = in.u64("nonce");
    if (in.has("to")) out.call.to = in.address("to");
    out.call.data = in.bytes("input", max_transaction_bytes);
    out.call.value = in.integer("value");
    out.call.gas = in.u64("gas");
    out.price = price_from(in.has("maxFeePerGas") ? in.integer("maxFeePerGas") : integer_or_zero(in, "gasPrice"));
    if (in.has("blockNumber")) out.block = in.u64("blockNumber");
    return out;
}

Listed listed_of(ByteView transaction) {
    const SignedTransaction read = decode_transaction(transaction);
    const Transaction& said = read.transaction;
    return {.hash = transaction_hash(transaction),
            .sender = sender(read),
            .nonce = said.nonce,
            .call = {.to = said.to, .data = said.data, .value = said.value, .gas = said.gas_limit, .legacy = false},
            .price = price_from(said.gas_price),
            .block = {}};
}

Submission refusal_of(const RpcError& error) {
    using Status = Submission::Status;
    struct Known {
        std::string_view text;
        Status status;
    };
    static constexpr Known known[] = {
        {"already known", Status::accepted},
        {"known transaction", Status::accepted},
        {"already imported", Status::accepted},
        {"nonce too low", Status::filled},
        {"nonce is too low", Status::filled},
        {"underpriced", Status::priced},  // also "replacement transaction underpriced"
        {"less than block base fee", Status::priced},
        {"fee too low", Status::priced},
        {"insufficient funds", Status::funds},
        {"overshot", Status::funds},
        {"intrinsic gas too low", Status::rejected},
        {"gas floor", Status::rejected},
        {"exceeds block gas limit", Status::rejected},
        {"gas limit too high", Status::rejected},
        {"exceeds the configured cap", Status::rejected},
        {"invalid sender", Status::rejected},
        {"invalid signature", Status::rejected},
        {"chain id", Status::rejected},
        {"oversized data", Status::rejected},
        {"init code size", Status::rejected},
        {"initcode size", Status::rejected},
        {"type not supported", Status::rejected},
        {"only replay-protected", Status::rejected},
    };
    const std::string text = lower(error.message);
    const auto* found = std::ranges::find_if(known, [&](const Known& one) { return has(text, one.text); });
    return {.status = found == std::end(known) ? Status::unknown : found->status,
            .detail = error.message,
            .transaction = {}};
}

Price price_of(const FeeAnswers& answers) {
    if (!answers.base_fee) return std::max<Price>(1, price_from(answers.gas_price));
    U256 tip = answers.advised_tip;
    std::vector<U256> paid = answers.paid;
    if (!paid.empty()) {
        std::ranges::sort(paid);
        tip = std::max(tip, paid[paid.size() / 2]);
    }
    // The base fee rises by at most an eighth a block: (9/8)² is a little more than 5/4.
    const U256 most(std::numeric_limits<Price>::max());
    if (*answers.base_fee > most || tip > most) return std::numeric_limits<Price>::max();
    return std::max<Price>(1, price_from(*answers.base_fee * 81 / 64 + tip));
}

std::vector<U256> paid_tips(const json::Value& history) {
    std::vector<U256> out;
    const json::Object* object = history.if_object();
    const json::Value* rewards = object == nullptr ? nullptr : object->if_contains("reward");
    if (rewards == nullptr || !rewards->is_array()) return out;
    for (const json::Value& block : rewards->get_array()) {
        const json::Array* percentiles = block.if_array();
        if (percentiles == nullptr || percentiles->empty() || !percentiles->front().is_string()) continue;
        const U256 tip = parse_quantity(percentiles->front().get_string(), "reward");
        if (tip > 0) out.push_back(tip);  // empty blocks say nothing
    }
    return out;
}

std::uint64_t gas_with_margin(std::uint64_t estimate, std::uint64_t block_limit) {
    if (estimate <= transfer_gas) return transfer_gas;
    const std::uint64_t margin = estimate / 4;
    const std::uint64_t wanted =
        estimate > block_limit - std::min(margin, block_limit) ? block_limit : estimate + margin;
    return std::max(wanted, transfer_gas);
}

std::string problem_of(const RpcError& error) {
    std::string text;
    if (error.data.is_string()) {
        if (const auto bytes = from_hex(
                lower(error.data.get_string()).substr(std::min<std::size_t>(2, error.data.get_string().size())))) {
            const abi::Revert revert = abi::decode_revert(*bytes);
            if (revert.kind == "error" || revert.kind == "panic") text = "reverted: " + revert.text;
            if (revert.kind == "unknown") text = "reverted: " + to_0x(revert.data);
        }
    }
    if (text.empty()) text = error.message;
    return text.substr(0, max_problem_bytes);
}

json::Object call_object(const Address& from, const Call& call) {
    json::Object out{{"from", from.lower()}, {"data", to_0x(call.data)}, {"value", quantity(call.value)}};
    if (call.to) out["to"] = call.to->lower();
    return out;
}

json::Object log_filter(const json::Object& filter) {
    json::Reader reader(filter, "/filter");
    json::Object out;
    if (const json::Value* address = reader.find("address")) out["address"] = address_filter(*address);
    if (reader.find("topics") != nullptr) {
        json::Array topics;
        for (const json::Value& topic : reader.array("topics", max_topics)) {
            topics.push_back(topic_filter(topic, reader.at("topics") + "/" + std::to_string(topics.size())));
        }
        out["topics"] = std::move(topics);
    }
    reader.finish();
    return out;
}

LogPlace place_of(const json::Value& log, std::string_view field) {
    const rpc::Members in(log, field);
    LogPlace out{.number = in.u64("blockNumber"), .hash = in.hash("blockHash"), .removed = false};
    out.removed = in.has("removed") && in.any("removed").is_bool() && in.any("removed").get_bool();
    return out;
}

Event event_of(const json::Value& log, std::string_view field) {
    const rpc::Members in(log, field);
    json::Array topics;
    for (const json::Value& topic : in.array("topics", max_topics)) {
        if (!topic.is_string()) throw Error(Code::bad_format, in.at("topics"), "must be strings");
        topics.emplace_back(to_0x(parse_hash_0x(topic.get_string(), in.at("topics")).view()));
    }
    return {.block = in.u64("blockNumber"),
            .index = in.u64("logIndex"),
            .transaction = to_0x(in.hash("transactionHash").view()),
            .data = {{"address", in.address("address").text()},
                     {"topics", std::move(topics)},
                     {"data", to_0x(in.bytes("data", max_receipt_bytes))}}};
}

}  // namespace concordat::ledger::evm
