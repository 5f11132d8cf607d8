// RLP: what is accepted is exactly what its items would be written as.
#include <ledger/evm/protocol/rlp.hpp>

namespace {
using namespace concordat;
using namespace concordat::ledger::evm;

Bytes again(const rlp::Item& item) {
    Bytes out;
    if (!item.is_list) {
        rlp::append(out, item.payload);
        return out;
    }
    Bytes payload;
    for (ByteView in = item.payload; !in.empty();) {
        const Bytes inner = again(rlp::take(in, "item"));
        payload.insert(payload.end(), inner.begin(), inner.end());
    }
    return rlp::list(payload);
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    try {
        rlp::check(bytes, "item");
        ByteView in = bytes;
        if (again(rlp::take(in, "item")) != to_bytes(bytes)) __builtin_trap();
    } catch (const Error&) {
    }
    return 0;
}
