#include "kind.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "../../../../tests/support/evm_chain.hpp"

namespace concordat::ledger::evm {
namespace {

using test::Chain;
using test::secret_of;

template <class Action>
std::string refusal(Action action) {
    try {
        action();
    } catch (const Error& error) {
        return error.field() + ": " + error.rule();
    }
    return "was accepted";
}

const Finality host{.blocks = 3, .witness = "host", .parameters = {}};

Pin pin_of(std::uint8_t key = 1) {
    return {.chain = "eip155:31337",
            .account = EvmKind().account(secret_of(key)),
            .slot = 7,
            .call = json::Object{{"to", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"},
                                 {"data", "0xa9059cbb00"},
                                 {"value", "12"},
                                 {"gas", "50000"}},
            .ceiling = 1000};
}

json::Value evidence_of(Bytes transaction, bool succeeded = true, std::size_t depth = 3) {
    Chain chain;
    chain.add(EvmKind().sign(pin_of(9), Purpose::call, 10, secret_of(9)));
    chain.add(std::move(transaction), succeeded);
    chain.build(depth);
    return chain.evidence(1);
}

Bytes signed_call(const Pin& pin, std::uint8_t key = 1) {
    return EvmKind().sign(pin, Purpose::call, 10, secret_of(key));
}

TEST(EvmKind, AnAccountIsAnAddress) {
    EXPECT_EQ(EvmKind().account(secret_of(1)), "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf");
}

TEST(EvmKind, SignsThePinnedCall) {
    const Pin pin = pin_of();
    const SignedTransaction tx = decode_transaction(EvmKind().sign(pin, Purpose::call, 800, secret_of(1)));
    EXPECT_EQ(sender(tx).text(), pin.account);
    EXPECT_EQ(tx.transaction.type, Transaction::Type::dynamic_fee);
    EXPECT_EQ(tx.transaction.chain_id, 31337u);
    EXPECT_EQ(tx.transaction.nonce, 7u);
    EXPECT_EQ(tx.transaction.gas_price, 800);
    EXPECT_EQ(tx.transaction.max_priority_fee, 800);
    EXPECT_EQ(tx.transaction.gas_limit, 50000u);
    EXPECT_EQ(tx.transaction.value, 12);
    EXPECT_EQ(to_0x(tx.transaction.data), "0xa9059cbb00");
    EXPECT_EQ(tx.transaction.to->text(), "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed");
    EXPECT_EQ(EvmKind().sign(pin, Purpose::call, 800, secret_of(1)), encode(tx));
}

TEST(EvmKind, ACancellationDoesNothing) {
    Pin pin = pin_of();
    json::Object legacy = *pin.call;
    legacy["type"] = "legacy";
    pin.call = legacy;
    const SignedTransaction tx = decode_transaction(EvmKind().sign(pin, Purpose::cancel, 1000, secret_of(1)));
    EXPECT_EQ(tx.transaction.type, Transaction::Type::legacy);
    EXPECT_EQ(tx.transaction.to->text(), pin.account);
    EXPECT_EQ(tx.transaction.value, 0);
    EXPECT_EQ(tx.transaction.gas_limit, 21000u);
    EXPECT_TRUE(tx.transaction.data.empty());
    EXPECT_EQ(tx.transaction.nonce, 7u);
}

TEST(EvmKind, SignsNothingElse) {
    const Pin pin = pin_of();
    const auto sign = [&](Purpose purpose, Price price, std::uint8_t key) {
        return refusal([&] { EvmKind().sign(pin, purpose, price, secret_of(key)); });
    };
    EXPECT_EQ(sign(Purpose::call, 800, 1), "was accepted");
    EXPECT_EQ(sign(Purpose::call, 801, 1), "/price: must be at most 800");
    EXPECT_EQ(sign(Purpose::cancel, 1001, 1), "/price: must be at most 1000");
    EXPECT_EQ(sign(Purpose::call, 800, 2), "/account: must be the key's");
}

TEST(EvmKind, ChecksTheForm) {
    const auto rule = [](auto edit) {
        Pin pin = pin_of();
        edit(pin);
        return refusal([&] { EvmKind().check(pin); });
    };
    EXPECT_EQ(rule([](Pin&) {}), "was accepted");
    EXPECT_EQ(rule([](Pin& p) { p.call.own().erase("to"); }), "was accepted");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["type"] = "legacy"; }), "was accepted");
    EXPECT_EQ(rule([](Pin& p) { p.chain = "eip155:0"; }).substr(0, 6), "/chain");
    EXPECT_EQ(rule([](Pin& p) { p.chain = "fake:1"; }).substr(0, 6), "/chain");
    EXPECT_EQ(rule([](Pin& p) { p.account = "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"; }),
              "/account: must be written as EIP-55 has it");
    EXPECT_EQ(rule([](Pin& p) { p.slot = ~std::uint64_t{0}; }).substr(0, 5), "/slot");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["to"] = "0x00"; }).substr(0, 8), "/call/to");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["data"] = "a9"; }).substr(0, 10), "/call/data");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["value"] = "0x1"; }).substr(0, 11), "/call/value");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["value"] = 1; }).substr(0, 11), "/call/value");
    for (const char* gas : {"20999", "021000", "1099511627777", "-1", "", "21000 ", "99999999999999999999"})
        EXPECT_EQ(rule([&](Pin& p) { p.call.own()["gas"] = gas; }).substr(0, 9), "/call/gas") << gas;
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["type"] = "dynamic"; }).substr(0, 10), "/call/type");
    EXPECT_EQ(rule([](Pin& p) { p.call.own()["more"] = "1"; }).substr(0, 10), "/call/more");
    EXPECT_EQ(rule([](Pin& p) { p.call = cancellation(Address::parse(p.account, "a"), false).to_json(); }),
              "/call: must not be what a cancellation is");
    for (const char* name : {"data", "value", "gas"})
        EXPECT_EQ(rule([&](Pin& p) { p.call.own().erase(name); }).substr(0, 6 + std::string_view(name).size()),
                  "/call/" + std::string(name));
}

TEST(EvmKind, JudgesWhatFilledTheSlot) {
    const Pin pin = pin_of();
    const Bytes call = signed_call(pin);
    const Judgement called = EvmKind().judge(pin, host, evidence_of(call));
    EXPECT_EQ(called, (Judgement{.fate = Fate::called,
                                 .proved = false,
                                 .transaction = to_0x(transaction_hash(call).view()),
                                 .block = 40,
                                 .fee = "210000"}));
    EXPECT_EQ(EvmKind().judge(pin, host, evidence_of(call, false)).fate, Fate::failed);
    const Bytes cancel = EvmKind().sign(pin, Purpose::cancel, 20, secret_of(1));
    EXPECT_EQ(EvmKind().judge(pin, host, evidence_of(cancel)).fate, Fate::cancelled);
    EXPECT_EQ(EvmKind().judge(pin, host, evidence_of(cancel, false)).fate, Fate::cancelled);
}

// The second transaction of a block whose base fee is 7, with 21000 gas of its own.
TEST(EvmKind, ReadsWhatItCost) {
    const Pin pin = pin_of();
    const SignedTransaction ours = decode_transaction(signed_call(pin));
    const auto fee = [&](Transaction::Type type, const U256& price, const U256& tip) {
        Transaction tx = ours.transaction;
        tx.type = type;
        tx.gas_price = price;
        tx.max_priority_fee = tip;
        return EvmKind().judge(pin, host, evidence_of(encode(sign(tx, secret_of(1))))).fee;
    };
    using enum Transaction::Type;
    EXPECT_EQ(fee(dynamic_fee, 50, 3), "210000");  // (7 + 3) × 21000
    EXPECT_EQ(fee(dynamic_fee, 8, 3), "168000");   // no more than 8
    EXPECT_EQ(fee(dynamic_fee, 7, 0), "147000");
    EXPECT_EQ(fee(legacy, 50, 0), "1050000");
    EXPECT_EQ(fee(access_list, 0, 0), "0");
    EXPECT_EQ(fee(legacy, U256(1) << 127, 0), "");  // no chain charges that: a figure that could overflow shows nothing
}

// Whoever else uses the account's key fills the slot too, and it is not the pinned call.
TEST(EvmKind, EveryOtherTransactionIsNotTheCall) {
    const Pin pin = pin_of();
    for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
             {"to", "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"}, {"data", "0x"}, {"value", "13"}, {"gas", "50001"}}) {
        Pin other = pin;
        other.call.own()[name] = value;
        EXPECT_EQ(EvmKind().judge(pin, host, evidence_of(signed_call(other))).fate, Fate::cancelled) << name;
    }
    Pin creation = pin;
    creation.call.own().erase("to");
    EXPECT_EQ(EvmKind().judge(pin, host, evidence_of(signed_call(creation))).fate, Fate::cancelled);
    EXPECT_EQ(EvmKind().judge(creation, host, evidence_of(signed_call(creation))).fate, Fate::called);
}

TEST(EvmKind, EvidenceForSomethingElseIsRefused) {
    const Pin pin = pin_of();
    const auto rule = [&](const Pin& other, std::uint8_t key = 1) {
        return refusal([&] { EvmKind().judge(pin, host, evidence_of(signed_call(other, key))); });
    };
    EXPECT_EQ(rule(pin), "was accepted");
    EXPECT_EQ(rule(pin_of(2), 2), "/evidence/inclusion/transaction: must be sent by " + pin.account);
    Pin other = pin;
    other.slot = 8;
    EXPECT_EQ(rule(other), "/evidence/inclusion/transaction: must have the nonce 7");
    other = pin;
    other.chain = "eip155:1";
    EXPECT_EQ(rule(other), "/evidence/inclusion/transaction: must be of eip155:31337");
}

TEST(EvmKind, EvidenceMustBeDeepEnough) {
    const Pin pin = pin_of();
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, host, evidence_of(signed_call(pin), true, 2)); }),
              "/evidence/inclusion/descendants: must be at least 2");
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, {.blocks = 0, .witness = "host"}, evidence_of(signed_call(pin))); }),
              "/finality/blocks: must be from 1 to 1024");
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, {.blocks = 1, .witness = "me"}, evidence_of(signed_call(pin))); }),
              "/finality/witness: must be host or clique");
}

TEST(EvmKind, AlteredEvidenceIsRefused) {
    const Pin pin = pin_of();
    const json::Value good = evidence_of(signed_call(pin), false);
    for (const char* member : {"header", "transaction"}) {
        const std::string_view text = good.at("inclusion").at(member).as_string();
        for (std::size_t i = 2; i < text.size(); i += 7) {
            json::Value changed = good;
            auto& digit = changed.at("inclusion").at(member).as_string()[i];
            digit = digit == 'a' ? 'b' : 'a';
            EXPECT_THROW(EvmKind().judge(pin, host, changed), Error) << member << i;
        }
    }
    // The receipt of the neighbour, which succeeded.
    json::Value forged = good;
    forged.at("inclusion").at("receipt_proof") = good.at("inclusion").at("previous_receipt_proof");
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, host, forged); }).substr(0, 33), "/evidence/inclusion/receipt_proof");
    json::Value more = good;
    more.as_object()["word"] = "of honour";
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, host, more); }).substr(0, 14), "/evidence/word");
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, host, json::Object{}); }).substr(0, 19), "/evidence/inclusion");
    EXPECT_EQ(refusal([&] { EvmKind().judge(pin, host, json::Value(1)); }).substr(0, 9), "/evidence");
}

Finality finality_of(const Chain& chain) {
    json::Array signers;
    for (const auto& sealer : chain.sealers) signers.emplace_back(sealer.first.text());
    return {.blocks = 1, .witness = "clique", .parameters = {{"signers", std::move(signers)}}};
}

TEST(EvmKind, CliqueSealsProve) {
    const Pin pin = pin_of();
    Chain chain;
    chain.add(signed_call(pin));
    chain.seal_with(3);
    Finality clique = finality_of(chain);
    const json::Array signers = clique.parameters.at("signers").as_array();
    EXPECT_EQ(depth_needed(clique), 2u);
    const auto rule = [&](std::size_t depth, const Finality& finality) {
        chain.build(depth);
        return refusal([&] { EvmKind().judge(pin, finality, chain.evidence(0)); });
    };
    EXPECT_EQ(rule(1, clique), "/evidence/inclusion/descendants: must be at least 1");
    EXPECT_EQ(rule(2, clique), "was accepted");
    EXPECT_TRUE(EvmKind().judge(pin, clique, chain.evidence(0)).proved);
    clique.blocks = 4;
    EXPECT_EQ(rule(3, clique), "/evidence/inclusion/descendants: must be at least 3");
    EXPECT_EQ(rule(4, clique), "was accepted");
    clique.parameters = {{"signers", json::Array{signers[0], signers[1]}}};
    EXPECT_EQ(rule(4, clique).substr(0, 28), "/evidence/inclusion/headers/");
    clique.parameters = {};
    EXPECT_EQ(rule(4, clique).substr(0, 28), "/finality/parameters/signers");
    clique.parameters = {{"signers", json::Array{signers[0], signers[0]}}};
    EXPECT_EQ(rule(4, clique), "/finality/parameters/signers: must name each signer once");
    clique.parameters = {{"signers", json::Array{1}}};
    EXPECT_EQ(rule(4, clique), "/finality/parameters/signers/0: must be a string");
}

AnchorClaim claim_of(std::uint8_t seed) {
    AnchorClaim out{.chain = "eip155:31337",
                    .contract = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
                    .ledger = keccak256(Bytes{seed}),
                    .size = 1000u + seed,
                    .root = keccak256(Bytes{seed, 1}),
                    .time = 1'700'000'000'000,
                    .flags = 1};
    return out;
}

json::Value anchored(std::vector<Log> logs, bool succeeded = true, std::size_t depth = 3) {
    Chain chain;
    chain.add(signed_call(pin_of()), succeeded, std::move(logs));
    chain.build(depth);
    return chain.evidence(0);
}

// Topic and data as contracts/RootAnchor.sol has them: event Anchored(bytes32 indexed, uint64, bytes32, uint64,
// uint64).
TEST(EvmKind, KnowsTheEventOfAnAnchor) {
    const AnchorClaim claim = claim_of(1);
    const Log log = anchored_log(claim);
    EXPECT_EQ(log.address.text(), claim.contract);
    ASSERT_EQ(log.topics.size(), 2u);
    EXPECT_EQ(log.topics[0], keccak256(bytes_of("Anchored(bytes32,uint64,bytes32,uint64,uint64)")));
    EXPECT_EQ(log.topics[1], claim.ledger);
    EXPECT_EQ(to_0x(log.data), "0x" + std::string(61, '0') + "3e9" + claim.root.hex() + std::string(53, '0') +
                                   "18bcfe56800" + std::string(63, '0') + "1");
}

TEST(EvmKind, AnAnchorIsRecordedByItsContractAlone) {
    const AnchorClaim claim = claim_of(1);
    const Log good = anchored_log(claim);
    const Log other = anchored_log(claim_of(2));
    const auto rule = [&](std::vector<Log> logs, bool succeeded = true) {
        return refusal([&] { EvmKind().recorded(claim, host, anchored(std::move(logs), succeeded)); });
    };
    const std::string refused =
        "/evidence/inclusion/receipt_proof: must show that " + claim.contract + " recorded this root of this ledger";
    EXPECT_EQ(
        EvmKind().recorded(claim, host, anchored({other, good, other})),
        (Recorded{.proved = false, .transaction = to_0x(transaction_hash(signed_call(pin_of())).view()), .block = 40}));
    EXPECT_EQ(rule({good}), "was accepted");
    EXPECT_EQ(rule({}), refused);
    EXPECT_EQ(rule({other}), refused);
    EXPECT_EQ(rule({good}, false), refused);
    const auto changed = [&](auto edit) {
        Log log = good;
        edit(log);
        return rule({other, log});
    };
    EXPECT_EQ(changed([](Log& log) { log.address = Address{}; }), refused);
    EXPECT_EQ(changed([](Log& log) { log.topics.pop_back(); }), refused);
    EXPECT_EQ(changed([](Log& log) { log.topics.push_back(log.topics[1]); }), refused);
    EXPECT_EQ(changed([](Log& log) { log.data.push_back(0); }), refused);
    for (std::size_t i = 0; i < good.data.size(); ++i)
        EXPECT_EQ(changed([&](Log& log) { log.data[i] ^= 1; }), refused) << i;
    for (std::size_t topic = 0; topic < 2; ++topic)
        EXPECT_EQ(changed([&](Log& log) { log.topics[topic].bytes[31] ^= 1; }), refused);
}

TEST(EvmKind, AnAnchorIsAsFinalAsItsBlocks) {
    const AnchorClaim claim = claim_of(1);
    Chain chain;
    chain.add(signed_call(pin_of()), true, {anchored_log(claim)});
    chain.seal_with(3);
    const Finality clique = finality_of(chain);
    chain.build(1);
    EXPECT_EQ(refusal([&] { EvmKind().recorded(claim, clique, chain.evidence(0)); }),
              "/evidence/inclusion/descendants: must be at least 1");
    chain.build(2);
    EXPECT_TRUE(EvmKind().recorded(claim, clique, chain.evidence(0)).proved);
    EXPECT_EQ(refusal([&] { EvmKind().recorded(claim, host, chain.evidence(0)); }),
              "/evidence/inclusion/descendants: must be at least 2");
    AnchorClaim elsewhere = claim;
    elsewhere.chain = "eip155:1";
    EXPECT_EQ(refusal([&] { EvmKind().recorded(elsewhere, clique, chain.evidence(0)); }),
              "/evidence/inclusion/transaction: must be of eip155:1");
    elsewhere.chain = "fake:1";
    EXPECT_EQ(refusal([&] { EvmKind().recorded(elsewhere, clique, chain.evidence(0)); }).substr(0, 6), "/chain");
    elsewhere = claim;
    elsewhere.contract = "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed";
    EXPECT_EQ(refusal([&] { EvmKind().recorded(elsewhere, clique, chain.evidence(0)); }),
              "/contract: must be written as EIP-55 has it");
}

TEST(EvmKind, AlteredEvidenceOfAnAnchorIsRefused) {
    const AnchorClaim claim = claim_of(1);
    Chain chain;
    chain.add(signed_call(pin_of()), true, {anchored_log(claim)});
    chain.seal_with(3);
    const Finality clique = finality_of(chain);
    chain.build(2);
    const json::Value good = chain.evidence(0);
    std::string text = json::canonical(good);
    std::size_t tried = 0;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        const char kept = text[i];
        text[i] = kept == 'a' ? 'b' : kept == '1' ? '2' : 'a';
        EXPECT_THROW(EvmKind().recorded(claim, clique, json::parse(text, "evidence")), Error) << i;
        text[i] = kept;
        ++tried;
    }
    EXPECT_GT(tried, 500u);
}

// What is written is read back.
RC_GTEST_PROP(EvmKind, CallsKeepTheirText, (std::vector<std::uint8_t> data, std::uint32_t value, std::uint16_t gas)) {
    Call call{.to = Address{}, .data = data, .value = value, .gas = transfer_gas + gas, .legacy = value % 2 == 0};
    RC_ASSERT(Call::parse(call.to_json(), "/call") == call);
}

}  // namespace
}  // namespace concordat::ledger::evm
