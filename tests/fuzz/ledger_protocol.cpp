// Every decoder of the confidential ledger's protocol, chosen by the first byte: what is accepted must encode to what
// was read.
#include <ledger/confidential/protocol/protocol.hpp>

#include <base/error.hpp>

namespace {
using namespace concordat;
using namespace concordat::ledger::confidential;

Bytes again(std::uint8_t kind, ByteView in) {
    switch (kind % 8) {
        case 0:
            return encode(decode_request(in));
        case 1:
            return encode(decode_reply(in));
        case 2:
            return encode(decode_identity(in));
        case 3:
            return encode(decode_read_reply(in));
        case 4:
            return encode(decode_read_request(in));
        case 5:
            return encode(decode_head_request(in));
        case 6:
            return encode(decode_consistency_request(in));
        default:
            return encode_hashes(decode_hashes(in));
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    try {
        const ByteView in(data + 1, size - 1);
        if (again(data[0], in) != Bytes(in.begin(), in.end())) __builtin_trap();
    } catch (const Error&) {
    }
    return 0;
}
