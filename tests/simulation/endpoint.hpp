// A node's own way to a chain: an endpoint that is honest, stands still on a branch that others have left, shows
// another chain's content, lies, or answers only when it is let go on, then even those who asked before a crash.
#pragma once
#include "machine.hpp"
#include "setting.hpp"

namespace concordat::simulation {

class Endpoint final : public ledger::Ledger {
  public:
    enum class Mood : std::uint8_t { honest, behind, elsewhere, lying, frozen };
    // `other`: a chain that it may take for this one.
    Endpoint(Setting& setting, Machine& machine, ledger::fake::FakeLedger& chain, ledger::fake::FakeLedger& other);

    void set(Mood mood);

    const ledger::Kind& kind() const override { return chain_.kind(); }
    ledger::Description describe() const override { return chain_.describe(); }
    std::vector<ledger::Health> health() const override { return chain_.health(); }
    void conditions(const std::string& account, Then<std::optional<ledger::Conditions>> then) override;
    void pace(Then<std::optional<ledger::Pace>> then) override;
    void plan(const std::string& account, const json::Object& call, Then<std::optional<ledger::Plan>> then) override;
    void submit(const Bytes& transaction, Then<ledger::Submission> then) override;
    void look(const ledger::Pin& pin, const ledger::Finality& finality, Then<ledger::View> then) override;
    void prove(const ledger::Pin& pin, const ledger::Finality& finality,
               Then<std::optional<ledger::Proven>> then) override;
    void events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                Then<std::optional<ledger::EventPage>> then) override;

  private:
    enum class Lie : std::uint8_t { nothing_is_there, it_waits, it_is_final };  // the last one more often

    ledger::fake::FakeLedger& asked() { return mood_ == Mood::elsewhere ? other_ : chain_; }
    template <class T>
    Then<T> to_node(Then<T> then);
    void ask(std::function<void()> request);
    template <class T>
    void answer(T value, Then<T> then);
    ledger::View lie(const ledger::View& truth);
    json::Value forge(const ledger::Pin& pin, const ledger::Finality& finality, const json::Value& evidence);

    Setting& setting_;
    Machine& machine_;
    ledger::fake::FakeLedger& chain_;
    ledger::fake::FakeLedger& other_;
    Mood mood_ = Mood::honest;
    Lie lie_{};
    ledger::Fate fate_{};                      // that it claims
    ledger::fake::FakeLedger::Branch branch_;  // that it stands on
    std::vector<std::function<void()>> held_;
};

}  // namespace concordat::simulation
