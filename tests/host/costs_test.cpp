// What a binding whose contract shares costs is counted, by the enclave, through everything that can happen to it.
#include "transact.hpp"

namespace concordat::test {
namespace {

// The same contract with these costs.
contract::Package with_costs(const contract::Package& plain, const char* costs) {
    json::Value config = json::parse(text_of(plain.config), "config", {.bytes = 1 << 20, .depth = 64});
    config.as_object()["costs"] = json::parse(costs, "costs");
    Bytes text = to_bytes(bytes_of(json::canonical(config)));
    Bytes manifest = contract::Manifest::write(text, plain.module, plain.provenance);
    return contract::Package::check(std::move(manifest), std::move(text), plain.module, plain.provenance);
}

const contract::Package& sharing() {
    static const contract::Package one = with_costs(payer_package(), R"({"split":{"buyer":2,"seller":1}})");
    return one;
}

struct Costs : Transact {
    Payer payer{platform, {{"cash", cash()}}, sharing()};
    proof::TrustFile trust = trust_of(platform);

    std::string verdict(const contract::Package& package = sharing()) {
        const proof::Verdict out = proof::verify(receipt_of(platform, *paying, package), trust, kinds);
        return out.holds ? std::string("holds") : proof::render_text(out);
    }
    contract::Usage used() const { return payer.entry().costs.value(); }
    json::Value charged(const ledger::Pin& pin, Fate fate, const char* fee) const {
        return fake.evidence(pin, {.fate = fate, .proved = false, .transaction = "t", .block = 9, .fee = fee}, 3);
    }
    contract::Usage own_of_last() const {
        return contract::used_by(payer.entry(), payer.last.record.input, payer.last.record.disclosures.size());
    }
};

TEST_F(Costs, AreInEveryEntryFromTheFirst) {
    payer.lock(*paying);
    EXPECT_EQ(payer.entry().cost_terms, sharing().contract.costs);
    EXPECT_EQ(used(), own_of_last());
    EXPECT_EQ(used().signatures, 3u);  // two parties' and the claim
    EXPECT_GT(used().bytes, 1024u);
    EXPECT_EQ(verdict(), "holds");

    contract::Usage total = used();
    payer.pay(*paying, 0, "only said", 1);
    EXPECT_FALSE(payer.entry().cost_terms);
    total.add(own_of_last());
    EXPECT_EQ(used(), total);
    EXPECT_EQ(verdict(), "holds");

    // What is refused is not recorded, and not counted.
    EXPECT_EQ(error_of([&] { payer.pay(*paying, 0, "again", 1); }), "replayed /number");
    payer.pay(*paying, 0, "again", 2);
    total.add(own_of_last());
    EXPECT_EQ(used(), total);
}

TEST_F(Costs, OfTransactionsCountHoweverTheyEnd) {
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    EXPECT_EQ(verdict(), "holds");
    Hash256 transaction = payer.head;
    ledger::Pin pin = payer.entry().pinned().at(0).pin;
    payer.step(*paying, EntryType::outcome, transaction, charged(pin, Fate::called, "700"));
    EXPECT_EQ(used().fees.at("fake:1"), "700");
    EXPECT_EQ(verdict(), "holds");

    payer.pay(*paying, 5, "undone by the chain", 2);
    transaction = payer.head;
    pin = payer.entry().pinned().at(0).pin;
    payer.step(*paying, EntryType::outcome, transaction, charged(pin, Fate::failed, "50"));
    EXPECT_EQ(payer.entry().ending, "aborted");
    EXPECT_EQ(used().fees.at("fake:1"), "750");
    EXPECT_EQ(verdict(), "holds");

    payer.pay(*paying, 5, "given up", 3);
    transaction = payer.head;
    pin = payer.entry().pinned().at(0).pin;
    const contract::Usage before = used();
    payer.step(*paying, EntryType::cancelling, transaction);
    EXPECT_EQ(used().since(before, "").fees.size(), 0u);
    payer.step(*paying, EntryType::outcome, transaction, charged(pin, Fate::cancelled, "3"));
    EXPECT_EQ(used().fees.at("fake:1"), "753");
    EXPECT_GT(used().fuel, before.fuel - 1);
    EXPECT_EQ(verdict(), "holds");

    // A chain that goes back on it does not give anything back that an entry counted.
    payer.step(*paying, EntryType::disputed, transaction);
    EXPECT_EQ(used().fees.at("fake:1"), "753");
    EXPECT_EQ(verdict(), "holds");
}

TEST_F(Costs, EvidenceThatShowsNoFeeCountsNone) {
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    payer.step(*paying, EntryType::outcome, payer.head, evidence(payer.entry().pinned().at(0).pin, Fate::called));
    EXPECT_TRUE(used().fees.empty());
    EXPECT_EQ(verdict(), "holds");
}

TEST_F(Costs, GoOnInAnotherEnclave) {
    payer.lock(*paying);
    payer.pay(*paying, 5, "the invoice", 1);
    payer.step(*paying, EntryType::outcome, payer.head, charged(payer.entry().pinned().at(0).pin, Fate::called, "700"));
    contract::Usage total = used();
    const auto other = make_paying();
    other->load(sharing());
    other->load_binding(payer.jws, payer.last.record);
    payer.pay(*other, 0, "only said", 2);
    total.add(own_of_last());
    EXPECT_EQ(used(), total);
}

// A host that shows its own totals beside a genuine state: nothing that is built on that is recorded.
TEST_F(Costs, AreNotTheHostsToSay) {
    payer.lock(*paying);
    payer.pay(*paying, 0, "only said", 1);
    contract::EntryRecord forged = payer.last.record;
    contract::Entry entry = payer.entry();
    entry.costs->fuel = 0;
    forged.document = to_bytes(bytes_of(entry.write()));
    const auto other = make_paying();
    other->load(sharing());
    other->load_binding(payer.jws, forged);
    payer.head = LedgerWorld::id_of(forged);
    EXPECT_EQ(error_of([&] { payer.pay(*other, 0, "more", 2); }), "conflict /previous");
}

// A split that changes, costs that a version ends, and one that begins them.
TEST_F(Costs, FollowTheVersionInForce) {
    const contract::Package other = with_costs(payer_package(), R"({"split":{"seller":5}})");
    for (const contract::Package* package : {&other, &payer_package()}) paying->load(*package);
    payer.lock(*paying);
    const auto amend = [&](const contract::Package& package) {
        json::Object next = next_document(parse_binding(payer.document));
        next["package"] = package.id().text();
        payer.take(paying->act(EntryType::propose, payer.id, sign_version(next, platform.world.buyer), start_time));
        const std::optional<contract::Usage> proposed = payer.entry().costs;
        payer.take(paying->act(EntryType::amend, payer.id,
                               sign_version(next, platform.world.buyer, platform.world.seller), start_time));
        payer.document = next;
        payer.version = version_of(next);
        payer.keys = client::open_audience_keys(payer.entry().audiences, platform.world.buyer_encryption);
        return proposed;
    };
    contract::Usage proposed = amend(other).value();
    EXPECT_EQ(payer.entry().cost_terms, other.contract.costs);
    EXPECT_EQ(used().since(proposed, ""), own_of_last());
    EXPECT_EQ(verdict(), "holds");

    proposed = amend(payer_package()).value();
    EXPECT_FALSE(payer.entry().cost_terms);
    EXPECT_EQ(used().since(proposed, ""), own_of_last());
    EXPECT_EQ(verdict(), "holds");
    payer.pay(*paying, 0, "only said", 1);
    EXPECT_FALSE(payer.entry().costs);
    EXPECT_EQ(verdict(), "holds");

    EXPECT_FALSE(amend(sharing()));
    EXPECT_EQ(used(), contract::Usage{});
    EXPECT_EQ(verdict(), "holds");
    payer.pay(*paying, 0, "only said", 2);
    EXPECT_EQ(used(), own_of_last());
    EXPECT_EQ(verdict(), "holds");
}

}  // namespace
}  // namespace concordat::test
