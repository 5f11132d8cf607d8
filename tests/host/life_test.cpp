// The life of a binding through enclave and ledger, without a node.
#include <gtest/gtest.h>

#include "support/platform.hpp"

namespace concordat::test {
namespace {

struct Life : testing::Test {
    LedgerWorld platform;
    std::unique_ptr<HostedEnclave> enclave = make_enclave();
    std::unique_ptr<HostedEnclave> make_enclave() {
        auto out = std::make_unique<HostedEnclave>(*platform.ledger, platform.world.measurement, platform.clock);
        out->load(sample_package("1.0.0"));
        return out;
    }
};

TEST_F(Life, locks_runs_and_settles) {
    Forward forward(platform);
    forward.lock(*enclave);
    EXPECT_EQ(platform.ledger->size(), 1u);
    forward.run(*enclave, forward.message("confirm", json::Object{}, 1));
    forward.run(*enclave, forward.fixing("2010-02-01", "28.02", 1));
    forward.run(*enclave, forward.fixing("2010-03-01", "28.80", 2));
    const contract::Entry entry = forward.last.record.check();
    EXPECT_EQ(entry.sequence, 3);
    EXPECT_EQ(entry.action, "fix");
    const json::Value state = json::parse(text_of(forward.last.record.state), "state");
    EXPECT_EQ(state.at("status").as_string(), "settled");
    EXPECT_EQ(text_of(forward.last.record.state).find("700.00"), std::string_view::npos);

    const json::Value sealed = json::parse(text_of(forward.last.record.disclosures), "sealed");
    const auto opened = client::open_disclosures(sealed.as_object(), forward.id, forward.buyer_keys);
    const auto settlement = std::ranges::find_if(opened, [](const auto& one) { return one.name == "settlement"; });
    ASSERT_NE(settlement, opened.end());
    EXPECT_EQ(settlement->value.at("amount").as_string(), "700.00");
    EXPECT_EQ(settlement->value.at("payer").as_string(), "buyer");
}

TEST_F(Life, another_enclave_goes_on_from_the_head) {
    Forward forward(platform);
    forward.lock(*enclave);
    forward.run(*enclave, forward.message("confirm", json::Object{}, 1));
    auto other = make_enclave();
    other->load_binding(forward.jws, forward.last.record);
    forward.run(*other, forward.fixing("2010-02-01", "28.02", 1));
    EXPECT_EQ(forward.last.record.check().sequence, 2);
}

}  // namespace
}  // namespace concordat::test
