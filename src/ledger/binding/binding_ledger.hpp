// Another binding as the port to a ledger (ledger/ledger.hpp; docs/sub-contracts.md). An entry is final as soon as it
// is there: the view's depth is then more than anybody asks for, and nothing is watched. There are no prices or events.
#pragma once
#include <ledger/binding/kind/kind.hpp>

#include "peer.hpp"

namespace concordat::ledger::binding {

class BindingLedger final : public Ledger {
  public:
    // `kind` must outlive it. Operations run where the peer's callbacks do.
    BindingLedger(std::string chain, const Kind& kind, std::shared_ptr<Peer> peer);
    ~BindingLedger() override;

    const Kind& kind() const override { return kind_; }
    // The genesis is empty until the binding is known to run there.
    Description describe() const override;
    std::vector<Health> health() const override;
    void conditions(const std::string& account, Then<std::optional<Conditions>> then) override;
    void pace(Then<std::optional<Pace>> then) override;
    void plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) override;
    void submit(const Bytes& transaction, Then<Submission> then) override;
    void look(const Pin& pin, const Finality& finality, Then<View> then) override;
    void prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) override;
    void events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                Then<std::optional<EventPage>> then) override;

  private:
    void settled(const Pin& pin, const Finality& finality, std::uint64_t sequence,
                 Then<std::optional<std::pair<Judgement, json::Value>>> then);

    std::string chain_;
    const Kind& kind_;
    std::shared_ptr<Peer> peer_;  // what is under way holds it, too
    std::string problem_;         // of the last receipt that did not hold
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::ledger::binding
