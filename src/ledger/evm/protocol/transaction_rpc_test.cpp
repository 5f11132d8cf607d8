#include "transaction.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

TEST(RpcTransaction, EveryTypesObjectGivesItsBytes) {
    const json::Value vectors = read_vectors("rpc-transactions.json");
    std::size_t types[5] = {};
    for (const auto& v : vectors.as_array()) {
        const Bytes raw = hex_of(v.at("raw"));
        EXPECT_EQ(to_hex(raw_transaction_from_rpc(v.at("transaction"), "/tx")), to_hex(raw));
        const std::size_t type = raw[0] < 0xc0 ? raw[0] : 0;
        ++types[type];
        if (type > 2) {
            EXPECT_EQ(refusal([&] { decode_transaction(raw); }),
                      "/transaction/type: must be legacy, 1 (EIP-2930) or 2 (EIP-1559)");
            continue;
        }
        EXPECT_EQ(encode(decode_transaction(raw)), raw);
        EXPECT_EQ(decode_transaction(raw).transaction.chain_id, 31337u);
    }
    for (const std::size_t count : types) EXPECT_GE(count, 1u);
}

TEST(RpcTransaction, RefusesWhatIsNotTheHashsTransaction) {
    const json::Value vectors = read_vectors("rpc-transactions.json");
    const auto rule = [&](std::size_t index, auto edit) {
        json::Value changed = vectors.at(index).at("transaction");
        edit(changed.as_object());
        return refusal([&] { raw_transaction_from_rpc(changed, "/tx"); });
    };
    for (std::size_t i = 0; i < vectors.as_array().size(); ++i) {
        EXPECT_EQ(rule(i, [](json::Object&) {}), "was accepted");
        EXPECT_EQ(rule(i, [](json::Object& o) { o["value"] = "0x1"; }),
                  "/tx/hash: must be the hash of the transaction's members");
        EXPECT_EQ(rule(i, [](json::Object& o) { o.erase("input"); }), "/tx/input: must be given");
        EXPECT_EQ(rule(i, [](json::Object& o) { o["r"] = "0x00"; }).substr(0, 5), "/tx/r");
    }
    EXPECT_EQ(rule(0, [](json::Object& o) { o["type"] = "0x5"; }), "/tx/type: must be from 0x0 to 0x4");
    EXPECT_EQ(rule(2, [](json::Object& o) { o["accessList"] = "0x"; }), "/tx/accessList: must be an array");
    EXPECT_EQ(rule(2, [](json::Object& o) { o["accessList"].at(0).as_object()["storageKeys"] = json::Array{1}; }),
              "/tx/accessList/0/storageKeys: must be an array of strings");
    EXPECT_EQ(rule(4, [](json::Object& o) { o["blobVersionedHashes"] = json::Array(257, "0x"); }),
              "/tx/blobVersionedHashes: must have at most 256 items");
    EXPECT_EQ(rule(5, [](json::Object& o) { o["authorizationList"].at(0).as_object().erase("nonce"); }),
              "/tx/authorizationList/0/nonce: must be given");
}

}  // namespace
}  // namespace concordat::ledger::evm
