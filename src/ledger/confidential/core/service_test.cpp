// The ledger process without its socket, driven as a node and its enclaves do.
#include "service.hpp"

#include <gtest/gtest.h>

#include "../../../../tests/support/ledger.hpp"

namespace concordat::ledger::confidential {
namespace {

using test::LedgerWorld;
using test::Link;

struct Node {
    LedgerWorld w;
    attest::DevelopmentProvider ledger_evidence{test::signing_key("development root"),
                                                test::hash_of("the ledger's code"), "concordat-ledger", 1, w.clock};
    Service service{*w.ledger, ledger_evidence, {"{}", "{\"seccomp\":\"held\"}", 4}};
    std::map<std::uint64_t, Bytes> to_enclave;    // TLS bytes by channel
    std::map<std::uint64_t, std::string> closed;  // by channel
    std::map<std::uint64_t, Frame> replies;       // by id

    void send(FrameType type, std::uint64_t id, ByteView payload = {}) {
        service.handle({static_cast<std::uint16_t>(type), id, to_bytes(payload)});
    }
    void collect() {
        FrameBuffer frames;
        frames.append(service.take_output());
        while (auto frame = frames.next()) {
            if (static_cast<FrameType>(frame->type) == FrameType::channel_data) {
                Bytes& to = to_enclave[frame->id];
                to.insert(to.end(), frame->payload.begin(), frame->payload.end());
            } else if (static_cast<FrameType>(frame->type) == FrameType::channel_close) {
                closed[frame->id] = std::string(text_of(frame->payload));
            } else {
                replies[frame->id] = *frame;
            }
        }
    }
    Frame ask(FrameType type, ByteView payload = {}) {
        send(type, 99, payload);
        collect();
        return replies.at(99);
    }
    std::string error_of(const Frame& frame) {
        return static_cast<FrameType>(frame.type) == FrameType::error ? decode_error(frame.payload).code : "";
    }
};

// An enclave at the other end of a channel.
struct Remote {
    Node& node;
    std::uint64_t id;
    test::TestEnclave enclave;
    attest::DevelopmentProvider provider;
    attest::AttestedChannel tls;

    Remote(Node& n, std::uint64_t channel, std::string_view name)
        : node(n),
          id(channel),
          enclave{test::signing_key(name), {}, 0},
          provider(test::signing_key("development root"), n.w.world.measurement, "concordat-enclave", 1, n.w.clock),
          tls(attest::Side::enclave, provider, enclave.key) {
        enclave.evidence = provider.make(enclave_report_data(enclave.key.public_key()));
        node.send(FrameType::channel_open, id);
        push(tls.start());
        for (int i = 0; i < 4 && !tls.ready(); ++i) pull();
    }
    void push(const Bytes& bytes) {
        if (!bytes.empty()) node.send(FrameType::channel_data, id, bytes);
    }
    void pull() {
        node.collect();
        const Bytes bytes = std::exchange(node.to_enclave[id], {});
        if (!bytes.empty()) tls.receive(bytes);
        push(tls.take_output());
    }
    void send(const Request& request) {
        tls.send(encode(request));
        push(tls.take_output());
    }
    Reply next() {
        pull();
        const auto message = tls.next_message();
        if (!message) throw std::runtime_error("no reply");
        return decode_reply(*message);
    }
    Reply ask(const Request& request) {
        send(request);
        node.service.flush();
        return next();
    }
};

TEST(Service, AnEnclaveAppendsThroughItsChannel) {
    Node node;
    Remote one(node, 1, "one");
    ASSERT_TRUE(one.tls.ready());
    EXPECT_TRUE(one.tls.peer_key() == node.w.ledger->service_key());
    EXPECT_EQ(one.tls.peer_claims().product, "concordat-ledger");
    EXPECT_TRUE(std::holds_alternative<Refused>(one.ask(ReleaseKey{}))) << "a hello comes first";
    EXPECT_TRUE(std::holds_alternative<Done>(one.ask(one.enclave.hello())));
    EXPECT_TRUE(std::holds_alternative<Refused>(one.ask(one.enclave.hello())));
    const Bytes jws = node.w.signed_jws(node.w.document(1));
    EXPECT_TRUE(std::holds_alternative<KeyReleased>(one.ask(CreateKey{jws})));
    const Hash256 id = crypto::sha256(json::canonical(node.w.document(1)));
    const auto record = node.w.record(contract::EntryType::bind, {id, id, {}, 0}, jws);
    const Reply reply = one.ask(one.enclave.append({record}, node.w.ledger->chain()));
    EXPECT_TRUE(std::get<AppendResult>(reply).items.at(0).appended);

    const auto identity = decode_identity(node.ask(FrameType::identity).payload);
    EXPECT_EQ(identity.size, 1u);
    EXPECT_EQ(Identity::parse(identity.identity).chain, node.w.ledger->chain());
    EXPECT_EQ(decode_read_reply(node.ask(FrameType::read, encode(ReadRequest{0, 10})).payload).entries.size(), 1u);
    const Bytes head = node.ask(FrameType::head, encode(HeadRequest{id, {}})).payload;
    wire::Reader in(head);
    EXPECT_TRUE(HeadStatement::read(in).verify(node.w.ledger->service_key()));
    const Bytes root = node.ask(FrameType::root).payload;
    wire::Reader root_in(root);
    EXPECT_EQ(SignedRoot::read(root_in).size, 1u);
    EXPECT_TRUE(decode_hashes(node.ask(FrameType::consistency, encode(ConsistencyRequest{1, 1})).payload).empty());
    EXPECT_EQ(node.error_of(node.ask(FrameType::consistency, encode(ConsistencyRequest{1, 2}))), "bad_format");
    EXPECT_EQ(node.error_of(node.ask(FrameType::head, encode(HeadRequest{{}, {}}))), "not_found");
    EXPECT_EQ(node.error_of(node.ask(FrameType::read, bytes_of("x"))), "protocol");
    EXPECT_EQ(node.error_of(node.ask(static_cast<FrameType>(77))), "protocol");
    EXPECT_EQ(node.error_of(node.ask(FrameType::stop)), "");
    EXPECT_TRUE(node.service.stopped());
    EXPECT_TRUE(node.w.disk.files.contains("snap-00000001.snap"));
}

TEST(Service, WhatWaitsIsOneCommitAndAnswersKeepTheirOrder) {
    Node node;
    Remote one(node, 1, "one"), two(node, 2, "two");
    one.ask(one.enclave.hello());
    two.ask(two.enclave.hello());
    Link a, b;
    std::vector<contract::EntryRecord> records;
    for (auto [remote, number, link] : {std::tuple(&one, 1, &a), std::tuple(&two, 2, &b)}) {
        const json::Object document = node.w.document(static_cast<std::uint64_t>(number));
        const Bytes jws = node.w.signed_jws(document);
        remote->ask(CreateKey{jws});
        const Hash256 id = crypto::sha256(json::canonical(document));
        const auto record = node.w.record(contract::EntryType::bind, {id, id, {}, 0}, jws);
        *link = {id, id, LedgerWorld::id_of(record), 0};
        records.push_back(record);
    }
    one.send(one.enclave.append({records[0]}, node.w.ledger->chain()));
    two.send(two.enclave.append({records[1]}, node.w.ledger->chain()));
    two.send(ReleaseKey{a.binding});  // waits for two's append, which goes with one's
    one.send(one.enclave.append({node.w.next_record(a)}, node.w.ledger->chain()));
    EXPECT_EQ(node.w.ledger->size(), 0u) << "nothing is committed before the flush";
    node.service.flush();
    EXPECT_EQ(node.w.ledger->size(), 3u);
    EXPECT_EQ(RecordLedger::audit(node.w.ports()).commits, 2u);
    EXPECT_TRUE(std::get<AppendResult>(two.next()).items.at(0).appended);
    EXPECT_TRUE(std::holds_alternative<KeyReleased>(two.next()));
    EXPECT_TRUE(std::get<AppendResult>(one.next()).items.at(0).appended);
    EXPECT_TRUE(std::get<AppendResult>(one.next()).items.at(0).appended);
}

TEST(Service, AChannelThatBreaksTheProtocolIsDroppedAndTheOthersLive) {
    Node node;
    Remote one(node, 1, "one"), two(node, 2, "two");
    one.ask(one.enclave.hello());
    two.tls.send(bytes_of("\x09"));
    two.push(two.tls.take_output());
    node.collect();
    EXPECT_TRUE(node.closed.contains(2));
    EXPECT_EQ(node.service.channels(), 1u);
    node.send(FrameType::channel_open, 3);
    node.send(FrameType::channel_data, 3, bytes_of("not TLS at all"));
    node.send(FrameType::channel_data, 3, bytes_of("more"));
    node.send(FrameType::channel_open, 1);
    node.collect();
    EXPECT_TRUE(node.closed.contains(3));
    EXPECT_TRUE(node.closed.contains(1)) << "opened twice";
    for (std::uint64_t id = 10; id < 15; ++id) node.send(FrameType::channel_open, id);
    node.collect();
    EXPECT_EQ(node.service.channels(), 4u);
    EXPECT_TRUE(node.closed.contains(14)) << "channels are bounded";
    node.send(FrameType::channel_close, 10);
    EXPECT_EQ(node.service.channels(), 3u);
}

}  // namespace
}  // namespace concordat::ledger::confidential
