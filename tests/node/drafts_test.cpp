// Documents on their way into a binding's sequence, in one process with the test, so that the test can tell the time:
// real ledger, real enclave, a clock that jumps.
#include <node/node.hpp>

#include "node_fixture.hpp"

namespace concordat::test {
namespace {

struct Jumping : Clock {
    TimeMs offset = 0;
    TimeMs now() override { return SystemClock().now() + offset; }
};

struct DraftsTest : testing::Test {
    Folder folder;
    boost::asio::io_context loop{1};
    Jumping clock;
    SystemRandom random;
    Parties parties;
    std::unique_ptr<node::Node> node;
    json::Object first;

    void SetUp() override {
        boot();
        for (const char* version : {"1.0.0", "1.1.0"}) node->packages().put(sample(version));
        const auto known = node::ccl::Identity::parse(node->identity().identity);
        const auto enclave = node->pool().status().at(0);
        first = parties.document_for(json::Object{{"chain", known.chain},
                                                  {"service_key", known.service_key.jwk()},
                                                  {"encryption_key", known.encryption_key.jwk()}},
                                     json::Object{{"measurement", enclave.measurement.text()},
                                                  {"evidence", json::parse(enclave.evidence, "evidence")}},
                                     1);
        first["amendment"].as_object()["deadline_hours"] = 1;
        parties.binding = parties.version = crypto::sha256(json::canonical(first));
        EXPECT_EQ(propose(parties.world.buyer).row.state, "open");
        EXPECT_EQ(sign(first, parties.world.seller).row.state, "locked");
    }
    void TearDown() override { halt(); }

    void boot() {
        node::NodeOptions options;
        options.data = folder.path();
        options.ledger_program = CONCORDAT_BIN_DIR "/concordat-ledger";
        options.enclave_program = CONCORDAT_BIN_DIR "/concordat-enclave";
        options.log_level = "warning";
        node = std::make_unique<node::Node>(loop, options, clock, random);
        ask<process::Nothing>([&](auto then) { node->start(then); });
        until([&] { return node->ready(); });
    }
    void halt() {
        bool stopped = false;
        node->stop([&] { stopped = true; });
        until([&] { return stopped; });
        node.reset();
    }
    void until(const std::function<bool()>& holds) {
        for (int i = 0; i < 2000 && !holds(); ++i) {
            loop.restart();
            loop.run_for(std::chrono::milliseconds(10));
        }
        ASSERT_TRUE(holds());
    }
    template <class T>
    T ask(const std::function<void(process::Then<T>)>& act) {
        std::optional<process::Outcome<T>> got;
        act([&](process::Outcome<T> outcome) { got.emplace(std::move(outcome)); });
        until([&] { return got.has_value(); });
        return std::move(got->get());
    }
    template <class... Keys>
    static json::Value jws(const json::Object& document, const Keys&... keys) {
        return sign_binding(document, keys...).to_json();
    }
    node::DraftView propose(const crypto::PrivateKey& key) {
        return ask<node::DraftView>([&](auto then) { node->drafts().propose("default", jws(first, key), then); });
    }
    node::DraftView sign(const json::Object& document, const crypto::PrivateKey& key) {
        return ask<node::DraftView>(
            [&](auto then) { node->drafts().countersign(parties.binding, jws(document, key), then); });
    }
    node::DraftView amend(const json::Object& document, const crypto::PrivateKey& key) {
        return ask<node::DraftView>(
            [&](auto then) { node->drafts().amend(parties.binding, jws(document, key), then); });
    }
    node::DraftView decide(const json::Object& document, const char* what, const char* party,
                           const crypto::PrivateKey& key) {
        const contract::Decision decision{.decision = what,
                                          .document = crypto::sha256(json::canonical(document)),
                                          .party = party,
                                          .reason = "a test",
                                          .issued = clock.now()};
        const std::string text =
            crypto::sign_compact(bytes_of(contract::write_decision(decision)), contract::decision_typ, key);
        return ask<node::DraftView>([&](auto then) { node->drafts().decide(parties.binding, text, then); });
    }
    json::Object next(std::string_view threshold) {
        json::Object document = next_document(parse_binding(first));
        document["expires"] = format_time(clock.now() + 48 * 3'600'000);
        amend_forward(document, sample("1.1.0"), threshold, random);
        return document;
    }
    std::string state_of(const json::Object& document) {
        return node->drafts().view(crypto::sha256(json::canonical(document))).row.state;
    }
    contract::EntryType last_type() {
        return ask<node::CommitPtr>([&](auto then) { node->latest(parties.binding, then); })->entry.type;
    }
    std::string fix(std::int64_t number) {
        try {
            ask<node::CommitPtr>([&](auto then) {
                node->submit(parties.binding, parties.fixing("2010-02-01", "28.02", number), "", then);
            });
            return "recorded";
        } catch (const Error& error) {
            return std::string(code_name(error.code()));
        }
    }
};

template <class Act>
std::string code_of(Act&& act) {
    try {
        act();
    } catch (const Error& error) {
        return std::string(code_name(error.code()));
    }
    return "no error";
}

TEST_F(DraftsTest, an_amendment_that_lapses_is_closed_by_the_node) {
    const json::Object offered = next("500.00");
    EXPECT_EQ(amend(offered, parties.world.seller).missing, (std::vector<std::string>{"did:web:buyer.example"}));
    EXPECT_EQ(fix(1), "paused");
    clock.offset = 2 * 3'600'000;
    until([&] { return state_of(offered) == "expired"; });
    EXPECT_EQ(last_type(), contract::EntryType::close);
    EXPECT_EQ(code_of([&] { sign(offered, parties.world.buyer); }), "not_running");
    EXPECT_EQ(code_of([&] { amend(offered, parties.world.seller); }), "replayed");
    const contract::Observation late =
        std::get<contract::Observation>(contract::Input::parse(parties.fixing("2010-02-01", "28.02", 1)).content);
    EXPECT_LT(late.expires, clock.now());  // the feed has not moved with the clock: what it signs now has lapsed
    EXPECT_EQ(fix(1), "expired");
    EXPECT_EQ(amend(next("600.00"), parties.world.seller).row.state, "open");  // and another may be proposed
}

TEST_F(DraftsTest, an_amendment_is_withdrawn_by_who_proposed_it) {
    const json::Object offered = next("500.00");
    amend(offered, parties.world.seller);
    EXPECT_EQ(code_of([&] { decide(offered, "withdraw", "did:web:buyer.example", parties.world.buyer); }),
              "action_refused");
    EXPECT_EQ(state_of(offered), "open");
    EXPECT_EQ(decide(offered, "withdraw", "did:web:seller.example", parties.world.seller).row.state, "withdrawn");
    EXPECT_EQ(last_type(), contract::EntryType::close);
    EXPECT_EQ(fix(1), "action_refused");  // by the contract, which wants a confirmation first: no pause any more
    EXPECT_EQ(code_of([&] { sign(offered, parties.world.buyer); }), "not_running");
    EXPECT_EQ(code_of([&] { decide(offered, "withdraw", "did:web:seller.example", parties.world.seller); }),
              "not_running");
    const json::Object better = next("600.00");
    amend(better, parties.world.buyer);
    EXPECT_EQ(sign(better, parties.world.seller).row.state, "locked");
}

TEST_F(DraftsTest, an_open_amendment_and_accepted_messages_outlive_a_restart) {
    const json::Object offered = next("500.00");
    amend(offered, parties.world.seller);
    const std::string fixing = parties.fixing("2010-02-01", "28.02", 1);
    const Hash256 digest = ask<Hash256>([&](auto then) { node->accept(parties.binding, fixing, "", then); });
    EXPECT_EQ(digest, crypto::sha256(fixing));
    halt();
    boot();
    EXPECT_EQ(state_of(offered), "open");
    EXPECT_EQ(sign(offered, parties.world.buyer).row.state, "locked");
    const auto outcome = [&] {
        return ask<node::MessageStatus>([&](auto then) { node->status(digest, parties.binding, then); });
    };
    until([&] { return outcome().state != node::MessageStatus::State::waiting; });
    // It was answered: while the amendment was open, or by the contract after it.
    const node::MessageStatus status = outcome();
    ASSERT_EQ(status.state, node::MessageStatus::State::failed);
    const Code code = status.error->code();
    EXPECT_TRUE(code == Code::paused || code == Code::action_refused) << code_name(code);
}

}  // namespace
}  // namespace concordat::test
