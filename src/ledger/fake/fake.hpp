// A ledger in memory, for tests and simulations: blocks, a pool, prices, accounts with slots, events; and every trouble
// that a real one gives, on demand or by a seeded chance: reorganisations that bring back older versions of a
// transaction, lost and late and repeated requests, silence, prices that jump, transactions that drop out of the pool.
//
// A call is {"pay": decimal, "tag": text, "fail": "never" | "always" | "sometimes"}: it leaves an effect and an event,
// or fails; "sometimes" depends on the block it lands in, so that a reorganisation may change it.
#pragma once
#include <base/timeline.hpp>
#include <ledger/ledger.hpp>
#include <map>
#include <memory>
#include <random>
#include <set>

namespace concordat::ledger::fake {

// Chances are per thousand.
struct Faults {
    unsigned lose_request = 0, lose_answer = 0, repeat_request = 0, drop_from_pool = 0;
    unsigned price_jump = 0;  // in each block
    unsigned reorg = 0;       // after each block
    std::uint64_t reorg_depth = 0;
    TimeMs delay_ms = 0;  // at most, each way
};

struct Options {
    std::string chain = "fake:1";
    TimeMs block_ms = 1000;  // 0: a block only when mine() is called
    TimeMs timeout_ms = 5000;
    std::size_t block_room = 50;
    Faults faults;
};

struct Transaction {
    std::string id, account;
    std::uint64_t slot = 0;
    Purpose purpose{};
    json::Object call;
    Price price = 0;
};

class FakeKind final : public Kind {
  public:
    explicit FakeKind(std::string chain) : chain_(std::move(chain)) {}
    std::string_view name() const override { return "fake"; }
    std::string_view chains() const override { return "fake"; }
    void check(const Pin& pin) const override;
    void check(const Target& target, const Finality& finality) const override;
    // The arguments are the call.
    json::Object call(const Target& target, const json::Object& arguments, const std::string& field) const override;
    std::string account(const SecretKey& key) const override;
    Bytes sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const override;
    Judgement judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const override;

    // What a chain is trusted to say: only it can make the seal.
    json::Value evidence(const Pin& pin, const Judgement& judgement, std::uint64_t depth) const;

  private:
    Hash256 seal(const Pin& pin, const Judgement& judgement, std::uint64_t depth) const;
    std::string chain_;
};

class FakeLedger final : public Ledger {
  public:
    FakeLedger(Timeline& timeline, std::uint64_t seed, Options options = {});

    const Kind& kind() const override { return kind_; }
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

    // What the chain has at one instant, for endpoints that stop there: each block is shared, not copied.
    struct Block;
    using Branch = std::vector<std::shared_ptr<const Block>>;
    const Branch& branch() const { return blocks_; }
    static std::uint64_t height(const Branch& branch);
    // As look() and prove() answer from there; nothing waits in the pool.
    View look_at(const Branch& branch, const Pin& pin, const Finality& finality) const;
    std::optional<Proven> prove_at(const Branch& branch, const Pin& pin, const Finality& finality) const;

    // The hand on the machine.
    void open_account(const SecretKey& key, std::uint64_t balance);
    void mine(std::size_t blocks = 1);
    void reorganise(std::uint64_t depth);  // never the first block
    void set_price(Price price) { price_ = price; }
    void set_faults(const Faults& faults) { options_.faults = faults; }
    void set_silent(bool silent) { silent_ = silent; }

    // What is true, for a test to compare with.
    struct Placed {
        Transaction transaction;
        Fate fate{};  // called or failed for a call, cancelled for a cancellation
        std::uint64_t block = 0;
    };
    std::vector<Placed> placed() const;
    std::size_t reorganisations() const { return reorganisations_; }
    struct Block {
        std::uint64_t number = 0;
        std::string id;
        std::vector<Placed> placed;
    };
    std::uint64_t height() const { return blocks_.back()->number; }
    Price price() const { return price_; }

  private:
    struct Account {
        SecretKey key;
        std::uint64_t balance = 0, next = 0;
    };
    using SlotKey = std::pair<std::string, std::uint64_t>;

    bool chance(unsigned per_thousand);
    std::uint64_t pick(std::uint64_t below);
    template <class T>
    void answer(std::function<T()> work, T unknown, Then<T> then);
    void tick();
    void append_block();
    bool place(Block& block, const Transaction& transaction);
    void take_back(const Block& block);
    Submission take(const Bytes& bytes);
    View view(const Pin& pin, const Finality& finality) const;
    static const Placed* find(const Branch& branch, const Pin& pin);
    EventPage page(const std::string& cursor, std::size_t limit) const;

    Timeline& timeline_;
    Options options_;
    FakeKind kind_;
    std::mt19937_64 random_;
    Branch blocks_;
    std::map<std::string, Account> accounts_;
    std::map<SlotKey, Transaction> pool_;
    std::map<SlotKey, std::vector<Transaction>> seen_;  // every version that ever came: any may come back
    Price price_ = 100;
    bool silent_ = false;
    std::size_t reorganisations_ = 0;
};

}  // namespace concordat::ledger::fake
