// The ledger over a participant that we script: what it may say and what is believed. Over a real one:
// tests/conformance/ledger.
#include "http_ledger.hpp"

#include <gtest/gtest.h>
#include <boost/asio/co_spawn.hpp>

#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http.hpp>
#include <crypto/hash.hpp>
#include <ledger/evm/tls_front_test.hpp>

namespace concordat::ledger::http {
namespace {

using namespace std::chrono_literals;
using Sent = Submission::Status;
using Seen = View::Status;

SecretKey secret_of(std::uint8_t last) {
    std::array<std::uint8_t, 32> bytes{};
    bytes[31] = last;
    return SecretKey(std::move(bytes));
}

crypto::PrivateKey key_of(std::uint8_t last) {
    return crypto::PrivateKey::from_secret(crypto::Alg::eddsa, secret_of(last));
}

// One that answers as docs/participants.md has it, or as it is told.
class ScriptedParticipant {
  public:
    struct Reply {
        unsigned status = 200;
        std::string type, body;
    };
    enum class Manner : std::uint8_t { answers, garbage, hangs, drips, closes, huge };

    explicit ScriptedParticipant(boost::asio::io_context& io)
        : io_(io), acceptor_(io, {boost::asio::ip::make_address("127.0.0.1"), 0}) {
        boost::asio::co_spawn(io_, accept(), boost::asio::detached);
    }
    std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

    // Makes every answer; `path` as it was asked for.
    Reply answer(bool post, const std::string& path, const std::string& body) {
        const std::string below = path.substr(prefix.size());
        if (below.empty() || below == "/") return identity ? *identity : describe();
        ++asked;
        if (lie) return *lie;
        if (!post) {
            const auto known = answers_.find(below.substr(std::string("/requests/").size()));
            return known == answers_.end() ? problem(404, "has not been used")
                                           : Reply{200, "application/jose", known->second};
        }
        const Request request = Request::parse(body, "request");
        const std::string name = transaction_of(request.account(), request.number);
        const auto [known, fresh] = answers_.try_emplace(name);
        if (fresh) known->second = answer_to(request).sign(key);
        const Answer said = Answer::parse(known->second, key.public_key(), "answer");
        if (said.request != digest_of(request.call)) return problem(409, "is not the first one");
        return {200, "application/jose", known->second};
    }
    Reply describe() const {
        const json::Object document{{"typ", "concordat/participant/1"},
                                    {"participant", chain_of(key.public_key())},
                                    {"key", key.public_key().jwk()}};
        return {200, "application/json; charset=utf-8", json::canonical(document)};
    }
    static Reply problem(unsigned status, const std::string& rule) {
        return {status, "application/problem+json",
                json::canonical(json::Object{{"title", "No"}, {"field", "/number"}, {"rule", rule}})};
    }
    Answer answer_to(const Request& request) const {
        return {.participant = chain_of(key.public_key()),
                .account = request.account(),
                .number = request.number,
                .request = digest_of(request.call),
                .fate = request.purpose == Purpose::cancel ? Fate::cancelled : Fate::called,
                .time = 1'700'000'000'000};
    }

    crypto::PrivateKey key = key_of(99);
    std::string prefix;
    Manner manner = Manner::answers;
    std::optional<Reply> identity, lie;  // instead of what is true
    std::size_t asked = 0, connections = 0;
    std::string idempotency_key;

  private:
    using Socket = boost::asio::ip::tcp::socket;

    boost::asio::awaitable<void> accept() {
        for (;;) {
            Socket socket = co_await acceptor_.async_accept(boost::asio::use_awaitable);
            ++connections;
            boost::asio::co_spawn(io_, serve(std::move(socket)), boost::asio::detached);
        }
    }
    boost::asio::awaitable<void> serve(Socket socket) {
        namespace beast_http = boost::beast::http;
        boost::beast::flat_buffer buffer;
        try {
            for (;;) {
                beast_http::request<beast_http::string_body> request;
                co_await beast_http::async_read(socket, buffer, request, boost::asio::use_awaitable);
                if (manner == Manner::closes) co_return;
                idempotency_key = std::string(request["Idempotency-Key"]);
                co_await respond(socket, request.method() == beast_http::verb::post, std::string(request.target()),
                                 request.body());
            }
        } catch (const std::exception&) {  // the client has gone
        }
    }
    boost::asio::awaitable<void> respond(Socket& socket, bool post, std::string path, std::string body) {
        std::string out;
        if (manner == Manner::answers) {
            const Reply reply = answer(post, path, body);
            out = "HTTP/1.1 " + std::to_string(reply.status) + " Said\r\nContent-Type: " + reply.type +
                  "\r\nContent-Length: " + std::to_string(reply.body.size()) + "\r\n\r\n" + reply.body;
        } else if (manner == Manner::garbage) {
            out = "\x16\x03\x01 this is not HTTP\r\n\r\n";
        } else if (manner == Manner::huge) {
            out = "HTTP/1.1 200 OK\r\nContent-Type: application/jose\r\nContent-Length: 99999999999\r\n\r\n[";
        } else if (manner == Manner::drips) {
            out = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n";
        }
        if (!out.empty()) {
            co_await boost::asio::async_write(socket, boost::asio::buffer(out), boost::asio::use_awaitable);
        }
        if (manner == Manner::answers) co_return;
        for (int i = 0; i < 300; ++i) {
            boost::asio::steady_timer timer(io_, 10ms);
            co_await timer.async_wait(boost::asio::use_awaitable);
            if (manner == Manner::drips) {
                co_await boost::asio::async_write(socket, boost::asio::buffer(" ", 1), boost::asio::use_awaitable);
            }
        }
    }

    boost::asio::io_context& io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::map<std::string, std::string> answers_;
};

using Manner = ScriptedParticipant::Manner;
using Reply = ScriptedParticipant::Reply;

class HttpLedgerTest : public testing::Test {
  protected:
    HttpLedgerTest() { open(); }

    HttpOptions options() const {
        HttpOptions out;
        out.participant.chain = chain_of(key_of(99).public_key());
        out.participant.url = "http://127.0.0.1:" + std::to_string(participant.port()) + participant.prefix;
        out.participant.request_timeout = 150ms;
        out.operation_timeout = 400ms;
        return out;
    }
    void open() { ledger = std::make_unique<HttpLedger>(io, options()); }
    template <class T, class What>
    T ask(What what) {
        std::optional<T> answer;
        bool returned = false;
        what([&](T value) {
            EXPECT_TRUE(returned) << "answered before the call returned";
            EXPECT_FALSE(answer) << "answered twice";
            answer = std::move(value);
        });
        returned = true;
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (!answer && std::chrono::steady_clock::now() < end) io.run_one_for(50ms);
        io.poll();
        if (!answer) throw std::runtime_error("no answer");
        return std::move(*answer);
    }
    Pin pin_of(std::uint64_t slot, const std::string& amount = "1") const {
        return {.chain = options().participant.chain,
                .account = HttpKind().account(secret_of(1)),
                .slot = slot,
                .call = HttpKind().call({.interface = {},
                                         .call = "reserve",
                                         .address = "payments",
                                         .role = Role::call,
                                         .step = crypto::sha256("step")},
                                        {{"amount", amount}}, "/args"),
                .ceiling = 0};
    }
    static Bytes sign(const Pin& pin, Purpose purpose = Purpose::call) {
        return HttpKind().sign(pin, purpose, 0, secret_of(1));
    }
    static Finality finality() {
        return {.blocks = 1, .witness = "signature", .parameters = {{"key", key_of(99).public_key().jwk()}}};
    }
    Submission submit(const Bytes& bytes) {
        return ask<Submission>([&](auto then) { ledger->submit(bytes, then); });
    }
    View look(const Pin& pin) {
        return ask<View>([&](auto then) { ledger->look(pin, finality(), then); });
    }
    std::optional<json::Value> prove(const Pin& pin) {
        const auto proven = ask<std::optional<Proven>>([&](auto then) { ledger->prove(pin, finality(), then); });
        return proven ? std::optional(proven->evidence) : std::nullopt;
    }
    std::optional<Conditions> conditions(const std::string& account = {}) {
        return ask<std::optional<Conditions>>([&](auto then) { ledger->conditions(account, then); });
    }
    std::string problem() const { return ledger->health().front().problem; }
    // Of a new ledger each, as one that has failed rests.
    void expect_nothing_known() {
        open();
        EXPECT_EQ(look(pin_of(0)).status, Seen::unknown);
        EXPECT_FALSE(ledger->health().front().usable);
        EXPECT_NE(problem(), "");
        open();
        EXPECT_EQ(submit(sign(pin_of(1))).status, Sent::unknown);
        open();
        EXPECT_FALSE(prove(pin_of(0)));
    }

    boost::asio::io_context io;
    ScriptedParticipant participant{io};
    std::unique_ptr<HttpLedger> ledger;
};

TEST_F(HttpLedgerTest, AnHonestParticipantIsBelieved) {
    const Pin pin = pin_of(3);
    EXPECT_EQ(look(pin).status, Seen::open);
    EXPECT_FALSE(prove(pin));
    EXPECT_EQ(problem(), "");
    const Submission sent = submit(sign(pin));
    EXPECT_EQ(sent.status, Sent::accepted);
    EXPECT_EQ(sent.transaction, pin.account + "/3");
    EXPECT_EQ(participant.idempotency_key, '"' + pin.account + "/3\"");
    const View view = look(pin);
    EXPECT_EQ(view.status, Seen::final);
    EXPECT_EQ(view.fate, Fate::called);
    EXPECT_EQ(view.transaction, sent.transaction);
    EXPECT_GT(view.depth, 4096u + 16u);
    EXPECT_EQ(HttpKind().judge(pin, finality(), prove(pin).value()).fate, Fate::called);
    EXPECT_EQ(ledger->describe().genesis, key_of(99).public_key().thumbprint().text());
    EXPECT_EQ(conditions()->price, 0u);
    EXPECT_EQ(conditions(pin.account)->balance, "0");
    EXPECT_EQ(participant.connections, 1u);
}

TEST_F(HttpLedgerTest, AnAnswerIsAskedForOnce) {
    const Pin pin = pin_of(3);
    EXPECT_EQ(submit(sign(pin)).status, Sent::accepted);
    const std::size_t before = participant.asked;
    for (int i = 0; i < 5; ++i) EXPECT_EQ(look(pin).status, Seen::final);
    EXPECT_TRUE(prove(pin));
    EXPECT_EQ(participant.asked, before);
    open();
    EXPECT_EQ(look(pin).status, Seen::final);
    EXPECT_EQ(participant.asked, before + 1);
}

TEST_F(HttpLedgerTest, WhatCameFirstFillsTheNumber) {
    const Pin pin = pin_of(3), other = pin_of(3, "2");
    EXPECT_EQ(submit(sign(pin, Purpose::cancel)).status, Sent::accepted);
    EXPECT_EQ(submit(sign(pin)).status, Sent::filled);
    EXPECT_EQ(submit(sign(other)).status, Sent::filled);
    EXPECT_EQ(look(pin).fate, Fate::cancelled);
    EXPECT_EQ(look(other).fate, Fate::cancelled);
}

TEST_F(HttpLedgerTest, WhateverIsNoAnswerIsUnknownInBoundedTime) {
    for (const Manner manner : {Manner::garbage, Manner::hangs, Manner::drips, Manner::closes, Manner::huge}) {
        participant.manner = manner;
        const auto begin = std::chrono::steady_clock::now();
        expect_nothing_known();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 3s) << static_cast<int>(manner);
    }
    participant.manner = Manner::answers;
    const std::string long_text(100'000, 'x');
    for (const Reply& reply :
         {Reply{200, "text/html", "<html>Welcome to the cafe's network</html>"}, Reply{404, "text/html", "Not found"},
          Reply{200, "application/jose", "{}"}, Reply{200, "application/jose", long_text},
          Reply{500, "application/problem+json", "{}"}, Reply{429, "", ""}, Reply{302, "text/html", ""}}) {
        participant.lie = reply;
        expect_nothing_known();
    }
    participant.lie.reset();
    for (const Reply& reply : {Reply{200, "text/html", "<html></html>"}, Reply{200, "application/json", "[1]"},
                               Reply{200, "application/json", long_text}, Reply{404, "application/json", "{}"}}) {
        participant.identity = reply;
        expect_nothing_known();
        EXPECT_FALSE(conditions());
    }
    participant.identity.reset();
    open();
    EXPECT_EQ(look(pin_of(0)).status, Seen::open);
}

TEST_F(HttpLedgerTest, AnAnswerThatIsNotItsIsNotBelieved) {
    const Pin pin = pin_of(0);
    const Request request = Request::parse(text_of(sign(pin)), "request");
    const auto lie = [&](auto edit, const crypto::PrivateKey& key) {
        Answer answer = participant.answer_to(request);
        edit(answer);
        participant.lie = Reply{200, "application/jose", answer.sign(key)};
        expect_nothing_known();
        open();
        EXPECT_EQ(submit(sign(pin)).status, Sent::unknown);
    };
    lie([](Answer&) {}, key_of(98));
    lie([](Answer& a) { a.participant = chain_of(key_of(98).public_key()); }, key_of(99));
    lie([](Answer& a) { a.account = HttpKind().account(secret_of(2)); }, key_of(99));
    lie([](Answer& a) { a.number = 9; }, key_of(99));
    participant.lie = Reply{200, "application/jose", std::string(text_of(sign(pin)))};
    expect_nothing_known();
    participant.lie = Reply{200, "application/jose", participant.answer_to(request).sign(key_of(99))};
    open();
    EXPECT_EQ(look(pin).status, Seen::final);
}

TEST_F(HttpLedgerTest, AnotherParticipantIsNotAsked) {
    participant.key = key_of(98);
    expect_nothing_known();
    EXPECT_EQ(participant.asked, 0u);
    EXPECT_NE(problem().find("participant"), std::string::npos) << problem();
    // It says the right name of the wrong key.
    participant.identity = participant.describe();
    const std::string own = chain_of(participant.key.public_key());
    participant.identity->body.replace(participant.identity->body.find(own), own.size(), options().participant.chain);
    expect_nothing_known();
    EXPECT_EQ(participant.asked, 0u);
    participant.key = key_of(99);
    participant.identity.reset();
    HttpOptions given = options();
    given.participant.genesis = crypto::sha256("another key with the same first digits");
    ledger = std::make_unique<HttpLedger>(io, given);
    EXPECT_EQ(look(pin_of(0)).status, Seen::unknown);
    EXPECT_EQ(participant.asked, 0u);
}

TEST_F(HttpLedgerTest, RefusalsAreToldApart) {
    const Bytes bytes = sign(pin_of(0));
    const auto sent = [&](const Reply& reply) {
        participant.lie = reply;
        open();
        return submit(bytes);
    };
    for (const unsigned status : {400u, 401u, 403u, 404u, 405u, 413u, 415u, 422u}) {
        const Submission answer = sent(ScriptedParticipant::problem(status, "is wrong"));
        EXPECT_EQ(answer.status, Sent::rejected) << status;
        EXPECT_EQ(answer.detail, "/number: is wrong");
        EXPECT_EQ(problem(), "");
    }
    EXPECT_EQ(sent(ScriptedParticipant::problem(402, "x")).status, Sent::funds);
    EXPECT_EQ(sent(ScriptedParticipant::problem(409, "x")).status, Sent::filled);
    for (const unsigned status : {408u, 425u, 429u, 500u, 503u}) {
        EXPECT_EQ(sent(ScriptedParticipant::problem(status, "x")).status, Sent::unknown) << status;
    }
    EXPECT_EQ(sent({202, "", ""}).status, Sent::accepted);
    EXPECT_EQ(look(pin_of(0)).status, Seen::pending);
    EXPECT_FALSE(look(pin_of(0)).fate);
    const std::string evil = "\x1b[2J" + std::string(1000, 'x');
    const Submission told = sent({400, "application/problem+json", json::canonical(json::Object{{"detail", evil}})});
    EXPECT_EQ(told.detail.substr(0, 6), "?[2Jxx");
    EXPECT_EQ(told.detail.size(), 256u);
}

TEST_F(HttpLedgerTest, NonsenseLeavesNothing) {
    EXPECT_EQ(submit({}).status, Sent::rejected);
    EXPECT_EQ(submit({1, 2, 3}).status, Sent::rejected);
    Pin elsewhere = pin_of(0);
    elsewhere.chain = chain_of(key_of(98).public_key());
    EXPECT_EQ(submit(sign(elsewhere)).status, Sent::rejected);
    EXPECT_EQ(look(elsewhere).status, Seen::unknown);
    EXPECT_EQ(participant.connections, 0u);
    const auto plan = [&](const json::Object& call) {
        return ask<std::optional<Plan>>([&](auto then) { ledger->plan(HttpKind().account(secret_of(1)), call, then); });
    };
    EXPECT_EQ(plan(pin_of(0).call)->call, *pin_of(0).call);
    EXPECT_NE(plan({{"resource", "payments"}})->problem, "");
    EXPECT_FALSE(ask<std::optional<EventPage>>([&](auto then) { ledger->events({}, "", 10, then); }));
}

TEST_F(HttpLedgerTest, APathIsKept) {
    participant.prefix = "/tenants/7";
    open();
    EXPECT_EQ(submit(sign(pin_of(0))).status, Sent::accepted);
    EXPECT_EQ(look(pin_of(0)).status, Seen::final);
}

TEST_F(HttpLedgerTest, PlainTextStaysOnThisMachine) {
    const auto rule = [&](const std::string& url) -> std::string {
        HttpOptions given = options();
        given.participant.url = url;
        given.participant.ca = "";
        try {
            HttpLedger made(io, given);
        } catch (const Error& error) {
            return error.field() + ": " + error.rule();
        }
        return "was accepted";
    };
    for (const char* url : {"http://127.0.0.1:1", "http://localhost:1/a", "http://[::1]:1"})
        EXPECT_EQ(rule(url), "was accepted") << url;
    for (const char* url : {"http://10.0.0.1:1", "http://example.org", "http://local.example.org"})
        EXPECT_EQ(rule(url), "/endpoints: must be https:// where it is not on this machine") << url;
    for (const char* url : {"ws://127.0.0.1:1", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "http://127.0.0.1/?a", "x",
                            "http://127.0.0.1.example.org"})
        EXPECT_EQ(rule(url).substr(0, 11), "/endpoints:") << url;
}

TEST_F(HttpLedgerTest, TlsIsForThoseWhoseCertificateCounts) {
    ::setenv("SSL_CERT_FILE", "/nowhere.pem", 1);
    ::setenv("SSL_CERT_DIR", "/nowhere", 1);
    const evm::Identity authority{{.names = "", .authority = true}};
    evm::TlsFront front{io, evm::Identity({}, &authority), participant.port()};
    HttpOptions given = options();
    given.participant.url = front.url();
    given.participant.request_timeout = 2s;
    given.operation_timeout = 4s;
    ledger = std::make_unique<HttpLedger>(io, given);
    EXPECT_EQ(look(pin_of(0)).status, Seen::unknown);
    EXPECT_NE(problem().find("certificate that does not count"), std::string::npos) << problem();
    EXPECT_EQ(participant.connections, 0u);
    given.participant.ca = authority.certificate_pem();
    ledger = std::make_unique<HttpLedger>(io, given);
    EXPECT_EQ(submit(sign(pin_of(0))).status, Sent::accepted);
    EXPECT_EQ(look(pin_of(0)).fate, Fate::called);
}

TEST_F(HttpLedgerTest, NothingIsAnsweredAfterItsEnd) {
    participant.manner = Manner::hangs;
    bool answered = false;
    ledger->look(pin_of(0), finality(), [&](const View&) { answered = true; });
    io.run_for(20ms);
    ledger.reset();
    io.run_for(500ms);
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace concordat::ledger::http
