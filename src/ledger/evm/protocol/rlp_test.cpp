#include "rlp.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "vectors_test.hpp"

namespace concordat::ledger::evm::rlp {
namespace {

Bytes encode(const json::Value& value) {
    Bytes out;
    if (value.is_string()) {
        append(out, ByteView(hex_of(value)));
        return out;
    }
    for (const auto& item : value.as_array()) {
        const Bytes inner = encode(item);
        out.insert(out.end(), inner.begin(), inner.end());
    }
    return list(out);
}

json::Value decode(ByteView encoding) {
    const Item item = take(encoding, "item");
    if (!item.is_list) return json::Value(to_0x(item.payload));
    json::Array out;
    for (ByteView rest = item.payload; !rest.empty();) {
        ByteView inner = rest;
        take(rest, "item");
        out.push_back(decode(inner.first(inner.size() - rest.size())));
    }
    return out;
}

void check_hex(std::string_view hex) { check(from_hex(hex).value(), "item"); }

TEST(Rlp, PublicVectors) {
    const json::Value vectors = read_vectors("rlp.json");
    ASSERT_GT(vectors.as_array().size(), 50u);
    for (const auto& v : vectors.as_array()) {
        const Bytes encoded = hex_of(v.at("encoded"));
        EXPECT_EQ(to_hex(encode(v.at("decoded"))), to_hex(encoded)) << v.at("name");
        check(encoded, "item");
        EXPECT_EQ(decode(encoded), v.at("decoded")) << v.at("name");
    }
}

TEST(Rlp, RefusesEverySecondEncoding) {
    EXPECT_NO_THROW(check_hex("820400"));
    EXPECT_EQ(refusal([] { check_hex("8105"); }), "item: must write a byte below 0x80 as itself");
    EXPECT_EQ(refusal([] { check_hex("b80100"); }), "item: must use the short RLP form for lengths below 56");
    EXPECT_EQ(refusal([] { check_hex("f80100"); }), "item: must use the short RLP form for lengths below 56");
    EXPECT_EQ(refusal([] { check_hex("b900ff"); }), "item: must have RLP lengths without leading zeros");
    EXPECT_EQ(refusal([] { check_hex("0000"); }), "item: must have nothing after the RLP item");
}

TEST(Rlp, RefusesWhatEndsEarly) {
    EXPECT_THROW(check({}, "item"), Error);
    for (const char* bad :
         {"81", "8261", "b8", "b838", "b9", "b901", "c1", "c28061ff", "f8", "f838", "c283ffffff", "c383ffff"})
        EXPECT_THROW(check_hex(bad), Error) << bad;
}

TEST(Rlp, LengthsThatNoMemoryHolds) {
    EXPECT_THROW(check_hex("bfffffffffffffffff"), Error);
    EXPECT_THROW(check_hex("ffffffffffffffffff"), Error);
    EXPECT_THROW(check_hex("fbffffffff"), Error);
    EXPECT_EQ(refusal([] { check_hex("ba01000001"); }).substr(0, 5), "item:");
}

TEST(Rlp, DepthIsBounded) {
    Bytes nested{0xc0};
    for (std::size_t depth = 1; depth < max_depth; ++depth) nested = list(nested);
    EXPECT_NO_THROW(check(nested, "item"));
    nested = list(nested);
    EXPECT_EQ(refusal([&] { check(nested, "item"); }), "item: must nest RLP lists at most 16 deep");
}

TEST(Rlp, ReaderNamesTheItem) {
    Bytes payload;
    append(payload, U256(5));
    append(payload, ByteView(Bytes{0, 1}));
    append_list(payload, {});
    const Bytes encoding = list(payload);
    Reader in = Reader::list(encoding, "/tx");
    EXPECT_EQ(in.u64("nonce"), 5u);
    EXPECT_EQ(refusal([&] { Reader(in).integer("value"); }),
              "/tx/value: must be an integer of at most 32 bytes without leading zeros");
    EXPECT_EQ(refusal([&] { Reader(in).hash("root"); }), "/tx/root: must have exactly 32 bytes");
    EXPECT_EQ(in.bytes("data").size(), 2u);
    EXPECT_EQ(refusal([&] { Reader(in).bytes("data"); }), "/tx/data: must be an RLP string, not a list");
    EXPECT_EQ(refusal([&] { in.finish(); }), "/tx: must have no further RLP items");
    EXPECT_TRUE(in.sublist("list").done());
    EXPECT_EQ(refusal([&] { in.u64("v"); }), "/tx/v: is missing at the end of an RLP list");
    in.finish();
}

RC_GTEST_PROP(RlpProperty, ChangedBytesAreRefusedOrMeanAnother, (const std::vector<Bytes>& strings)) {
    Bytes payload;
    for (const auto& s : strings) append(payload, ByteView(s));
    const Bytes encoding = list(payload);
    check(encoding, "item");
    Bytes changed = encoding;
    changed[*rc::gen::inRange<std::size_t>(0, changed.size())] ^= *rc::gen::inRange<std::uint8_t>(1, 255);
    try {
        check(changed, "item");
    } catch (const Error&) {
        return;
    }
    RC_ASSERT(to_hex(encode(decode(changed))) == to_hex(changed));
}

}  // namespace
}  // namespace concordat::ledger::evm::rlp
