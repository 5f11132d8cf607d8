#include "suite.hpp"

namespace concordat::ledger::conformance {
namespace {

using Sent = Submission::Status;
using Seen = View::Status;

TEST_P(Conformance, SaysWhatItIs) {
    const SecretKey key = at().account(true);
    EXPECT_TRUE(conditions(pin(key, 0, 1)));
    const Description description = at().ledger().describe();
    EXPECT_EQ(description.chain, at().chain());
    EXPECT_EQ(description.kind, at().ledger().kind().name());
    EXPECT_FALSE(description.genesis.empty());
    if (at().is_chain()) {
        EXPECT_NE(std::ranges::find(description.witnesses, "host"), description.witnesses.end());
    }
    EXPECT_NE(std::ranges::find(description.witnesses, at().finality(1).witness), description.witnesses.end());
    at().ledger().kind().check(pin(key, 0, 1));
}

TEST_P(Conformance, TellsHowFastItsBlocksCome) {
    if (at().is_chain()) at().mine(6);
    const auto pace = at().ask<std::optional<Pace>>([&](auto then) { at().ledger().pace(then); });
    ASSERT_TRUE(pace);
    EXPECT_EQ(pace->block_seconds > 0, at().is_chain());
    EXPECT_LE(pace->block_seconds, 60u);
    EXPECT_EQ(pace->newest > 0, at().is_chain());
}

TEST_P(Conformance, TheSameBytesTwiceHaveOneEffect) {
    if (!at().is_chain()) GTEST_SKIP() << "numbers do not wait for each other";
    const SecretKey key = at().account(true);
    const Pin first = pin(key, 0, 1), second = pin(key, 1, 2);
    const Bytes bytes = sign(second, key);
    EXPECT_EQ(submit(bytes).status, Sent::accepted);
    const Submission again = submit(bytes);
    EXPECT_EQ(again.status, Sent::accepted);
    EXPECT_FALSE(again.transaction.empty());
    EXPECT_EQ(settle(first, sign(first, key)).status, Seen::final);
    EXPECT_EQ(look_until(second, Seen::final).transaction, again.transaction);
    EXPECT_EQ(submit(bytes).status, Sent::filled);
    at().mine(1);
    EXPECT_EQ(at().effects(2), 1u);
}

TEST_P(Conformance, ACallThatSucceeds) {
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1);
    EXPECT_EQ(look(call).status, Seen::open);
    const View view = settle(call, sign(call, key));
    EXPECT_EQ(view.status, Seen::final);
    EXPECT_EQ(view.fate, Fate::called);
    EXPECT_GE(view.depth, 3u);
    const std::optional<json::Value> evidence = prove(call);
    ASSERT_TRUE(evidence);
    const Judgement judgement = judge(call, *evidence);
    EXPECT_EQ(judgement.fate, Fate::called);
    EXPECT_EQ(judgement.transaction, view.transaction);
    EXPECT_EQ(judgement.proved, at().finality(1).witness != "host");
    EXPECT_EQ(at().effects(1), 1u);
    if (at().is_chain()) {
        EXPECT_EQ(conditions(call)->next, 1u);
    }
}

TEST_P(Conformance, ACallThatTheLedgerUndoes) {
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1, Behaviour::fails);
    EXPECT_EQ(settle(call, sign(call, key)).fate, Fate::failed);
    EXPECT_EQ(judge(call, prove(call).value()).fate, Fate::failed);
    EXPECT_EQ(at().effects(1), 0u);
}

TEST_P(Conformance, ACancellation) {
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1);
    EXPECT_EQ(settle(call, sign(call, key, Purpose::cancel)).fate, Fate::cancelled);
    EXPECT_EQ(judge(call, prove(call).value()).fate, Fate::cancelled);
    EXPECT_EQ(at().effects(1), 0u);
    EXPECT_EQ(submit(sign(call, key)).status, Sent::filled);
}

TEST_P(Conformance, SomebodyElsesTransactionFillsTheSlot) {
    const SecretKey key = at().account(true);
    const Pin mine = pin(key, 0, 1), other = pin(key, 0, 2);
    EXPECT_EQ(submit(sign(other, key)).status, Sent::accepted);
    at().mine(4);
    const View view = look_until(mine, Seen::final);
    EXPECT_EQ(view.status, Seen::final);
    EXPECT_EQ(view.fate, Fate::cancelled);
    EXPECT_EQ(judge(mine, prove(mine).value()).fate, Fate::cancelled);
    EXPECT_EQ(judge(other, prove(other).value()).fate, Fate::called);
}

// Slot 1 waits for slot 0, so it can be replaced however fast blocks are made.
TEST_P(Conformance, OnlyAHigherPriceReplaces) {
    if (!at().is_chain()) GTEST_SKIP() << "there are no prices";
    const SecretKey key = at().account(true);
    const Pin first = pin(key, 0, 1), second = pin(key, 1, 2);
    const Price price = at().price();
    EXPECT_EQ(submit(sign(second, key, Purpose::call, price)).status, Sent::accepted);
    EXPECT_EQ(submit(sign(second, key, Purpose::call, price - price / 10)).status, Sent::priced);
    const View waiting = look(second);
    EXPECT_EQ(waiting.status, Seen::pending);
    EXPECT_EQ(waiting.fate, Fate::called);
    EXPECT_EQ(waiting.price, price);
    EXPECT_EQ(submit(sign(second, key, Purpose::call, price + price / 5)).status, Sent::accepted);
    EXPECT_EQ(look(second).price, price + price / 5);
    EXPECT_EQ(submit(sign(second, key, Purpose::cancel, price * 2)).status, Sent::accepted);
    EXPECT_EQ(look(second).fate, Fate::cancelled);
    EXPECT_EQ(settle(first, sign(first, key)).fate, Fate::called);
    EXPECT_EQ(look_until(second, Seen::final).fate, Fate::cancelled);
    EXPECT_EQ(at().effects(1), 1u);
    EXPECT_EQ(at().effects(2), 0u);
}

TEST_P(Conformance, AGapIsFilledAndWhatWaitedFollows) {
    if (!at().is_chain()) GTEST_SKIP() << "numbers do not wait for each other";
    const SecretKey key = at().account(true);
    std::vector<Pin> pins;
    for (std::uint64_t slot = 0; slot < 4; ++slot) pins.push_back(pin(key, slot, slot + 1));
    for (std::size_t slot = 3; slot > 0; --slot) EXPECT_EQ(submit(sign(pins[slot], key)).status, Sent::accepted);
    EXPECT_EQ(look(pins[0]).status, Seen::open);
    EXPECT_EQ(conditions(pins[0])->next, 0u);
    EXPECT_EQ(submit(sign(pins[0], key)).status, Sent::accepted);
    at().mine(4);
    for (const Pin& one : pins) EXPECT_EQ(look_until(one, Seen::final).fate, Fate::called) << one.slot;
    for (std::uint64_t tag = 1; tag <= 4; ++tag) EXPECT_EQ(at().effects(tag), 1u);
    EXPECT_EQ(conditions(pins[0])->next, 4u);
}

TEST_P(Conformance, AnAccountWithoutMoneyCannotPay) {
    if (!at().is_chain()) GTEST_SKIP() << "nothing is paid for a request";
    const SecretKey key = at().account(false);
    const Pin call = pin(key, 0, 1);
    EXPECT_EQ(submit(sign(call, key)).status, Sent::funds);
    EXPECT_EQ(look(call).status, Seen::open);
    EXPECT_EQ(conditions(call)->balance, "0");
}

TEST_P(Conformance, NonsenseIsRejected) {
    EXPECT_EQ(submit({}).status, Sent::rejected);
    EXPECT_EQ(submit({1, 2, 3}).status, Sent::rejected);
    EXPECT_EQ(submit(Bytes(100, 0xc0)).status, Sent::rejected);
}

TEST_P(Conformance, ANewAdapterSeesTheSame) {
    if (!at().is_chain()) GTEST_SKIP() << "nothing waits";
    const SecretKey key = at().account(true);
    const Pin done = pin(key, 0, 1), waiting = pin(key, 2, 2), open = pin(key, 1, 3);
    const View before = settle(done, sign(done, key));
    EXPECT_EQ(submit(sign(waiting, key)).status, Sent::accepted);
    at().mine(9);
    at().restart();
    const View after = look(done);
    EXPECT_EQ(after.status, Seen::final);
    EXPECT_EQ(after.fate, Fate::called);
    EXPECT_EQ(after.transaction, before.transaction);
    EXPECT_EQ(look(open).status, Seen::open);
    const View pending = look(waiting);
    EXPECT_EQ(pending.status, Seen::pending);
    EXPECT_EQ(pending.fate, Fate::called);
    EXPECT_EQ(pending.price, at().price());
    at().restart();
    EXPECT_EQ(judge(done, prove(done).value()).fate, Fate::called);
}

TEST_P(Conformance, NothingIsProvedBeforeItIsDeepEnough) {
    if (!at().is_chain()) GTEST_SKIP() << "there are no blocks";
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1);
    EXPECT_FALSE(prove(call));
    EXPECT_EQ(settle(call, sign(call, key)).fate, Fate::called);
    EXPECT_FALSE(prove(call, 1000));
    EXPECT_EQ(look(call, 1000).status, Seen::included);
    const json::Value evidence = prove(call, 3).value();
    EXPECT_THROW(judge(call, evidence, 1000), Error);
    Pin other = call;
    other.slot = 1;
    EXPECT_THROW(judge(other, evidence), Error);
    other = call;
    other.account = at().ledger().kind().account(at().account(false));
    EXPECT_THROW(judge(other, evidence), Error);
}

TEST_P(Conformance, AReorganisationIsSeen) {
    if (!at().can_reorganise()) GTEST_SKIP() << "this chain does not on demand";
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1);
    const Bytes bytes = sign(call, key);
    EXPECT_EQ(submit(bytes).status, Sent::accepted);
    at().mine(2);
    EXPECT_NE(look_until(call, Seen::included, 50).status, Seen::open);
    at().reorganise(3);
    const View view = look(call, 50);
    EXPECT_EQ(view.status == Seen::included ? 1u : 0u, at().effects(1));
    EXPECT_FALSE(prove(call, 50));
    // Handed in again, wherever it is now.
    if (view.status == Seen::open) {
        EXPECT_EQ(submit(bytes).status, Sent::accepted);
    }
    at().mine(4);
    EXPECT_EQ(look_until(call, Seen::final).fate, Fate::called);
    EXPECT_EQ(judge(call, prove(call).value()).fate, Fate::called);
    EXPECT_EQ(at().effects(1), 1u);
}

TEST_P(Conformance, EventsAreToldInOrderFromACursor) {
    if (!at().is_chain()) GTEST_SKIP() << "it tells no events";
    const SecretKey key = at().account(true);
    const std::string start = events("").value().cursor;
    EXPECT_TRUE(events(start).value().events.empty());
    for (std::uint64_t slot = 0; slot < 3; ++slot) {
        const Pin call = pin(key, slot, 10 + slot, slot == 1 ? Behaviour::fails : Behaviour::succeeds);
        EXPECT_EQ(settle(call, sign(call, key)).status, Seen::final);
    }
    std::vector<std::uint64_t> tags;
    std::string cursor = start;
    for (int pages = 0; pages < 10; ++pages) {
        const EventPage page = events(cursor, 1).value();
        EXPECT_LE(page.events.size(), 1u);
        EXPECT_FALSE(page.undone_above);
        for (const Event& event : page.events) tags.push_back(at().tag_of(event));
        cursor = page.cursor;
    }
    EXPECT_EQ(tags, (std::vector<std::uint64_t>{10, 12}));
    EXPECT_TRUE(events(cursor).value().events.empty());
    at().restart();
    EXPECT_EQ(events(start).value().events.size(), 2u);  // a cursor holds all that is needed
}

TEST_P(Conformance, EventsAcrossAReorganisation) {
    if (!at().can_reorganise()) GTEST_SKIP() << "this chain does not on demand";
    const SecretKey key = at().account(true);
    const Pin kept = pin(key, 0, 1), lost = pin(key, 1, 2), later = pin(key, 2, 3);
    const std::string start = events("").value().cursor;
    EXPECT_EQ(settle(kept, sign(kept, key)).fate, Fate::called);
    EventPage page = events(start).value();
    ASSERT_EQ(page.events.size(), 1u);
    std::map<std::uint64_t, std::vector<std::uint64_t>> told;  // block → tags
    const auto take = [&] {
        if (page.undone_above) told.erase(told.upper_bound(*page.undone_above), told.end());
        for (const Event& event : page.events) told[event.block].push_back(at().tag_of(event));
    };
    take();
    EXPECT_EQ(submit(sign(lost, key)).status, Sent::accepted);
    at().mine(1);
    EXPECT_NE(look_until(lost, Seen::included, 50).status, Seen::open);
    page = events(page.cursor).value();
    take();
    EXPECT_EQ(told.size(), 2u);
    at().reorganise(2);
    for (int i = 0; i < 3; ++i) {
        page = events(page.cursor).value();
        take();
    }
    std::size_t count = 0;
    for (const auto& [block, tags] : told) count += static_cast<std::size_t>(std::ranges::count(tags, 2u));
    EXPECT_EQ(count, at().effects(2));
    if (look(lost, 50).status == Seen::open) {
        EXPECT_EQ(submit(sign(lost, key)).status, Sent::accepted);
    }
    EXPECT_EQ(settle(later, sign(later, key)).status, Seen::final);
    for (int i = 0; i < 3; ++i) {
        page = events(page.cursor).value();
        take();
    }
    std::vector<std::uint64_t> all;
    for (const auto& [block, tags] : told) all.insert(all.end(), tags.begin(), tags.end());
    EXPECT_EQ(all, (std::vector<std::uint64_t>{1, 2, 3}));
}

TEST_P(Conformance, SilenceIsUnknown) {
    const SecretKey key = at().account(true);
    const Pin call = pin(key, 0, 1);
    const std::string cursor = at().is_chain() ? events("").value().cursor : "";
    at().set_silent(true);
    EXPECT_EQ(submit(sign(call, key)).status, Sent::unknown);
    EXPECT_EQ(look(call).status, Seen::unknown);
    EXPECT_FALSE(conditions(call));
    EXPECT_FALSE(prove(call));
    EXPECT_FALSE(events(cursor));
    at().set_silent(false);
    // The request may have arrived after all; the same bytes again do no harm.
    Submission again = submit(sign(call, key));
    for (int i = 0; i < 100 && again.status == Sent::unknown; ++i) {
        at().step();
        again = submit(sign(call, key));
    }
    EXPECT_TRUE(again.status == Sent::accepted || again.status == Sent::filled) << again.detail;
    at().mine(4);
    EXPECT_EQ(look_until(call, Seen::final).fate, Fate::called);
    EXPECT_EQ(at().effects(1), 1u);
}

TEST_P(Conformance, APlanCanBePinned) {
    const SecretKey key = at().account(true);
    Pin call = pin(key, 0, 7);
    const auto plan = at().ask<std::optional<Plan>>(
        [&](auto then) { at().ledger().plan(call.account, at().call(7, Behaviour::succeeds), then); });
    ASSERT_TRUE(plan && plan->call) << (plan ? plan->problem : "");
    EXPECT_EQ(plan->problem, "");
    call.call = *plan->call;
    call.ceiling = plan->ceiling;
    at().ledger().kind().check(call);
    const Price now = conditions(call)->price;
    EXPECT_LE(now, price_limit(call, Purpose::call));
    EXPECT_EQ(settle(call, at().ledger().kind().sign(call, Purpose::call, now, key)).fate, Fate::called);
    if (!at().is_chain()) return;  // whether it will succeed nobody knows before it is tried
    const auto doomed = at().ask<std::optional<Plan>>(
        [&](auto then) { at().ledger().plan(call.account, at().call(8, Behaviour::fails), then); });
    ASSERT_TRUE(doomed);
    EXPECT_FALSE(doomed->problem.empty());
}

INSTANTIATE_TEST_SUITE_P(Ledgers, Conformance,
                         testing::Values("fake", "anvil", "anvil-ws", "anvil-tls", "geth-dev", "geth-dev-ws",
                                         "geth-clique", "http", "http-postgres"),
                         [](const auto& named) {
                             std::string name = named.param;
                             std::erase(name, '-');
                             return name;
                         });

}  // namespace
}  // namespace concordat::ledger::conformance
