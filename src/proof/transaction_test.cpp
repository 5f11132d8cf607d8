// Receipts of transactions: what a verifier takes, and which layer it names when it does not.
#include <gtest/gtest.h>

#include <array>
#include <base/file.hpp>
#include <optional>

#include "../../tests/support/transaction_fixture.hpp"
#include "open.hpp"
#include "verify.hpp"

namespace concordat::proof {
namespace {

using contract::EntryType;
using ledger::Purpose;
using test::TransactionMaker;

const ledger::evm::EvmKind evm;
const std::array<const ledger::Kind*, 1> kinds{&evm};

void collect(const std::vector<Line>& lines, std::string& out) {
    for (const Line& line : lines) {
        if (!line.ok && line.below.empty()) out += (out.empty() ? "" : "; ") + line.layer + " " + line.problem;
        collect(line.below, out);
    }
}

// What does not hold, each with its layer; "holds" when all does.
std::string broken(const Verdict& verdict) {
    std::string out;
    collect(verdict.lines, out);
    EXPECT_EQ(verdict.holds, out.empty()) << render_text(verdict);
    return out.empty() ? "holds" : out;
}

const Line* find_line(const std::vector<Line>& lines, std::string_view layer) {
    for (const Line& line : lines) {
        if (line.layer == layer && line.below.empty()) return &line;
        if (const Line* below = find_line(line.below, layer)) return below;
    }
    return nullptr;
}

TrustedChain clique(json::Object parameters) { return {.witness = "clique", .parameters = std::move(parameters)}; }
const TrustedChain host{.witness = "host"};
constexpr const char* chain_name = "eip155:31337";

class TransactionReceipt : public ::testing::Test {
  protected:
    std::optional<TransactionMaker> telling_{std::in_place};
    TransactionMaker& maker = *telling_;
    TrustFile trust = maker.trust();

    // Another telling of the story, from where it was.
    void go_on_from(const TransactionMaker& before) { telling_.emplace(before); }
    Verdict verdict() const { return verify(maker.receipt().write(), trust, kinds); }
    // What follows from it is named too.
    std::string first_problem() const {
        const std::string all = result();
        return all.substr(0, all.find(';'));
    }
    std::string result() const { return broken(verdict()); }
    std::string result(const Receipt& receipt) const { return broken(verify(receipt.write(), trust, kinds)); }
    void set_host_finality() { maker.cash["finality"] = json::Object{{"blocks", 2}, {"witness", "host"}}; }
};

TEST_F(TransactionReceipt, APaymentUnderCliqueSealsIsProved) {
    maker.paid();
    const Verdict out = verdict();
    ASSERT_EQ(broken(out), "holds") << render_text(out);
    const auto text = [&](const char* layer) { return find_line(out.lines, layer)->text; };
    EXPECT_EQ(text("transaction"), maker.prepared.text() + ": committed");
    EXPECT_NE(text("chain").find("eip155:31337, the contract's ledger cash, first block 0x"), std::string::npos);
    EXPECT_EQ(text("account"), "eip155:31337:0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf, slot 4");
    EXPECT_NE(text("call").find("payer 1.0.0 calls 0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed: transfer with "
                                R"({"amount":"2500","to":"0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf"})"),
              std::string::npos);
    const std::string hash = ledger::evm::to_0x(ledger::evm::transaction_hash(maker.chain.transactions.at(1)).view());
    EXPECT_EQ(text("inclusion"), "transaction " + hash + " in block 40: the pinned call, and it succeeded");
    EXPECT_EQ(find_line(out.lines, "finality")->how, How::proved);
    EXPECT_EQ(find_line(out.lines, "inclusion")->how, How::proved);
    EXPECT_EQ(find_line(out.lines, "account")->how, How::attested);
    EXPECT_EQ(text("message"), "message 3 signed by did:web:buyer.example (buyer)");
    EXPECT_EQ(Receipt::parse(maker.receipt().write()).write(), maker.receipt().write());
}

TEST_F(TransactionReceipt, EveryStepHasOne) {
    maker.lock();
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "call"), nullptr);
    maker.prepare();
    EXPECT_EQ(result(), "holds");
    EXPECT_NE(find_line(verdict().lines, "account"), nullptr);
    EXPECT_EQ(find_line(verdict().lines, "finality"), nullptr);
    EXPECT_EQ(open_receipt(maker.receipt().write(), maker.world.buyer_encryption).size(), 3u);
    maker.step(EntryType::cancelling);
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(maker.receipt().entries.size(), 3u);
    maker.conclude("aborted", maker.evidence(Purpose::cancel));
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(maker.receipt().entries.size(), 4u);
    EXPECT_EQ(find_line(verdict().lines, "transaction")->text, maker.prepared.text() + ": aborted");
    EXPECT_NE(find_line(verdict().lines, "inclusion")->text.find("can never happen"), std::string::npos);
    // The terms and the message that began it.
    EXPECT_EQ(open_receipt(maker.receipt().write(), maker.world.buyer_encryption).size(), 2u);
    maker.append(maker.next(EntryType::close), "", maker.before);
    EXPECT_EQ(maker.receipt().entries.size(), 2u);
}

TEST_F(TransactionReceipt, ACallThatTheChainUndidIsAborted) {
    maker.lock();
    maker.prepare();
    maker.conclude("aborted", maker.evidence(Purpose::call, false));
    EXPECT_EQ(result(), "holds");
    EXPECT_NE(find_line(verdict().lines, "inclusion")->text.find("the chain undid it"), std::string::npos);
}

TEST_F(TransactionReceipt, TheEndingIsTheVerifiersToJudge) {
    maker.lock();
    maker.prepare();
    const TransactionMaker open = maker;
    const auto ended = [&](const char* ending, Purpose purpose, bool succeeded) {
        go_on_from(open);
        maker.conclude(ending, maker.evidence(purpose, succeeded));
        return result();
    };
    const std::string wrong = "inclusion /entry/ending: must be what the evidence shows";
    EXPECT_EQ(ended("committed", Purpose::cancel, true).substr(0, wrong.size()), wrong);
    EXPECT_EQ(ended("committed", Purpose::call, false).substr(0, wrong.size()), wrong);
    EXPECT_EQ(ended("aborted", Purpose::call, true).substr(0, wrong.size()), wrong);
    EXPECT_EQ(ended("aborted", Purpose::call, false), "holds");
}

TEST_F(TransactionReceipt, AHostsWordIsRefusedUnlessTheTrustFileTakesIt) {
    set_host_finality();
    maker.paid();
    EXPECT_EQ(result(),
              "finality /trust/chains: does not take the host's word for eip155:31337: must list it with the witness "
              "\"host\", or with one that proves it");
    trust.chains["eip155:1"] = host;
    EXPECT_NE(result(), "holds");
    trust.chains[chain_name] = host;
    const Verdict out = verdict();
    EXPECT_EQ(broken(out), "holds");
    EXPECT_EQ(find_line(out.lines, "finality")->how, How::asserted);
    EXPECT_EQ(find_line(out.lines, "inclusion")->how, How::asserted);
    EXPECT_NE(render_text(out).find("host's word [asserted]"), std::string::npos);
    // The same evidence has the seals, and here is somebody who knows whose they are.
    trust.chains[chain_name] = clique(maker.parameters());
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "finality")->how, How::proved);
}

TEST_F(TransactionReceipt, TheTrustFilesSignersMustHaveSealedToo) {
    maker.paid();
    trust.chains[chain_name] = clique(maker.parameters());
    EXPECT_EQ(result(), "holds");
    trust.chains[chain_name] = host;
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "finality")->how, How::proved);
    ledger::evm::test::Chain strangers;
    strangers.seal_with(4);
    json::Array four;
    for (const auto& [address, key] : strangers.sealers) four.emplace_back(address.text());
    trust.chains[chain_name] = clique({{"signers", four}});
    const std::string prefix = "finality /trust/chains/eip155:31337: is not satisfied: /evidence/inclusion/";
    EXPECT_EQ(result().substr(0, prefix.size()), prefix);
    trust.chains[chain_name] = clique({{"signers", json::Array{maker.account()}}});
    EXPECT_EQ(result().substr(0, prefix.size()), prefix);
    trust.chains[chain_name] = clique({{"signers", json::Array{"nobody"}}});
    EXPECT_EQ(result().substr(0, 60), "finality /trust/chains/eip155:31337: is not satisfied: /fina");
    trust.chains[chain_name] = {.witness = "oracle"};
    EXPECT_EQ(result().substr(0, 8), "finality");
}

TEST_F(TransactionReceipt, SealsOfOthersOrTooFewProveNothing) {
    maker.lock();
    maker.prepare();
    const TransactionMaker open = maker;
    maker.conclude("committed", maker.evidence(Purpose::call, true, 1));
    EXPECT_EQ(result().substr(0, 46), "inclusion /evidence/inclusion/descendants: mus");
    go_on_from(open);
    maker.chain.sealers.clear();
    for (std::uint8_t key = 1; key <= 3; ++key)
        maker.chain.sealers.emplace_back(
            ledger::evm::address_of(crypto::secp256k1_point(ledger::evm::test::secret_of(key))), key);
    maker.conclude("committed", maker.evidence(Purpose::call));
    EXPECT_EQ(result().substr(0, 39), "inclusion /evidence/inclusion/headers/0");
    // One of the three, out of turn.
    go_on_from(open);
    const auto one = maker.chain.sealers.front();
    maker.chain.sealers = {one, one, one};
    maker.conclude("committed", maker.evidence(Purpose::call));
    EXPECT_EQ(result().substr(0, 39), "inclusion /evidence/inclusion/headers/0");
}

TEST_F(TransactionReceipt, ForeignEvidenceIsRefused) {
    maker.lock();
    maker.prepare();
    const TransactionMaker open = maker;
    const auto shown = [&](auto&& change) {
        go_on_from(open);
        json::Value evidence = maker.evidence(Purpose::call);
        change(evidence);
        maker.conclude("committed", evidence);
        return result();
    };
    EXPECT_EQ(shown([](json::Value&) {}), "holds");
    // The neighbour's transaction, which is in the block as well.
    EXPECT_EQ(shown([&](json::Value& e) { e = maker.chain.evidence(0); }).substr(0, 44),
              "inclusion /evidence/inclusion/transaction: m");
    EXPECT_EQ(shown([](json::Value& e) { e = json::Object{}; }).substr(0, 29), "inclusion /evidence/inclusion");
    EXPECT_EQ(shown([](json::Value& e) { e = "it is paid"; }).substr(0, 19), "inclusion /evidence");
    EXPECT_EQ(
        shown([](json::Value& e) { e.at("inclusion").as_object()["receipt_proof"] = json::Array{}; }).substr(0, 43),
        "inclusion /evidence/inclusion/receipt_proof");
    go_on_from(open);
    maker.step(EntryType::outcome, "committed", json::canonical(maker.evidence(Purpose::call)) + " ");
    EXPECT_EQ(result().substr(0, 54), "inclusion /evidence: must be in RFC 8785 form; finalit");
}

// An enclave that pins what it should not: the binding, the package and the entry of the version say what it should.
TEST_F(TransactionReceipt, WhatIsPinnedMustFollowFromBindingAndPackage) {
    maker.lock();
    const TransactionMaker bound = maker;
    const auto pinned = [&](auto&& change) {
        go_on_from(bound);
        change(maker);
        maker.prepare();
        return result();
    };
    const auto pin = [](TransactionMaker& m) -> json::Object& { return m.effect.at("pin").as_object(); };
    EXPECT_EQ(pinned([](TransactionMaker&) {}), "holds");
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m)["account"] = m.kind.account(ledger::evm::test::secret_of(2)); }),
              "account /receipt/entries: must pin the account that the entry of the version in force names for cash");
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m)["chain"] = "eip155:1"; }),
              "chain /receipt/entries: must pin the chain that the version names");
    const std::string call = "call /receipt/entries: must pin the call that contract, version and arguments make";
    EXPECT_EQ(pinned([&](TransactionMaker& m) { m.effect.at("args").as_object()["amount"] = "2501"; }), call);
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m).at("call").as_object()["to"] = m.account(); }), call);
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m).at("call").as_object()["value"] = "1"; }), call);
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m).at("call").as_object()["gas"] = "60001"; }), call);
    EXPECT_EQ(pinned([&](TransactionMaker& m) { pin(m)["ceiling"] = "1001"; }),
              "call /receipt/entries: must pin the ceiling that the version names");
    EXPECT_EQ(pinned([](TransactionMaker& m) { m.deadline += 1; }),
              "transaction /receipt/entries: must have the deadline that the version gives a call");
    const std::string declares = "transaction /receipt/entries: must have effects that the contract's action declares";
    EXPECT_EQ(pinned([](TransactionMaker& m) { m.effect["effect"] = "refund"; }), declares);
    EXPECT_EQ(pinned([](TransactionMaker& m) { m.effect["effect"] = "give"; }).substr(0, declares.size()), declares);
    EXPECT_EQ(pinned([](TransactionMaker& m) { m.effect["ledger"] = "gold"; }).substr(0, 11), "transaction");
    EXPECT_THROW(pinned([](TransactionMaker& m) { m.effect["more"] = 1; }), Error);
}

TEST_F(TransactionReceipt, AVersionWithoutAnAccountHasNone) {
    maker.accounts.clear();
    maker.lock();
    maker.prepare();
    EXPECT_EQ(result().substr(0, 7), "account");
}

TEST_F(TransactionReceipt, AKindThatIsNotKnownIsNamed) {
    maker.paid();
    EXPECT_EQ(broken(verify(maker.receipt().write(), trust, {})).substr(0, 108),
              "call /receipt/package/config/ledgers/cash/kind: is \"evm\", a kind of ledger that this verifier does "
              "not know;");
}

TEST_F(TransactionReceipt, StepsMustBelongTogether) {
    maker.lock();
    maker.prepare();
    const TransactionMaker open = maker;
    maker.prepared = test::hash_of("another");
    maker.conclude("committed", maker.evidence(Purpose::call));
    EXPECT_EQ(first_problem(), "transaction /receipt/entries: must be steps of one transaction");
    // An abort that keeps what the prepare entry changed, and a commit that takes it back.
    go_on_from(open);
    maker.before = maker.after;
    maker.conclude("aborted", maker.evidence(Purpose::cancel));
    EXPECT_EQ(first_problem(),
              "transaction /receipt/entries: must leave the state before the prepare entry where aborted");
    go_on_from(open);
    auto entry = maker.next(EntryType::outcome);
    entry.transaction = maker.prepared;
    entry.ending = "committed";
    maker.append(entry, json::canonical(maker.evidence(Purpose::call)), maker.before);
    EXPECT_EQ(first_problem(),
              "transaction /receipt/entries: must leave the state of the prepare entry where committed");
    go_on_from(open);
    maker.step(EntryType::cancelling, "", "because");
    EXPECT_EQ(first_problem(), "transaction /receipt/entries: must have no input where a step comes of nothing");
    go_on_from(open);
    maker.amend_version(test::next_document(*maker.in_force));
    maker.conclude("committed", maker.evidence(Purpose::call));
    EXPECT_EQ(first_problem(), "transaction /receipt/entries: no version may change while a transaction is open");
}

TEST_F(TransactionReceipt, ADisputeIsTheHostsWord) {
    maker.paid();
    maker.step(EntryType::disputed);
    EXPECT_EQ(maker.receipt().entries.size(), 4u);
    EXPECT_EQ(result(), "disputed /trust/chains: does not take the host's word for eip155:31337");
    EXPECT_EQ(find_line(verdict().lines, "finality")->how, How::proved);
    trust.chains[chain_name] = host;
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "disputed")->how, How::asserted);
}

// The parties may have amended meanwhile: then the transaction is of an earlier version than its dispute.
TEST_F(TransactionReceipt, ADisputeMayComeUnderALaterVersion) {
    maker.paid();
    maker.accounts = {{"cash", maker.kind.account(ledger::evm::test::secret_of(2))}};
    maker.amend_version(test::next_document(*maker.in_force));
    maker.step(EntryType::disputed);
    trust.chains[chain_name] = host;
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(open_receipt(maker.receipt().write(), maker.world.buyer_encryption).size(), 2u);
}

TEST_F(TransactionReceipt, AResolutionIsThePartiesWord) {
    maker.lock();
    maker.prepare_reminder();
    EXPECT_EQ(result(), "holds");
    const auto& [buyer, seller] = std::tie(maker.world.buyer, maker.world.seller);
    maker.resolve(maker.resolution(), buyer, seller);
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "resolution")->text,
              "given up by did:web:buyer.example, did:web:seller.example: nobody needs to be reminded any more");
    EXPECT_EQ(find_line(verdict().lines, "resolution")->how, How::proved);
    maker.conclude_reminder(ledger::Fate::cancelled, {0});
    EXPECT_EQ(result(), "holds");
    EXPECT_EQ(find_line(verdict().lines, "transaction")->text,
              maker.prepared.text() + ": committed, but for 1 call(s) that the parties gave up");
    EXPECT_NE(find_line(verdict().lines, "resolution"), nullptr);
}

TEST_F(TransactionReceipt, AResolutionThatIsNotTheirsIsRefused) {
    maker.lock();
    maker.prepare_reminder();
    const TransactionMaker open = maker;
    const auto& [buyer, seller] = std::tie(maker.world.buyer, maker.world.seller);
    const auto with = [&](auto&& change) {
        go_on_from(open);
        contract::Resolution document = maker.resolution();
        change(document);
        maker.resolve(document, maker.world.buyer, maker.world.seller);
        return first_problem();
    };
    const std::string of = "transaction /resolution/", receipt = "transaction /receipt/";
    EXPECT_EQ(with([](contract::Resolution&) {}), "holds");
    EXPECT_EQ(with([](auto& one) { one.binding = test::hash_of("b"); }), of + "binding: must be this binding");
    EXPECT_EQ(with([](auto& one) { one.version = test::hash_of("v"); }), of + "version: must be the version in force");
    EXPECT_EQ(with([](auto& one) { one.transaction = test::hash_of("t"); }),
              receipt + "resolution: must be of this transaction");
    EXPECT_EQ(with([](auto& one) { one.expires = test::start_time - 1; }),
              receipt + "entries: must not be later than the resolution's expiry");
    EXPECT_EQ(with([](auto& one) { one.step = 1; }), of + "step: must be one of the transaction's");
    EXPECT_EQ(with([](auto& one) { one.role = ledger::Role::undo; }),
              of + "role: must be of a call that is pinned: none is in this role");
    go_on_from(open);
    maker.resolve(maker.resolution(), maker.world.buyer);
    EXPECT_EQ(first_problem(), "transaction /signatures: must still be signed by did:web:seller.example");
    // What it leaves to be told, and what must not be told without it.
    go_on_from(open);
    maker.conclude_reminder(ledger::Fate::cancelled, {0});
    EXPECT_NE(first_problem(), "holds");
    go_on_from(open);
    maker.resolve(maker.resolution(), buyer, seller);
    maker.conclude_reminder(ledger::Fate::cancelled, {});
    EXPECT_EQ(first_problem(), "transaction /entry/given_up: must name the calls that were given up in vain");
    go_on_from(open);
    maker.resolve(maker.resolution(), maker.world.buyer, maker.world.seller);
    maker.resolve(maker.resolution(), maker.world.buyer, maker.world.seller);
    EXPECT_EQ(first_problem(), "transaction /resolution/step: is given up already");
    go_on_from(open);
    maker.resolve(maker.resolution(), maker.world.buyer, maker.world.seller);
    maker.conclude_reminder(ledger::Fate::called, {});
    EXPECT_EQ(first_problem(), "holds") << "it happened all the same";
    // A pivot is tried: its deadline gives it up.
    TransactionMaker pivot;
    pivot.lock();
    pivot.prepare();
    pivot.resolve(pivot.resolution(), pivot.world.buyer, pivot.world.seller);
    go_on_from(pivot);
    EXPECT_EQ(first_problem().substr(0, of.size() + 5), of + "role:");
}

// Written anew on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(TransactionReceipt, ReplaysTheVectorOfAResolution) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) {
        maker.lock();
        maker.prepare_reminder();
        maker.resolve(maker.resolution(), maker.world.buyer, maker.world.seller);
        maker.conclude_reminder(ledger::Fate::cancelled, {0});
        write_file_atomic(folder + "receipt_resolved.json", bytes_of(maker.receipt().write()));
    }
    const TrustFile trusted = TrustFile::parse(read_text_file(folder + "trust_clique.json"));
    EXPECT_EQ(broken(verify(read_text_file(folder + "receipt_resolved.json"), trusted, kinds)), "holds");
}

TEST_F(TransactionReceipt, WhatItHoldsLeavesNoChoice) {
    maker.paid();
    const Receipt good = maker.receipt();
    const auto changed = [&](auto&& change) {
        Receipt receipt = good;
        change(receipt);
        return result(receipt);
    };
    EXPECT_EQ(changed([](Receipt&) {}), "holds");
    EXPECT_EQ(changed([](Receipt& r) { r.package.reset(); }).substr(0, 57),
              "entries /receipt/package: must be present where there is ");
    EXPECT_EQ(changed([](Receipt& r) { r.package->config.push_back(' '); }).substr(0, 35),
              "transaction /receipt/package/config");
    EXPECT_EQ(changed([](Receipt& r) { r.package->manifest.push_back(' '); }).substr(0, 11), "transaction");
    EXPECT_EQ(changed([](Receipt& r) { r.entries.erase(r.entries.begin() + 1); }).substr(0, 16), "message /receipt");
    EXPECT_NE(changed([](Receipt& r) { std::swap(r.entries[1], r.entries[2]); }), "holds");
    EXPECT_NE(changed([](Receipt& r) { r.entries.push_back(r.entries.back()); }), "holds");
    EXPECT_NE(changed([](Receipt& r) { r.entries.pop_back(); }), "holds");
    // One that is about no transaction must not carry the package of one.
    TransactionMaker plain;
    plain.lock();
    Receipt more = plain.receipt();
    more.package = plain.package;
    EXPECT_EQ(result(more), "entries /receipt/package: must be present where there is a prepare entry, and only there");
    TransactionMaker cancelled;
    cancelled.lock();
    cancelled.prepare();
    cancelled.step(EntryType::cancelling);
    Receipt all = good;
    all.entries.insert(all.entries.end() - 1, cancelled.receipt().entries.back());
    EXPECT_NE(result(all), "holds");
}

TEST_F(TransactionReceipt, NothingIsComposedWithoutItsPackage) {
    maker.lock();
    maker.prepare();
    EXPECT_THROW(make_receipt(maker.appended, maker.enclaves, "", "{}"), Error);
}

TEST(TrustFile, ReadsChains) {
    TransactionMaker maker;
    TrustFile trust = maker.trust();
    trust.chains = {{chain_name, clique(maker.parameters())}, {"eip155:1", host}};
    const std::string text = trust.write();
    EXPECT_EQ(TrustFile::parse(text).write(), text);
    const auto refused = [&](const char* chains) {
        json::Object changed = json::parse(text, "t").as_object();
        changed["chains"] = json::parse(chains, "c");
        try {
            TrustFile::parse(json::canonical(changed));
        } catch (const Error& error) {
            return error.field();
        }
        return std::string("accepted");
    };
    EXPECT_EQ(refused(R"({"eip155:1":{"witness":"host"}})"), "accepted");
    EXPECT_EQ(refused(R"({"eip155:1":{"witness":"host","parameters":{"a":1}}})"), "/trust/chains/eip155:1/parameters");
    EXPECT_EQ(refused(R"({"eip155:1":{"witness":"host","more":1}})"), "/trust/chains/eip155:1/more");
    EXPECT_EQ(refused(R"({"eip155:1":{"witness":"the host"}})"), "/trust/chains/eip155:1/witness");
    EXPECT_EQ(refused(R"({"eip155:1":{}})"), "/trust/chains/eip155:1/witness");
    for (const char* name : {"", "eip155", "eip155:", "e:1", "EIP155:1", "eip155:1 ", "namespaces:1"})
        EXPECT_NE(refused((std::string(R"({")") + name + R"(":{"witness":"host"}})").c_str()), "accepted") << name;
    EXPECT_EQ(refused("[]"), "/trust/chains");
}

TEST_F(TransactionReceipt, ALedgerThatWasChosenIsOneThatThePartiesSigned) {
    maker.add_candidate();
    maker.paid();
    ASSERT_EQ(result(), "holds");
    const Verdict out = verdict();
    const Line* route = find_line(out.lines, "route");
    ASSERT_NE(route, nullptr);
    EXPECT_EQ(route->how, How::proved);
    EXPECT_EQ(route->text,
              "cash is eip155:31337, one of 2 that the parties signed; each meets what they need. Why this one is the "
              "host's word: cheapest, eip155:20260 dearer");
    EXPECT_NE(find_line(out.lines, "chain")->text.find("eip155:31337, the contract's ledger cash"), std::string::npos);
}

TEST_F(TransactionReceipt, ALedgerThatNobodyLeftToTheHostIsNot) {
    const auto told = [&](auto change) {
        telling_.emplace();
        maker.add_candidate();
        change(*maker.route);
        maker.paid();
        return result();
    };
    // What the parties did not sign, and another one than was called.
    EXPECT_NE(told([](contract::Route& route) { route.chain = "eip155:1"; }).find("transaction /receipt/bindings"),
              std::string::npos);
    const std::string other = told([](contract::Route& route) {
        route.chain = "eip155:20260";
        route.passed.front().chain = "eip155:31337";
    });
    EXPECT_NE(other.find("chain /receipt/entries: must pin the chain that the version names"), std::string::npos)
        << other;
    EXPECT_EQ(told([](contract::Route& route) { route.reason = contract::RouteReason::first; }),
              "route /receipt/entries/effects/0/route/reason: must be what is left when the others are passed over for "
              "their reasons");
    telling_.emplace();
    maker.add_candidate();
    maker.route.reset();
    maker.paid();
    EXPECT_NE(result(), "holds");
    telling_.emplace();
    const contract::Route route = [&] {
        TransactionMaker helper;
        helper.add_candidate();
        return *helper.route;
    }();
    maker.route = route;  // of a ledger that the parties have fixed
    maker.paid();
    EXPECT_NE(result(), "holds");
}

TEST_F(TransactionReceipt, TheAccountIsThatOfTheLedgerThatWasChosen) {
    maker.add_candidate();
    maker.accounts.at("cash").as_object()["eip155:31337"] = "0x0000000000000000000000000000000000000001";
    maker.paid();
    EXPECT_EQ(first_problem().substr(0, 7), "account");
    telling_.emplace();
    maker.add_candidate();
    maker.accounts = {{"cash", maker.account()}};
    maker.paid();
    EXPECT_EQ(first_problem().substr(0, 7), "account");
}

// Written anew on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(TransactionReceipt, ReplaysItsVectors) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    TransactionMaker aborted, asserted, routed;
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) {
        maker.paid();
        aborted.lock();
        aborted.prepare();
        aborted.step(EntryType::cancelling);
        aborted.conclude("aborted", aborted.evidence(Purpose::cancel));
        aborted.step(EntryType::disputed);
        asserted.cash["finality"] = json::Object{{"blocks", 2}, {"witness", "host"}};
        asserted.paid();
        routed.add_candidate();
        routed.paid();
        write_file_atomic(folder + "receipt_routed.json", bytes_of(routed.receipt().write()));
        trust.chains[chain_name] = clique(maker.parameters());
        TrustFile word = maker.trust();
        word.chains[chain_name] = host;
        write_file_atomic(folder + "receipt_committed.json", bytes_of(maker.receipt().write()));
        write_file_atomic(folder + "receipt_asserted.json", bytes_of(asserted.receipt().write()));
        write_file_atomic(folder + "receipt_disputed.json", bytes_of(aborted.receipt().write()));
        write_file_atomic(folder + "trust_clique.json", bytes_of(trust.write() + "\n"));
        write_file_atomic(folder + "trust_host.json", bytes_of(word.write() + "\n"));
    }
    const auto replay = [&](const char* receipt, const char* file) {
        return broken(verify(read_text_file(folder + receipt), TrustFile::parse(read_text_file(folder + file)), kinds));
    };
    EXPECT_EQ(replay("receipt_committed.json", "trust_clique.json"), "holds");
    EXPECT_EQ(replay("receipt_committed.json", "trust_host.json"), "holds");
    EXPECT_EQ(replay("receipt_committed.json", "trust.json"), "holds");
    EXPECT_EQ(replay("receipt_routed.json", "trust_clique.json"), "holds");
    EXPECT_EQ(replay("receipt_asserted.json", "trust_host.json"), "holds");
    EXPECT_EQ(replay("receipt_asserted.json", "trust_clique.json"), "holds");
    EXPECT_EQ(replay("receipt_asserted.json", "trust.json").substr(0, 8), "finality");
    EXPECT_EQ(replay("receipt_disputed.json", "trust_host.json"), "holds");
    EXPECT_EQ(replay("receipt_disputed.json", "trust_clique.json").substr(0, 8), "disputed");
}

}  // namespace
}  // namespace concordat::proof
