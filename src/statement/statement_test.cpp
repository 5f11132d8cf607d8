// Statements: what they say, that their shares add up, and every way in which one is wrong.
#include "statement.hpp"

#include <gtest/gtest.h>

#include <array>
#include <base/file.hpp>

#include "../../tests/support/edit.hpp"
#include "../../tests/support/transaction_fixture.hpp"

namespace concordat::statement {
namespace {

using contract::CostTerms;
using contract::Entry;
using contract::Usage;
using ledger::Purpose;
using test::TransactionMaker;

const ledger::evm::EvmKind evm;
const std::array<const ledger::Kind*, 1> kinds{&evm};

contract::Party party(const char* role, const char* id) {
    return {.role = role, .id = id, .keys = {}, .encryption = {}};
}

TEST(Shares, AddUpToTheLastUnit) {
    const Part part{.version = {},
                    .last = 1,
                    .terms = {.split = {{"buyer", 2}, {"seller", 1}}, .rates = {}},
                    .parties = {party("buyer", "b1"), party("buyer", "b2"), party("buyer", "b3"), party("seller", "s"),
                                party("witness", "w")},
                    .used = {.bytes = 1024, .fuel = 10'000, .signatures = 4, .fees = {{"eip155:1", "100"}}}};
    const std::vector<Share> shares = shares_of({&part, 1});
    ASSERT_EQ(shares.size(), 4u);  // the witness bears nothing
    // Of nine parts the buyers have two each, the seller three.
    EXPECT_EQ(shares[0].party, "b1");
    EXPECT_EQ(shares[0].used, (Usage{.bytes = 228, .fuel = 2222, .signatures = 1, .fees = {{"eip155:1", "22"}}}));
    EXPECT_EQ(shares[1].used, (Usage{.bytes = 228, .fuel = 2222, .signatures = 1, .fees = {{"eip155:1", "22"}}}));
    EXPECT_EQ(shares[2].used, (Usage{.bytes = 227, .fuel = 2222, .signatures = 1, .fees = {{"eip155:1", "22"}}}));
    EXPECT_EQ(shares[3].used, (Usage{.bytes = 341, .fuel = 3334, .signatures = 1, .fees = {{"eip155:1", "34"}}}));
    Usage sum;
    for (const Share& share : shares) sum.add(share.used);
    EXPECT_EQ(sum, part.used);
}

TEST(Shares, HaveAmountsWhereThereAreRates) {
    const auto part = [](const char* currency, const char* bytes, const char* signatures) {
        return Part{.version = {},
                    .last = 1,
                    .terms = {.split = {{"buyer", 1}, {"seller", 3}},
                              .rates = contract::Rates{.currency = currency,
                                                       .prices = {{"bytes", bytes}, {"signatures", signatures}}}},
                    .parties = {party("buyer", "b"), party("seller", "s")},
                    .used = {.bytes = 4096, .fuel = 1, .signatures = 8}};
    };
    const std::array parts{part("EUR", "0.000001", "0.50"), part("EUR", "0.000001", "1"), part("USD", "1", "100")};
    const std::vector<Share> shares = shares_of(parts);
    using Amounts = std::map<std::string, std::string>;
    EXPECT_EQ(shares[0].amounts, (Amounts{{"EUR", "3.002048"}, {"USD", "1224"}}));
    EXPECT_EQ(shares[1].amounts, (Amounts{{"EUR", "9.006144"}, {"USD", "3672"}}));
    EXPECT_EQ(shares[0].used.fuel, 0u);  // three units of one: the larger fraction has them
    EXPECT_EQ(shares[1].used.fuel, 3u);
}

class Statements : public ::testing::Test {
  protected:
    static CostTerms terms(std::int64_t buyer) {
        return {.split = {{"buyer", buyer}, {"seller", 1}},
                .rates = contract::Rates{.currency = "EUR", .prices = {{"signatures", "0.25"}}}};
    }
    // Bound, paid, amended to another split, and two more entries; a receipt of each entry.
    void tell(const std::optional<CostTerms>& first = terms(1), const std::optional<CostTerms>& then = terms(3)) {
        issuer_.reset();  // its key is the maker's
        maker.emplace(first);
        const auto keep = [&] { receipts.push_back(maker->receipt().write()); };
        maker->lock();
        keep();
        maker->prepare();
        keep();
        maker->conclude("committed", maker->evidence(Purpose::call));
        keep();
        maker->sharing = then;
        maker->amend_version(test::next_document(*maker->in_force));
        keep();
        for (int i = 0; i < 2; ++i) {
            maker->append(maker->next(contract::EntryType::close), "", maker->state_now());
            keep();
        }
        trust = maker->trust();
    }
    static TimeMs time_of(std::int64_t sequence) { return test::start_time + sequence * 1000; }
    const Issuer& issuer() {
        if (!issuer_) issuer_.emplace(Issuer{"did:web:seller.example", maker->world.seller});
        return *issuer_;
    }
    std::string made(const Question& question, std::size_t opening, std::size_t closing) {
        const Receipts pair{.opening = opening == none ? "" : receipts.at(opening), .closing = receipts.at(closing)};
        return issue(question, pair, answer(question, pair, trust, kinds), issuer(), issued);
    }
    std::string refused(const Question& question, std::size_t opening, std::size_t closing) {
        return error_of([&] { made(question, opening, closing); });
    }
    std::string verdict(const std::string& file) {
        return error_of([&] { verify(file, trust, kinds); });
    }
    static std::string error_of(const std::function<void()>& act) {
        try {
            act();
        } catch (const Error& error) {
            return std::string(code_name(error.code())) + " " + error.field();
        }
        return "holds";
    }
    // The file with another payload, signed again by that key.
    std::string changed(const std::string& file, const char* pointer, const char* value, const crypto::PrivateKey& by) {
        File out = File::parse(file);
        const crypto::Jws jws = crypto::parse_compact(out.statement, "s");
        json::Value payload = json::parse(text_of(jws.payload), "s");
        test::set_at(payload, pointer, json::parse(value, "v"));
        out.statement = crypto::sign_compact(bytes_of(json::canonical(payload)), statement_typ, by);
        return out.write();
    }

    static constexpr std::size_t none = ~std::size_t{0};
    static constexpr TimeMs issued = test::start_time + 60'000;
    std::optional<TransactionMaker> maker;
    std::vector<std::string> receipts;
    proof::TrustFile trust;

  private:
    std::optional<Issuer> issuer_;
};

TEST_F(Statements, SayWhatEachPartyBears) {
    tell();
    const std::string file = made({}, none, 5);
    Answer shown;
    const Statement said = verify(file, trust, kinds, &shown);
    EXPECT_EQ(said.issuer, "did:web:seller.example");
    EXPECT_EQ(File::parse(file).write(), file);
    ASSERT_EQ(shown.parts.size(), 2u);
    EXPECT_EQ(shown.parts[0].last, 3);  // the amendment is the version's that it ends
    EXPECT_EQ(shown.parts[0].used.signatures, 11u);
    EXPECT_EQ(shown.parts[1].used.signatures, 2u);
    const Entry last = Entry::parse(maker->appended.back().record.document);
    EXPECT_EQ(sum_of(shown.parts), *last.costs);
    ASSERT_EQ(shown.shares.size(), 2u);
    EXPECT_EQ(shown.shares[0].used.fees.at("eip155:31337"), "105000");
    EXPECT_EQ(shown.shares[0].used.signatures, 6u + 2u);  // of 11 the first id has the odd one; of 2 by 3:1 both
    EXPECT_EQ(shown.shares[0].amounts.at("EUR"), "2");
    EXPECT_EQ(shown.shares[1].amounts.at("EUR"), "1.25");
    EXPECT_TRUE(shown.asserted.empty());
}

TEST_F(Statements, OfAPeriodAreTheDifferenceOfTwoReceipts) {
    tell();
    const Question question{.from = time_of(2), .to = time_of(5), .party = "did:web:buyer.example"};
    Answer shown;
    const Statement said = verify(made(question, 1, 4), trust, kinds, &shown);
    EXPECT_EQ(said.said.at("opening").at("sequence"), 1);
    EXPECT_EQ(said.said.at("closing").at("sequence"), 4);
    EXPECT_EQ(shown.parts[0].used.signatures, 5u);
    EXPECT_EQ(shown.parts[1].used.signatures, 1u);
    ASSERT_EQ(shown.shares.size(), 1u);
    EXPECT_EQ(shown.shares[0].party, "did:web:buyer.example");
    // Up to and with an amendment, and from it on.
    verify(made({.from = time_of(1), .to = time_of(4), .party = {}}, 0, 3), trust, kinds, &shown);
    EXPECT_EQ(shown.parts.size(), 1u);
    verify(made({.from = time_of(4), .to = {}, .party = {}}, 3, 5), trust, kinds, &shown);
    EXPECT_EQ(shown.parts.size(), 1u);
    EXPECT_EQ(shown.parts[0].terms.split.at("buyer"), 3);
    verify(made({.from = {}, .to = time_of(1), .party = {}}, none, 0), trust, kinds, &shown);
    EXPECT_EQ(shown.parts[0].used.signatures, 3u);
}

TEST_F(Statements, CoverVersionsThatShareCostsOnly) {
    tell(std::nullopt, terms(1));
    Answer shown;
    verify(made({}, none, 5), trust, kinds, &shown);
    ASSERT_EQ(shown.parts.size(), 1u);
    EXPECT_EQ(shown.parts[0].used.signatures, 2u);
    EXPECT_EQ(refused({}, none, 2), "not_found /closing/costs");
    receipts.clear();
    tell(terms(1), std::nullopt);
    verify(made({}, none, 5), trust, kinds, &shown);
    ASSERT_EQ(shown.parts.size(), 1u);
    EXPECT_EQ(shown.parts[0].last, 3);
    EXPECT_EQ(shown.parts[0].used.signatures, 11u);
    EXPECT_EQ(refused({.from = time_of(4), .to = {}, .party = {}}, 3, 5), "not_found /closing/costs");
}

TEST_F(Statements, NeedAPeriodThatTheReceiptsFit) {
    tell();
    EXPECT_EQ(refused({.from = time_of(2), .to = time_of(2), .party = {}}, 1, 4), "bad_format /from");
    EXPECT_EQ(refused({.from = time_of(3), .to = time_of(2), .party = {}}, 1, 4), "bad_format /from");
    EXPECT_EQ(refused({.from = time_of(2), .to = time_of(4), .party = {}}, 1, 4), "bad_receipt /closing");
    EXPECT_EQ(refused({.from = time_of(5), .to = {}, .party = {}}, 3, 4), "bad_receipt /closing");
    EXPECT_EQ(refused({.from = time_of(2), .to = {}, .party = {}}, 2, 4), "bad_receipt /opening");
    EXPECT_EQ(refused({.from = {}, .to = {}, .party = {}}, 1, 4), "bad_receipt /opening");
    EXPECT_EQ(refused({.from = time_of(2), .to = {}, .party = {}}, none, 4), "bad_receipt /opening");
    EXPECT_EQ(refused({.from = {}, .to = issued + 1, .party = {}}, none, 5), "bad_format /to");
    EXPECT_EQ(refused({.from = {}, .to = {}, .party = "did:web:prices.example"}, none, 5), "not_found /party");
    // Another binding's receipt, and one that does not hold.
    TransactionMaker other(terms(1));
    other.cash["account"] = "another";
    other.lock();
    const std::string good = receipts[1];
    receipts[1] = other.receipt().write();
    EXPECT_EQ(refused({.from = time_of(2), .to = {}, .party = {}}, 1, 4), "bad_receipt /opening");
    receipts[1] = good;
    receipts[1][good.find("\"signature\":\"") + 20] ^= 1;
    EXPECT_EQ(refused({.from = time_of(2), .to = {}, .party = {}}, 1, 4), "bad_receipt /opening");
    trust.ledgers.clear();
    EXPECT_EQ(refused({}, none, 5), "bad_receipt /closing");
}

TEST_F(Statements, AreWrongWhereAnythingIsChanged) {
    tell();
    const std::string file = made({.from = time_of(2), .to = time_of(5), .party = {}}, 1, 4);
    const auto with = [&](const char* pointer, const char* value) {
        return verdict(changed(file, pointer, value, maker->world.seller));
    };
    EXPECT_EQ(verdict(file), "holds");
    EXPECT_EQ(with("/used/fuel", R"("1")"), "bad_receipt /statement/used/fuel");
    EXPECT_EQ(with("/shares/0/used/bytes", R"("1")"), "bad_receipt /statement/shares/0/used/bytes");
    EXPECT_EQ(with("/shares/1/amounts/EUR", R"("0")"), "bad_receipt /statement/shares/1/amounts/EUR");
    EXPECT_EQ(with("/shares/0/party", R"("somebody")"), "bad_receipt /statement/shares/0/party");
    EXPECT_EQ(with("/shares", "[]"), "bad_receipt /statement/shares");
    EXPECT_EQ(with("/parts/0/split/buyer", "2"), "bad_receipt /statement/parts/0/split/buyer");
    EXPECT_EQ(with("/parts/0/last", "4"), "bad_receipt /statement/parts/0/last");
    EXPECT_EQ(with("/closing/sequence", "5"), "bad_receipt /statement/closing/sequence");
    EXPECT_EQ(with("/opening/entry", R"("x")"), "bad_receipt /statement/opening/entry");
    EXPECT_EQ(with("/binding", R"("x")"), "bad_receipt /statement/binding");
    EXPECT_EQ(with("/more", "1"), "bad_receipt /statement/more");
    EXPECT_EQ(with("/party", R"("did:web:buyer.example")"), "bad_receipt /statement/shares");
    EXPECT_EQ(with("/from", R"("2026")"), "bad_format /statement/from");
    EXPECT_EQ(with("/to", R"("2099-01-01T00:00:00.000Z")"), "bad_format /to");
    EXPECT_EQ(with("/typ", R"("concordat/statement/2")"), "bad_format /statement/typ");
    EXPECT_EQ(with("/issued", "1"), "bad_format /statement/issued");
}

TEST_F(Statements, AreSignedByWhoIssuesThem) {
    tell();
    const std::string file = made({}, none, 5);
    const crypto::PrivateKey& seller = maker->world.seller;
    const crypto::PrivateKey& buyer = maker->world.buyer;
    // Signed by another key than the one that it names.
    EXPECT_EQ(verdict(changed(file, "/party2", "1", buyer)), "bad_signature /statement");
    const std::string key = json::canonical(buyer.public_key().jwk());
    EXPECT_EQ(verdict(changed(file, "/issuer/key", key.c_str(), buyer)), "not_a_party /statement/issuer/key");
    EXPECT_EQ(verdict(changed(file, "/issuer/id", R"("operator.example")", seller)),
              "not_a_party /statement/issuer/id");
    EXPECT_EQ(verdict(changed(file, "/issuer/more", "1", seller)), "unknown_field /statement/issuer/more");
    // An operator is no party: whoever verifies must know its key.
    trust.parties["operator.example"] = {seller.public_key().thumbprint()};
    EXPECT_EQ(verdict(changed(file, "/issuer/id", R"("operator.example")", seller)), "holds");
    trust.parties["operator.example"] = {buyer.public_key().thumbprint()};
    EXPECT_EQ(verdict(changed(file, "/issuer/id", R"("operator.example")", seller)),
              "not_a_party /statement/issuer/key");
}

TEST_F(Statements, AreFilesOfOneForm) {
    tell();
    const std::string file = made({}, none, 5);
    const auto with = [&](const char* pointer, const char* value) {
        json::Value changed = json::parse(file, "f", {.bytes = max_file_bytes, .depth = 34});
        test::set_at(changed, pointer, json::parse(value, "v"));
        return verdict(json::canonical(changed));
    };
    EXPECT_EQ(with("/typ", R"("concordat/statement-file/2")"), "bad_format /file/typ");
    EXPECT_EQ(with("/more", "1"), "unknown_field /file/more");
    EXPECT_EQ(with("/closing", "1"), "bad_format /file/closing");
    EXPECT_EQ(with("/closing", "{}"), "bad_receipt /closing");
    EXPECT_EQ(with("/opening", "{}"), "bad_receipt /opening");
    EXPECT_EQ(with("/statement", R"("a.b")").substr(0, 21), "bad_format /statement");
    EXPECT_EQ(verdict(file + " "), "bad_format /file");
    EXPECT_EQ(verdict("{}"), "missing_field /file/typ");
}

// Written anew on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST_F(Statements, TheVectorHolds) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) {
        tell();
        write_file_atomic(folder + "statement.json",
                          bytes_of(made({.from = time_of(2), .to = time_of(5), .party = {}}, 1, 4)));
    }
    trust = proof::TrustFile::parse(read_text_file(folder + "trust.json"));
    EXPECT_EQ(verdict(read_text_file(folder + "statement.json")), "holds");
}

}  // namespace
}  // namespace concordat::statement
