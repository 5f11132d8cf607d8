// The ledger over TLS.

#include <openssl/ssl.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "ledger_test.hpp"
#include "tls_front_test.hpp"

namespace concordat::ledger::evm {
namespace {

using namespace std::chrono_literals;
using Shake = TlsFront::Manner;

class StreamTest : public EvmLedgerTest {
  protected:
    // What the machine trusts is nobody's business here, and takes long to read. OpenSSL asks for these first.
    static void SetUpTestSuite() {
        ::setenv("SSL_CERT_FILE", "/nowhere.pem", 1);
        ::setenv("SSL_CERT_DIR", "/nowhere", 1);
    }
    EvmOptions tls_options(std::vector<std::string> urls) {
        EvmOptions out = options();
        out.endpoints = std::move(urls);
        out.genesis = chain.hash(0);
        out.ca = authority.certificate_pem();
        return out;
    }
    void open_tls(std::vector<std::string> urls) {
        ledger = std::make_unique<EvmLedger>(io, tls_options(std::move(urls)));
    }
    const std::string& problem() {
        health = ledger->health();
        return health.front().problem;
    }
    // Nobody behind it hears anything, and the next endpoint is asked.
    void expect_refused(const Identity& shown, const std::string& why, const std::string& address = "127.0.0.1") {
        TlsFront other(io, shown, second.port());
        const std::size_t before = second.connections;
        for (const char* scheme : {"https", "wss"}) {
            open_tls({other.url(scheme, address), front.url(scheme)});
            EXPECT_EQ(look(0).status, Seen::final) << why;
            EXPECT_NE(problem().find("certificate that does not count: " + why), std::string::npos) << problem();
            EXPECT_FALSE(ledger->health().front().usable);
        }
        EXPECT_EQ(second.connections, before);
        EXPECT_EQ(other.connections, 0u);
        ledger.reset();
    }

    Identity authority{{.names = "", .authority = true}};
    Identity server{{}, &authority};
    TlsFront front{io, server, node.port()};
    std::vector<Health> health;
};

TEST_F(StreamTest, TlsCarriesAllThatPlainTextDoes) {
    for (const char* scheme : {"https", "wss"}) {
        const auto before = std::pair(front.connections, node.connections);
        open_tls({front.url(scheme, "localhost")});
        EXPECT_EQ(look(0).status, Seen::final);
        EXPECT_EQ(EvmKind().judge(pin_of(0), host, prove(0).value()).fate, Fate::called);
        EXPECT_EQ(conditions()->price, 11u);
        EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
        EXPECT_FALSE(events("")->cursor.empty());
        EXPECT_TRUE(ledger->health().front().usable);
        EXPECT_EQ(front.connections, before.first + 1) << scheme;
        EXPECT_EQ(node.connections, before.second + 1) << scheme;
        EXPECT_EQ(front.name, "localhost");
    }
    open_tls({front.url()});
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(front.name, "");  // an address is no name
}

TEST_F(StreamTest, AnAnswerOfManyRecordsIsRead) {
    chain.add({{sign(1)}, {sign(2)}, {sign(3)}, {sign(4)}, {sign(5)}, {sign(6)}, {sign(7)}, {sign(8)}});
    chain.add_empty(100);  // fetched with one message
    for (const char* scheme : {"https", "wss"}) {
        open_tls({front.url(scheme)});
        for (std::uint64_t slot = 0; slot < 9; ++slot) EXPECT_EQ(look(slot).status, Seen::final);
        EXPECT_TRUE(prove(8));
    }
}

TEST_F(StreamTest, AWebsocketInsideTlsTellsOfNewBlocks) {
    open_tls({front.url("wss")});
    EXPECT_EQ(look(1).status, Seen::open);
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    std::size_t told = 0;
    ledger->on_change([&] { ++told; });
    chain.add({{sign(1)}});
    node.announce();
    io.run_for(20ms);
    EXPECT_EQ(told, 1u);
    EXPECT_EQ(look(1).status, Seen::included);
}

TEST_F(StreamTest, ManyAtOnceShareOneWebsocketInsideTls) {
    EvmOptions given = tls_options({front.url("wss")});
    given.limits.request_timeout = given.operation_timeout = 5s;
    ledger = std::make_unique<EvmLedger>(io, given);
    look_fifty_times();
    EXPECT_EQ(front.connections, 1u);
}

TEST_F(StreamTest, CertificatesThatDoNotCountAreNamed) {
    expect_refused(Identity({.from = -7200s, .until = -3600s}, &authority), "certificate has expired");
    expect_refused(Identity({.from = 3600s, .until = 7200s}, &authority), "certificate is not yet valid");
    expect_refused(Identity({.names = "DNS:node.example"}, &authority), "IP address mismatch");
    expect_refused(Identity({.names = "DNS:127.0.0.1"}, &authority), "IP address mismatch");
    expect_refused(Identity({.names = "DNS:node.example"}, &authority), "hostname mismatch", "localhost");
    expect_refused(Identity({.names = ""}, &authority), "hostname mismatch", "localhost");
    expect_refused(Identity(Identity::Wish{}), "self-signed certificate");
    const Identity stranger({.names = "", .authority = true});
    expect_refused(Identity({}, &stranger), "unable to get local issuer certificate");
    expect_refused(Identity({}, &server), "unable to get local issuer certificate");  // which is no authority
}

TEST_F(StreamTest, WithoutTheAuthorityNothingIsKnown) {
    EvmOptions given = tls_options({front.url()});
    given.ca.clear();
    ledger = std::make_unique<EvmLedger>(io, given);
    expect_nothing_known();
    EXPECT_EQ(node.connections, 0u);
}

TEST_F(StreamTest, AServersOwnCertificateMayBeGiven) {
    const Identity alone{Identity::Wish{}};
    TlsFront other(io, alone, node.port());
    EvmOptions given = tls_options({other.url()});
    given.ca += alone.certificate_pem();  // several are one text
    ledger = std::make_unique<EvmLedger>(io, given);
    EXPECT_EQ(look(0).status, Seen::final);
}

TEST_F(StreamTest, TheSystemsAuthoritiesCount) {
    const auto file = std::filesystem::temp_directory_path() / ("ca_" + std::to_string(::getpid()) + ".pem");
    std::ofstream(file) << authority.certificate_pem();
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    EvmOptions given = tls_options({front.url()});
    given.ca.clear();
    ledger = std::make_unique<EvmLedger>(io, given);
    SetUpTestSuite();
    std::filesystem::remove(file);
    EXPECT_EQ(look(0).status, Seen::final);
}

TEST_F(StreamTest, NothingOlderThanTls12IsSpoken) {
    const Trust trust = make_trust("");
    EXPECT_EQ(SSL_CTX_get_min_proto_version(trust->native_handle()), TLS1_2_VERSION);
    EXPECT_EQ(SSL_CTX_get_max_proto_version(trust->native_handle()), 0);  // whatever comes
    SSL_CTX_set_max_proto_version(front.context.native_handle(), TLS1_2_VERSION);
    open_tls({front.url()});
    EXPECT_EQ(look(0).status, Seen::final);
}

TEST_F(StreamTest, PlainTextAndTlsDoNotMix) {
    for (const char* scheme : {"https", "wss"}) {
        open_tls({node.url(scheme)});  // speaks none, and hangs up
        expect_nothing_known();
        front.manner = Shake::speaks_http;
        open_tls({front.url(scheme)});
        expect_nothing_known();
        EXPECT_NE(problem().find("must speak TLS 1.2 or newer"), std::string::npos) << problem();
    }
    front.manner = Shake::agrees;
    for (const char* scheme : {"http", "ws"}) {
        open_tls({front.url(scheme)});
        expect_nothing_known();
    }
    EXPECT_EQ(front.connections, 0u);
}

TEST_F(StreamTest, AHandshakeThatDoesNotEndIsUnknownInBoundedTime) {
    for (const char* scheme : {"https", "wss"}) {
        for (const Shake manner : {Shake::closes, Shake::hangs, Shake::drips}) {
            front.manner = manner;
            open_tls({front.url(scheme)});
            const auto begin = std::chrono::steady_clock::now();
            EXPECT_EQ(look(0).status, Seen::unknown);
            EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s) << static_cast<int>(manner);
            EXPECT_NE(problem(), "");
            if (manner != Shake::closes) {
                EXPECT_NE(problem().find("in time"), std::string::npos) << problem();
            }
        }
    }
}

TEST_F(StreamTest, WhateverIsNoAnswerInsideTlsIsUnknownInBoundedTime) {
    for (const char* scheme : {"https", "wss"}) {
        for (const Manner manner :
             {Manner::html, Manner::garbage, Manner::hangs, Manner::drips, Manner::closes, Manner::huge}) {
            if (std::string(scheme) == "wss" && manner == Manner::drips) continue;  // HTTP's
            node.manner = manner;
            open_tls({front.url(scheme)});
            const auto begin = std::chrono::steady_clock::now();
            EXPECT_EQ(look(0).status, Seen::unknown) << scheme << static_cast<int>(manner);
            EXPECT_LT(std::chrono::steady_clock::now() - begin, 2s) << static_cast<int>(manner);
            EXPECT_NE(problem(), "");
        }
    }
}

TEST_F(StreamTest, AConnectionThatTheServerClosedIsReplaced) {
    open_tls({front.url()});
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(front.connections, 1u);
    front.hang_up();
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(front.connections, 2u);
    open_tls({front.url("wss")});
    EXPECT_EQ(look(0).status, Seen::final);
    front.hang_up();
    io.run_for(20ms);
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(front.connections, 4u);
}

TEST_F(StreamTest, NothingIsAnsweredAfterItsEndInAHandshake) {
    front.manner = Shake::hangs;
    for (const char* scheme : {"https", "wss"}) {
        open_tls({front.url(scheme)});
        bool answered = false;
        ledger->look(pin_of(0), host, [&](const View&) { answered = true; });
        io.run_for(20ms);
        ledger.reset();
        io.run_for(200ms);
        EXPECT_FALSE(answered);
    }
}

TEST_F(StreamTest, RefusesWhatIsNoAuthority) {
    const std::string whole = authority.certificate_pem();
    std::string altered = whole;
    altered.replace(100, 8, "!!!!!!!!");
    for (const std::string& ca : {std::string("no certificate"), whole.substr(0, whole.size() / 2), altered,
                                  whole + altered, whole + authority.key_pem(), authority.key_pem()}) {
        try {
            make_trust(ca);
            ADD_FAILURE() << ca;
        } catch (const Error& error) {
            EXPECT_EQ(error.code(), Code::config);
            EXPECT_EQ(error.field(), "/ca");
        }
    }
    EXPECT_NE(make_trust("made by hand\n" + whole + "\n" + whole), nullptr);  // one twice does no harm
    EvmOptions given = tls_options({node.url()});
    given.ca = "no certificate";
    EXPECT_THROW(EvmLedger(io, given), Error);  // whether it is used or not
}

TEST(UrlTest, KnowsFourSchemes) {
    const Url https = Url::parse("https://node.example/v3/key?x=1", "/endpoints");
    EXPECT_EQ(https.port, "443");
    EXPECT_EQ(https.host, "node.example");
    EXPECT_EQ(https.authority, "node.example");
    EXPECT_EQ(https.target, "/v3/key?x=1");
    EXPECT_TRUE(https.tls && !https.socket);
    const Url wss = Url::parse("WSS://[::1]:8546", "/endpoints");
    EXPECT_EQ(wss.port, "8546");
    EXPECT_EQ(wss.host, "::1");
    EXPECT_EQ(wss.target, "/");
    EXPECT_TRUE(wss.tls && wss.socket);
    const Url http = Url::parse("http://node.example", "/endpoints");
    EXPECT_EQ(http.port, "80");
    EXPECT_FALSE(http.tls || http.socket);
    const Url ws = Url::parse("ws://node.example", "/endpoints");
    EXPECT_TRUE(!ws.tls && ws.socket);
}

TEST(UrlTest, AServiceIsBelowAPath) {
    EXPECT_EQ(Url::service("https://bank.example/pay/", "/endpoints").target, "/pay");
    EXPECT_EQ(Url::service("http://127.0.0.1:8080", "/endpoints").target, "");
    for (const char* wrong :
         {"http://bank.example/pay", "https://bank.example/pay?key=1", "wss://bank.example", "bank"}) {
        try {
            Url::service(wrong, "/endpoints");
            ADD_FAILURE() << wrong;
        } catch (const Error& error) {
            EXPECT_EQ(error.field(), "/endpoints");
            EXPECT_EQ(error.rule().substr(0, 16), "must be https://");
        }
    }
}

}  // namespace
}  // namespace concordat::ledger::evm
