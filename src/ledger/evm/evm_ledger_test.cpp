// The ledger over nodes that we script: what they may say and what is believed. Over real nodes:
// tests/conformance/ledger.
#include "cursor.hpp"
#include "ledger_test.hpp"

namespace concordat::ledger::evm {
namespace {

using namespace std::chrono_literals;

TEST_F(EvmLedgerTest, AnHonestNodeIsBelieved) {
    open({&node});
    const View view = look(0);
    EXPECT_EQ(view.status, Seen::final);
    EXPECT_EQ(view.fate, Fate::called);
    EXPECT_EQ(view.depth, 3u);
    EXPECT_EQ(look(1).status, Seen::open);
    const Judgement judgement = EvmKind().judge(pin_of(0), host, prove(0).value());
    EXPECT_EQ(judgement.fate, Fate::called);
    EXPECT_EQ(judgement.block, 2u);
    const Conditions now = conditions().value();
    EXPECT_EQ(now.height, 4u);
    EXPECT_EQ(now.next, 1u);
    EXPECT_EQ(now.price, 11u);  // 7 · 81/64 + 3
    EXPECT_EQ(now.balance, "1000000000000000000");
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    EXPECT_EQ(ledger->describe().genesis, to_0x(chain.hash(0).view()));
    EXPECT_TRUE(ledger->health().front().usable);
}

TEST_F(EvmLedgerTest, ConnectionsAreKept) {
    open({&node});
    for (int i = 0; i < 20; ++i) EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(node.connections, 1u);
    EXPECT_EQ(node.asked["eth_chainId"], 1u);
}

TEST_F(EvmLedgerTest, ManyAtOnceShareAFewConnections) {
    EvmOptions given = options();
    given.endpoints = {node.url()};
    given.limits.connections = 2;
    given.limits.request_timeout = 5s;
    given.operation_timeout = 5s;
    given.max_operations = 40;
    given.max_waiting = 60;
    ledger = std::make_unique<EvmLedger>(io, given);
    EXPECT_EQ(look_at_once(120), (std::pair<std::size_t, std::size_t>(100, 20)));
    EXPECT_EQ(node.connections, 2u);
    EXPECT_TRUE(ledger->health().front().usable);
}

// Each answer comes in time; that our own questions wait for each other is not the node's failure.
TEST_F(EvmLedgerTest, ANodeThatIsBusyWithOurQuestionsHasNotFailed) {
    const auto look_at_slots = [&](std::chrono::milliseconds patience) {
        EvmOptions given = options();
        given.endpoints = {node.url()};
        given.limits.connections = 1;
        given.operation_timeout = patience;
        ledger = std::make_unique<EvmLedger>(io, given);
        EXPECT_EQ(look(0).status, Seen::final);
        node.delay = 20ms;
        std::size_t open = 0, unknown = 0;
        for (std::uint64_t slot = 1; slot <= 30; ++slot) {
            ledger->look(pin_of(slot), host, [&](const View& view) { ++(view.status == Seen::open ? open : unknown); });
        }
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (open + unknown < 30 && std::chrono::steady_clock::now() < end) io.run_one_for(50ms);
        node.delay = 0ms;
        EXPECT_EQ(open + unknown, 30u);
        EXPECT_TRUE(ledger->health().front().usable) << ledger->health().front().problem;
        return unknown;
    };
    EXPECT_EQ(look_at_slots(5s), 0u);     // although all take four times a request's time limit
    EXPECT_GT(look_at_slots(200ms), 0u);  // what could not be asked in time is not known
}

TEST_F(EvmLedgerTest, WhateverIsNoAnswerIsUnknownInBoundedTime) {
    for (const Manner manner :
         {Manner::html, Manner::garbage, Manner::hangs, Manner::drips, Manner::closes, Manner::busy, Manner::huge}) {
        node.manner = manner;
        open({&node});
        const auto begin = std::chrono::steady_clock::now();
        expect_nothing_known();
        EXPECT_LT(std::chrono::steady_clock::now() - begin, 4s) << static_cast<int>(manner);
    }
    node.manner = Manner::answers;
    open({&node});
    EXPECT_EQ(look(0).status, Seen::final);
}

// One long wait among them says nothing of how fast blocks come.
TEST_F(EvmLedgerTest, HowFastBlocksComeIsTheMiddleOfTheLastGaps) {
    const auto pace = [&] { return ask<std::optional<Pace>>([&](auto then) { ledger->pace(then); }); };
    open({&node});
    EXPECT_FALSE(pace());  // three gaps tell nothing
    chain.add_empty(2);
    std::array<std::uint64_t, 7> times{0, 10, 15, 20, 110, 115, 120};
    node.lies["eth_getBlockByNumber"] = [&](const json::Array&, const json::Value& truth) {
        json::Value told = truth;
        const std::uint64_t number = parse_quantity_u64(told.at("number").as_string(), "number");
        told.as_object()["timestamp"] = quantity(times.at(number));
        return told;
    };
    open({&node});
    const std::optional<Pace> told = pace();
    ASSERT_TRUE(told);
    EXPECT_EQ(told->block_seconds, 5u);
    EXPECT_EQ(told->newest, 120u);
    times = {0, 10, 10, 10, 10, 10, 10};  // several in a second
    open({&node});
    EXPECT_EQ(pace()->block_seconds, 1u);
    times = {0, 10, 15, 20, 19, 25, 30};
    open({&node});
    EXPECT_FALSE(pace());  // a chain's time does not go back
}

TEST_F(EvmLedgerTest, NobodyListens) {
    EvmOptions given = options();
    given.endpoints = {"http://127.0.0.1:1"};
    ledger = std::make_unique<EvmLedger>(io, given);
    expect_nothing_known();
}

TEST_F(EvmLedgerTest, AnotherEndpointIsAskedInstead) {
    for (const Manner manner : {Manner::html, Manner::garbage, Manner::hangs, Manner::closes, Manner::busy}) {
        node.manner = manner;
        open({&node, &second});
        EXPECT_EQ(look(0).status, Seen::final) << static_cast<int>(manner);
        EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted) << static_cast<int>(manner);
        EXPECT_FALSE(ledger->health()[0].usable);
        EXPECT_TRUE(ledger->health()[1].usable);
    }
}

TEST_F(EvmLedgerTest, AnEndpointThatFailsRestsAndIsAskedAgain) {
    open({&node, &second});
    EXPECT_EQ(look(0).status, Seen::final);
    node.manner = Manner::busy;
    EXPECT_EQ(look(0).status, Seen::final);
    node.manner = Manner::answers;
    const std::size_t before = node.asked["eth_getBlockByNumber"];
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(node.asked["eth_getBlockByNumber"], before);  // it rests
    io.run_for(150ms);
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_GT(node.asked["eth_getBlockByNumber"], before);
    EXPECT_EQ(node.asked["eth_chainId"], 2u);  // somebody else may answer there now
}

TEST_F(EvmLedgerTest, AnotherChainIsNotBelieved) {
    node.lies["eth_chainId"] = [](auto&, auto&) { return json::Value("0x1"); };
    open({&node});
    expect_nothing_known();
    EXPECT_NE(ledger->health().front().problem.find("31337"), std::string::npos);
    open({&node, &second});
    EXPECT_EQ(look(0).status, Seen::final);
}

TEST_F(EvmLedgerTest, AnotherGenesisIsNotBelieved) {
    const Chain foreign(7);
    ScriptedNode liar(io, foreign);
    open({&liar});
    expect_nothing_known();
    EXPECT_EQ(liar.asked["eth_sendRawTransaction"], 0u);
    open({&liar, &node});
    EXPECT_EQ(look(0).status, Seen::final);
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    EXPECT_EQ(liar.asked["eth_sendRawTransaction"], 0u);
}

TEST_F(EvmLedgerTest, WithoutAGivenGenesisTheFirstOneCounts) {
    const Chain foreign(7);
    ScriptedNode other(io, foreign);
    EvmOptions given = options();
    given.endpoints = {node.url(), other.url()};
    ledger = std::make_unique<EvmLedger>(io, given);
    EXPECT_EQ(ledger->describe().genesis, "");
    EXPECT_EQ(look(0).status, Seen::final);
    node.manner = Manner::closes;
    EXPECT_EQ(look(0).status, Seen::unknown);
    EXPECT_NE(ledger->health()[1].problem.find("genesis"), std::string::npos);
}

// ------------------------------------------------------------------------------------------------------- forgeries

TEST_F(EvmLedgerTest, AForgedReceiptProvesNothing) {
    const auto forge = [](const json::Array&, const json::Value& truth) {
        json::Value out = truth;
        if (out.is_array()) out.as_array().at(0).as_object()["status"] = "0x0";
        if (out.is_object()) out.as_object()["status"] = "0x0";
        return out;
    };
    node.lies["eth_getBlockReceipts"] = forge;
    node.lies["eth_getTransactionReceipt"] = forge;
    open({&node});
    EXPECT_FALSE(prove(0));
    open({&node, &second});
    EXPECT_EQ(EvmKind().judge(pin_of(0), host, prove(0).value()).fate, Fate::called);
}

TEST_F(EvmLedgerTest, AForgedBlockProvesNothing) {
    const std::pair<const char*, const char*> forged[] = {
        {"receiptsRoot", "0x1111111111111111111111111111111111111111111111111111111111111111"},
        {"transactionsRoot", "0x1111111111111111111111111111111111111111111111111111111111111111"},
        {"parentHash", "0x1111111111111111111111111111111111111111111111111111111111111111"},
        {"number", "0x3"},
        {"hash", "0x1111111111111111111111111111111111111111111111111111111111111111"}};
    for (const auto& [member, value] : forged) {
        node.lies["eth_getBlockByNumber"] = [member, value](const json::Array& params, const json::Value& truth) {
            json::Value out = truth;
            if (params[0] == json::Value("0x2")) out.as_object()[member] = value;
            return out;
        };
        open({&node});
        EXPECT_FALSE(prove(0)) << member;
        open({&node, &second});
        EXPECT_TRUE(prove(0)) << member;
    }
}

TEST_F(EvmLedgerTest, DescendantsThatDoNotFollowProveNothing) {
    Chain foreign(7);
    foreign.add_empty(4);
    node.lies["eth_getBlockByNumber"] = [&](const json::Array& params, const json::Value& truth) {
        return params[0] == json::Value("0x4") ? foreign.answer("eth_getBlockByNumber", params).value() : truth;
    };
    open({&node});
    EXPECT_FALSE(prove(0));
}

TEST_F(EvmLedgerTest, ATransactionThatNobodySignedProvesNothing) {
    const auto forge = [](const json::Value& truth) {
        json::Value out = truth;
        out.as_object()["value"] = "0x0";  // no longer the pinned call
        return out;
    };
    node.lies["eth_getTransactionByHash"] = [&](auto&, const json::Value& truth) { return forge(truth); };
    node.lies["eth_getBlockByNumber"] = [&](const json::Array& params, const json::Value& truth) {
        json::Value out = truth;
        if (!params[1].as_bool() || params[0] != json::Value("0x2")) return out;
        auto& items = out.as_object()["transactions"].as_array();
        items.at(0) = forge(items.at(0));
        return out;
    };
    open({&node});
    EXPECT_EQ(look(0).fate, Fate::cancelled);  // the node's word: it decides nothing
    EXPECT_FALSE(prove(0));
}

// Behind one address may be several nodes, one of them without the transaction.
TEST_F(EvmLedgerTest, ABlockWithoutTheTransactionIsAskedForAgain) {
    bool another = true;
    node.lies["eth_getBlockByNumber"] = [&](const json::Array& params, const json::Value& truth) {
        json::Value out = truth;
        if (another && params[1].as_bool()) out.as_object()["transactions"] = json::Array{};
        return out;
    };
    node.lies["eth_getBlockReceipts"] = [&](const json::Array&, const json::Value& truth) {
        return another ? json::Value(json::Array{}) : truth;
    };
    open({&node});
    (void)submit(sign(0));  // so that it is known by its hash
    EXPECT_EQ(look(0).fate, Fate::called);
    EXPECT_FALSE(prove(0));
    another = false;
    EXPECT_TRUE(prove(0));
    EXPECT_TRUE(ledger->health().front().usable);
}

TEST_F(EvmLedgerTest, AnotherTransactionThanTheOneAskedForIsNotBelieved) {
    chain.add({{sign(1)}});
    open({&node});
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::accepted);
    node.lies["eth_getTransactionByHash"] = [&](const json::Array&, const json::Value&) {
        return chain.answer("eth_getTransactionByHash", {to_0x(transaction_hash(sign(0)).view())}).value();
    };
    EXPECT_EQ(look(1).status, Seen::unknown);
}

TEST_F(EvmLedgerTest, AnotherHashThanTheTransactionsIsNoAcceptance) {
    node.lies["eth_sendRawTransaction"] = [&](auto&, auto&) {
        return json::Value(to_0x(transaction_hash(sign(0)).view()));
    };
    open({&node});
    EXPECT_EQ(submit(sign(1)).status, Submission::Status::unknown);
}

TEST_F(EvmLedgerTest, LogsThatDoNotFitTheirBlocksAreNotTold) {
    open({&node});
    const std::string cursor = events("").value().cursor;
    chain.add_empty(3);
    struct {
        std::uint64_t block = 0, index = 0;
        Hash256 hash;
    } logs[2];
    node.lies["eth_getLogs"] = [&](const json::Array& params, const json::Value&) {
        EXPECT_EQ(params[0].at("fromBlock"), json::Value("0x5"));
        json::Array out;
        for (const auto& log : logs) {
            out.push_back(json::Object{{"address", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"},
                                       {"topics", json::Array{}},
                                       {"data", "0x"},
                                       {"blockNumber", quantity(log.block)},
                                       {"blockHash", to_0x(log.hash.view())},
                                       {"logIndex", quantity(log.index)},
                                       {"transactionHash", to_0x(log.hash.view())}});
        }
        return json::Value(out);
    };
    const auto told = [&](std::uint64_t block1, std::uint64_t index1, std::uint64_t block2, std::uint64_t index2) {
        logs[0] = {.block = block1, .index = index1, .hash = chain.hash(std::min<std::uint64_t>(block1, 7))};
        logs[1] = {.block = block2, .index = index2, .hash = chain.hash(std::min<std::uint64_t>(block2, 7))};
        open({&node});
        const std::optional<EventPage> page = events(cursor);
        return page ? page->events.size() : std::size_t{99};
    };
    EXPECT_EQ(told(5, 0, 5, 1), 2u);
    EXPECT_EQ(told(5, 3, 7, 0), 2u);
    EXPECT_EQ(told(6, 0, 5, 0), 99u);  // out of order
    EXPECT_EQ(told(5, 1, 5, 1), 99u);  // one twice
    EXPECT_EQ(told(4, 0, 5, 0), 99u);  // told before
    EXPECT_EQ(told(5, 0, 8, 0), 99u);  // beyond the newest block
    node.lies["eth_getLogs"] = [was = node.lies["eth_getLogs"], &logs, this](auto& params, auto& truth) {
        logs[1].hash = chain.hash(0);  // of another branch
        return was(params, truth);
    };
    EXPECT_EQ(told(5, 0, 7, 0), 99u);
    node.refuses["eth_getLogs"] = "query exceeds the limit";
    EXPECT_EQ(told(5, 0, 7, 0), 99u);
}

TEST_F(EvmLedgerTest, WhereANodeRefusesManyBlocksOfLogsFewerAreAsked) {
    open({&node});
    const std::string start = events("").value().cursor;
    chain.add_empty(100);
    std::size_t refused = 0;
    node.lies["eth_getLogs"] = [&](const json::Array& params, const json::Value& truth) -> json::Value {
        const auto number = [&](const char* name) {
            return parse_quantity_u64(params[0].at(name).as_string(), "number");
        };
        if (number("toBlock") - number("fromBlock") < 30) return truth;
        ++refused;
        return json::Array(1 << 17);  // too many
    };
    std::string cursor = start;
    for (int pages = 0; pages < 10; ++pages) cursor = events(cursor).value().cursor;
    EXPECT_GT(refused, 0u);
    EXPECT_EQ(Cursor::parse(cursor).last().number, chain.height());
}

// -------------------------------------------------------------------------------------------------------- searching

TEST_F(EvmLedgerTest, FindsWhatItDoesNotRemember) {
    chain.add({{sign(1)}, {sign(2)}});
    chain.add_empty(300);
    for (std::uint64_t slot = 3; slot < 6; ++slot) {
        chain.add({{sign(slot)}});
        chain.add_empty(slot * 7);
    }
    for (std::uint64_t slot = 0; slot < 6; ++slot) {
        open({&node});
        const View view = look(slot);
        EXPECT_EQ(view.status, Seen::final) << slot;
        EXPECT_EQ(view.transaction, to_0x(transaction_hash(sign(slot)).view()));
        EXPECT_EQ(EvmKind().judge(pin_of(slot), host, prove(slot).value()).fate, Fate::called);
    }
}

TEST_F(EvmLedgerTest, ANodeThatForgotOldStatesIsScannedBitByBit) {
    chain.add({{sign(1)}});
    chain.add({{sign(2)}});
    chain.add_empty(100);
    EvmOptions given = options();
    given.endpoints = {node.url()};
    given.scan_blocks = 32;
    node.forgets_states = true;
    ledger = std::make_unique<EvmLedger>(io, given);
    std::size_t looks = 1;
    while (look(1).status == Seen::unknown && looks < 20) {
        chain.add_empty(5);  // the search goes on where it was, however the chain grows
        ++looks;
    }
    EXPECT_EQ(look(1).status, Seen::final);
    EXPECT_EQ(looks, 4u);
    // What was seen of the other slot on the way is remembered.
    const std::size_t before = node.asked["eth_getBlockByNumber"];
    EXPECT_EQ(look(2).status, Seen::final);
    EXPECT_LE(node.asked["eth_getBlockByNumber"] - before, 1u);
}

TEST_F(EvmLedgerTest, WhatFailedAndWhatSomebodyElseSent) {
    chain.add({{.transaction = sign(1), .succeeded = false}});
    chain.add({{sign(2, 10, Purpose::cancel)}});
    chain.add_empty(2);
    open({&node});
    EXPECT_EQ(look(1).fate, Fate::failed);
    EXPECT_EQ(EvmKind().judge(pin_of(1), host, prove(1).value()).fate, Fate::failed);
    EXPECT_EQ(look(2).fate, Fate::cancelled);
    EXPECT_EQ(EvmKind().judge(pin_of(2), host, prove(2).value()).fate, Fate::cancelled);
}

TEST_F(EvmLedgerTest, AReorganisationOpensTheSlotAgain) {
    open({&node});
    EXPECT_EQ(look(0).status, Seen::final);
    chain.cut(1);
    chain.add_empty(1);
    EXPECT_EQ(look(0).status, Seen::open);
    EXPECT_FALSE(prove(0));
    chain.add({{sign(0)}});
    EXPECT_EQ(look(0).status, Seen::included);
    EXPECT_FALSE(prove(0));
}

// What is final must not look undone because a node that lags is asked.
TEST_F(EvmLedgerTest, ANodeThatLagsIsNotBelieved) {
    Chain old;
    old.add_empty(1);
    ScriptedNode lagging(io, old);
    open({&node, &lagging});
    EXPECT_EQ(look(0).status, Seen::final);
    node.manner = Manner::closes;
    EXPECT_EQ(look(0).status, Seen::unknown);
    old.add({{sign(0)}});  // the newest of what was final is there: no more is needed
    EXPECT_EQ(look(0).status, Seen::included);
    EXPECT_FALSE(prove(0));
    open({&lagging});  // whoever knows nothing better believes it
    EXPECT_EQ(look(1).status, Seen::open);
}

// ------------------------------------------------------------------------------------------------- plans and options

TEST_F(EvmLedgerTest, APlanIsCompleteOrSaysWhyNot) {
    open({&node});
    json::Object call = pin_of(0).call;
    call.erase("gas");
    call.erase("value");
    const Plan made = plan(call).value();
    EXPECT_EQ(made.problem, "");
    EXPECT_EQ(made.call->at("gas"), json::Value("37500"));  // 30000 and a quarter
    EXPECT_EQ(made.call->at("value"), json::Value("0"));
    EXPECT_EQ(made.ceiling, 55u);
    call["gas"] = "25000";
    EXPECT_EQ(plan(call)->problem, "needs 30000 gas");
    call["gas"] = "many";
    EXPECT_NE(plan(call)->problem.find("/call/gas"), std::string::npos);
    node.refuses["eth_estimateGas"] = "execution reverted: no";
    EXPECT_EQ(plan(pin_of(0).call)->problem, "execution reverted: no");
    EXPECT_FALSE(plan(pin_of(0).call)->call);
}

TEST_F(EvmLedgerTest, ChainsWithoutABaseFeeAreOfferedLegacyTransactions) {
    node.lies["eth_getBlockByNumber"] = [](auto&, const json::Value& truth) {
        json::Value out = truth;
        out.as_object().erase("baseFeePerGas");
        return out;
    };
    open({&node});
    EXPECT_EQ(plan(pin_of(0).call)->call->at("type"), json::Value("legacy"));
    EXPECT_EQ(conditions()->price, 2u);
}

TEST_F(EvmLedgerTest, APinOfAnotherChainOrFormIsUnknown) {
    open({&node});
    Pin pin = pin_of(0);
    pin.chain = "eip155:1";
    EXPECT_EQ(ask<View>([&](auto then) { ledger->look(pin, host, then); }).status, Seen::unknown);
    pin = pin_of(0);
    pin.call = json::Object{{"to", 1}};
    EXPECT_EQ(ask<View>([&](auto then) { ledger->look(pin, host, then); }).status, Seen::unknown);
    EXPECT_EQ(look(0, {.blocks = 0, .witness = "host", .parameters = {}}).status, Seen::unknown);
    EXPECT_EQ(look(0, {.blocks = 3, .witness = "oracle", .parameters = {}}).status, Seen::unknown);
    EXPECT_FALSE(events("not a cursor"));
    EXPECT_EQ(submit({1, 2, 3}).status, Submission::Status::rejected);
}

TEST_F(EvmLedgerTest, RefusesBadOptions) {
    const auto refusal = [&](auto change) {
        EvmOptions given = options();
        given.endpoints = {node.url()};
        change(given);
        try {
            EvmLedger made(io, given);
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("was accepted");
    };
    EXPECT_EQ(refusal([](auto&) {}), "was accepted");
    EXPECT_EQ(refusal([](auto& given) { given.chain_id = 0; }), "/chain_id");
    EXPECT_EQ(refusal([](auto& given) { given.endpoints.clear(); }), "/endpoints");
    EXPECT_EQ(refusal([](auto& given) { given.limits.connections = 0; }), "/limits/connections");
    for (const char* url :
         {"", "127.0.0.1:8545", "httpx://node.example", "https:node.example", "http://user:pw@node.example",
          "https://user@node.example", "http://", "ftp://node.example", "http://node.example/#x"}) {
        EXPECT_EQ(refusal([&](auto& given) { given.endpoints = {url}; }), "/endpoints") << url;
    }
}

TEST_F(EvmLedgerTest, NothingIsAnsweredAfterItsEnd) {
    open({&node});
    node.manner = Manner::hangs;
    bool answered = false;
    ledger->look(pin_of(0), host, [&](const View&) { answered = true; });
    io.run_for(20ms);
    ledger.reset();
    io.run_for(300ms);
    EXPECT_FALSE(answered);
}

}  // namespace
}  // namespace concordat::ledger::evm
