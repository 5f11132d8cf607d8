// What a node answers, as JSON: a block, a receipt, a transaction.
#include <ledger/evm/protocol/receipt.hpp>
#include <ledger/evm/protocol/transaction.hpp>

#include "attempt.hpp"

using namespace concordat;
using namespace concordat::ledger::evm;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    attempt([&] {
        const json::Value value = json::parse(text_of({data, size}), "answer");
        attempt([&] { header_from_rpc(value, "block"); });
        attempt([&] { raw_transaction_from_rpc(value, "transaction"); });
        attempt([&] {
            const Receipt receipt = receipt_from_rpc(value, "receipt");
            if (Receipt::decode(receipt.encode(), "receipt") != receipt) __builtin_trap();
        });
    });
    return 0;
}
