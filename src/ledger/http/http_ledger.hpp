// A participant behind HTTP (docs/participants.md) as the port to a ledger (ledger/ledger.hpp). Operations run on the
// io_context that is given; callbacks are called there. An answer is final as soon as it is there: the view's depth is
// then more than anybody asks for, and nothing is watched. There are no events, prices or blocks.
#pragma once
#include "participant.hpp"

namespace concordat::ledger::http {

struct HttpOptions {
    ParticipantOptions participant;
    std::chrono::milliseconds operation_timeout{15'000};
    std::size_t max_operations = 64;   // at a time; more wait
    std::size_t max_waiting = 16'384;  // more than these are `unknown` at once
};

class HttpLedger final : public Ledger {
  public:
    // Throws Error(config) naming the option. When the ledger is destroyed, what is under way is not answered.
    HttpLedger(boost::asio::io_context& io, HttpOptions options);
    ~HttpLedger() override;

    const Kind& kind() const override;
    // The genesis is empty until it is given or the participant has told it.
    Description describe() const override;
    std::vector<Health> health() const override;
    // A participant tells no balance and no next number: those are "0" and 0.
    void conditions(const std::string& account, Then<std::optional<Conditions>> then) override;
    // Whether the call has the kind's form. Whether it will succeed nobody knows before it is tried.
    void pace(Then<std::optional<Pace>> then) override;
    void plan(const std::string& account, const json::Object& call, Then<std::optional<Plan>> then) override;
    void submit(const Bytes& transaction, Then<Submission> then) override;
    void look(const Pin& pin, const Finality& finality, Then<View> then) override;
    void prove(const Pin& pin, const Finality& finality, Then<std::optional<Proven>> then) override;
    void events(const json::Object& filter, const std::string& cursor, std::size_t limit,
                Then<std::optional<EventPage>> then) override;

    struct Impl;

  private:
    std::shared_ptr<Impl> impl_;
};

}  // namespace concordat::ledger::http
