// What a report says of receipts: made ones, those of real runs (tests/vectors), and hostile ones.
#include <gtest/gtest.h>

#include <array>
#include <base/file.hpp>
#include <ledger/http/kind/kind.hpp>
#include <regex>
#include <sstream>

#include "../../tests/support/transaction_fixture.hpp"
#include "cost.hpp"
#include "gather.hpp"
#include "report.hpp"

namespace concordat::audit {
namespace {

using contract::EntryType;
using test::TransactionMaker;
namespace ccl = ledger::confidential;

const ledger::evm::EvmKind evm;
const ledger::http::HttpKind participant;
const std::array<const ledger::Kind*, 2> kinds{&evm, &participant};

std::string vector_text(const std::string& name) {
    return read_text_file(std::string(CONCORDAT_SOURCE_DIR) + "/tests/vectors/" + name + ".json",
                          proof::max_receipt_bytes);
}

std::string report_of(const Facts& facts) {
    std::ostringstream out;
    write_report(
        out, facts,
        {.made = test::start_time, .program = "concordat test", .trust_name = "mine.json", .source = "a test"});
    return out.str();
}

std::size_t count(const std::string& text, std::string_view what) {
    std::size_t found = 0;
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + what.size())) ++found;
    return found;
}

bool says(const std::string& text, std::string_view what) { return text.find(what) != std::string::npos; }

// The part with this id, up to the next one.
std::string part(const std::string& text, const std::string& id) {
    const auto begin = text.find("<section id=\"" + id + "\"");
    return begin == std::string::npos ? "" : text.substr(begin, text.find("</section>", begin) - begin);
}

Facts audit_vector(const std::string& receipt, const std::string& trust_name) {
    const auto trust = proof::TrustFile::parse(vector_text(trust_name));
    Gatherer gatherer({.trust = &trust, .trust_digest = test::hash_of("a trust file"), .kinds = kinds});
    gatherer.take(vector_text(receipt));
    return gatherer.finish();
}

// ------------------------------------------------------------------------------------------------- real receipts

TEST(Audit, ADeliveryAgainstPaymentIsToldStepByStep) {
    const Facts facts = audit_vector("receipt_delivered", "trust_delivery");
    EXPECT_TRUE(facts.holds());
    EXPECT_EQ(facts.held, 1u);
    ASSERT_EQ(facts.transactions.size(), 1u);
    const TransactionFact& deal = facts.transactions.front();
    EXPECT_EQ(deal.ending, "committed");
    EXPECT_EQ(deal.decision, "commit");
    ASSERT_EQ(deal.calls.size(), 3u);
    EXPECT_EQ(deal.calls[0].function.substr(0, 17), "lock(bytes32 id, ");
    EXPECT_EQ(deal.calls[2].function, "release(bytes32 id)");
    EXPECT_EQ(deal.calls[2].role, ledger::Role::commit);
    for (const CallFact& call : deal.calls) {
        EXPECT_TRUE(call.effective);
        EXPECT_EQ(call.lines.size(), 5u);
        ASSERT_TRUE(call.cost);
        EXPECT_EQ(call.cost->wei, call.cost->price * call.cost->gas);
        EXPECT_GT(call.cost->gas, 21000u);
    }
    EXPECT_EQ(deal.calls[1].transaction, "0x214d89c516a831bf6a409a3acb970b21c7652452dec83895f5b2a28079e11c1d");
    EXPECT_EQ(deal.calls[1].block, 6u);
    const ChainTotals& shares = facts.chains.at("eip155:31337");
    EXPECT_EQ(shares.asserted, 2u);
    EXPECT_EQ(shares.wei, deal.calls[0].cost->wei + deal.calls[2].cost->wei);

    const std::string report = report_of(facts);
    const std::string transactions = part(report, "transactions");
    EXPECT_TRUE(says(part(report, "summary"), "class=\"word\">Verified<"));
    EXPECT_TRUE(says(transactions, "<b>deliver</b>"));
    EXPECT_TRUE(says(transactions, "done, then made to hold"));
    EXPECT_TRUE(says(transactions, "witness host: that the block is on the chain is the host&#39;s word"));
    EXPECT_TRUE(says(transactions, "<svg role=\"img\""));
    EXPECT_EQ(count(transactions, "class=\"v asserted\">asserted<"), 1u + 2u + 3u);  // overview, steps, calls
    EXPECT_TRUE(says(part(report, "limits"), "Finality on eip155:31337"));
    EXPECT_TRUE(says(part(report, "limits"), "they are not in this report"));
    EXPECT_EQ(report, report_of(facts));
}

TEST(Audit, ARefundIsToldAsUndone) {
    const Facts facts = audit_vector("receipt_refunded", "trust_delivery");
    EXPECT_TRUE(facts.holds());
    EXPECT_EQ(facts.totals.aborted, 1u);
    const std::string transactions = part(report_of(facts), "transactions");
    EXPECT_TRUE(says(transactions, "done, then undone"));
    EXPECT_TRUE(says(transactions, "decided: abort"));
    EXPECT_TRUE(says(transactions, "deliver: undo"));
    EXPECT_TRUE(says(transactions, "class=\"v aborted\""));
}

TEST(Audit, AParticipantsAnswersAreProvedByItsSignature) {
    Facts facts = audit_vector("receipt_repeated", "trust_participant");
    EXPECT_TRUE(facts.holds());
    ASSERT_EQ(facts.transactions.size(), 1u);
    EXPECT_EQ(facts.transactions.front().calls.size(), 8u);
    EXPECT_EQ(facts.chains.begin()->second.proved, 8u);
    EXPECT_EQ(facts.chains.begin()->second.priced, 0u);
    facts.transactions.front().calls.front().detail = "no money";
    EXPECT_TRUE(says(part(report_of(facts), "transactions"), "It said: “no money”"));
    const std::string report = report_of(facts);
    EXPECT_TRUE(says(part(report, "transactions"), "in vain"));
    EXPECT_TRUE(says(part(report, "costs"), "has no price"));
}

TEST(Audit, WhatWasGivenUpIsToldWithTheReason) {
    const Facts facts = audit_vector("receipt_resolved", "trust_clique");
    EXPECT_TRUE(facts.holds());
    EXPECT_EQ(facts.totals.committed, 1u);
    const std::string report = report_of(facts);
    EXPECT_TRUE(says(part(report, "transactions"), "not all of it: the parties gave a part up"));
    EXPECT_TRUE(says(part(report, "transactions"), "“nobody needs to be reminded any more”"));
    EXPECT_TRUE(says(part(report, "transactions"), "given up by the parties"));
    EXPECT_TRUE(says(part(report, "transactions"), "the parties give up call 0"));
}

TEST(Audit, ALedgerThatWasChosenIsToldWithTheReason) {
    const Facts facts = audit_vector("receipt_routed", "trust_clique");
    EXPECT_TRUE(facts.holds());
    const TransactionFact& paid = facts.transactions.at(0);
    EXPECT_EQ(paid.steps.at(0).route, "eip155:31337, by the node's word cheapest; not eip155:20260: dearer");
    EXPECT_EQ(paid.calls.at(0).lines.size(), 5u);
    ASSERT_EQ(paid.lines.size(), 2u);
    EXPECT_EQ(paid.lines.back().layer, "route");
    const std::string report = report_of(facts);
    for (const char* one :
         {"candidate 1 of 2", "candidate 2 of 2", "not eip155:20260: dearer", "paid in eip155:31337/slip44:60"}) {
        EXPECT_NE(report.find(one), std::string::npos) << one;
    }
}

TEST(Audit, DisputesAndAnchorsAreNamed) {
    const Facts disputed = audit_vector("receipt_disputed", "trust_host");
    EXPECT_TRUE(disputed.holds());
    EXPECT_EQ(disputed.totals.disputed, 1u);
    EXPECT_TRUE(says(part(report_of(disputed), "disputes"), "0 pay on cash: did not happen"));
    EXPECT_TRUE(says(part(report_of(disputed), "limits"), "Disputes: that a ledger went back"));
    const Facts anchored = audit_vector("receipt_anchored", "trust_anchor");
    EXPECT_TRUE(anchored.holds());
    ASSERT_EQ(anchored.anchors.size(), 1u);
    EXPECT_TRUE(says(part(report_of(anchored), "anchors"), anchored.anchors.front().anchor.contract));
    EXPECT_FALSE(says(part(report_of(anchored), "limits"), "Rollbacks"));
}

TEST(Audit, WithoutATrustFileNothingReadsAsVerified) {
    Gatherer gatherer({.kinds = kinds});
    gatherer.take(vector_text("receipt_delivered"));
    const Facts facts = gatherer.finish();
    EXPECT_TRUE(facts.holds());
    const std::string report = report_of(facts);
    EXPECT_TRUE(says(part(report, "summary"), "class=\"word\">Not verified<"));
    for (const char* id :
         {"summary", "versions", "platform", "transactions", "costs", "anchors", "timeline", "verdict"}) {
        for (const char* look : {"v proved", "v attested", "v asserted"})
            EXPECT_FALSE(says(part(report, id), look)) << id << ' ' << look;
    }
    for (const char* id : {"summary", "versions", "platform", "transactions", "costs", "timeline", "verdict"})
        EXPECT_TRUE(says(part(report, id), "not verified")) << id;
}

TEST(Audit, AReceiptThatDoesNotHoldIsSaidFirst) {
    auto trust = proof::TrustFile::parse(vector_text("trust_delivery"));
    trust.ledgers.clear();
    Gatherer gatherer({.trust = &trust, .trust_digest = Hash256{}, .kinds = kinds});
    gatherer.take(vector_text("receipt_delivered"));
    const Facts facts = gatherer.finish();
    EXPECT_FALSE(facts.holds());
    ASSERT_FALSE(facts.problems.empty());
    EXPECT_EQ(facts.problems.front().layer, "ledger");
    const std::string report = report_of(facts);
    EXPECT_TRUE(says(part(report, "summary"), "<div class=\"verdict bad\""));
    EXPECT_TRUE(says(part(report, "problems"), "/trust/ledgers"));
    // What its chains' evidence shows is worth nothing where nobody trusted says that it was asked for.
    for (const char* look : {"v proved", "v attested", "v asserted"})
        EXPECT_FALSE(says(part(report, "transactions"), look)) << look;
    EXPECT_EQ(facts.chains.at("eip155:31337").refused, 2u);
    EXPECT_LT(report.find("id=\"problems\""), report.find("id=\"limits\""));
}

TEST(Audit, WhatIsNoReceiptIsAFinding) {
    const auto trust = proof::TrustFile::parse(vector_text("trust_delivery"));
    Gatherer gatherer({.trust = &trust, .trust_digest = Hash256{}, .kinds = kinds});
    gatherer.take("{\"typ\":\"<script>\"}", 7);
    gatherer.missing(8, "the node has none");
    const Facts facts = gatherer.finish();
    EXPECT_FALSE(facts.holds());
    EXPECT_EQ(facts.failing, 1u);
    EXPECT_EQ(facts.missing, 1u);
    ASSERT_EQ(facts.problems.size(), 2u);
    EXPECT_EQ(facts.problems.front().sequence, 7);
    EXPECT_FALSE(says(report_of(facts), "<script"));
}

// ------------------------------------------------------------------------------------------------- many receipts

class ManyReceipts : public ::testing::Test {
  protected:
    TransactionMaker maker;
    proof::TrustFile trust = maker.trust();
    std::vector<std::string> receipts;

    Options options() const { return {.trust = &trust, .trust_digest = Hash256{}, .kinds = kinds}; }
    void keep() { receipts.push_back(maker.receipt().write()); }
    void story() {
        maker.lock();
        keep();
        maker.prepare();
        keep();
        maker.conclude("committed", maker.evidence(ledger::Purpose::call));
        keep();
    }
    Facts gathered(const Options& how) const {
        Gatherer gatherer(how);
        for (std::size_t i = 0; i < receipts.size(); ++i) gatherer.take(receipts[i], static_cast<std::int64_t>(i));
        return gatherer.finish();
    }
    ccl::HeadStatement head(const Hash256& entry, std::uint64_t sequence, const Hash256& nonce) {
        ccl::HeadStatement out;
        out.binding = maker.in_force->id;
        out.entry_id = entry;
        out.sequence = sequence;
        out.nonce = nonce;
        out.size = 9;
        out.time = test::start_time;
        out.signature = maker.world.ledger.sign(out.statement(maker.world.ledger.public_key().thumbprint()));
        return out;
    }
};

TEST_F(ManyReceipts, OfOneHistoryUpToTheHeadHold) {
    story();
    Gatherer gatherer(options());
    const Hash256 nonce = test::hash_of("nonce");
    const auto last = contract::Entry::parse(maker.appended.back().record.document);
    gatherer.take_head(head(last.id(maker.appended.back().record.document), 2, nonce), nonce);
    for (const std::string& one : receipts) gatherer.take(one);
    EXPECT_TRUE(gatherer.unnamed_packages().empty());
    const Facts facts = gatherer.finish();
    EXPECT_TRUE(facts.holds()) << facts.problems.front().problem;
    EXPECT_EQ(facts.held, 3u);
    ASSERT_TRUE(facts.head);
    EXPECT_TRUE(facts.head->reached);
    EXPECT_EQ(facts.totals.committed, 1u);
    EXPECT_EQ(facts.transactions.front().entries.size(), 2u);
    EXPECT_EQ(facts.chains.at("eip155:31337").proved, 1u);
    const CallFact& call = facts.transactions.front().calls.front();
    ASSERT_TRUE(call.cost);
    EXPECT_EQ(call.cost->gas, 21000u);
    EXPECT_EQ(call.cost->price, 10u);
    const std::string report = report_of(facts);
    EXPECT_TRUE(says(report, "<h1>payer 1.0.0</h1>"));
    EXPECT_TRUE(says(part(report, "summary"), "complete: the record ledger signed"));
    EXPECT_EQ(count(part(report, "timeline"), "<tbody class=\"one\">"), 3u);
}

TEST_F(ManyReceipts, ThatEndBeforeTheHeadSayThatMoreFollows) {
    story();
    Gatherer gatherer(options());
    const Hash256 nonce = test::hash_of("nonce");
    gatherer.take_head(head(test::hash_of("a later entry"), 5, nonce), nonce);
    for (const std::string& one : receipts) gatherer.take(one);
    const Facts facts = gatherer.finish();
    EXPECT_TRUE(facts.holds());
    EXPECT_TRUE(says(part(report_of(facts), "limits"), "Later entries"));
}

TEST_F(ManyReceipts, AHeadThatIsAnotherEntryOrNobodysIsAFinding) {
    story();
    const Hash256 nonce = test::hash_of("nonce");
    const auto with = [&](ccl::HeadStatement statement) {
        Gatherer gatherer(options());
        gatherer.take_head(statement, nonce);
        for (const std::string& one : receipts) gatherer.take(one);
        return gatherer.finish();
    };
    const Facts forked = with(head(test::hash_of("another entry"), 2, nonce));
    ASSERT_EQ(forked.problems.size(), 1u);
    EXPECT_EQ(forked.problems.front().layer, "head");
    auto unsigned_head = head(test::hash_of("another entry"), 2, nonce);
    unsigned_head.sequence = 3;
    EXPECT_EQ(with(unsigned_head).problems.front().what, "what the ledger's last entry is said to be");
    EXPECT_FALSE(with(head(test::hash_of("another entry"), 5, test::hash_of("an older nonce"))).holds());
}

TEST_F(ManyReceipts, OfTwoHistoriesAreAFinding) {
    maker.lock();
    keep();
    TransactionMaker other = maker;
    maker.prepare();
    keep();
    other.after["count"] = 2;
    other.prepare();
    other.conclude("committed", other.evidence(ledger::Purpose::call));
    receipts.push_back(other.receipt().write());
    const Facts facts = gathered(options());
    EXPECT_EQ(facts.held, 3u);  // each by itself
    ASSERT_EQ(facts.problems.size(), 2u);
    EXPECT_EQ(facts.problems[0].what, "the entry follows another one than entry 1");
    EXPECT_EQ(facts.problems[1].what, "the receipt tells of another entry 1");
    EXPECT_FALSE(facts.holds());
}

TEST_F(ManyReceipts, GapsAreNamedAndWhatComesTwiceIsRefused) {
    story();
    Gatherer gatherer(options());
    for (const std::size_t i : {std::size_t{0}, std::size_t{2}, std::size_t{1}}) gatherer.take(receipts[i]);
    const Facts facts = gatherer.finish();
    EXPECT_EQ(facts.gaps, 1u);
    ASSERT_EQ(facts.problems.size(), 1u);
    EXPECT_EQ(facts.problems.front().problem, "must come after entry 2, is 1");
}

TEST_F(ManyReceipts, AnotherBindingsOrAnotherEntrysAreRefused) {
    story();
    Options how = options();
    how.binding = test::hash_of("another binding");
    EXPECT_EQ(gathered(how).problems.size(), 3u);
    Gatherer gatherer(options());
    gatherer.take(receipts[1], 0);
    EXPECT_EQ(gatherer.finish().problems.front().problem, "must be of entry 0, is of 1");
}

TEST_F(ManyReceipts, AReadersKeyShowsWhatIsSealedToIt) {
    story();
    const Facts shut = gathered(options());
    EXPECT_GT(shut.sealed_fields, 0u);
    EXPECT_EQ(shut.opened_fields, 0u);
    EXPECT_FALSE(says(report_of(shut), "31.00"));
    EXPECT_TRUE(says(part(report_of(shut), "timeline"), "1 field confidential"));
    Options how = options();
    how.reader = &maker.world.buyer_encryption;
    const Facts open = gathered(how);
    EXPECT_TRUE(open.holds());
    EXPECT_GT(open.opened_fields, 0u);
    const std::string report = report_of(open);
    EXPECT_TRUE(says(part(report, "timeline"), ">31.00</i>"));
    EXPECT_TRUE(says(part(report, "versions"), ">28.00</i>"));
}

TEST_F(ManyReceipts, OldEntriesAreSummedUp) {
    maker.lock();
    keep();
    for (int i = 1; i < 230; ++i) {
        maker.append(maker.next(EntryType::close), "", maker.before);
        keep();
    }
    const Facts facts = gathered({.kinds = kinds, .listed = 10});
    EXPECT_TRUE(facts.holds());
    EXPECT_EQ(facts.receipts, 230u);
    ASSERT_EQ(facts.blocks.size(), 2u);
    EXPECT_EQ(facts.blocks[1].first, 100);
    EXPECT_EQ(facts.blocks[1].last, 199);
    EXPECT_EQ(facts.blocks[1].entries, block_entries);
    EXPECT_EQ(facts.rows.size(), 30u);
    EXPECT_TRUE(says(part(report_of(facts), "timeline"), "Older entries, in blocks"));
}

// ------------------------------------------------------------------------------------------------------- documents

TEST(Fields, AreNamedByTheirPlaceAndOpenedOnlyByTheirDigest) {
    const std::string held = test::make_disclosure("limit", "31.00");
    Opened opened;
    opened.add({.at = "message", .audience = "buyer", .name = "limit", .value = "31.00", .disclosure = held});
    const json::Object document{
        {"a", 1},
        {"b", json::Object{{"c", "x"}, {"_sd", json::Array{test::disclosure_digest(held), "another digest"}}}},
        {"d", json::Array{json::Object{{"_sd", json::Array{"a third digest"}}}}}};
    Facts counts;
    const auto fields = fields_of(document, opened, counts);
    ASSERT_EQ(fields.size(), 5u);
    EXPECT_EQ(fields[0].name + " " + fields[0].value, "a 1");
    EXPECT_EQ(fields[1].name + " " + fields[1].value, "b › c x");
    EXPECT_EQ(fields[2].name + " " + fields[2].value, "b › limit 31.00");
    EXPECT_TRUE(fields[2].opened);
    EXPECT_EQ(fields[3].name, "b › 1 field");
    EXPECT_TRUE(fields[3].sealed);
    EXPECT_EQ(fields[4].value, "[{\"(sealed)\":1}]");
    EXPECT_EQ(counts.opened_fields, 1u);
    EXPECT_EQ(counts.sealed_fields, 2u);
}

TEST(Fields, OfLargeDocumentsSayThatThereIsMore) {
    json::Object many, large;
    for (std::size_t i = 0; i < max_fields + 1; ++i) many["m" + std::to_string(1000 + i)] = 1;
    for (std::size_t i = 0; i < 20; ++i) large["m" + std::to_string(1000 + i)] = std::string(max_field_bytes, 'x');
    Facts counts;
    EXPECT_EQ(fields_of(many, {}, counts).size(), max_fields + 1);
    EXPECT_EQ(fields_of(many, {}, counts).back().value, "more, in the receipt");
    EXPECT_LT(fields_of(large, {}, counts).size(), 12u);
    EXPECT_EQ(fields_of(large, {}, counts).back().name, "…");
    EXPECT_EQ(fields_of(large, {}, counts, max_state_bytes).size(), 20u);
}

TEST(Picture, OfManyCallsIsCutBetweenEntriesToFitPages) {
    Facts facts = audit_vector("receipt_repeated", "trust_participant");
    EXPECT_EQ(count(report_of(facts), "<svg "), 1u);
    TransactionFact& fact = facts.transactions.front();
    const std::vector<TransactionEntry> once(fact.entries.begin() + 1, fact.entries.end());
    for (int i = 0; i < 6; ++i) fact.entries.insert(fact.entries.end(), once.begin(), once.end());
    const std::string report = report_of(facts);
    EXPECT_GT(count(report, "<svg "), 4u);
    const std::regex height("viewBox=\"0 0 [0-9]+ ([0-9]+)\"");
    for (std::sregex_iterator at(report.begin(), report.end(), height), end; at != end; ++at)
        EXPECT_LT(std::stoi((*at)[1]), 920);
}

// ------------------------------------------------------------------------------------------------------- hostility

// Every element that the report may have.
void check_markup(const std::string& report) {
    static const std::set<std::string> known{
        "html",    "head",   "meta",  "title",  "style",   "body",      "main", "header", "nav",  "section",
        "article", "footer", "h1",    "h2",     "h3",      "h4",        "p",    "ul",     "ol",   "li",
        "dl",      "dt",     "dd",    "div",    "span",    "b",         "i",    "a",      "br",   "code",
        "table",   "thead",  "tbody", "tr",     "th",      "td",        "svg",  "desc",   "line", "rect",
        "polygon", "circle", "text",  "figure", "caption", "figcaption"};
    std::vector<std::string> open;
    const std::regex tag("<(/?)([A-Za-z0-9]+)((?: [a-z0-9A-Z-]+=\"[^\"<>]*\")*)(/?)>");
    const auto begin = report.find("<html");
    std::size_t at = begin;
    while ((at = report.find('<', at)) != std::string::npos) {
        std::smatch found;
        const auto end = report.find('>', at);
        ASSERT_NE(end, std::string::npos);
        const std::string one = report.substr(at, end - at + 1);
        ASSERT_TRUE(std::regex_match(one, found, tag)) << one;
        const std::string name = found[2];
        EXPECT_TRUE(known.contains(name)) << name;
        EXPECT_EQ(found[3].str().find(" on"), std::string::npos) << one;
        if (found[1] == "/") {
            ASSERT_FALSE(open.empty());
            ASSERT_EQ(open.back(), name);
            open.pop_back();
        } else if (found[4] != "/") {
            open.push_back(name);
        }
        at = end;
    }
    EXPECT_TRUE(open.empty());
}

constexpr const char* hostile = "\"'><script>alert(1)</script></style><svg onload=x>\xe2\x80\xae";

TEST(Audit, NothingFromOutsideBecomesMarkup) {
    Facts facts = audit_vector("receipt_refunded", "trust_delivery");
    check_markup(report_of(facts));
    const std::size_t scripts = count(report_of(facts), "&lt;script&gt;");
    ASSERT_EQ(scripts, 0u);
    TransactionFact& deal = facts.transactions.front();
    for (std::string* text :
         {&deal.action, &deal.sender_id, &deal.sender_role, &deal.steps[0].effect, &deal.steps[0].ledger,
          &deal.calls[0].chain, &deal.calls[0].account, &deal.calls[0].function, &deal.calls[0].transaction,
          &deal.calls[0].detail, &deal.lines[0].text, &deal.entries.back().reason, &deal.entries.back().action})
        *text = hostile;
    deal.calls[0].arguments = {{.name = hostile, .value = hostile}};
    for (proof::Line& line : deal.calls[0].lines) line.problem = line.text = hostile, line.ok = false;
    deal.disputed = true;
    deal.calls[0].disputed = 4;
    facts.disputes.push_back(deal);
    for (EntryRow& row : facts.rows) {
        row.said = {{.name = hostile, .value = hostile}, {.name = hostile, .value = hostile, .opened = true}};
        row.result = row.said;
        row.sender_id = row.sender_role = row.action = row.note = hostile;
    }
    facts.state = {{.name = hostile, .value = hostile}};
    facts.problems.push_back({3, hostile, hostile, hostile});
    for (auto& [id, package] : facts.packages) package = {.name = hostile, .version = hostile, .description = hostile};
    for (VersionFact& version : facts.versions) {
        version.terms = {{.name = hostile, .value = hostile}};
        version.signatures.front().party = version.signatures.front().kid = version.signatures.front().role = hostile;
        for (contract::Party& party : version.binding.parties) party.id = party.role = hostile;
        for (auto& [name, place] : version.binding.ledgers) {
            contract::LedgerTarget& target = place.candidates.front();
            target.address = target.genesis = target.chain = target.asset = hostile;
        }
        version.binding.enclaves.evidence = {hostile};
    }
    for (auto& [kid, enclave] : facts.enclaves) enclave.product = enclave.kind = enclave.problem = hostile;
    facts.ledger->chain = facts.ledger->problem = facts.ledger->kind = hostile;
    facts.asserted["rollback"].text = hostile;
    facts.chains[hostile] = {};
    for (proof::Line& line : facts.verdict) line.text = line.layer = hostile;
    const std::string report = report_of(facts);
    check_markup(report);
    EXPECT_FALSE(says(report, "<script"));
    EXPECT_FALSE(says(report, "<svg onload"));
    EXPECT_FALSE(says(report, "\xe2\x80\xae"));
    EXPECT_GT(count(report, "&lt;script&gt;"), 40u);
}

TEST(Audit, TheReportAsksForNothingAndRunsNothing) {
    const std::string report = report_of(audit_vector("receipt_delivered", "trust_delivery"));
    for (const char* word : {"<script", "<link", "<img", "<iframe", "src=", "@import", "url(", "javascript:"})
        EXPECT_FALSE(says(report, word)) << word;
    EXPECT_TRUE(says(report, "default-src &#39;none&#39;"));
    EXPECT_TRUE(says(report, "<html lang=\"en\">"));
    EXPECT_EQ(count(report, "<h1"), 1u);
    EXPECT_EQ(count(report, "<th "), count(report, "scope=\"col\""));
    EXPECT_EQ(count(report, "<svg "), count(report, "<desc "));
}

// ------------------------------------------------------------------------------------------------------------- costs

TEST(Cost, CoinsHaveEighteenDecimals) {
    EXPECT_EQ(coins(0), "0");
    EXPECT_EQ(coins(1), "0.000000000000000001");
    EXPECT_EQ(coins(U256("1000000000000000000")), "1");
    EXPECT_EQ(coins(U256("1234500000000000000000")), "1234.5");
}

TEST(Cost, WhoBearsWhatIsToldWhereTheContractSharesIt) {
    const Facts facts = audit_vector("receipt_costs", "trust");
    ASSERT_EQ(facts.shares.size(), 2u);
    const std::string costs = part(report_of(facts), "costs");
    for (const statement::Share& share : facts.shares) {
        EXPECT_GT(share.used.fuel + share.used.bytes, 0u);
        EXPECT_TRUE(says(costs, share.party)) << costs;
    }
    EXPECT_TRUE(says(costs, "and who bears it"));
    EXPECT_TRUE(audit_vector("receipt_delivered", "trust_delivery").shares.empty());
}

TEST(Shown, AParticipantsWordsArePassedOn) {
    const auto evidence = [](std::string_view payload) {
        const std::string answer =
            crypto::sign_compact(bytes_of(payload), ledger::http::answer_typ, test::signing_key("a bank"));
        return json::canonical(json::Object{{"answer", answer}});
    };
    EXPECT_EQ(shown_by("http:00", evidence(R"({"detail":"no money"})")).detail, "no money");
    EXPECT_EQ(shown_by("http:00", evidence(R"({"fate":"called"})")).detail, "");
    EXPECT_EQ(shown_by("http:00", evidence("[]")).detail, "");
    EXPECT_EQ(shown_by("bip122:00", evidence(R"({"detail":"no money"})")).detail, "");
}

TEST(Cost, IsShownOnlyByEvidenceThatHolds) {
    EXPECT_FALSE(shown_by("http:00", "{}").cost);
    EXPECT_FALSE(shown_by("eip155:1", "{}").cost);
    EXPECT_FALSE(shown_by("eip155:1", "not JSON").cost);
    TransactionMaker maker;
    maker.lock();
    const std::string good = json::canonical(maker.evidence(ledger::Purpose::call));
    const Shown shown = shown_by("eip155:31337", good);
    ASSERT_TRUE(shown.cost);
    EXPECT_EQ(shown.cost->wei, 210000u);
    EXPECT_EQ(shown.block, 40u);
    std::string bad = good;
    const auto at = bad.find("\"receipt_proof\":[\"0x") + 30;
    bad[at] = bad[at] == '0' ? '1' : '0';
    EXPECT_FALSE(shown_by("eip155:31337", bad).cost);
}

}  // namespace
}  // namespace concordat::audit
