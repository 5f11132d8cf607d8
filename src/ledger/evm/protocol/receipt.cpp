#include "receipt.hpp"

#include <algorithm>

#include "keccak.hpp"
#include "rpc.hpp"

namespace concordat::ledger::evm {
namespace {

void append(Bytes& out, const Log& log) {
    Bytes topics, fields;
    for (const auto& topic : log.topics) rlp::append(topics, topic.view());
    rlp::append(fields, log.address.view());
    rlp::append_list(fields, topics);
    rlp::append(fields, ByteView(log.data));
    rlp::append_list(out, fields);
}

Log read_log(rlp::Reader in) {
    Log out;
    out.address = Address::from(in.fixed("address", 20));
    rlp::Reader topics = in.sublist("topics");
    while (!topics.done()) {
        if (out.topics.size() == max_topics) in.fail("topics", "must be at most 4");
        out.topics.push_back(topics.hash(std::to_string(out.topics.size())));
    }
    out.data = to_bytes(in.bytes("data"));
    in.finish();
    return out;
}

void read_outcome(rlp::Reader& in, Receipt& out) {
    const ByteView outcome = in.bytes("status", 32);
    if (outcome.size() == 32) {
        out.state_root = Hash256::from(outcome);
        return;
    }
    if (outcome.size() > 1 || (outcome.size() == 1 && outcome[0] != 1))
        in.fail("status", "must be 0, 1 or a state root");
    out.succeeded = !outcome.empty();
}

Log log_from_rpc(const json::Value& log, const std::string& field) {
    const rpc::Members in(log, field);
    Log out{.address = in.address("address"), .topics = {}, .data = in.bytes("data", max_receipt_bytes)};
    for (const auto& topic : in.array("topics", max_topics)) {
        const std::string at = in.at("topics") + "/" + std::to_string(out.topics.size());
        if (!topic.is_string()) throw Error(Code::bad_format, at, "must be a string");
        out.topics.push_back(parse_hash_0x(topic.get_string(), at));
    }
    return out;
}

// Sets the three bits that the low eleven bits of a hash's first three byte pairs name.
void add_to(Bloom& bloom, ByteView value) {
    const Hash256 hash = keccak256(value);
    for (std::size_t i = 0; i < 6; i += 2) {
        const unsigned bit = (static_cast<unsigned>(hash.bytes[i]) << 8 | hash.bytes[i + 1]) & 2047;
        bloom[255 - bit / 8] |= static_cast<std::uint8_t>(1 << bit % 8);
    }
}

}  // namespace

Bytes Receipt::encode() const {
    Bytes payload, list;
    if (state_root)
        rlp::append(payload, state_root->view());
    else
        rlp::append(payload, U256(succeeded ? 1 : 0));
    rlp::append(payload, U256(cumulative_gas));
    rlp::append(payload, ByteView(logs_bloom));
    for (const auto& log : logs) append(list, log);
    rlp::append_list(payload, list);
    Bytes out;
    if (type != 0) out.push_back(type);
    rlp::append_list(out, payload);
    return out;
}

Receipt Receipt::decode(ByteView encoded, std::string_view field) {
    const std::string at(field);
    if (encoded.size() > max_receipt_bytes) throw Error(Code::too_large, at, "must have at most 4194304 bytes");
    if (encoded.empty()) throw Error(Code::bad_format, at, "must not be empty");
    Receipt out;
    if (encoded[0] < 0xc0) {
        if (encoded[0] == 0 || encoded[0] > 0x7f)
            throw Error(Code::bad_format, at + "/type", "must be legacy or from 1 to 127 (EIP-2718)");
        out.type = encoded[0];
        encoded = encoded.subspan(1);
    }
    rlp::Reader in = rlp::Reader::list(encoded, at);
    read_outcome(in, out);
    out.cumulative_gas = in.u64("cumulativeGasUsed");
    const ByteView bloom = in.fixed("logsBloom", out.logs_bloom.size());
    std::copy(bloom.begin(), bloom.end(), out.logs_bloom.begin());
    rlp::Reader logs = in.sublist("logs");
    in.finish();
    while (!logs.done()) {
        if (out.logs.size() == max_logs) throw Error(Code::too_large, at + "/logs", "must be at most 16384");
        out.logs.push_back(read_log(logs.sublist(std::to_string(out.logs.size()))));
    }
    return out;
}

Bloom bloom_of(const std::vector<Log>& logs) {
    Bloom out{};
    for (const auto& log : logs) {
        add_to(out, log.address.view());
        for (const auto& topic : log.topics) add_to(out, topic.view());
    }
    return out;
}

Receipt receipt_from_rpc(const json::Value& receipt, std::string_view field) {
    const rpc::Members in(receipt, field);
    Receipt out;
    const std::uint64_t type = in.has("type") ? in.u64("type") : 0;
    if (type > 0x7f) throw Error(Code::bad_format, in.at("type"), "must be from 0 to 127 (EIP-2718)");
    out.type = static_cast<std::uint8_t>(type);
    if (in.has("status")) {
        const std::uint64_t status = in.u64("status");
        if (status > 1) throw Error(Code::bad_format, in.at("status"), "must be 0x0 or 0x1");
        out.succeeded = status == 1;
    } else {
        out.state_root = in.hash("root");
    }
    out.cumulative_gas = in.u64("cumulativeGasUsed");
    const Bytes bloom = in.fixed("logsBloom", out.logs_bloom.size());
    std::copy(bloom.begin(), bloom.end(), out.logs_bloom.begin());
    for (const auto& log : in.array("logs", max_logs))
        out.logs.push_back(log_from_rpc(log, in.at("logs") + "/" + std::to_string(out.logs.size())));
    return out;
}

}  // namespace concordat::ledger::evm
