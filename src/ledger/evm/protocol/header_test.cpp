#include "header.hpp"

#include "receipt.hpp"
#include "trie.hpp"
#include "vectors_test.hpp"

namespace concordat::ledger::evm {
namespace {

TEST(Header, EveryForksRecordedBlock) {
    const json::Value vectors = read_vectors("blocks.json");
    std::size_t most = 0;
    for (const auto& [fork, block] : vectors.at("forks").as_object()) {
        const Header header = header_from_rpc(block, "/block");
        EXPECT_EQ(to_0x(header.hash().view()), std::string_view(block.at("hash").as_string())) << fork;
        EXPECT_EQ(Header::decode(header.encode(), "/header"), header) << fork;
        EXPECT_TRUE(header.further.empty());
        most = std::max<std::size_t>(most, header.requests_hash ? 6 : header.base_fee ? 1 : 0);
    }
    EXPECT_EQ(most, 6u);
}

Header prague() { return header_from_rpc(read_vectors("blocks.json").at("forks").at("prague"), "/block"); }

TEST(Header, LaterForksFieldsStay) {
    Header header = prague();
    header.further = {Bytes{0x05}, Bytes{0xc1, 0x80}};
    const Bytes encoded = header.encode();
    const Header read = Header::decode(encoded, "/header");
    EXPECT_EQ(read, header);
    EXPECT_EQ(read.encode(), encoded);
    header.further.assign(max_further_fields + 1, Bytes{0x05});
    EXPECT_EQ(refusal([&] { Header::decode(header.encode(), "/header"); }), "/header: must have no further RLP items");
}

TEST(Header, RefusesOtherFields) {
    const Bytes encoded = prague().encode();
    for (std::size_t n = 0; n < encoded.size(); ++n)
        EXPECT_THROW(Header::decode(ByteView(encoded).first(n), "h"), Error);
    for (std::size_t n = 0; n < encoded.size(); ++n) {
        Bytes changed = encoded;
        changed[n] ^= 0x40;
        try {
            EXPECT_EQ(Header::decode(changed, "h").encode(), changed);
        } catch (const Error&) {
        }
    }
    EXPECT_EQ(refusal([] { Header::decode(Bytes{0xc0}, "/header"); }),
              "/header/parentHash: is missing at the end of an RLP list");
    EXPECT_EQ(refusal([] { Header::decode(Bytes(max_header_bytes + 1), "/header"); }),
              "/header: must have at most 65536 bytes");
}

TEST(Header, RefusesAnObjectWithAnotherHash) {
    json::Value block = read_vectors("blocks.json").at("forks").at("london");
    block.as_object()["gasUsed"] = "0x1";
    EXPECT_EQ(refusal([&] { header_from_rpc(block, "/block"); }),
              "/block/hash: must be the hash of the header's fields as this version knows them");
    block.as_object()["requestsHash"] = "0x" + std::string(64, '0');
    EXPECT_EQ(refusal([&] { header_from_rpc(block, "/block"); }),
              "/block: must have the fields of every fork before its last one's");
    block.as_object().erase("miner");
    EXPECT_EQ(refusal([&] { header_from_rpc(block, "/block"); }), "/block/miner: must be given");
    EXPECT_EQ(refusal([&] { header_from_rpc(json::Value(nullptr), "/block"); }), "/block: must be an object");
}

TEST(Receipt, RecordedOnesMakeTheBlocksRoot) {
    const json::Value vectors = read_vectors("blocks.json");
    const json::Value& full = vectors.at("full");
    std::vector<Bytes> encoded;
    Bloom bloom{};
    for (const auto& item : full.at("receipts").as_array()) {
        const Receipt receipt = receipt_from_rpc(item, "/receipt");
        encoded.push_back(receipt.encode());
        EXPECT_EQ(Receipt::decode(encoded.back(), "/receipt"), receipt);
        EXPECT_EQ(bloom_of(receipt.logs), receipt.logs_bloom);
        for (std::size_t i = 0; i < bloom.size(); ++i) bloom[i] |= receipt.logs_bloom[i];
    }
    const Header header = header_from_rpc(full.at("block"), "/block");
    EXPECT_EQ(trie::IndexTrie(encoded, "receipts").root(), header.receipts_root);
    EXPECT_EQ(bloom, header.logs_bloom);
}

TEST(Receipt, BeforeByzantiumAStateRootStandsForTheStatus) {
    Receipt receipt;
    receipt.state_root = Hash256{};
    receipt.cumulative_gas = 21000;
    const Receipt read = Receipt::decode(receipt.encode(), "/receipt");
    EXPECT_EQ(read, receipt);
}

TEST(Receipt, RefusesOtherForms) {
    Receipt receipt;
    receipt.type = 2;
    receipt.succeeded = true;
    receipt.logs = {{Address{}, {Hash256{}}, Bytes{1, 2}}};
    const Bytes encoded = receipt.encode();
    for (std::size_t n = 0; n < encoded.size(); ++n) {
        EXPECT_THROW(Receipt::decode(ByteView(encoded).first(n), "r"), Error);
        Bytes changed = encoded;
        changed[n] ^= 0x80;
        try {
            EXPECT_EQ(Receipt::decode(changed, "r").encode(), changed);
        } catch (const Error&) {
        }
    }
    Bytes changed = encoded;
    changed[0] = 0x80;
    EXPECT_EQ(refusal([&] { Receipt::decode(changed, "/r"); }), "/r/type: must be legacy or from 1 to 127 (EIP-2718)");
    receipt.logs[0].topics.resize(5);
    EXPECT_EQ(refusal([&] { Receipt::decode(receipt.encode(), "/r"); }), "/r/logs/0/topics: must be at most 4");
    json::Value object = read_vectors("blocks.json").at("full").at("receipts").at(0);
    object.as_object()["status"] = "0x2";
    EXPECT_EQ(refusal([&] { receipt_from_rpc(object, "/r"); }), "/r/status: must be 0x0 or 0x1");
    object.as_object()["status"] = nullptr;
    EXPECT_EQ(refusal([&] { receipt_from_rpc(object, "/r"); }), "/r/root: must be given");
}

}  // namespace
}  // namespace concordat::ledger::evm
