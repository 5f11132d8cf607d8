#include <crypto/hash.hpp>
#include <ledger/fake/fake.hpp>
#include <simulation/loop.hpp>

#include "harness.hpp"

namespace concordat::ledger::conformance {

namespace {

constexpr TimeMs step_ms = 50;

fake::Options by_hand() {
    fake::Options options;
    options.block_ms = 0;
    return options;
}

// The fake is chain and adapter in one: a new adapter over the same chain is the same object.
class FakeHarness final : public Harness {
  public:
    FakeHarness() : ledger_(loop_, 1, by_hand()) {}
    Ledger& ledger() override { return ledger_; }
    void restart() override {}
    Timeline& timeline() override { return loop_; }
    void step() override {
        loop_.run_until(loop_.now() + step_ms, [] { return false; });
    }

    std::string chain() const override { return "fake:1"; }
    SecretKey account(bool with_money) override {
        std::array<std::uint8_t, 32> bytes = crypto::sha256("account " + std::to_string(++accounts_)).bytes;
        SecretKey key(std::move(bytes));
        ledger_.open_account(key, with_money ? 1'000'000 : 0);
        return key;
    }
    json::Object call(std::uint64_t tag, Behaviour behaviour) override {
        return {{"pay", "1"},
                {"tag", std::to_string(tag)},
                {"fail", behaviour == Behaviour::succeeds ? "never" : "always"}};
    }
    Price price() const override { return 200; }
    Finality finality(std::uint64_t blocks) const override { return {.blocks = blocks, .witness = "seal"}; }
    std::size_t effects(std::uint64_t tag) override {
        std::size_t count = 0;
        for (const auto& placed : ledger_.placed()) {
            const json::Value* found = placed.transaction.call.if_contains("tag");
            if (placed.fate == Fate::called && found != nullptr && found->as_string() == std::to_string(tag)) ++count;
        }
        return count;
    }
    json::Object filter() const override { return {}; }
    std::uint64_t tag_of(const Event& event) const override {
        return std::stoull(std::string(event.data.at("tag").as_string()));
    }

    void mine(std::size_t blocks) override { ledger_.mine(blocks); }
    bool can_reorganise() const override { return true; }
    void reorganise(std::size_t depth) override { ledger_.reorganise(depth); }
    void set_silent(bool silent) override { ledger_.set_silent(silent); }

  private:
    simulation::Loop loop_;
    fake::FakeLedger ledger_;
    std::uint64_t accounts_ = 0;
};

}  // namespace

std::unique_ptr<Harness> fake_harness() { return std::make_unique<FakeHarness>(); }

}  // namespace concordat::ledger::conformance
