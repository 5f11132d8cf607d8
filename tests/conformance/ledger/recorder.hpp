// Enclave and record ledger in one, in memory, with the rules that the enclave keeps: what the driver needs beside a
// ledger.
#pragma once
#include <map>
#include <transaction/driver/driver.hpp>

namespace concordat::ledger::conformance {

class MemoryRecorder final : public transaction::Recorder {
  public:
    // `kind`: asked for each time, since a new adapter brings its own.
    MemoryRecorder(Timeline& timeline, std::function<const Kind&()> kind, const SecretKey& key)
        : timeline_(timeline), kind_(std::move(kind)), key_(key) {}

    void prepare(const Hash256& transaction, const transaction::Journal& journal) { journals_[transaction] = journal; }
    const std::map<Hash256, transaction::Journal>& journals() const { return journals_; }

    void sign(const Hash256& transaction, Purpose purpose, Price price,
              std::function<void(std::optional<Bytes>)> then) override {
        const transaction::Journal& journal = journals_.at(transaction);
        transaction::check_signing(journal, purpose, price);
        timeline_.after(0, [bytes = kind_().sign(journal.pin, purpose, price, key_), then] { then(bytes); });
    }

    void append(const Hash256& transaction, contract::EntryType type, std::optional<json::Value> evidence,
                std::function<void(std::optional<transaction::Journal>)> then) override {
        transaction::Journal& journal = journals_.at(transaction);
        std::optional<Judgement> judgement;
        if (evidence) judgement = kind_().judge(journal.pin, journal.finality, *evidence);
        journal = transaction::advance(journal, type, judgement);
        timeline_.after(0, [journal, then] { then(journal); });
    }

  private:
    Timeline& timeline_;
    std::function<const Kind&()> kind_;
    const SecretKey& key_;
    std::map<Hash256, transaction::Journal> journals_;
};

}  // namespace concordat::ledger::conformance
