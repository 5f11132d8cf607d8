// The next slot of each account on another ledger, as this enclave believes: the record ledger decides. One slot is in
// hand at a time, until what pins it has its place among the entries that go to the ledger: so slots are given out in
// the order in which they will be recorded.
#pragma once
#include <mutex>
#include <string>
#include <unordered_map>

namespace concordat::enclave {

class Slots {
  public:
    // Nobody else gets a slot while it is held; not to be held by a thread that asks for another.
    using Hold = std::unique_lock<std::mutex>;

    Hold hold() { return Hold(mutex_); }
    std::uint64_t next(const Hold&, const std::string& account) { return next_[account]; }
    void use(const Hold&, const std::string& account) { ++next_[account]; }
    // What the record ledger says.
    void set(const std::string& account, std::uint64_t next) {
        const std::lock_guard lock(mutex_);
        next_[account] = next;
    }

  private:
    std::mutex mutex_;
    std::unordered_map<std::string, std::uint64_t> next_;  // by chain and account
};

}  // namespace concordat::enclave
