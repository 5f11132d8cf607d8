#include "channel.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/wait.h>
#include <unistd.h>
#include <process/sandbox.hpp>

#include <base/error.hpp>
#include <base/wire.hpp>
#include <crypto/hash.hpp>
#include <crypto/jws.hpp>
#include <functional>

#include "development.hpp"

namespace concordat::attest {
namespace {

// Lets a test show other evidence than the one that was asked for.
struct Scripted final : EvidenceProvider {
    std::function<json::Value(const Hash256&)> answer;
    json::Value make(const Hash256& report_data) override { return answer(report_data); }
    std::string_view kind() const override { return "development"; }
};

struct ChannelTest : testing::Test {
    SystemRandom random;
    ManualClock clock{1'700'000'000'000};
    DevelopmentProvider enclave_provider{crypto::PrivateKey::generate(crypto::Alg::es256k, random),
                                         crypto::sha256("enclave code"), "concordat-enclave", 1, clock};
    DevelopmentProvider ledger_provider{crypto::PrivateKey::generate(crypto::Alg::es256k, random),
                                        crypto::sha256("ledger code"), "concordat-ledger", 1, clock};
    crypto::PrivateKey enclave_key = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    crypto::PrivateKey ledger_key = crypto::PrivateKey::generate(crypto::Alg::es256k, random);

    AttestedChannel enclave_side() { return {Side::enclave, enclave_provider, enclave_key}; }
    AttestedChannel ledger_side() { return {Side::ledger, ledger_provider, ledger_key}; }
};

// Relays until neither has anything to say.
void relay(AttestedChannel& a, AttestedChannel& b) {
    for (int turn = 0; turn < 20; ++turn) {
        const Bytes from_a = a.take_output();
        if (!from_a.empty()) b.receive(from_a);
        const Bytes from_b = b.take_output();
        if (!from_b.empty()) a.receive(from_b);
        if (from_a.empty() && from_b.empty()) return;
    }
}

void connect(AttestedChannel& enclave, AttestedChannel& ledger) {
    EXPECT_TRUE(ledger.start().empty());
    ledger.receive(enclave.start());
    relay(enclave, ledger);
}

template <class Step>
std::string failure(Step step) {
    try {
        step();
    } catch (const Error& error) {
        return std::string(code_name(error.code())) + " " + error.field();
    }
    return "none";
}

TEST_F(ChannelTest, both_learn_who_the_other_is) {
    auto enclave = enclave_side(), ledger = ledger_side();
    EXPECT_FALSE(enclave.ready());
    connect(enclave, ledger);
    ASSERT_TRUE(enclave.ready() && ledger.ready());
    EXPECT_EQ(enclave.peer_claims().product, "concordat-ledger");
    EXPECT_EQ(enclave.peer_claims().root, ledger_provider.root());
    EXPECT_TRUE(enclave.peer_key() == ledger_key.public_key());
    EXPECT_EQ(ledger.peer_claims().measurement, crypto::sha256("enclave code"));
    EXPECT_TRUE(ledger.peer_key() == enclave_key.public_key());
    EXPECT_EQ(verify_evidence(ledger.peer_evidence(), "").report_data, ledger.peer_claims().report_data);
    EXPECT_NE(ledger.peer_claims().report_data, enclave.peer_claims().report_data);
}

TEST_F(ChannelTest, messages_arrive_whole_and_in_order) {
    auto enclave = enclave_side(), ledger = ledger_side();
    connect(enclave, ledger);
    const Bytes large(max_channel_message_bytes, 7);
    enclave.send(bytes_of("one"));
    enclave.send({});
    enclave.send(large);
    ledger.send(bytes_of("answer"));
    EXPECT_FALSE(ledger.next_message());
    relay(enclave, ledger);
    EXPECT_EQ(text_of(ledger.next_message().value()), "one");
    EXPECT_TRUE(ledger.next_message().value().empty());
    EXPECT_EQ(ledger.next_message().value(), large);
    EXPECT_FALSE(ledger.next_message());
    EXPECT_EQ(text_of(enclave.next_message().value()), "answer");
    EXPECT_EQ(failure([&] { enclave.send(Bytes(max_channel_message_bytes + 1)); }), "too_large message");
    EXPECT_TRUE(enclave.ready());
}

TEST_F(ChannelTest, any_portions_will_do) {
    auto enclave = enclave_side(), ledger = ledger_side();
    auto drip = [](AttestedChannel& from, AttestedChannel& to) {
        for (const std::uint8_t byte : from.take_output()) to.receive({&byte, 1});
    };
    for (const std::uint8_t byte : enclave.start()) ledger.receive({&byte, 1});
    for (int turn = 0; turn < 4; ++turn) drip(ledger, enclave), drip(enclave, ledger);
    ASSERT_TRUE(enclave.ready() && ledger.ready());
    enclave.send(bytes_of("dripped"));
    drip(enclave, ledger);
    EXPECT_EQ(text_of(ledger.next_message().value()), "dripped");
}

TEST_F(ChannelTest, bytes_on_the_wire_hide_the_messages) {
    auto enclave = enclave_side(), ledger = ledger_side();
    connect(enclave, ledger);
    enclave.send(bytes_of("the secret price"));
    EXPECT_EQ(text_of(enclave.take_output()).find("secret"), std::string_view::npos);
}

TEST_F(ChannelTest, evidence_of_an_earlier_channel_is_refused) {
    json::Value recorded;
    {
        auto enclave = enclave_side(), ledger = ledger_side();
        connect(enclave, ledger);
        recorded = ledger.peer_evidence();
    }
    Scripted replay;
    replay.answer = [&](const Hash256&) { return recorded; };
    AttestedChannel enclave(Side::enclave, replay, enclave_key);
    auto ledger = ledger_side();
    EXPECT_EQ(failure([&] { connect(enclave, ledger); }), "bad_evidence /channel/evidence/report_data");
    EXPECT_FALSE(ledger.ready());
    EXPECT_EQ(failure([&] { ledger.receive({}); }), "protocol channel");
    EXPECT_EQ(failure([&] { ledger.next_message(); }), "protocol channel");
    EXPECT_EQ(failure([&] { ledger.send(bytes_of("x")); }), "protocol channel");
}

// A relay that ends both tunnels gets real evidence from each side, made for the tunnel with the relay.
TEST_F(ChannelTest, man_in_the_middle_cannot_pass_evidence_on) {
    auto enclave = enclave_side();
    AttestedChannel towards_enclave(Side::ledger, ledger_provider, ledger_key);  // even with the ledger's provider
    connect(enclave, towards_enclave);
    const json::Value stolen = towards_enclave.peer_evidence();

    Scripted relay_provider;
    relay_provider.answer = [&](const Hash256&) { return stolen; };
    const auto own_key = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    AttestedChannel towards_ledger(Side::enclave, relay_provider, own_key);
    auto ledger = ledger_side();
    EXPECT_EQ(failure([&] { connect(towards_ledger, ledger); }), "bad_evidence /channel/evidence/report_data");
    EXPECT_FALSE(ledger.ready());
}

TEST_F(ChannelTest, enclave_cannot_be_shown_as_a_ledger) {
    AttestedChannel one(Side::enclave, enclave_provider, enclave_key);
    AttestedChannel two(Side::enclave, enclave_provider, enclave_key);
    EXPECT_THAT(failure([&] {
                    one.start();
                    one.receive(two.start());
                }),
                testing::StartsWith("protocol tls"));
}

// A peer that speaks TLS properly and writes what it likes inside.
struct Forger {
    explicit Forger(AttestedChannel& victim) : tls(TlsPipe::Role::server) {
        tls.feed(victim.start());
        tls.handshake();
        victim.receive(tls.take_output());
        tls.feed(victim.take_output());
        EXPECT_TRUE(tls.handshake());
        exporter = tls.exporter("EXPORTER-concordat-attest");
    }
    Hash256 data(std::string_view role, const crypto::PrivateKey& key) const {
        const std::string zero(1, '\0');
        return crypto::sha256({bytes_of("concordat/channel/1"), bytes_of(zero), bytes_of(role), bytes_of(zero),
                               exporter.view(), key.public_key().thumbprint().view()});
    }
    void say(AttestedChannel& victim, ByteView message) {
        wire::Writer out;
        out.bytes(message);
        tls.write(out.get());
        victim.receive(tls.take_output());
    }
    TlsPipe tls;
    Hash256 exporter;
};

struct ForgerTest : ChannelTest {
    json::Object hello(const Forger& forger, std::string_view role = "ledger") {
        const Hash256 data = forger.data(role, ledger_key);
        json::Object out;
        out["typ"] = "concordat/channel/1";
        out["role"] = role;
        out["key"] = ledger_key.public_key().jwk();
        out["evidence"] = ledger_provider.make(data);
        out["proof"] = crypto::sign_compact(data.view(), "concordat/channel/1", ledger_key);
        return out;
    }
    std::string said(std::function<void(const Forger&, json::Object&)> change) {
        auto enclave = enclave_side();
        Forger forger(enclave);
        json::Object message = hello(forger);
        change(forger, message);
        const std::string text = json::canonical(message);
        return failure([&] { forger.say(enclave, bytes_of(text)); });
    }
};

TEST_F(ForgerTest, each_part_of_the_introduction_is_checked) {
    const auto other = crypto::PrivateKey::generate(crypto::Alg::es256k, random);
    EXPECT_EQ(said([](auto&, auto&) {}), "none");
    EXPECT_EQ(said([](auto&, auto& m) { m["typ"] = "x"; }), "bad_evidence /channel/typ");
    EXPECT_EQ(said([](auto&, auto& m) { m["role"] = "enclave"; }), "bad_evidence /channel/role");
    EXPECT_EQ(said([](auto&, auto& m) { m.erase("proof"); }), "bad_evidence /channel/proof");
    EXPECT_EQ(said([](auto&, auto& m) { m["more"] = 1; }), "bad_evidence /channel/more");
    // Evidence and proof made for the other role, shown under this one.
    EXPECT_EQ(said([&](const Forger& f, auto& m) {
                  m = hello(f, "enclave");
                  m["role"] = "ledger";
              }),
              "bad_evidence /channel/proof");
    EXPECT_EQ(
        said([&](const Forger& f, auto& m) { m["evidence"] = enclave_provider.make(f.data("enclave", ledger_key)); }),
        "bad_evidence /channel/evidence/report_data");
    // Somebody else's key, for which the sender holds evidence but not the private half.
    EXPECT_EQ(said([&](const Forger& f, auto& m) {
                  m["key"] = other.public_key().jwk();
                  m["evidence"] = ledger_provider.make(f.data("ledger", other));
              }),
              "bad_evidence /channel/proof");
    EXPECT_EQ(said([&](const Forger& f, auto& m) {
                  m["proof"] =
                      crypto::sign_compact(f.data("ledger", ledger_key).view(), "concordat/other/1", ledger_key);
              }),
              "bad_evidence /channel/proof");
    EXPECT_EQ(said([](auto&, auto& m) { m["evidence"].as_object()["kind"] = "tdx"; }),
              "bad_evidence /channel/evidence/kind");
}

TEST_F(ForgerTest, messages_without_an_introduction_and_huge_ones_are_refused) {
    {
        auto enclave = enclave_side();
        Forger forger(enclave);
        EXPECT_THAT(failure([&] { forger.say(enclave, bytes_of("give me keys")); }),
                    testing::StartsWith("bad_evidence"));
        EXPECT_FALSE(enclave.ready());
    }
    auto enclave = enclave_side();
    Forger forger(enclave);
    wire::Writer length;
    length.u32((1 << 20) + 1);
    forger.tls.write(length.get());
    EXPECT_EQ(failure([&] { enclave.receive(forger.tls.take_output()); }), "protocol channel");
}

TEST_F(ForgerTest, unread_messages_are_bounded) {
    auto enclave = enclave_side();
    Forger forger(enclave);
    const std::string introduction = json::canonical(hello(forger));
    forger.say(enclave, bytes_of(introduction));
    const Bytes message(max_channel_message_bytes, 1);
    std::string result = "none";
    for (int i = 0; i < 20 && result == "none"; ++i) result = failure([&] { forger.say(enclave, message); });
    EXPECT_EQ(result, "protocol channel");
}

TEST_F(ChannelTest, changed_bytes_end_the_channel) {
    auto enclave = enclave_side(), ledger = ledger_side();
    connect(enclave, ledger);
    enclave.send(bytes_of("pay 1"));
    Bytes wire = enclave.take_output();
    wire.back() ^= 1;
    EXPECT_EQ(failure([&] { ledger.receive(wire); }), "protocol tls");
    EXPECT_FALSE(ledger.ready());
}

TEST_F(ChannelTest, repeated_bytes_end_the_channel) {
    auto enclave = enclave_side(), ledger = ledger_side();
    connect(enclave, ledger);
    enclave.send(bytes_of("pay 1"));
    const Bytes wire = enclave.take_output();
    ledger.receive(wire);
    EXPECT_EQ(failure([&] { ledger.receive(wire); }), "protocol tls");
}

TEST_F(ChannelTest, truncated_bytes_yield_nothing) {
    auto enclave = enclave_side(), ledger = ledger_side();
    connect(enclave, ledger);
    enclave.send(bytes_of("pay 1"));
    Bytes wire = enclave.take_output();
    wire.pop_back();
    ledger.receive(wire);
    EXPECT_FALSE(ledger.next_message());
}

TEST_F(ChannelTest, garbage_never_makes_a_channel_ready) {
    rc::check("garbage", [&](const Bytes& garbage) {
        auto ledger = ledger_side();
        auto enclave = enclave_side();
        enclave.start();
        const std::string one = failure([&] { ledger.receive(garbage); });
        const std::string two = failure([&] { enclave.receive(garbage); });
        RC_ASSERT(one == "none" || one.starts_with("protocol"));
        RC_ASSERT(two == "none" || two.starts_with("protocol"));
        RC_ASSERT(!ledger.ready() && !enclave.ready());
    });
}

// After prepare_tls, a channel needs nothing that the enclave's sandbox forbids.
TEST_F(ChannelTest, works_inside_the_sandbox) {
    const pid_t pid = fork();
    if (pid == 0) {
        prepare_tls();
        process::enter_sandbox(process::enclave_rules());
        auto enclave = enclave_side(), ledger = ledger_side();
        connect(enclave, ledger);
        enclave.send(bytes_of("inside"));
        relay(enclave, ledger);
        _exit(ledger.next_message() ? 0 : 1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
}

}  // namespace
}  // namespace concordat::attest
