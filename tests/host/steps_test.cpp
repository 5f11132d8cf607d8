// Transactions of several steps, as the enclave records them: what is due when, what undoes what, who decides.
#include "steps.hpp"

namespace concordat::test {
namespace {

TEST_F(Steps, StepByStepToCommitted) {
    begin("lbpn");
    EXPECT_EQ(calls.size(), 1u) << "book comes after lock, the pivot after both, the note after the decision";
    expect_verified();
    ends(0);
    EXPECT_EQ(deal.entry().type, EntryType::step);
    EXPECT_EQ(pinned(), "book");
    EXPECT_EQ(deal.entry().decision, "");
    expect_verified();
    ends(1);
    EXPECT_EQ(pinned(), "pay");
    EXPECT_FALSE(signs(2, Purpose::cancel));
    EXPECT_EQ("in_transaction /binding", error_of([&] { deal.pay(*paying, 1, "n", 2, "deal"); }));
    ends(2);
    EXPECT_EQ(pinned(), "note, release") << "from here on it is decided";
    EXPECT_EQ(deal.entry().decision, "commit");
    expect_verified();
    // Decided: the binding goes on.
    deal.pay(*paying, 5, "", 2, "deal");
    EXPECT_EQ(deal.state().at("paid"), 12);
    ends(4);
    EXPECT_EQ(deal.entry().type, EntryType::step);
    ends(3);
    EXPECT_EQ(deal.entry().type, EntryType::outcome);
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_EQ(deal.state().at("paid"), 12);
    expect_verified();
}

TEST_F(Steps, AFailedPivotUndoesWhatWasDoneLastFirst) {
    begin("lbp");
    ends(0);
    ends(1);
    ends(2, Fate::failed);
    EXPECT_EQ(deal.entry().decision, "abort");
    EXPECT_EQ(pinned(), "strike") << "what came after the lock is undone before it";
    expect_verified();
    EXPECT_EQ("in_transaction /binding", error_of([&] { deal.pay(*paying, 1, "", 2, "deal"); }));
    ends(3);
    EXPECT_EQ(pinned(), "refund");
    ends(4, Fate::failed);
    EXPECT_EQ(pinned(), "refund") << "an undo that fails is made again";
    EXPECT_EQ(deal.entry().type, EntryType::step);
    ends(5);
    EXPECT_EQ(deal.entry().type, EntryType::outcome);
    EXPECT_EQ(deal.entry().ending, "aborted");
    EXPECT_EQ(deal.state().at("paid"), 0) << "as before";
    expect_verified();
    next("", 2);
    EXPECT_EQ(deal.state().at("paid"), 7);
}

TEST_F(Steps, WithoutAPivotAllThatCanBeUndoneDecides) {
    begin("ln");
    ends(0);
    EXPECT_EQ(deal.entry().decision, "commit");
    EXPECT_EQ(pinned(), "note, release");
    ends(1);
    ends(2, Fate::failed);
    EXPECT_EQ(pinned(), "release") << "what is decided is tried again";
    ends(3);
    EXPECT_EQ(deal.entry().ending, "committed");
    expect_verified();
}

// What it shows is the binding's state, and contracts on chains act on an outcome's
// (contracts/formats/ProvenState.sol).
TEST_F(Steps, AnOutcomeWaitsForTheTransactionThatHoldsTheBinding) {
    begin("ln");
    ends(0);
    ends(1);
    const Hash256 first = transaction;
    const std::vector<contract::PinnedCall> of_first = calls;
    next("lp", 2);
    EXPECT_EQ(deal.state().at("paid"), 14) << "if it comes to something";
    const auto end_first = [&] {
        deal.step(*paying, EntryType::outcome, first, evidence(of_first.at(2).pin, Fate::called), start_time, 2);
    };
    EXPECT_EQ("in_transaction /binding", error_of(end_first));
    ends(0, Fate::failed);
    EXPECT_EQ(deal.entry().ending, "aborted");
    end_first();
    EXPECT_EQ(deal.entry().ending, "committed");
    EXPECT_EQ(deal.state().at("paid"), 7);
    expect_verified();
}

TEST_F(Steps, WhatIsRetriableAloneIsDecidedAtOnce) {
    begin("nn");
    EXPECT_EQ(deal.entry().decision, "commit");
    EXPECT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].pin.slot + 1, calls[1].pin.slot) << "of one account, one after the other";
    EXPECT_EQ("action_refused /type", error_of([&] { deal.step(*paying, EntryType::cancelling, transaction); }));
    EXPECT_FALSE(signs(0, Purpose::cancel)) << "what is decided is never given up";
    ends(1, Fate::cancelled);
    EXPECT_EQ(pinned(), "note");
    ends(0);
    ends(2);
    EXPECT_EQ(deal.entry().ending, "committed");
    expect_verified();
}

TEST_F(Steps, WhatIsCancelledIsUndoneWhereItHappenedAllTheSame) {
    begin("lbp");
    ends(0);
    deal.step(*paying, EntryType::cancelling, transaction);
    take_pins();
    EXPECT_EQ(deal.entry().decision, "abort");
    EXPECT_EQ(pinned(), "") << "book may still happen, and comes after the lock";
    expect_verified();
    EXPECT_TRUE(signs(1, Purpose::cancel));
    ends(1, Fate::called);
    EXPECT_EQ(pinned(), "strike") << "it happened: undone, and nothing is committed any more";
    ends(2);
    ends(3);
    EXPECT_EQ(deal.entry().ending, "aborted");
    expect_verified();
}

TEST_F(Steps, OtherEnclavesGoOnFromEachEntry) {
    begin("lbpn");
    for (std::size_t call = 0; call < 5; ++call) {
        const contract::EntryRecord before = deal.last.record;
        paying = make_paying();
        paying->load(several_package());
        paying->load_binding(deal.jws, before);
        // It learns from the ledger which slots are free.
        const std::string first = error_of([&] { ends(call); });
        if (first == "no error") continue;
        EXPECT_EQ(first, "conflict /previous");
        paying->load_binding(deal.jws, before);
        ends(call);
    }
    EXPECT_EQ(deal.entry().ending, "committed");
    expect_verified();
}

TEST_F(Steps, AHostCannotSettleWhatIsNotThere) {
    begin("lp");
    EXPECT_EQ("not_found /call", error_of([&] {
                  deal.step(*paying, EntryType::outcome, transaction, evidence(calls[0].pin, Fate::called), start_time,
                            1);
              }));
    ends(0);
    EXPECT_EQ("action_refused /type", error_of([&] {
                  deal.step(*paying, EntryType::outcome, transaction, evidence(calls[0].pin, Fate::called));
              }));
    EXPECT_EQ("bad_receipt /evidence/seal", error_of([&] {
                  deal.step(*paying, EntryType::outcome, transaction, evidence(calls[0].pin, Fate::called), start_time,
                            1);
              }));
    EXPECT_FALSE(signs(2));
}

TEST_F(Steps, ADisputedCallHaltsTheBinding) {
    begin("ln");
    ends(0);
    deal.step(*paying, EntryType::disputed, transaction, nullptr, start_time, 0);
    EXPECT_EQ(deal.entry().call, 0u);
    EXPECT_EQ("disputed /binding", error_of([&] { deal.pay(*paying, 1, "", 2, "deal"); }));
    EXPECT_TRUE(signs(0)) << "the lock is signed again for its slot";
    ends(1);
    ends(2);
    EXPECT_EQ(deal.entry().ending, "committed") << "what is decided goes on";
    expect_verified();
}

TEST_F(Steps, ThePlanIsRefusedWhereItCannotBe) {
    const auto with = [&](const auto& edit) {
        json::Object config = json::parse(text_of(several_package().config), "").as_object();
        edit(config["effects"].as_object());
        return contract::Contract::parse(bytes_of(json::canonical(config)));
    };
    EXPECT_EQ("bad_package /contract/effects/pay/undo",
              error_of([&] { with([](json::Object& effects) { effects["pay"].as_object()["undo"] = "pay"; }); }));
    EXPECT_EQ("bad_package /contract/effects/book/after", error_of([&] {
                  with([](json::Object& effects) { effects["book"].as_object()["after"] = json::Array{"note"}; });
              }));
    EXPECT_EQ("bad_package /contract/effects/book/after", error_of([&] {
                  with([](json::Object& effects) { effects["lock"].as_object()["after"] = json::Array{"book"}; });
              }));
    EXPECT_EQ("bad_package /contract/actions/deal/effects",
              error_of([&] { with([](json::Object& effects) { effects["note"].as_object()["kind"] = "pivot"; }); }));
}

}  // namespace
}  // namespace concordat::test
