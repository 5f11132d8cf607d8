// concordat-ledger as its node starts it, in its sandbox: an enclave binds and appends through the attested channel,
// the process is killed, and what was acknowledged is there again.
#include <gtest/gtest.h>
#include <attest/channel.hpp>

#include <base/frame.hpp>
#include <filesystem>
#include <process/child.hpp>

#include <vault/sealing.hpp>
#include "../support/ledger.hpp"

namespace concordat::ledger::confidential {
namespace {

class LedgerProcess : public ::testing::Test {
  protected:
    std::filesystem::path folder =
        std::filesystem::temp_directory_path() / ("concordat-ledger-process-" + std::to_string(::getpid()));
    test::World world;
    SystemClock clock;
    crypto::PrivateKey key = test::signing_key("enclave");
    std::unique_ptr<attest::DevelopmentProvider> provider;
    crypto::PrivateKey root;
    std::optional<process::ChildProcess> child;
    std::optional<FrameSocket> socket;
    std::unique_ptr<attest::AttestedChannel> tls;

    LedgerProcess() : root(make_root()) {}
    crypto::PrivateKey make_root() {
        std::filesystem::create_directories(folder / "attestation");
        std::filesystem::permissions(folder / "attestation", std::filesystem::perms::owner_all);
        vault::DevelopmentRoot made(folder / "attestation");
        provider = std::make_unique<attest::DevelopmentProvider>(made.take_key(), world.measurement,
                                                                 "concordat-enclave", 1, clock);
        return vault::DevelopmentRoot(folder / "attestation").take_key();
    }
    void TearDown() override {
        child.reset();
        std::filesystem::remove_all(folder);
    }

    void start() {
        process::ChildOptions options;
        options.program = CONCORDAT_BIN_DIR "/concordat-ledger";
        options.arguments = {"--data", folder / "data", "--attestation", folder / "attestation"};
        child.emplace(process::ChildProcess::spawn(options));
        socket.emplace(child->socket());
        tls = std::make_unique<attest::AttestedChannel>(attest::Side::enclave, *provider, key);
        send(FrameType::channel_open, 1);
        send(FrameType::channel_data, 1, tls->start());
        while (!tls->ready()) pull();
    }
    void send(FrameType type, std::uint64_t id, ByteView payload = {}) {
        socket->send(encode_frame(static_cast<std::uint16_t>(type), id, payload));
    }
    void pull() {
        const auto frame = socket->receive();
        if (!frame || static_cast<FrameType>(frame->type) != FrameType::channel_data)
            throw std::runtime_error("no channel");
        tls->receive(frame->payload);
        if (const Bytes out = tls->take_output(); !out.empty()) send(FrameType::channel_data, 1, out);
    }
    Reply ask(const Request& request) {
        tls->send(encode(request));
        send(FrameType::channel_data, 1, tls->take_output());
        for (;;) {
            if (const auto message = tls->next_message()) return decode_reply(*message);
            pull();
        }
    }
    Bytes ask_node(FrameType type, ByteView payload = {}) {
        send(type, 9, payload);
        const auto frame = socket->receive();
        if (!frame || static_cast<FrameType>(frame->type) != type) throw std::runtime_error("no reply");
        return frame->payload;
    }
    Hello hello() {
        return {{json::canonical(key.public_key().jwk()),
                 json::canonical(provider->make(enclave_report_data(key.public_key())))}};
    }
};

TEST_F(LedgerProcess, WhatWasAcknowledgedSurvivesAKill) {
    start();
    const auto identity = decode_identity(ask_node(FrameType::identity));
    const auto self = Identity::parse(identity.identity);
    EXPECT_NE(identity.sandbox.find("seccomp"), std::string::npos);
    EXPECT_TRUE(std::holds_alternative<Done>(ask(hello())));

    json::Object document = world.first_document();
    document["record"] = json::Object{
        {"chain", self.chain}, {"service_key", self.service_key.jwk()}, {"encryption_key", self.encryption_key.jwk()}};
    document["enclaves"].as_object()["development_roots"] = json::Array{root.public_key().thumbprint().text()};
    const Bytes jws =
        to_bytes(bytes_of(json::canonical(test::sign_binding(document, world.buyer, world.seller).to_json())));
    ASSERT_TRUE(std::holds_alternative<KeyReleased>(ask(CreateKey{jws})));

    contract::EntryRecord record;
    record.input = jws;
    record.state = to_bytes(bytes_of("{}"));
    record.disclosures = to_bytes(bytes_of("{}"));
    contract::Entry entry;
    entry.type = contract::EntryType::bind;
    entry.ledger = self.chain;
    entry.binding = entry.version = crypto::sha256(json::canonical(document));
    entry.time = test::start_time;
    entry.input = crypto::sha256(record.input);
    entry.state_after = contract::state_root({});
    entry.disclosures = crypto::sha256(record.disclosures);
    entry.private_state = crypto::sha256(record.private_state);
    record.document = to_bytes(bytes_of(entry.write()));
    const Hash256 id = entry.id(record.document);
    const test::TestEnclave enclave{test::signing_key("enclave"), {}, 0};
    const Reply appended = ask(enclave.append({record}, self.chain));
    const ItemResult& item = std::get<AppendResult>(appended).items.at(0);
    ASSERT_TRUE(item.appended);
    item.receipt.verify(ledger_leaf(id, key.public_key().thumbprint()), self.service_key, "/receipt");

    child->kill();
    EXPECT_TRUE(child->wait().has_value());
    start();
    EXPECT_EQ(decode_identity(ask_node(FrameType::identity)).identity, identity.identity);
    const auto all = decode_read_reply(ask_node(FrameType::read, encode(ReadRequest{0, 10})));
    ASSERT_EQ(all.entries.size(), 1u);
    EXPECT_EQ(all.entries[0].record.document, record.document);
    EXPECT_TRUE(std::holds_alternative<Done>(ask(hello())));
    EXPECT_TRUE(std::holds_alternative<KeyReleased>(ask(ReleaseKey{entry.binding})));
    ask_node(FrameType::stop);
    const auto status = child->wait(5000);
    ASSERT_TRUE(status.has_value());
    EXPECT_EQ(status->text(), "exited with code 0");
    EXPECT_TRUE(std::filesystem::exists(folder / "data" / "snap-00000001.snap"));
}

}  // namespace
}  // namespace concordat::ledger::confidential
