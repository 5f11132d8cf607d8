// A header, a receipt and a transaction: what is accepted is exactly what would be written.
#include <ledger/evm/protocol/clique.hpp>
#include <ledger/evm/protocol/receipt.hpp>
#include <ledger/evm/protocol/transaction.hpp>

namespace {
using namespace concordat;
using namespace concordat::ledger::evm;

template <class Read>
void expect_same(ByteView bytes, Read read) {
    try {
        if (read() != to_bytes(bytes)) __builtin_trap();
    } catch (const Error&) {
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    expect_same(bytes, [&] { return Header::decode(bytes, "header").encode(); });
    expect_same(bytes, [&] { return Receipt::decode(bytes, "receipt").encode(); });
    expect_same(bytes, [&] { return encode(decode_transaction(bytes)); });
    try {
        sender(decode_transaction(bytes));
    } catch (const Error&) {
    }
    try {
        clique::signer_of(Header::decode(bytes, "header"), "header");
    } catch (const Error&) {
    }
    return 0;
}
