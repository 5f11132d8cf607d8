// The suite's fixture: one new chain for each test.
#pragma once
#include <gtest/gtest.h>
#include <chrono>
#include <thread>

#include "harness.hpp"

namespace concordat::ledger::conformance {

class Conformance : public testing::TestWithParam<std::string> {
  protected:
    void SetUp() override {
        harness_ = GetParam() == "fake"             ? fake_harness()
                   : GetParam().starts_with("http") ? http_harness(GetParam())
                                                    : evm_harness(GetParam());
        if (!harness_) GTEST_SKIP() << GetParam() << " is not installed";
    }
    Harness& at() { return *harness_; }

    Pin pin(const SecretKey& key, std::uint64_t slot, std::uint64_t tag, Behaviour behaviour = Behaviour::succeeds) {
        return {.chain = at().chain(),
                .account = at().ledger().kind().account(key),
                .slot = slot,
                .call = at().call(tag, behaviour),
                .ceiling = at().price() * 5};
    }
    Bytes sign(const Pin& pin, const SecretKey& key, Purpose purpose = Purpose::call, Price price = 0) {
        return at().ledger().kind().sign(pin, purpose, price == 0 ? at().price() : price, key);
    }
    // A node's pool may hear a moment later than its state of what was paid to an account.
    Submission submit(const Bytes& transaction) {
        for (int again = 30;; --again) {
            Submission answer = at().ask<Submission>([&](auto then) { at().ledger().submit(transaction, then); });
            if (answer.status != Submission::Status::funds || again == 0) return answer;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
    }
    View look(const Pin& pin, std::uint64_t blocks = 3) {
        return at().ask<View>([&](auto then) { at().ledger().look(pin, at().finality(blocks), then); });
    }
    // Waits for a chain that makes its blocks itself.
    View look_until(const Pin& pin, View::Status status, std::uint64_t blocks = 3) {
        View view = look(pin, blocks);
        for (int i = 0; i < 400 && view.status != status; ++i) {
            at().step();
            view = look(pin, blocks);
        }
        return view;
    }
    std::optional<json::Value> prove(const Pin& pin, std::uint64_t blocks = 3) {
        const auto proven =
            at().ask<std::optional<Proven>>([&](auto then) { at().ledger().prove(pin, at().finality(blocks), then); });
        if (!proven) return std::nullopt;
        EXPECT_EQ(proven->block, judge(pin, proven->evidence, blocks).block);
        return proven->evidence;
    }
    std::optional<Conditions> conditions(const Pin& pin) {
        return at().ask<std::optional<Conditions>>([&](auto then) { at().ledger().conditions(pin.account, then); });
    }
    std::optional<EventPage> events(const std::string& cursor, std::size_t limit = 100) {
        return at().ask<std::optional<EventPage>>(
            [&](auto then) { at().ledger().events(at().filter(), cursor, limit, then); });
    }
    Judgement judge(const Pin& pin, const json::Value& evidence, std::uint64_t blocks = 3) {
        return at().ledger().kind().judge(pin, at().finality(blocks), evidence);
    }
    // Hands in, makes blocks, and gives what the slot shows at its finality.
    View settle(const Pin& pin, const Bytes& transaction) {
        EXPECT_EQ(submit(transaction).status, Submission::Status::accepted);
        at().mine(4);
        return look_until(pin, View::Status::final);
    }

    std::unique_ptr<Harness> harness_;
};

}  // namespace concordat::ledger::conformance
