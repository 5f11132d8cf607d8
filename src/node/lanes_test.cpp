#include "lanes.hpp"

#include <gtest/gtest.h>
#include <boost/asio/post.hpp>
#include <contract/input.hpp>
#include <crypto/hash.hpp>

namespace concordat::node {
namespace {

const Hash256 binding = crypto::sha256(std::string_view("binding"));

// An enclave and a ledger as far as lanes see them: appends what it is asked, loses answers and forgets bindings on
// wish.
struct Fake : LaneHost, enclave::Enclaves {
    explicit Fake(boost::asio::io_context& l) : loop(l) {}

    CommitPtr append(const std::string& input) {
        contract::Entry entry;
        entry.type = contract::EntryType::execute;
        entry.ledger = "ccl:00000000000000000000000000000000";
        entry.binding = entry.version = binding;
        entry.sequence = static_cast<std::int64_t>(appended.size()) + 1;
        entry.previous = crypto::sha256(std::string_view("previous"));
        entry.time = 1;
        entry.input = crypto::sha256(input);
        entry.sender_role = "buyer";
        entry.sender_id = "did:web:buyer.example";
        entry.sender_key = to_base64url(binding.view());
        entry.action = "confirm";
        enclave::Committed out;
        out.record.document = to_bytes(bytes_of(entry.write()));
        out.record.input = to_bytes(bytes_of(input));
        out.receipt.index = appended.size();
        out.receipt.size = appended.size() + 1;
        appended.push_back(input);
        return std::make_shared<const Commit>(enclave::encode(out));
    }
    void reply(Then<Bytes> then, Outcome<Bytes> outcome) {
        boost::asio::post(loop, [then = std::move(then), outcome = std::move(outcome)] { then(outcome); });
    }

    void execute(const enclave::Route&, const enclave::Execute& request, Then<Bytes> then) override {
        ++asked;
        if (!loaded) return reply(then, Error(Code::unavailable, "/binding", "not loaded"));
        if (lose_race > 0 && lose_race--) {
            loaded = false;
            return reply(then, Error(Code::conflict, "/previous", "another was first"));
        }
        if (open) return reply(then, Error(Code::in_transaction, "/binding", "a transaction is open"));
        if (request.input == opens) open = true;
        if (std::ranges::find(appended, request.input) != appended.end())
            return reply(then, Error(Code::out_of_order, "/number", "must be above the last"));
        const CommitPtr commit = append(request.input);
        commits[commit->entry.input] = commit;
        if (lose_answer > 0 && lose_answer--) {
            loaded = false;
            return reply(then, Error(Code::unavailable, "/enclave", "the enclave ended"));
        }
        reply(then, Bytes(commit->raw));
    }
    void act(const enclave::Route&, const enclave::Act& request, Then<Bytes> then) override {
        if (request.type == contract::EntryType::amend && early)
            return reply(then, Error(Code::in_transaction, "/binding", "a transaction is open"));
        if (request.type == contract::EntryType::outcome) open = early = false;
        claimed = request.time;
        const CommitPtr commit = append(std::string(contract::entry_type_name(request.type)));
        reply(then, Bytes(commit->raw));
    }
    void sign(const enclave::Route&, const enclave::Sign&, Then<Bytes> then) override { reply(then, Bytes{1, 2, 3}); }
    void load_package(const enclave::Route&, const enclave::LoadPackage&, Then<Nothing> then) override {
        packaged = true, then(Nothing{});
    }
    void load_binding(const enclave::Route&, const enclave::LoadBinding&, Then<Nothing> then) override {
        ++loads;
        loaded = packaged;
        boost::asio::post(loop, [this, then] {
            packaged ? then(Nothing{}) : then(Error(Code::unavailable, "/package", "not loaded"));
        });
    }

    void catch_up(Then<Nothing> then) override { ++catch_ups, then(Nothing{}); }
    void find_input(const Hash256&, const Hash256& input, Then<CommitPtr> then) override {
        const auto found = commits.find(input);
        then(found == commits.end() ? CommitPtr() : found->second);
    }
    CommitPtr committed(Bytes payload) override { return std::make_shared<const Commit>(std::move(payload)); }
    void material(const Hash256&, Then<Material> then) override { then(Material{}); }
    enclave::LoadPackage package(const Hash256&) override { return {}; }
    void ancestry(const Hash256&, const std::string&, Then<std::vector<Bytes>> then) override {
        then(std::vector<Bytes>{});
    }
    enclave::Route route(const Hash256& id) override { return {id, false}; }
    enclave::Routes choose(const Hash256&, Work&) override { return {}; }
    Hold held(const Hash256&) override { return early ? Hold::changes : open ? Hold::all : Hold::nothing; }
    TimeMs now() override { return 1; }

    boost::asio::io_context& loop;
    bool open = false;   // a transaction is
    bool early = false;  // one that was committed early
    std::string opens;   // the input that begins one
    std::vector<std::string> appended;
    std::map<Hash256, CommitPtr> commits;
    TimeMs claimed = 0;  // the last act's time
    bool loaded = false, packaged = false;
    int asked = 0, loads = 0, catch_ups = 0, lose_race = 0, lose_answer = 0;
};

struct LanesTest : testing::Test {
    boost::asio::io_context loop;
    Fake fake{loop};
    Lanes lanes{fake, fake, {.max_queued = 8}};
    std::vector<std::string> answered;
    std::vector<Code> failed;

    void submit(const std::string& input) {
        auto work = std::make_shared<Work>();
        work->input = input;
        work->digest = crypto::sha256(input);
        lanes.submit(binding, std::move(work), [this, input](Outcome<CommitPtr> outcome) {
            outcome.ok() ? answered.push_back(input) : failed.push_back(outcome.error().code());
        });
    }
    const std::vector<std::string> all{"a", "b", "c", "d", "e"};
    void submit_all() {
        for (const auto& input : all) submit(input);
        loop.run();
        loop.restart();
    }
};

TEST_F(LanesTest, loads_what_is_missing_and_keeps_the_order) {
    submit_all();
    EXPECT_EQ(fake.appended, all);
    EXPECT_EQ(answered, all);
    EXPECT_EQ(fake.loads, 2);  // the first one asked for the package
    EXPECT_EQ(lanes.size(), 0u);
    EXPECT_EQ(lanes.total(), 0u);
}

TEST_F(LanesTest, a_clock_that_was_ahead_holds_no_transaction_up) {
    fake.packaged = fake.loaded = true;
    for (const TimeMs last : {TimeMs{0}, TimeMs{3'600'000}}) {
        auto work = std::make_shared<Work>();
        work->type = contract::EntryType::outcome;
        work->transaction = crypto::sha256(std::string_view("transaction"));
        work->not_before = last;
        lanes.submit(binding, std::move(work), [](const Outcome<CommitPtr>&) {});
        loop.run();
        loop.restart();
        EXPECT_EQ(fake.claimed, std::max(fake.now(), last));
    }
}

TEST_F(LanesTest, asks_again_in_order_after_a_lost_race) {
    fake.packaged = fake.loaded = true;
    fake.lose_race = 1;
    submit_all();
    EXPECT_EQ(fake.appended, all);
    EXPECT_EQ(answered, all);
    EXPECT_EQ(fake.catch_ups, 1);
}

TEST_F(LanesTest, never_runs_again_what_was_appended_although_its_answer_was_lost) {
    fake.packaged = fake.loaded = true;
    fake.lose_answer = 1;
    submit_all();
    EXPECT_EQ(fake.appended, all);
    EXPECT_EQ(answered, all);
}

TEST_F(LanesTest, the_same_input_gets_the_same_answer) {
    fake.packaged = fake.loaded = true;
    submit("a");
    submit("a");  // joins
    loop.run();
    loop.restart();
    EXPECT_EQ(fake.asked, 1);
    submit("a");  // comes again later: the enclave refuses the number, the answer is found
    loop.run();
    EXPECT_EQ(answered, (std::vector<std::string>{"a", "a", "a"}));
    EXPECT_EQ(fake.appended.size(), 1u);
}

TEST_F(LanesTest, a_full_queue_is_an_error_and_an_enclave_that_never_takes_it_as_well) {
    fake.loaded = true;
    fake.packaged = true;
    fake.lose_race = 1000;
    for (int i = 0; i < 200; ++i) submit(std::to_string(i));
    EXPECT_FALSE(failed.empty());
    EXPECT_EQ(failed.front(), Code::busy);
    loop.run();
    EXPECT_EQ(answered.size() + failed.size(), 200u);
    EXPECT_TRUE(fake.appended.empty());
    EXPECT_EQ(lanes.total(), 0u);
}

TEST_F(LanesTest, what_comes_during_a_transaction_waits_for_its_outcome_and_keeps_the_order) {
    fake.packaged = fake.loaded = true;
    fake.opens = "b";  // c, d and e are under way by then
    submit_all();
    EXPECT_EQ(fake.appended, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(lanes.total(), 3u);
    submit("f");
    loop.run();
    loop.restart();
    EXPECT_EQ(lanes.total(), 4u);
    auto work = std::make_shared<Work>();
    work->type = contract::EntryType::outcome;
    work->transaction = work->digest = crypto::sha256(std::string_view("transaction"));
    bool ended = false;
    lanes.submit(binding, std::move(work), [&](Outcome<CommitPtr> outcome) { ended = outcome.ok(); });
    loop.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(fake.appended, (std::vector<std::string>{"a", "b", "outcome", "c", "d", "e", "f"}));
    EXPECT_EQ(answered, (std::vector<std::string>{"a", "b", "c", "d", "e", "f"}));
    EXPECT_EQ(lanes.size(), 0u);
}

TEST_F(LanesTest, what_waited_too_long_for_a_transaction_is_refused_and_what_belongs_to_it_is_not) {
    fake.packaged = fake.loaded = fake.open = true;
    submit("a");
    auto work = std::make_shared<Work>();
    work->transaction = work->digest = crypto::sha256(std::string_view("transaction"));
    work->sign = enclave::Sign{};
    const auto kept = work;
    bool made = false;
    lanes.submit(binding, std::move(work), [&](Outcome<CommitPtr> outcome) { made = outcome.ok(); });
    lanes.refuse_waiting(0, Error(Code::in_transaction, "/binding", "too long"));
    EXPECT_TRUE(failed.empty());  // it came later
    lanes.refuse_waiting(1, Error(Code::in_transaction, "/binding", "too long"));
    EXPECT_EQ(failed, std::vector{Code::in_transaction});
    loop.run();
    EXPECT_TRUE(made);
    EXPECT_EQ(kept->signature, (Bytes{1, 2, 3}));
    EXPECT_EQ(lanes.size(), 0u);
}

TEST_F(LanesTest, what_is_committed_early_holds_amendments_and_what_comes_after_them) {
    fake.packaged = fake.loaded = fake.early = true;
    submit("a");
    loop.run();
    loop.restart();
    EXPECT_EQ(answered, std::vector<std::string>{"a"});
    auto amend = std::make_shared<Work>();
    amend->type = contract::EntryType::amend;
    amend->digest = crypto::sha256(std::string_view("amend"));
    bool amended = false;
    lanes.submit(binding, std::move(amend), [&](Outcome<CommitPtr> outcome) { amended = outcome.ok(); });
    submit("b");
    loop.run();
    loop.restart();
    EXPECT_EQ(fake.appended, std::vector<std::string>{"a"});
    auto work = std::make_shared<Work>();
    work->type = contract::EntryType::outcome;
    work->transaction = work->digest = crypto::sha256(std::string_view("transaction"));
    lanes.submit(binding, std::move(work), [](const Outcome<CommitPtr>&) {});
    loop.run();
    EXPECT_TRUE(amended);
    EXPECT_EQ(fake.appended, (std::vector<std::string>{"a", "outcome", "amend", "b"}));

    fake.early = true;
    auto late = std::make_shared<Work>();
    late->type = contract::EntryType::terminate;
    late->digest = crypto::sha256(std::string_view("terminate"));
    std::optional<Code> refused;
    lanes.submit(binding, std::move(late),
                 [&](const Outcome<CommitPtr>& outcome) { refused = outcome.error().code(); });
    submit("c");
    lanes.refuse_waiting(1, Error(Code::in_transaction, "/binding", "too long"));
    EXPECT_EQ(refused, Code::in_transaction);
    EXPECT_EQ(failed, std::vector{Code::in_transaction});
}

TEST_F(LanesTest, a_step_that_the_enclave_puts_off_is_not_asked_again_at_once) {
    fake.packaged = fake.loaded = fake.early = true;
    auto step = std::make_shared<Work>();
    step->type = contract::EntryType::amend;  // any that the fake refuses so
    step->transaction = step->digest = crypto::sha256(std::string_view("transaction"));
    std::optional<Code> refused;
    lanes.submit(binding, std::move(step),
                 [&](const Outcome<CommitPtr>& outcome) { refused = outcome.error().code(); });
    loop.run();
    EXPECT_EQ(refused, Code::in_transaction);
    EXPECT_EQ(fake.loads, 0);
}

TEST_F(LanesTest, a_message_that_has_the_digest_of_a_step_is_another_one) {
    fake.packaged = fake.loaded = fake.open = true;
    submit("forged");
    auto step = std::make_shared<Work>();
    step->type = contract::EntryType::outcome;
    step->transaction = crypto::sha256(std::string_view("transaction"));
    step->digest = crypto::sha256(std::string_view("forged"));
    bool ended = false;
    lanes.submit(binding, std::move(step), [&](Outcome<CommitPtr> outcome) { ended = outcome.ok(); });
    loop.run();
    EXPECT_TRUE(ended);
    EXPECT_EQ(fake.appended, (std::vector<std::string>{"outcome", "forged"}));
    EXPECT_EQ(answered, std::vector<std::string>{"forged"});
}

TEST_F(LanesTest, what_is_patient_waits_until_the_node_stops) {
    fake.packaged = fake.loaded = fake.open = true;
    auto work = std::make_shared<Work>();
    work->input = "a";
    work->digest = crypto::sha256(std::string_view("a"));
    work->patient = true;
    std::optional<Code> refused;
    lanes.submit(binding, std::move(work),
                 [&](const Outcome<CommitPtr>& outcome) { refused = outcome.error().code(); });
    lanes.refuse_waiting(1, Error(Code::in_transaction, "/binding", "too long"));
    EXPECT_FALSE(refused);
    lanes.refuse_waiting(1, Error(Code::unavailable, "", "stopping"), true);
    EXPECT_EQ(refused, Code::unavailable);
}

}  // namespace
}  // namespace concordat::node
