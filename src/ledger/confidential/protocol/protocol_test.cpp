#include "protocol.hpp"

#include <gtest/gtest.h>

#include <base/error.hpp>
#include <crypto/hash.hpp>
#include <functional>

namespace concordat::ledger::confidential {
namespace {

Hash256 hash(std::string_view text) { return crypto::sha256(text); }

contract::EntryRecord record(std::string_view tag) {
    return {
        to_bytes(bytes_of(tag)), to_bytes(bytes_of("input")), to_bytes(bytes_of("{}")), to_bytes(bytes_of("{}")), {}};
}

LedgerReceipt receipt() {
    LedgerReceipt r{3, 9, {hash("a"), hash("b")}, 1767225600123, 1, {}};
    r.signature.fill(7);
    return r;
}

Append append_request() {
    Append append;
    append.items.push_back({record("one")});
    append.items.push_back({record("two"), "4bf92f3577b34da6a3ce929d0e0e4736"});
    append.root_signature.fill(5);
    append.heads = {{0, hash("binding"), hash("head")}, {2, hash("binding"), hash("two")}};
    return append;
}

KeyReleased key_released() {
    KeyReleased released;
    released.key.expose().fill(9);
    released.terms.emplace_back(to_bytes(bytes_of("terms")));
    return released;
}

AppendResult append_result() {
    AppendResult result;
    result.items.resize(2);
    result.items[0].appended = true;
    result.items[0].receipt = receipt();
    result.items[1].head_sequence = 12;
    result.items[1].head = hash("head");
    result.items[1].slots = {4, 9};
    result.heads = {true, false};
    return result;
}

ReadReply read_reply() {
    ReadReply reply;
    reply.size = 77;
    Appended& entry = reply.entries.emplace_back();
    entry.record = record("one");
    entry.claim.kid = "kid";
    entry.claim.size = 1;
    entry.receipt = receipt();
    entry.enclave_key = hash("key");
    reply.enclaves.push_back({"{}", "{\"kind\":1}"});
    return reply;
}

struct Case {
    std::string name;
    Bytes bytes;
    std::function<Bytes(ByteView)> again;  // decode and encode
};

std::vector<Case> cases() {
    const auto request = [](ByteView in) { return encode(decode_request(in)); };
    const auto reply = [](ByteView in) { return encode(decode_reply(in)); };
    std::vector<Case> out;
    out.push_back({"hello", encode(Request(Hello{{"key", "evidence"}})), request});
    out.push_back({"create_key", encode(Request(CreateKey{to_bytes(bytes_of("jws"))})), request});
    out.push_back({"release_key", encode(Request(ReleaseKey{hash("b")})), request});
    out.push_back({"open_terms", encode(Request(OpenTerms{to_bytes(bytes_of("jws"))})), request});
    out.push_back({"append", encode(Request(append_request())), request});
    out.push_back({"done", encode(Reply(Done{})), reply});
    out.push_back({"refused", encode(Reply(Refused{"forbidden", "/x", "rule"})), reply});
    out.push_back({"key", encode(Reply(key_released())), reply});
    out.push_back({"result", encode(Reply(append_result())), reply});
    out.push_back({"identity", encode(IdentityReply{"jws", "{}", "{}", 3}),
                   [](ByteView in) { return encode(decode_identity(in)); }});
    out.push_back({"read", encode(ReadRequest{7, 8}), [](ByteView in) { return encode(decode_read_request(in)); }});
    out.push_back({"read_reply", encode(read_reply()), [](ByteView in) { return encode(decode_read_reply(in)); }});
    out.push_back({"head", encode(HeadRequest{hash("b"), hash("n")}),
                   [](ByteView in) { return encode(decode_head_request(in)); }});
    out.push_back(
        {"error", encode_error({"disk", "f", "r"}), [](ByteView in) { return encode_error(decode_error(in)); }});
    out.push_back({"consistency", encode(ConsistencyRequest{1, 2}),
                   [](ByteView in) { return encode(decode_consistency_request(in)); }});
    out.push_back({"hashes", encode_hashes(std::vector{hash("1"), hash("2")}),
                   [](ByteView in) { return encode_hashes(decode_hashes(in)); }});
    return out;
}

TEST(Protocol, EveryMessageComesBackAsItWas) {
    for (const Case& c : cases()) EXPECT_EQ(c.again(c.bytes), c.bytes) << c.name;
}

TEST(Protocol, EveryPrefixAndEveryExtensionIsRefused) {
    for (const Case& c : cases()) {
        for (std::size_t size = 0; size < c.bytes.size(); ++size) {
            EXPECT_THROW(c.again(ByteView(c.bytes).first(size)), Error) << c.name << " cut to " << size;
        }
        Bytes longer = c.bytes;
        longer.push_back(0);
        EXPECT_THROW(c.again(longer), Error) << c.name;
    }
}

// A changed byte is refused, or it is another message that says itself the same way.
TEST(Protocol, NoChangedByteIsReadTwoWays) {
    for (const Case& c : cases()) {
        for (std::size_t at = 0; at < c.bytes.size(); ++at) {
            for (const int change : {0x01, 0x80, 0xff}) {
                Bytes changed = c.bytes;
                changed[at] = static_cast<std::uint8_t>(changed[at] ^ change);
                try {
                    EXPECT_EQ(c.again(changed), changed) << c.name << " at " << at;
                } catch (const Error&) {
                }
            }
        }
    }
}

TEST(Protocol, AnEmptyAppendIsRefused) {
    Append append = append_request();
    append.items.clear();
    append.heads.clear();
    EXPECT_THROW(decode_request(encode(Request(std::move(append)))), Error);
}

TEST(Protocol, ChecksOfHeadsStandAmongTheItemsInOrder) {
    for (const auto& [first, second] : {std::pair{1u, 0u}, std::pair{0u, 3u}}) {
        Append append = append_request();
        append.heads[0].before = first;
        append.heads[1].before = second;
        EXPECT_THROW(decode_request(encode(Request(std::move(append)))), Error) << first << ' ' << second;
    }
    Append alone = append_request();
    alone.items.clear();
    alone.heads.resize(1);
    EXPECT_NO_THROW(decode_request(encode(Request(std::move(alone)))));
}

TEST(Protocol, FieldsArriveInTheirPlaces) {
    const Reply reply = decode_reply(encode(Reply(append_result())));
    const auto& items = std::get<AppendResult>(reply).items;
    EXPECT_TRUE(items[0].appended);
    EXPECT_EQ(items[0].receipt.index, 3u);
    EXPECT_EQ(items[0].receipt.path.size(), 2u);
    EXPECT_EQ(items[1].head_sequence, 12u);
    EXPECT_EQ(items[1].slots, (std::vector<std::uint64_t>{4, 9}));
    const Reply key = decode_reply(encode(Reply(key_released())));
    EXPECT_EQ(std::get<KeyReleased>(key).key.expose()[31], 9);
    EXPECT_EQ(text_of(std::get<KeyReleased>(key).terms[0].expose()), "terms");
    const ReadReply read = decode_read_reply(encode(read_reply()));
    EXPECT_EQ(read.entries[0].enclave_key, hash("key"));
    EXPECT_EQ(text_of(read.entries[0].record.document), "one");
}

}  // namespace
}  // namespace concordat::ledger::confidential
