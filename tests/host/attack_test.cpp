// The host as attacker: it holds every byte between enclave and ledger, starts as many enclaves as it likes, and tells
// the time.
#include "support.hpp"

namespace concordat::test {
namespace {

struct Attack : Hosted {
    std::string refused(HostedEnclave& on, const Hash256& binding, const std::string& input, TimeMs time = start_time) {
        return error_of([&] { on.execute(binding, input, time); });
    }
};

TEST_F(Attack, nothing_is_said_before_the_ledger_has_it) {
    Rogue rogue(platform, *enclave);
    const std::string message = rogue.poke("secret", 1);
    enclave->relay = false;
    const auto asked = enclave->begin_execute(rogue.id, message, start_time);
    EXPECT_FALSE(enclave->answered(asked));
    EXPECT_TRUE(enclave->replies.empty());
    for (const Bytes& bytes : enclave->to_ledger) EXPECT_EQ(text_of(bytes).find("pokes"), std::string_view::npos);
    enclave->deliver = false;
    enclave->relay = true;
    enclave->pump();
    EXPECT_FALSE(enclave->answered(asked));  // appended, and the host has the ledger's answer: still nothing
    enclave->deliver = true;
    enclave->pump();
    const auto done = enclave::decode_committed(enclave->take(asked));
    EXPECT_EQ(text_of(done.record.state).find("4711"), std::string_view::npos);
    EXPECT_EQ(text_of(done.record.private_state).find("4711"), std::string_view::npos);
    EXPECT_EQ(text_of(done.record.disclosures).find("4711"), std::string_view::npos);
}

TEST_F(Attack, a_state_rolled_back_leads_nowhere) {
    Rogue rogue(platform, *enclave);
    const enclave::Committed old = rogue.last;
    rogue.run(*enclave, "nothing", 1);
    auto other = make_enclave();
    other->load(rogue_package());
    other->load_binding(platform.signed_jws(rogue.document), old.record);
    const Hash256 now = std::exchange(rogue.head, LedgerWorld::id_of(old.record));
    EXPECT_EQ(refused(*other, rogue.id, rogue.poke("secret", 2)), "conflict /previous");
    EXPECT_TRUE(other->replies.empty());
    EXPECT_EQ(refused(*other, rogue.id, rogue.poke("nothing", 2)), "unavailable /binding");
    rogue.head = now;
    other->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    rogue.run(*other, "nothing", 2);
    EXPECT_EQ(rogue.last.record.check().sequence, 2);
}

// What a contract refuses depends on its state: a host that heard the refusal could ask any state it kept.
TEST_F(Attack, an_old_state_cannot_be_asked_what_it_refuses) {
    Rogue rogue(platform, *enclave);
    const enclave::Committed old = rogue.last;
    const Hash256 bound = rogue.head;
    rogue.run(*enclave, "nothing", 1);
    const Hash256 now = std::exchange(rogue.head, bound);
    auto other = make_enclave();
    other->load(rogue_package());
    const auto ask_old = [&](const std::string& input) {
        other->load_binding(platform.signed_jws(rogue.document), old.record);
        return refused(*other, rogue.id, input);
    };
    EXPECT_EQ(ask_old(rogue.poke("abort", 2)), "conflict /previous");
    EXPECT_EQ(ask_old(rogue.poke("trap", 2)), "conflict /previous");
    EXPECT_EQ(ask_old(rogue.poke("abort", 2, start_time - 1)), "conflict /previous");
    EXPECT_TRUE(other->replies.empty());
    rogue.head = now;
    other->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    EXPECT_EQ(refused(*other, rogue.id, rogue.poke("abort", 2)), "contract_aborted /body");
    rogue.run(*other, "nothing", 2);  // what is told holds nothing up
}

TEST_F(Attack, a_state_that_was_never_recorded_cannot_be_asked_either) {
    Rogue rogue(platform, *enclave);
    auto other = make_enclave();
    other->load(rogue_package());
    other->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    const std::string first = rogue.poke("nothing", 1);
    enclave->relay = false;
    std::vector<std::uint64_t> asked;
    for (const std::string& input : {first, rogue.poke("abort", 2), first, rogue.poke("abort", 3)}) {
        asked.push_back(enclave->begin_execute(rogue.id, input, start_time));
    }
    asked.push_back(enclave->send(enclave::FrameType::act,
                                  enclave::encode(enclave::Act{EntryType::close, rogue.id, start_time, {}})));
    EXPECT_TRUE(enclave->replies.empty());  // not even that `first` ran shows, by being refused when it comes again
    rogue.run(*other, "nothing", 4);
    enclave->relay = true;
    enclave->pump();
    for (const std::uint64_t one : asked) EXPECT_EQ(error_of([&] { enclave->take(one); }), "conflict /previous");
}

TEST_F(Attack, refusals_and_entries_are_told_in_their_places) {
    Rogue rogue(platform, *enclave);
    enclave->relay = false;
    std::vector<std::uint64_t> asked;
    for (const std::string way : {"abort", "nothing", "abort", "nothing", "trap"}) {
        const auto number = static_cast<std::int64_t>(asked.size()) + 1;
        asked.push_back(enclave->begin_execute(rogue.id, rogue.poke(way, number), start_time));
    }
    enclave->relay = true;
    enclave->pump();
    std::vector<std::string> said;
    for (const std::uint64_t one : asked) said.push_back(error_of([&] { enclave->take(one); }));
    EXPECT_EQ(said, (std::vector<std::string>{"contract_aborted /body", "no error", "contract_aborted /body",
                                              "no error", "trapped logic"}));
    EXPECT_EQ(platform.ledger->size(), 3u);
}

TEST_F(Attack, what_was_refused_is_not_told_when_the_entry_before_it_was_lost) {
    Rogue rogue(platform, *enclave);
    enclave->relay = false;
    const auto lost = enclave->begin_execute(rogue.id, rogue.poke("nothing", 1), start_time);
    const auto behind = enclave->begin_execute(rogue.id, rogue.poke("abort", 2), start_time);
    platform.disk.space = 100;
    enclave->relay = true;
    enclave->pump();
    EXPECT_EQ(error_of([&] { enclave->take(lost); }).substr(0, 4), "disk");
    EXPECT_EQ(error_of([&] { enclave->take(behind); }).substr(0, 16), "conflict /previo");
}

TEST_F(Attack, the_ledgers_old_answer_ends_the_channel) {
    Rogue rogue(platform, *enclave);
    enclave->deliver = false;
    const auto first = enclave->begin_execute(rogue.id, rogue.poke("nothing", 1), start_time);
    ASSERT_FALSE(enclave->from_ledger.empty());
    const Bytes answer = enclave->from_ledger.front();
    enclave->deliver = true;
    enclave->pump();
    const auto done = enclave::decode_committed(enclave->take(first));
    rogue.head = LedgerWorld::id_of(done.record);
    enclave->relay = false;
    const auto second = enclave->begin_execute(rogue.id, rogue.poke("secret", 2), start_time);
    enclave->send(enclave::FrameType::channel, answer);
    EXPECT_EQ(error_of([&] { enclave->take(second); }), "unavailable /ledger");
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 2)), "unavailable /binding");
    EXPECT_EQ(error_of([&] { enclave->load_binding(platform.signed_jws(rogue.document), done.record); }),
              "unavailable /ledger");
    EXPECT_EQ(error_of([&] { enclave->call(enclave::FrameType::connect, {}); }), "conflict /channel");
}

TEST_F(Attack, of_two_enclaves_on_one_binding_one_is_heard) {
    Rogue rogue(platform, *enclave);
    auto other = make_enclave();
    other->load(rogue_package());
    other->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    enclave->relay = other->relay = false;
    const auto here = enclave->begin_execute(rogue.id, rogue.poke("nothing", 1), start_time);
    const auto there = other->begin_execute(rogue.id, rogue.poke("secret", 2), start_time);
    enclave->relay = other->relay = true;
    other->pump();
    enclave->pump();
    EXPECT_EQ(enclave::decode_committed(other->take(there)).record.check().number, 2);
    EXPECT_EQ(error_of([&] { enclave->take(here); }), "conflict /previous");
}

TEST_F(Attack, the_same_message_in_two_enclaves_has_one_result) {
    Rogue rogue(platform, *enclave);
    auto other = make_enclave();
    other->load(rogue_package());
    other->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    const std::string message = rogue.poke("secret", 1);
    enclave->relay = other->relay = false;
    const auto here = enclave->begin_execute(rogue.id, message, start_time);
    const auto there = other->begin_execute(rogue.id, message, start_time);
    enclave->relay = other->relay = true;
    enclave->pump();
    other->pump();
    enclave::decode_committed(enclave->take(here));
    EXPECT_EQ(error_of([&] { other->take(there); }), "conflict /previous");
    EXPECT_EQ(platform.ledger->size(), 2u);
}

TEST_F(Attack, the_same_execution_gives_the_same_bytes_anywhere) {
    Rogue rogue(platform, *enclave);
    const MemoryDisk before = platform.disk;
    auto copy = std::make_unique<LedgerWorld>();
    copy->disk = before;
    copy->open();
    HostedEnclave again(*copy->ledger, copy->world.measurement, copy->clock);
    again.load(rogue_package());
    again.load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    std::int64_t number = 0;
    for (const std::string way : {"nothing", "secret", "secret", "nothing"}) {
        const std::string message = rogue.poke(way, ++number);
        rogue.last = enclave->execute(rogue.id, message, start_time + number);
        rogue.head = LedgerWorld::id_of(rogue.last.record);
        const enclave::Committed twin = again.execute(rogue.id, message, start_time + number);
        EXPECT_EQ(text_of(twin.record.document), text_of(rogue.last.record.document));
        EXPECT_EQ(twin.record.private_state, rogue.last.record.private_state);
        EXPECT_EQ(twin.record.disclosures, rogue.last.record.disclosures);
        EXPECT_EQ(twin.record.state, rogue.last.record.state);
    }
}

TEST_F(Attack, a_package_cannot_be_swapped) {
    Rogue rogue(platform, *enclave);
    auto other = std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock);
    other->load(sample_package("1.0.0"));
    EXPECT_EQ(error_of([&] { other->load_binding(platform.signed_jws(rogue.document), rogue.last.record); }),
              "unavailable /package");
    contract::Package mixed = rogue_package();
    mixed.module = sample_package("1.0.0").module;
    EXPECT_EQ(error_of([&] { other->load(mixed); }).substr(0, 11), "bad_package");
}

TEST_F(Attack, an_enclave_with_other_code_gets_no_key) {
    Rogue rogue(platform, *enclave);
    HostedEnclave changed(*platform.ledger, hash_of("changed code"), platform.clock);
    changed.load(rogue_package());
    const Bytes jws = platform.signed_jws(rogue.document);
    EXPECT_EQ(error_of([&] { changed.load_binding(jws, rogue.last.record); }).substr(0, 12), "bad_evidence");
    EXPECT_EQ(refused(changed, rogue.id, rogue.poke("nothing", 1)), "unavailable /binding");
}

TEST_F(Attack, another_ledger_cannot_take_a_bindings_place) {
    Rogue rogue(platform, *enclave);
    LedgerWorld false_platform;
    HostedEnclave elsewhere(*false_platform.ledger, platform.world.measurement, platform.clock);
    elsewhere.load(rogue_package());
    const Bytes jws = platform.signed_jws(rogue.document);
    EXPECT_EQ(error_of([&] { elsewhere.load_binding(jws, rogue.last.record); }), "wrong_ledger /record/service_key");
    EXPECT_EQ(error_of([&] { elsewhere.act(EntryType::bind, {}, jws, start_time); }),
              "wrong_ledger /record/service_key");
}

TEST_F(Attack, time_does_not_go_back) {
    Rogue rogue(platform, *enclave);
    const TimeMs future = start_time + 10 * 365 * 24 * hour;
    rogue.last = enclave->execute(rogue.id, rogue.poke("nothing", 1, future), future);
    rogue.head = LedgerWorld::id_of(rogue.last.record);
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 2, future), future - 1), "time_went_back /time");
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 2, future), future + 1), "expired /expires");
    EXPECT_NE(refused(*enclave, rogue.id, rogue.poke("nothing", 2, future), std::numeric_limits<TimeMs>::max()),
              "no error");
    EXPECT_NE(refused(*enclave, rogue.id, rogue.poke("nothing", 2, future), std::numeric_limits<TimeMs>::min()),
              "no error");
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 2, future), future), "no error");
}

// A head that the host wrote itself, around a genuine private state, naming a version with its own key in it: it would
// let the host ask the state questions.
TEST_F(Attack, a_version_that_nobody_signed_is_not_loaded) {
    Rogue rogue(platform, *enclave);
    const crypto::PrivateKey mallory = signing_key("mallory");
    json::Object forged = next_document(parse_binding(rogue.document));
    forged["parties"].as_object()["buyer"] =
        json::Array{World::party("did:web:mallory.example", mallory, platform.world.buyer_encryption)};
    contract::EntryRecord head = rogue.last.record;
    std::string text(text_of(head.document));
    const auto at = text.rfind("\"version\":\"sha256:");
    text.replace(at + 18, 64, version_of(forged).hex());
    text.replace(text.find("\"type\":\"bind\""), 13, "\"type\":\"close\"");
    text.replace(text.find("\"sequence\":0"), 12, "\"sequence\":1");
    text.replace(text.find("\"previous\":\"sha256:") + 19, 64, hash_of("anything").hex());
    head.document = to_bytes(bytes_of(text));
    auto other = make_enclave();
    other->load(rogue_package());
    EXPECT_NE(error_of([&] { other->load_binding(sign_version(forged, mallory), head); }), "no error");
    // Even at the right place in the sequence, where the private state opens.
    rogue.run(*enclave, "secret", 1);
    head = rogue.last.record;
    text = text_of(head.document);
    text.replace(text.rfind("\"version\":\"sha256:") + 18, 64, version_of(forged).hex());
    head.document = to_bytes(bytes_of(text));
    EXPECT_EQ(error_of([&] { other->load_binding(sign_version(forged, mallory), head); }),
              "wrong_version /head/version");
}

// A host that kept what an enclave once sent says it again to the same ledger: it proves nothing there.
TEST_F(Attack, an_old_hello_admits_nobody) {
    Rogue rogue(platform, *enclave);
    const std::uint64_t before = platform.ledger->size();
    attest::DevelopmentProvider provider(signing_key("development root"), hash_of("ledger code"), "concordat-ledger", 1,
                                         platform.clock);
    LedgerEnd again(*platform.ledger, provider);
    std::size_t taken = 0;
    std::string ended;
    try {
        for (const Bytes& bytes : enclave->recorded) again.receive(bytes), ++taken;
    } catch (const Error& error) {
        ended = code_name(error.code());
    }
    EXPECT_EQ(ended, "protocol");
    EXPECT_LE(taken, 1u);  // no further than the first flight, which holds nothing of an enclave
    EXPECT_EQ(platform.ledger->size(), before);
    rogue.run(*enclave, "nothing", 1);  // and nobody else is disturbed
}

// Evidence that an enclave made for one use, shown for another: for another key, and in a channel that it was not made
// for.
TEST_F(Attack, old_evidence_vouches_for_nothing_else) {
    const crypto::PrivateKey mine = signing_key("a key of the host's own");
    const enclave::HelloReply shown = enclave::decode_hello_reply(enclave->call(enclave::FrameType::hello, Bytes()));
    const crypto::PublicKey theirs = crypto::PublicKey::from_jwk(json::parse(shown.key, "key"), "key");
    const std::string my_key = json::canonical(mine.public_key().jwk());
    const auto admit = [&](const std::string& key, const crypto::PublicKey& peer) {
        return error_of([&] { platform.ledger->admit({{key, shown.evidence}}, peer); });
    };
    EXPECT_EQ(admit(my_key, mine.public_key()).substr(0, 12), "bad_evidence");
    EXPECT_NE(admit(shown.key, mine.public_key()), "no error");
    EXPECT_EQ(admit(shown.key, theirs), "no error");  // what was tried was genuine
    // A provider that replays it in the channel, whose evidence must be about this very tunnel.
    struct Replayed : attest::EvidenceProvider {
        json::Value kept;
        json::Value make(const Hash256&) override { return kept; }
        std::string_view kind() const override { return "development"; }
    } replayed;
    replayed.kept = json::parse(shown.evidence, "evidence");
    attest::DevelopmentProvider provider(signing_key("development root"), hash_of("ledger code"), "concordat-ledger", 1,
                                         platform.clock);
    attest::AttestedChannel client(attest::Side::enclave, replayed, mine);
    LedgerEnd ledger(*platform.ledger, provider);
    Bytes out = client.start();
    EXPECT_EQ(error_of([&] {
                  for (int i = 0; i < 8 && !out.empty(); ++i) {
                      client.receive(ledger.receive(out));
                      out = client.take_output();
                  }
              }).substr(0, 12),
              "bad_evidence");
    EXPECT_FALSE(client.ready() && ledger.admitted());
}

TEST_F(Attack, a_full_disk_changes_nothing) {
    Rogue rogue(platform, *enclave);
    platform.disk.space = 100;
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 1)).substr(0, 4), "disk");
    EXPECT_EQ(platform.ledger->size(), 1u);
    platform.disk.space = std::numeric_limits<std::size_t>::max();
    enclave->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    rogue.run(*enclave, "nothing", 1);
    EXPECT_EQ(text_of(rogue.last.record.state), "{\"pokes\":1}");
}

// What a running ledger wrote last is taken away, neatly at a record's end: it knows how far it had written, and stops.
TEST_F(Attack, a_suffix_cut_off_a_running_ledgers_log_is_told) {
    Rogue rogue(platform, *enclave);
    rogue.run(*enclave, "nothing", 1);
    const MemoryDisk before = platform.disk;
    rogue.run(*enclave, "nothing", 2);
    for (const auto& [name, file] : before.files) platform.disk.files.at(name).data.resize(file.data.size());
    EXPECT_EQ(refused(*enclave, rogue.id, rogue.poke("nothing", 3)).substr(0, 8), "tampered");
    EXPECT_TRUE(platform.ledger->halted());
    enclave->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    EXPECT_NE(refused(*enclave, rogue.id, rogue.poke("nothing", 3)), "no error");
}

TEST_F(Attack, a_dedicated_enclave_serves_one_binding_whatever_the_order) {
    HostedEnclave own(*platform.ledger, platform.world.measurement, platform.clock, {.dedicated = true, .limits = {}});
    own.load(rogue_package());
    const auto document = [&] {
        json::Object out = platform.document(++Forward::count());
        out["package"] = rogue_package().id().text();
        out["sources"] = json::Object{};
        out["terms"] = json::Object{};
        out["enclaves"].as_object()["isolation"] = "dedicated";
        return platform.signed_jws(out);
    };
    const Bytes one = document(), two = document(), three = document();
    own.relay = false;
    const auto bind = [&](const Bytes& jws) {
        return own.send(enclave::FrameType::act, enclave::encode(enclave::Act{EntryType::bind, {}, start_time, jws}));
    };
    const auto first = bind(one), second = bind(two);
    own.relay = true;
    own.pump();
    EXPECT_EQ(enclave::decode_committed(own.take(first)).record.check().sequence, 0);
    EXPECT_EQ(error_of([&] { own.take(second); }), "forbidden /binding");
    EXPECT_EQ(error_of([&] { own.take(bind(three)); }), "forbidden /binding");
    EXPECT_EQ(error_of([&] { enclave->load(rogue_package()), enclave->act(EntryType::bind, {}, two, start_time); }),
              "forbidden /enclaves/isolation");
}

TEST_F(Attack, a_question_that_cannot_be_asked_blocks_nothing) {
    Rogue rogue(platform, *enclave);
    const Bytes jws = platform.signed_jws(rogue.document);
    auto other = make_enclave();
    other->load(rogue_package());
    other->relay = false;
    std::vector<std::uint64_t> asked;
    for (std::uint64_t i = 0; i < 4100; ++i) {
        json::Object document = platform.document(++Forward::count());
        document["package"] = rogue_package().id().text();
        document["sources"] = json::Object{};
        document["terms"] = json::Object{};
        if (i > 4096)
            asked.push_back(other->send(enclave::FrameType::load_binding,
                                        enclave::encode(enclave::LoadBinding{jws, rogue.last.record})));
        else
            other->send(enclave::FrameType::load_binding,
                        enclave::encode(enclave::LoadBinding{sign_version(document), rogue.last.record}));
    }
    EXPECT_EQ(error_of([&] { other->take(asked.front()); }), "busy /ledger");
    other->relay = true;
    other->pump();
    other->load_binding(jws, rogue.last.record);
    rogue.run(*other, "nothing", 1);
}

TEST_F(Attack, what_was_evicted_comes_back) {
    HostedEnclave small(*platform.ledger, platform.world.measurement, platform.clock,
                        {.max_bindings = 2, .limits = {}});
    std::vector<Rogue> rogues;
    for (int i = 0; i < 5; ++i) rogues.emplace_back(platform, small);
    EXPECT_EQ(refused(small, rogues[0].id, rogues[0].poke("nothing", 1)), "unavailable /binding");
    rogues[4].run(small, "nothing", 1);
    for (Rogue& rogue : rogues) {
        small.load_binding(platform.signed_jws(rogue.document), rogue.last.record);
        rogue.run(small, "nothing", &rogue == &rogues[4] ? 2 : 1);
    }
}

TEST_F(Attack, garbage_is_answered_and_forgotten) {
    Rogue rogue(platform, *enclave);
    FixedRandom random("garbage");
    const std::array<Bytes, 5> genuine{
        enclave::encode(
            enclave::LoadPackage{rogue_package().manifest, rogue_package().config, {}, rogue_package().provenance}),
        enclave::encode(enclave::LoadBinding{platform.signed_jws(rogue.document), rogue.last.record}),
        enclave::encode(enclave::Execute{rogue.id, start_time, rogue.poke("nothing", 1), {rogue.last.record.document}}),
        enclave::encode(enclave::Act{EntryType::propose, rogue.id, start_time, platform.signed_jws(rogue.document)}),
        Bytes{}};
    for (int round = 0; round < 4000; ++round) {
        std::array<std::uint8_t, 8> dice{};
        random.fill(dice);
        Bytes payload = genuine[dice[0] % genuine.size()];
        if (!payload.empty()) {
            for (int flips = dice[1] % 4 + 1; flips > 0; --flips) {
                const std::size_t at = (static_cast<std::size_t>(dice[2]) << 8 | dice[3]) *
                                       static_cast<std::size_t>(flips) % payload.size();
                payload[at] = dice[4];
            }
            if (dice[5] % 3 == 0) payload.resize(payload.size() * dice[6] / 256);
        }
        const auto type = static_cast<enclave::FrameType>(dice[7] % 11);
        if (type == enclave::FrameType::channel) continue;  // ends the channel, as tried above
        enclave->send(type, payload);
    }
    enclave->replies.clear();
    if (refused(*enclave, rogue.id, rogue.poke("nothing", 1000)) == "unavailable /binding") {
        enclave->load_binding(platform.signed_jws(rogue.document), rogue.last.record);
    }
    EXPECT_EQ(error_of([&] { enclave->call(enclave::FrameType::channel, bytes_of("no TLS at all")); }).substr(0, 8),
              "protocol");
    EXPECT_EQ(enclave->call(enclave::FrameType::ping, {}).size(), 0u);
}

}  // namespace
}  // namespace concordat::test
