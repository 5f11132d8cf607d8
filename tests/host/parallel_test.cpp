// Many inputs under way at once: each binding's own stay in order, whichever thread works on them.
#include "support.hpp"

namespace concordat::test {
namespace {

constexpr int fixings = 10;

std::string month(int n) { return "2009-" + std::string(n < 8 ? "0" : "") + std::to_string(n + 2) + "-01"; }

struct Parallel : Hosted {
    // The fixings of several bindings, interleaved, each third one followed by itself once more and by a stranger's;
    // then what became of them, in the order in which they were handed in: fuel of an entry, or error.
    std::vector<std::string> run(std::size_t helpers, std::size_t turn_inputs) {
        enclave = make_enclave({.helpers = helpers, .turn_inputs = turn_inputs});
        std::vector<std::unique_ptr<Forward>> forwards;
        for (int i = 0; i < 4; ++i) {
            forwards.push_back(std::make_unique<Forward>(platform));
            forwards.back()->lock(*enclave);
            forwards.back()->run(*enclave, forwards.back()->message("confirm", json::Object{}, 1));
        }
        std::vector<std::pair<std::uint64_t, std::int64_t>> sent;  // with the sequence expected, or -1
        const auto queue = [&](const Forward& forward, const std::string& input, std::int64_t sequence) {
            sent.emplace_back(enclave->queue(enclave::FrameType::execute,
                                             enclave::encode(enclave::Execute{forward.id, start_time, input, {}})),
                              sequence);
        };
        for (int n = 0; n < fixings; ++n) {
            for (const auto& forward : forwards) {
                const std::string input = forward->fixing(month(n), "28." + std::to_string(10 + n), n + 1);
                queue(*forward, input, n + 2);
                if (n % 3 != 0) continue;
                queue(*forward, input, -1);
                queue(*forward, forward->message("dispute", json::Object{{"reason", "x"}}, 9, signing_key("stranger")),
                      -1);
            }
        }
        enclave->pump();
        std::vector<std::string> out;
        for (const auto& [id, sequence] : sent) {
            out.push_back(error_of([&] {
                const contract::Entry entry = enclave::decode_committed(enclave->take(id)).record.check();
                EXPECT_EQ(entry.sequence, sequence);
                throw Error(Code::internal, "ran with " + std::to_string(entry.fuel), "");
            }));
        }
        return out;
    }
};

TEST_F(Parallel, bindings_do_as_they_do_alone) {
    const std::vector<std::string> alone = run(0, 1);
    EXPECT_EQ(std::ranges::count(alone, "out_of_order /number"), 16);
    EXPECT_EQ(std::ranges::count(alone, "not_a_party /input/kid"), 16);
    EXPECT_EQ(alone.size(), 4 * fixings + 32);
    for (const std::size_t helpers : {0u, 1u, 3u}) {
        for (const std::size_t turn_inputs : {7u, 64u}) EXPECT_EQ(run(helpers, turn_inputs), alone);
    }
}

// A batch that the ledger does not take ends all that was under way on its entries, and nothing else.
TEST_F(Parallel, what_was_built_on_a_lost_entry_is_lost) {
    enclave = make_enclave({.turn_inputs = 1});
    Forward one(platform), other(platform);
    for (Forward* forward : {&one, &other}) {
        forward->lock(*enclave);
        forward->run(*enclave, forward->message("confirm", json::Object{}, 1));
    }
    // Another enclave gets ahead on one of them.
    const auto rival = make_enclave();
    rival->load_binding(one.jws, one.last.record);
    one.run(*rival, one.fixing(month(0), "27.00", 1));
    std::vector<std::uint64_t> of_one, of_other;
    for (int n = 0; n < 5; ++n) {
        for (auto [forward, ids] : {std::pair(&one, &of_one), std::pair(&other, &of_other)}) {
            const std::string input = forward->fixing(month(n + 1), "28.00", n + 2);
            ids->push_back(enclave->queue(enclave::FrameType::execute,
                                          enclave::encode(enclave::Execute{forward->id, start_time, input, {}})));
        }
    }
    enclave->pump();
    for (const std::uint64_t id : of_one) {
        const std::string error = error_of([&] { enclave->take(id); });
        EXPECT_TRUE(error == "conflict /previous" || error == "unavailable /binding") << error;
    }
    for (const std::uint64_t id : of_other) EXPECT_NO_THROW(enclave->take(id));
}

}  // namespace
}  // namespace concordat::test
