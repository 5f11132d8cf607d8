// The next slot of each account on another ledger, as this enclave believes: the record ledger decides. One thread has
// an account's slots in hand at a time, until what pins them has its place among the entries that go to the ledger: so
// slots are given out in the order in which they will be recorded.
#pragma once
#include <algorithm>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace concordat::enclave {

class HeldSlots;

class Slots {
  public:
    // Nobody else gets a slot of these accounts while they are held; not to be held by a thread that asks for others.
    // One that is named twice has two slots.
    HeldSlots hold(std::vector<std::string> accounts);
    // What the record ledger says.
    void set(const std::string& account, std::uint64_t next) {
        Account& one = find(account);
        const std::lock_guard lock(one.held);
        one.next = next;
    }

  private:
    friend class HeldSlots;
    struct Account {
        std::mutex held;
        std::uint64_t next = 0;
    };
    Account& find(const std::string& name) {
        const std::lock_guard lock(mutex_);
        std::unique_ptr<Account>& account = accounts_[name];
        if (!account) account = std::make_unique<Account>();
        return *account;
    }
    std::mutex mutex_;
    std::unordered_map<std::string, std::unique_ptr<Account>> accounts_;  // by chain and account
};

// Slots that one entry pins. Given back when it goes, unless they were used.
class HeldSlots {
  public:
    HeldSlots() = default;
    // The slot of the i-th account named.
    std::uint64_t at(std::size_t i) const {
        const auto before = std::span(of_).first(i);
        return of_[i]->next + static_cast<std::uint64_t>(std::ranges::count(before, of_[i]));
    }
    // The entry that pins them is made.
    void use() {
        for (Slots::Account* account : of_) ++account->next;
    }
    // Its place is certain.
    void release() { locks_.clear(); }
    const std::vector<std::string>& accounts() const { return accounts_; }

  private:
    friend class Slots;
    std::vector<std::string> accounts_;
    std::vector<Slots::Account*> of_;  // of each of them
    std::vector<std::unique_lock<std::mutex>> locks_;
};

inline HeldSlots Slots::hold(std::vector<std::string> accounts) {
    HeldSlots out;
    out.accounts_ = std::move(accounts);
    for (const std::string& name : out.accounts_) out.of_.push_back(&find(name));
    // In one order, whoever asks: two that want the same accounts do not wait for each other.
    std::vector<Account*> once = out.of_;
    std::ranges::sort(once, std::less<>());
    once.erase(std::unique(once.begin(), once.end()), once.end());
    for (Account* account : once) out.locks_.emplace_back(account->held);
    return out;
}

}  // namespace concordat::enclave
