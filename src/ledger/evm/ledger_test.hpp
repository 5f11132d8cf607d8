// The ledger over nodes that we script, as the tests of this folder use it.
#pragma once
#include "evm_ledger.hpp"
#include "node_test.hpp"

namespace concordat::ledger::evm {

using Manner = ScriptedNode::Manner;
using Seen = View::Status;

inline const Finality host{.blocks = 3, .witness = "host", .parameters = {}};

class EvmLedgerTest : public testing::Test {
  protected:
    // A chain whose block 2 holds the call of slot 0, three deep.
    EvmLedgerTest() {
        chain.add_empty(1);
        chain.add({{sign(0)}});
        chain.add_empty(2);
    }

    static Bytes sign(std::uint64_t slot, Price price = 10, Purpose purpose = Purpose::call) {
        return EvmKind().sign(pin_of(slot), purpose, price, secret_of(1));
    }
    EvmOptions options() {
        EvmOptions out;
        out.chain_id = 31337;
        out.limits.request_timeout = std::chrono::milliseconds(150);
        out.operation_timeout = std::chrono::milliseconds(600);
        return out;
    }
    // The genesis is given, so that the first endpoint does not make it up.
    void open(const std::vector<const ScriptedNode*>& nodes, const std::string& scheme = "http") {
        EvmOptions given = options();
        for (const ScriptedNode* one : nodes) given.endpoints.push_back(one->url(scheme));
        given.genesis = chain.hash(0);
        ledger = std::make_unique<EvmLedger>(io, given);
    }
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
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!answer && std::chrono::steady_clock::now() < end) io.run_one_for(std::chrono::milliseconds(50));
        io.poll();
        if (!answer) throw std::runtime_error("no answer");
        return std::move(*answer);
    }
    View look(std::uint64_t slot, Finality finality = host) {
        return ask<View>([&](auto then) { ledger->look(pin_of(slot), finality, then); });
    }
    // At once: how many see the first slot filled, and how many see nothing.
    std::pair<std::size_t, std::size_t> look_at_once(std::size_t times) {
        std::size_t known = 0, unknown = 0;
        for (std::size_t i = 0; i < times; ++i) {
            ledger->look(pin_of(0), host, [&](const View& view) { ++(view.status == Seen::final ? known : unknown); });
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (known + unknown < times && std::chrono::steady_clock::now() < end) {
            io.run_one_for(std::chrono::milliseconds(50));
        }
        return {known, unknown};
    }
    // At once; the first slot is filled.
    void look_fifty_times() {
        std::size_t answers = 0;
        for (std::uint64_t slot = 0; slot < 50; ++slot) {
            ledger->look(pin_of(slot), host, [&answers, slot](const View& view) {
                EXPECT_EQ(view.status, slot == 0 ? Seen::final : Seen::open);
                ++answers;
            });
        }
        const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (answers < 50 && std::chrono::steady_clock::now() < end) io.run_one_for(std::chrono::milliseconds(50));
        EXPECT_EQ(answers, 50u);
    }
    std::optional<json::Value> prove(std::uint64_t slot) {
        const auto proven = ask<std::optional<Proven>>([&](auto then) { ledger->prove(pin_of(slot), host, then); });
        return proven ? std::optional(proven->evidence) : std::nullopt;
    }
    Submission submit(const Bytes& bytes) {
        return ask<Submission>([&](auto then) { ledger->submit(bytes, then); });
    }
    std::optional<Conditions> conditions() {
        return ask<std::optional<Conditions>>([&](auto then) { ledger->conditions(pin_of(0).account, then); });
    }
    std::optional<Plan> plan(const json::Object& call) {
        return ask<std::optional<Plan>>([&](auto then) { ledger->plan(pin_of(0).account, call, then); });
    }
    std::optional<EventPage> events(const std::string& cursor) {
        return ask<std::optional<EventPage>>([&](auto then) { ledger->events({}, cursor, 10, then); });
    }
    void expect_nothing_known() {
        EXPECT_EQ(look(0).status, Seen::unknown);
        EXPECT_EQ(submit(sign(1)).status, Submission::Status::unknown);
        EXPECT_FALSE(conditions());
        EXPECT_FALSE(prove(0));
        EXPECT_FALSE(events(""));
        EXPECT_FALSE(plan(pin_of(0).call));
        EXPECT_FALSE(ledger->health().front().usable);
        EXPECT_NE(ledger->health().front().problem, "");
    }

    boost::asio::io_context io;
    Chain chain;
    ScriptedNode node{io, chain}, second{io, chain};
    std::unique_ptr<EvmLedger> ledger;
};

}  // namespace concordat::ledger::evm
