// The next slot of each account on another ledger, as this enclave believes: the record ledger decides. One thread has
// slots in hand at a time, until what pins them has its place among the entries that go to the ledger: so slots are
// given out in the order in which they will be recorded.
#pragma once
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace concordat::enclave {

class HeldSlots;

class Slots {
  public:
    // Nobody else gets a slot while they are held; not to be held by a thread that asks for others.
    HeldSlots hold();
    // What the record ledger says.
    void set(const std::string& account, std::uint64_t next) {
        const std::lock_guard lock(mutex_);
        next_[account] = next;
    }

  private:
    friend class HeldSlots;
    std::mutex mutex_;
    std::unordered_map<std::string, std::uint64_t> next_;  // by chain and account
};

// Slots that one entry pins. Given back when it goes, unless they were used.
class HeldSlots {
  public:
    HeldSlots() = default;
    explicit HeldSlots(Slots& slots) : slots_(&slots), lock_(slots.mutex_) {}

    std::uint64_t take(const std::string& account) {
        std::uint64_t slot = slots_->next_[account];
        for (const std::string& taken : accounts_) slot += taken == account ? 1 : 0;
        accounts_.push_back(account);
        return slot;
    }
    // The entry that pins them is made.
    void use() {
        for (const std::string& account : accounts_) ++slots_->next_[account];
    }
    // Its place is certain.
    void release() {
        if (lock_.owns_lock()) lock_.unlock();
    }
    const std::vector<std::string>& accounts() const { return accounts_; }

  private:
    Slots* slots_ = nullptr;
    std::unique_lock<std::mutex> lock_;
    std::vector<std::string> accounts_;
};

inline HeldSlots Slots::hold() { return HeldSlots(*this); }

}  // namespace concordat::enclave
