// Transactions over three ledgers, all in this process: a private entry and a call on each of two fake ledgers, each
// call signed by the enclave and proved to it. Against messages of the same contract that are recorded only.
#include <host/transact.hpp>

#include "measurements.hpp"

namespace concordat::bench {

namespace {

constexpr std::size_t bindings = 64;

class Deals {
  public:
    Deals() : package_(test::build_contract("several")) {
        for (std::size_t i = 0; i < bindings; ++i) {
            const std::string of = std::to_string(i);
            deals_.push_back(std::make_unique<test::Payer>(platform_,
                                                           json::Object{{"shares", test::cash("vault-" + of)},
                                                                        {"cash", test::cash("treasury-" + of)},
                                                                        {"notes", test::cash("notes-" + of)}},
                                                           package_));
            deals_.back()->lock(enclave_);
        }
        enclave_.keep_recorded = false;
        platform_.disk.blind = true;  // memory that only grows is no disk: it would be a third of the ledger's time
    }
    // Each binding's next message, with these steps; signed before anything is timed.
    void sign_messages(const std::string& steps) {
        messages_.clear();
        ++number_;
        for (const auto& deal : deals_) messages_.push_back(deal->message(1, steps, number_, "deal"));
    }
    // To the end of each one's transaction, or record, all bindings side by side.
    void run() {
        std::vector<Bytes> requests;
        for (std::size_t i = 0; i < bindings; ++i) {
            requests.push_back(enclave::encode(enclave::Execute{deals_[i]->id, test::start_time, messages_[i], {}}));
        }
        std::vector<Hash256> transactions = take(call_all(enclave::FrameType::execute, requests));
        for (std::uint32_t call = 0; !pins(0).empty(); ++call) {
            requests.clear();
            for (std::size_t i = 0; i < bindings; ++i) {
                requests.push_back(enclave::encode(
                    enclave::Sign{deals_[i]->id, transactions[i], call, ledger::Purpose::call, ledger::Price{10}}));
            }
            (void)call_all(enclave::FrameType::sign, requests);
            requests.clear();
            for (std::size_t i = 0; i < bindings; ++i) {
                const json::Value evidence =
                    fake_.evidence(pins(i).at(0).pin,
                                   {.fate = ledger::Fate::called, .proved = false, .transaction = "t", .block = 9}, 3);
                requests.push_back(enclave::encode(enclave::Act{.type = contract::EntryType::outcome,
                                                                .binding = deals_[i]->id,
                                                                .time = test::start_time,
                                                                .input = to_bytes(bytes_of(json::canonical(evidence))),
                                                                .transaction = transactions[i],
                                                                .call = call}));
            }
            take(call_all(enclave::FrameType::act, requests));
        }
    }
    // In enclave and record ledger, so far.
    double seconds() const { return seconds_; }
    void expect_committed() const {
        for (const auto& deal : deals_) {
            if (deal->entry().ending != "committed") throw Error(Code::internal, "/transaction", "must be committed");
        }
    }

  private:
    std::vector<contract::PinnedCall> pins(std::size_t i) const { return entries_[i].pinned(); }
    std::vector<Bytes> call_all(enclave::FrameType type, const std::vector<Bytes>& requests) {
        const std::int64_t began = monotonic_ns();
        std::vector<std::uint64_t> ids;
        for (const Bytes& request : requests) ids.push_back(enclave_.queue(type, request));
        enclave_.pump();
        std::vector<Bytes> out;
        for (const std::uint64_t id : ids) out.push_back(enclave_.take(id));
        seconds_ += seconds_since(began);
        return out;
    }
    std::vector<Hash256> take(const std::vector<Bytes>& replies) {
        std::vector<Hash256> out;
        entries_.clear();
        for (std::size_t i = 0; i < bindings; ++i) {
            deals_[i]->take(enclave::decode_committed(replies[i]));
            entries_.push_back(contract::Entry::parse(deals_[i]->last.record.document));
            out.push_back(deals_[i]->head);
        }
        return out;
    }

    test::LedgerWorld platform_;
    ledger::fake::FakeKind fake_{"fake:1"};
    std::array<const ledger::Kind*, 1> kinds_{&fake_};
    test::HostedEnclave enclave_{*platform_.ledger, platform_.world.measurement, platform_.clock,
                                 enclave::CoreOptions{}, kinds_};
    contract::Package package_;
    std::vector<std::unique_ptr<test::Payer>> deals_;
    std::vector<contract::Entry> entries_;  // the newest of each
    std::vector<std::string> messages_;
    std::int64_t number_ = 0;
    double seconds_ = 0;
};

// A second, of messages with these steps.
double rate_of(Deals& deals, const std::string& steps, double seconds) {
    const double began = deals.seconds();
    std::size_t done = 0;
    while (deals.seconds() - began < seconds) {
        deals.sign_messages(steps);
        deals.run();
        done += bindings;
    }
    return static_cast<double>(done) / (deals.seconds() - began);
}

}  // namespace

Results measure_three_ledgers(const Options& options) {
    constexpr int rounds = 9;  // by turns, as the machine is not equally fast all the time
    Deals deals;
    rate_of(deals, "", 0.1);  // warms caches
    std::vector<double> recorded, committed;
    for (int i = 0; i < rounds; ++i) {
        recorded.push_back(rate_of(deals, "", options.seconds / rounds));
        committed.push_back(rate_of(deals, "bp", options.seconds / rounds));
        deals.expect_committed();
    }
    return {{.name = "three_ledger_rate",
             .value = quantile(committed, 0.5),
             .unit = "1/s",
             .bound = quantile(recorded, 0.5),
             .target = 0.4,
             .note =
                 "transactions with a compensatable step and a pivot on two accounts of a fake ledger, three entries "
                 "each, enclave and record ledger in this process, 64 bindings side by side; bound: messages of the "
                 "same contract without effects; medians of 9"}};
}

}  // namespace concordat::bench
