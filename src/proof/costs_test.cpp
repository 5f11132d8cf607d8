// Receipts of contracts that share costs: what the verifier finds wrong with the figures of an enclave that lies.
#include <gtest/gtest.h>

#include <array>
#include <base/file.hpp>

#include "../../tests/support/transaction_fixture.hpp"
#include "verify.hpp"

namespace concordat::proof {
namespace {

using contract::CostTerms;
using contract::Entry;
using contract::EntryType;
using ledger::Purpose;
using test::TransactionMaker;

const ledger::evm::EvmKind evm;
const std::array<const ledger::Kind*, 1> kinds{&evm};

const CostTerms halves{.split = {{"buyer", 1}, {"seller", 1}},
                       .rates = contract::Rates{.currency = "EUR", .prices = {{"signatures", "0.02"}}}};

void collect(const std::vector<Line>& lines, std::string& out) {
    for (const Line& line : lines) {
        if (!line.ok && line.below.empty()) out += (out.empty() ? "" : "; ") + line.layer + " " + line.problem;
        collect(line.below, out);
    }
}

std::string result_of(const TransactionMaker& maker) {
    std::string out;
    collect(verify(maker.receipt().write(), maker.trust(), kinds).lines, out);
    return out.empty() ? "holds" : out;
}

std::string costs_line(const TransactionMaker& maker) {
    for (const Line& line : verify(maker.receipt().write(), maker.trust(), kinds).lines) {
        if (line.layer == "costs") return line.text;
    }
    return "none";
}

// What the verifier says when an enclave writes other figures into its entries of this type.
std::string lying(EntryType type, const std::function<void(Entry&)>& change,
                  const std::optional<CostTerms>& terms = halves) {
    TransactionMaker maker(terms);
    maker.change_costs = [&](Entry& entry) {
        if (entry.type == type) change(entry);
    };
    maker.lock();
    maker.prepare();
    if (type == EntryType::outcome) maker.conclude("committed", maker.evidence(Purpose::call));
    return result_of(maker);
}

TEST(Costs, AreCountedFromTheFirstEntryOn) {
    TransactionMaker maker(halves);
    maker.lock();
    EXPECT_EQ(result_of(maker), "holds");
    EXPECT_EQ(costs_line(maker), "used so far: 5120 bytes, 0 fuel, 3 signatures");
    maker.prepare();
    EXPECT_EQ(result_of(maker), "holds");
    EXPECT_EQ(costs_line(maker), "used so far: 7168 bytes, 120000 fuel, 6 signatures");
    maker.conclude("committed", maker.evidence(Purpose::call));
    EXPECT_EQ(result_of(maker), "holds");
    const Entry last = Entry::parse(maker.appended.back().record.document);
    EXPECT_EQ(last.costs->fees, (std::map<std::string, std::string>{{"eip155:31337", "210000"}}));
    EXPECT_EQ(last.costs->signatures, 8u);
}

TEST(Costs, OfWhatComesToNothingCountToo) {
    for (const bool cancelled : {false, true}) {
        TransactionMaker maker(halves);
        maker.lock();
        maker.prepare();
        if (cancelled) maker.step(EntryType::cancelling);
        maker.conclude("aborted", maker.evidence(cancelled ? Purpose::cancel : Purpose::call, false));
        EXPECT_EQ(result_of(maker), "holds");
        EXPECT_EQ(Entry::parse(maker.appended.back().record.document).costs->fees.at("eip155:31337"), "210000");
    }
}

TEST(Costs, MustGrowByWhatTheEntryShows) {
    const auto of = [](const char* member) { return std::string("costs /receipt/entries/1/costs/") + member; };
    const auto begins = [](const std::string& text, const std::string& with) { return text.starts_with(with); };
    EXPECT_PRED2(begins, lying(EntryType::prepare, [](Entry& e) { e.costs->bytes += 1024; }), of("bytes"));
    EXPECT_PRED2(begins, lying(EntryType::prepare, [](Entry& e) { e.costs->bytes -= 1024; }), of("bytes"));
    EXPECT_PRED2(begins, lying(EntryType::prepare, [](Entry& e) { e.costs->fuel -= 10'000; }), of("fuel"));
    EXPECT_PRED2(begins, lying(EntryType::prepare, [](Entry& e) { ++e.costs->signatures; }), of("signatures"));
    EXPECT_PRED2(begins, lying(EntryType::prepare, [](Entry& e) { e.costs->add_fee("eip155:31337", "1"); }),
                 of("fees"));
    EXPECT_PRED2(begins, lying(EntryType::bind, [](Entry& e) { e.costs->bytes -= 4096; }),
                 "costs /receipt/entries/0/costs/bytes");
    EXPECT_PRED2(begins, lying(EntryType::bind, [](Entry& e) { e.costs->signatures = 0; }),
                 "costs /receipt/entries/0/costs/signatures");
    EXPECT_EQ(lying(EntryType::prepare, [](Entry& e) { e.costs->fuel = 0, e.costs->signatures = 2; }),
              "costs /receipt/entries/1/costs/signatures: must not fall from an entry to a later one");
}

TEST(Costs, OfOtherLedgersAreWhatTheEvidenceShows) {
    const std::string wrong = "inclusion /entry/costs/fees: must grow by what the evidence shows";
    const auto paid = [](const char* fee) {
        return lying(EntryType::outcome, [=](Entry& e) { e.costs->fees["eip155:31337"] = fee; });
    };
    EXPECT_EQ(paid("210000"), "holds");
    EXPECT_TRUE(paid("210001").starts_with(wrong)) << paid("210001");
    EXPECT_TRUE(paid("209999").starts_with("inclusion /entry/costs/fees/eip155:31337: must not fall"))
        << paid("209999");
    EXPECT_TRUE(lying(EntryType::outcome, [](Entry& e) { e.costs->fees["eip155:1"] = "5"; }).starts_with(wrong));
    EXPECT_TRUE(lying(EntryType::outcome, [](Entry& e) {
                    e.costs->fees.clear();
                }).starts_with("inclusion /entry/costs/fees/eip155:31337"));
}

TEST(Costs, StandExactlyWhereTheContractHasThem) {
    const std::string wrong = "must be present where the version's contract has costs, or ends them, and only there";
    EXPECT_EQ(lying(EntryType::prepare, [](Entry& e) { e.costs.reset(); }), "costs /receipt/entries/1/costs: " + wrong);
    const std::string no_terms = lying(EntryType::bind, [](Entry& e) { e.cost_terms.reset(); });
    EXPECT_NE(no_terms.find("costs /receipt/entries/0/costs: " + wrong), std::string::npos) << no_terms;
    EXPECT_NE(no_terms.find("must share costs, in the version's entry, as the contract does"), std::string::npos);
    const std::string other = lying(EntryType::bind, [](Entry& e) { e.cost_terms->split["buyer"] = 2; });
    EXPECT_TRUE(other.starts_with("transaction /receipt/entries: must share costs")) << other;
    const std::string none = lying(EntryType::prepare, [](Entry& e) { e.costs.emplace(); }, std::nullopt);
    EXPECT_EQ(none, "costs /receipt/entries/1/costs: " + wrong);
    EXPECT_EQ(lying(EntryType::prepare, [](Entry&) {}, std::nullopt), "holds");
}

// From a version without costs to one with them, and back.
TEST(Costs, BeginAndEndWithAVersion) {
    const auto story = [](const std::function<void(Entry&)>& change) {
        TransactionMaker maker;
        maker.change_costs = change;
        maker.lock();
        const auto amend = [&](const std::optional<CostTerms>& terms) {
            maker.sharing = terms;
            maker.amend_version(test::next_document(*maker.in_force));
        };
        amend(halves);
        amend(halves);
        amend(std::nullopt);
        maker.append(maker.next(EntryType::close), "", maker.state_now());
        return maker;
    };
    const TransactionMaker maker = story({});
    EXPECT_EQ(result_of(maker), "holds");
    std::vector<Entry> entries;
    for (const auto& one : maker.appended) entries.push_back(Entry::parse(one.record.document));
    EXPECT_FALSE(entries[0].costs);
    EXPECT_EQ(*entries[1].costs, contract::Usage{});
    EXPECT_EQ(entries[2].costs->signatures, 3u);
    EXPECT_EQ(entries[3].costs->signatures, 6u);
    EXPECT_FALSE(entries[3].cost_terms);
    EXPECT_FALSE(entries[4].costs);
    EXPECT_EQ(result_of(story([](Entry& e) {
                  if (e.sequence == 1) e.costs->bytes = 1024;
              })).substr(0, 83),
              "costs /receipt/entries/1/costs: must begin at 0 where the version before has no cos");
    EXPECT_EQ(result_of(story([](Entry& e) {
                  if (e.sequence == 3) e.costs.reset();
              })).substr(0, 46),
              "costs /receipt/entries/3/costs: must be presen");
}

// Written anew on purpose only: CONCORDAT_WRITE_VECTORS=1.
TEST(Costs, TheVectorHolds) {
    const std::string folder = std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/";
    if (std::getenv("CONCORDAT_WRITE_VECTORS") != nullptr) {
        TransactionMaker maker(halves);
        maker.paid();
        write_file_atomic(folder + "receipt_costs.json", bytes_of(maker.receipt().write()));
    }
    const std::string receipt = read_text_file(folder + "receipt_costs.json");
    const TrustFile trust = TrustFile::parse(read_text_file(folder + "trust.json"));
    EXPECT_TRUE(verify(receipt, trust, kinds).holds) << render_text(verify(receipt, trust, kinds));
}

}  // namespace
}  // namespace concordat::proof
