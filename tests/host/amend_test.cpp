// Amendments and the end of a binding: who may do what, in which order, and what nobody may.
#include "support.hpp"

namespace concordat::test {
namespace {

struct Amend : Hosted {
    Forward forward{platform};
    const crypto::PrivateKey& buyer = platform.world.buyer;
    const crypto::PrivateKey& seller = platform.world.seller;

    void SetUp() override { enclave->load(sample_package("1.1.0")); }
    void start(const json::Object& changes = {}) {
        for (const auto& member : changes) forward.document["amendment"].as_object()[member.key()] = member.value();
        forward.jws = platform.signed_jws(forward.document);
        forward.id = forward.version = version_of(forward.document);
        forward.lock(*enclave);
        forward.run(*enclave, forward.message("confirm", json::Object{}, 1));
    }
    contract::Entry act(EntryType type, const Bytes& input, TimeMs time = start_time) {
        forward.last = enclave->act(type, forward.id, input, time);
        forward.take_head();
        return forward.last.record.check();
    }
    std::string refused(EntryType type, const Bytes& input, TimeMs time = start_time) {
        return error_of([&] { enclave->act(type, forward.id, input, time); });
    }
    std::string refused(const std::string& input, TimeMs time = start_time) {
        return error_of([&] { enclave->execute(forward.id, input, time); });
    }
    // The forward's software takes note of the version that came into force.
    void follow(const json::Object& document, const std::string& package) {
        forward.document = document;
        forward.version = version_of(document);
        forward.terms_of = contract::Contract::parse(sample_package(package).config);
        forward.buyer_keys =
            client::open_audience_keys(forward.last.record.check().audiences, platform.world.buyer_encryption);
    }
    json::Object with_parties(const std::function<void(json::Object&)>& change) const {
        json::Object document = next_document(parse_binding(forward.document));
        change(document);
        return document;
    }
};

TEST_F(Amend, migrates_while_the_binding_is_paused) {
    start();
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1));
    const json::Object next = with_margin(forward);
    const contract::Entry proposed = act(EntryType::propose, sign_version(next, buyer));
    EXPECT_EQ(proposed.proposal, version_of(next));
    EXPECT_EQ(proposed.deadline, start_time + 72 * hour);
    EXPECT_EQ(refused(forward.fixing("2009-03-01", "29.00", 2)), "paused /binding");
    EXPECT_EQ(refused(EntryType::amend, sign_version(next, buyer)), "bad_signature /signatures");
    EXPECT_EQ(refused(EntryType::propose, sign_version(with_margin(forward, "7.00"), seller)), "conflict /version");

    const client::AudienceKeys former = std::exchange(forward.buyer_keys, {});
    const std::string stale = forward.message("dispute", json::Object{{"reason", "late"}}, 9);
    const contract::Entry amended = act(EntryType::amend, sign_version(next, buyer, seller));
    EXPECT_EQ(amended.version, version_of(next));
    EXPECT_NE(text_of(forward.last.record.state).find("margin_calls"), std::string_view::npos);
    EXPECT_EQ(refused(stale), "wrong_version /version");

    follow(next, "1.1.0");
    forward.run(*enclave, forward.fixing("2009-03-01", "29.00", 2));
    const json::Value sealed = json::parse(text_of(forward.last.record.disclosures), "sealed");
    EXPECT_FALSE(client::open_disclosures(sealed.as_object(), forward.id, forward.buyer_keys).empty());
    EXPECT_NE(error_of([&] { client::open_disclosures(sealed.as_object(), forward.id, former); }), "no error");
}

TEST_F(Amend, goes_on_meanwhile_where_the_binding_says_so) {
    start({{"meanwhile", "continue"}});
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1));
    act(EntryType::amend, sign_version(next, seller, buyer));
    follow(next, "1.1.0");
    forward.run(*enclave, forward.fixing("2009-03-01", "29.00", 2));
    EXPECT_NE(text_of(forward.last.record.state).find("\"fixings\":2"), std::string_view::npos);
}

TEST_F(Amend, executions_that_wait_for_the_ledger_come_before_it) {
    start({{"meanwhile", "continue"}});
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    enclave->relay = false;
    const auto fix = enclave->begin_execute(forward.id, forward.fixing("2009-02-01", "28.02", 1), start_time);
    const auto amend = enclave->send(
        enclave::FrameType::act,
        enclave::encode(enclave::Act{EntryType::amend, forward.id, start_time, sign_version(next, buyer, seller)}));
    EXPECT_EQ(refused(forward.fixing("2009-03-01", "29.00", 2)), "busy /binding");
    EXPECT_FALSE(enclave->answered(fix));
    enclave->relay = true;
    enclave->pump();
    EXPECT_EQ(enclave::decode_committed(enclave->take(fix)).record.check().sequence, 3);
    EXPECT_EQ(enclave::decode_committed(enclave->take(amend)).record.check().sequence, 4);
}

TEST_F(Amend, lost_with_the_entry_before_it_leaves_the_old_version_in_force) {
    start({{"meanwhile", "continue"}});
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    platform.disk.space = 0;
    EXPECT_EQ(refused(EntryType::amend, sign_version(next, buyer, seller)).substr(0, 4), "disk");
    platform.disk.space = std::numeric_limits<std::size_t>::max();
    EXPECT_EQ(refused(forward.fixing("2009-02-01", "28.02", 1)), "unavailable /binding");
    enclave->load_binding(forward.jws, forward.last.record);
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1));
    EXPECT_EQ(forward.last.record.check().version, forward.version);
}

TEST_F(Amend, declined_by_one_of_all) {
    start();
    const json::Object next = with_margin(forward);
    EXPECT_EQ(refused(EntryType::close, {}), "not_running /version");
    act(EntryType::propose, sign_version(next, buyer));
    const std::string no = decision("decline", version_of(next), "did:web:seller.example", seller);
    const std::string other = decision("decline", forward.version, "did:web:seller.example", seller);
    const std::string forged = decision("decline", version_of(next), "did:web:seller.example", platform.world.feed);
    EXPECT_EQ(refused(EntryType::close, to_bytes(bytes_of(other))), "wrong_version /document");
    EXPECT_EQ(refused(EntryType::close, to_bytes(bytes_of(forged))), "not_a_party /kid");
    std::string many = no;
    for (int i = 0; i < 64; ++i) many += "\n" + no;
    EXPECT_EQ(refused(EntryType::close, to_bytes(bytes_of(many))), "too_large /decision");
    EXPECT_EQ(act(EntryType::close, to_bytes(bytes_of(no))).reason, "declined");
    EXPECT_EQ(refused(EntryType::amend, sign_version(next, buyer, seller)), "not_running /version");
    EXPECT_EQ(refused(EntryType::propose, sign_version(next, buyer)), "replayed /version");
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1));
}

TEST_F(Amend, one_refusal_is_not_enough_where_the_others_suffice) {
    start({{"rule", "m-of-n"}, {"m", 1}});
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    const std::string seller_no = decision("decline", version_of(next), "did:web:seller.example", seller);
    EXPECT_EQ(refused(EntryType::close, to_bytes(bytes_of(seller_no))), "action_refused /decision");
    const std::string buyer_no = decision("withdraw", version_of(next), "did:web:buyer.example", buyer);
    EXPECT_EQ(act(EntryType::close, to_bytes(bytes_of(seller_no + "\n" + buyer_no))).reason, "withdrawn");
}

TEST_F(Amend, withdrawn_by_who_proposed_it) {
    start();
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    const std::string back = decision("withdraw", version_of(next), "did:web:buyer.example", buyer);
    EXPECT_EQ(act(EntryType::close, to_bytes(bytes_of(back))).reason, "withdrawn");
}

// Else one party could end all amending by proposing and withdrawing, or keep the others waiting for ever.
TEST_F(Amend, proposed_and_withdrawn_too_often_stops_who_did_it_and_nobody_else) {
    start({{"rule", "m-of-n"}, {"m", 1}});
    const auto offer = [&](int number, TimeMs expires) {
        return with_parties([&](json::Object& document) {
            document["amendment"].as_object()["deadline_hours"] = number;
            document["expires"] = format_time(expires);
        });
    };
    const auto no = [&](const json::Object& next, const std::string& party, const crypto::PrivateKey& key) {
        return decision("withdraw", version_of(next), party, key);
    };
    const auto buyer_withdraws = [&](const json::Object& next, const std::string& others) {
        act(EntryType::close, to_bytes(bytes_of(no(next, "did:web:buyer.example", buyer) + others)));
    };
    for (int i = 1; i <= 16; ++i) {
        const json::Object next = offer(i, start_time + hour);
        act(EntryType::propose, sign_version(next, buyer));
        buyer_withdraws(next, "");
    }
    EXPECT_EQ(refused(EntryType::propose, sign_version(offer(17, start_time + hour), buyer)), "too_large /version");
    // Not the seller, and not what both have signed; and the head that another enclave loads knows it all.
    enclave->load_binding(forward.jws, forward.last.record);
    const json::Object joint = offer(17, start_time + hour);
    act(EntryType::propose, sign_version(joint, seller, buyer));
    buyer_withdraws(joint, "\n" + no(joint, "did:web:seller.example", seller));
    EXPECT_EQ(refused(EntryType::propose, sign_version(offer(16, start_time + hour), seller)), "replayed /version");
    EXPECT_EQ(refused(EntryType::propose, sign_version(offer(18, start_time + hour), buyer)), "too_large /version");
    // Expired, they cannot be proposed again, so nobody needs to remember them.
    const TimeMs later = start_time + hour + 1;
    EXPECT_EQ(refused(EntryType::propose, sign_version(offer(16, start_time + hour), buyer), later),
              "expired /expires");
    act(EntryType::propose, sign_version(offer(18, later + hour), buyer), later);
}

// As enclaves wrote it before proposals had an expiry in it: what is closed stays closed.
TEST(PrivateState, of_format_1_is_read) {
    const Hash256 version = crypto::sha256("version"), open = crypto::sha256("open"), closed = crypto::sha256("closed");
    wire::Writer out;
    out.u8(1);
    out.hash(version);
    out.text("{}");
    out.text("{}");
    out.u32(0);  // salts
    out.u32(0);  // senders
    out.u8(1);
    out.hash(open);
    out.u64(77);
    out.u8(1);
    out.u32(1);
    out.text("did:web:buyer.example");
    out.text("");
    out.u32(1);
    out.hash(closed);
    out.u8(0);
    const enclave::Head head = enclave::read_private(out.get());
    EXPECT_EQ(head.version, version);
    EXPECT_EQ(head.proposal->version, open);
    EXPECT_EQ(head.proposal->deadline, 77);
    const enclave::Head again = enclave::read_private(enclave::write_private(head));
    ASSERT_EQ(again.closed.size(), 1u);
    EXPECT_EQ(again.closed[0].version, closed);
    EXPECT_GT(again.closed[0].expires, start_time);
    EXPECT_EQ(again.proposal->expires, head.proposal->expires);
}

TEST_F(Amend, a_far_future_closes_a_proposal_but_cannot_stop_the_clock) {
    start();
    const json::Object next = with_margin(forward);
    const TimeMs deadline = act(EntryType::propose, sign_version(next, buyer)).deadline;
    EXPECT_EQ(refused(EntryType::close, {}, deadline), "action_refused /time");
    EXPECT_EQ(refused(EntryType::close, {}, std::numeric_limits<TimeMs>::max()), "bad_format /time");
    const contract::Entry closed = act(EntryType::close, {}, 253'402'000'000'000);  // in the year 9999
    EXPECT_EQ(closed.reason, "expired");
    EXPECT_EQ(closed.time, deadline + 1);
    // In time; that the trade is not settled yet is another matter.
    EXPECT_EQ(refused(forward.message("dispute", json::Object{{"reason", "x"}}, 2, deadline + hour), deadline + 2),
              "action_refused /state/status");
}

TEST_F(Amend, terminated_is_the_end) {
    start();
    contract::Termination end;
    end.binding = forward.id;
    end.version = forward.version;
    end.reason = "agreed";
    end.expires = start_time + hour;
    auto jws = crypto::GeneralJws::of(bytes_of(contract::write_termination(end)));
    jws.add(contract::termination_typ, buyer);
    EXPECT_EQ(refused(EntryType::terminate, to_bytes(bytes_of(json::canonical(jws.to_json())))),
              "bad_signature /signatures");
    jws.add(contract::termination_typ, seller);
    const Bytes input = to_bytes(bytes_of(json::canonical(jws.to_json())));
    Bytes spaced = input;
    spaced.push_back(' ');
    EXPECT_EQ(refused(EntryType::terminate, spaced).substr(0, 3), "bad");
    EXPECT_EQ(refused(EntryType::terminate, input, start_time + hour + 1), "expired /expires");
    act(EntryType::terminate, input);
    EXPECT_EQ(refused(forward.fixing("2009-02-01", "28.02", 1)), "not_running /binding");
    EXPECT_EQ(refused(EntryType::propose, sign_version(with_margin(forward), buyer)), "not_running /binding");
    EXPECT_EQ(refused(EntryType::terminate, input), "not_running /binding");
}

TEST_F(Amend, a_party_that_was_replaced_is_no_party) {
    start();
    const crypto::PrivateKey heir = signing_key("heir");
    json::Object next = with_parties([&](json::Object& document) {
        document["parties"].as_object()["seller"] =
            json::Array{World::party("did:web:heir.example", heir, platform.world.seller_encryption)};
    });
    act(EntryType::propose, sign_version(next, buyer, seller));
    EXPECT_EQ(refused(EntryType::amend, sign_version(next, buyer, seller)), "bad_signature /signatures");
    act(EntryType::amend, sign_version(next, buyer, seller, heir));
    follow(next, "1.0.0");
    EXPECT_EQ(refused(forward.message("dispute", json::Object{{"reason", "x"}}, 1, seller)), "not_a_party /input/kid");
    forward.run(*enclave, forward.fixing("2009-02-01", "28.02", 1));
    EXPECT_EQ(refused(EntryType::propose, sign_version(with_margin(forward), seller)).substr(0, 11), "not_a_party");
}

TEST_F(Amend, ones_own_key_needs_nobody_else_and_nobody_else_stops_it) {
    start();
    const crypto::PrivateKey fresh = signing_key("buyer's new key");
    const json::Object next = with_parties([&](json::Object& document) {
        document["parties"].as_object()["buyer"] =
            json::Array{World::party("did:web:buyer.example", fresh, platform.world.buyer_encryption)};
    });
    act(EntryType::propose, sign_version(next, buyer));
    const std::string no = decision("decline", version_of(next), "did:web:seller.example", seller);
    EXPECT_EQ(refused(EntryType::close, to_bytes(bytes_of(no))), "action_refused /decision");
    act(EntryType::amend, sign_version(next, buyer));
    follow(next, "1.0.0");
    EXPECT_EQ(refused(forward.message("dispute", json::Object{{"reason", "x"}}, 2, buyer)), "not_a_party /input/kid");
}

TEST_F(Amend, a_key_that_comes_back_cannot_say_the_same_again) {
    start();
    const std::string old = forward.fixing("2009-02-01", "28.02", 1);
    forward.run(*enclave, old);
    const auto with_feed = [&](const crypto::PrivateKey& key) {
        return with_parties([&](json::Object& document) {
            document["sources"].as_object()["fixing"].as_object()["keys"] = json::Array{key.public_key().jwk()};
        });
    };
    const crypto::PrivateKey another = signing_key("another feed");
    for (const auto* key : std::array<const crypto::PrivateKey*, 2>{&another, &platform.world.feed}) {
        const json::Object next = with_feed(*key);
        act(EntryType::propose, sign_version(next, buyer));
        act(EntryType::amend, sign_version(next, buyer, seller));
        follow(next, "1.0.0");
    }
    EXPECT_EQ(refused(old), "out_of_order /number");
}

TEST_F(Amend, a_binding_is_loaded_with_the_version_in_force_only) {
    start();
    const json::Object next = with_margin(forward);
    act(EntryType::propose, sign_version(next, buyer));
    const Bytes signed_next = sign_version(next, buyer, seller);
    act(EntryType::amend, signed_next);
    auto other = make_enclave();
    other->load(sample_package("1.1.0"));
    EXPECT_EQ(error_of([&] { other->load_binding(forward.jws, forward.last.record); }), "wrong_version /version");
    other->load_binding(signed_next, forward.last.record);
    follow(next, "1.1.0");
    forward.run(*other, forward.fixing("2009-02-01", "28.02", 1));
}

}  // namespace
}  // namespace concordat::test
