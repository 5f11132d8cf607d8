// Up to the first line's end a function as text or a JSON ABI, then bytes: as its arguments, its result, revert data
// and a log. What decodes encodes to the same bytes.
#include <ledger/evm/protocol/abi.hpp>

#include <algorithm>

namespace {
using namespace concordat;
using namespace concordat::ledger::evm;

void decode(const abi::Type& type, ByteView bytes) {
    try {
        const json::Value value = abi::decode(type, bytes, "bytes");
        if (abi::encode(type, value, "value") != to_bytes(bytes)) __builtin_trap();
        abi::encode_for_topic(type, value, "value");
    } catch (const Error&) {
    }
}

void decode(const abi::Event& event, ByteView bytes) {
    std::vector<Hash256> topics;
    if (!event.anonymous) topics.push_back(event.topic());
    for (const bool indexed : event.indexed) {
        if (!indexed || bytes.size() < 32) continue;
        topics.push_back(Hash256::from(bytes.first(32)));
        bytes = bytes.subspan(32);
    }
    try {
        event.decode(topics, bytes, "log");
    } catch (const Error&) {
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView all(data, size);
    const auto line = static_cast<std::size_t>(std::find(all.begin(), all.end(), '\n') - all.begin());
    const std::string_view text = text_of(all.first(line));
    const ByteView bytes = all.subspan(std::min(size, line + 1));
    try {
        if (text.starts_with('[')) {
            const auto interface = abi::Interface::parse(json::parse(text, "abi"), "abi");
            for (const auto& function : interface.functions()) decode(function.outputs, bytes);
            for (const auto& event : interface.events()) decode(event, bytes);
            abi::decode_revert(bytes, interface.errors());
            return 0;
        }
        const auto function = abi::Function::parse(text, "function");
        if (abi::Function::parse(function.signature(), "function").selector() != function.selector()) __builtin_trap();
        decode(function.inputs, bytes);
        decode(function.outputs, bytes);
        abi::decode_revert(bytes);
    } catch (const Error&) {
    }
    return 0;
}
