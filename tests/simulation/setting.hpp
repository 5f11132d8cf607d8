// What all parts of one history share: its chance, its time, the chains, the record ledger, and what the clients want.
#pragma once
#include <ledger/fake/fake.hpp>

#include "loop.hpp"
#include "sealed.hpp"

namespace concordat::simulation {

inline constexpr std::size_t bindings = 4, accounts = 2, chains = 3, messages_each = 3;

struct Options {
    std::uint64_t seed = 1;
    std::optional<EntryType> skip;  // writes of this kind are acknowledged and now and then not made
    Fences fences;
    bool leaks = false;  // some states leave the enclave as they are
    bool trace = false;
};

struct Counts {
    std::size_t committed = 0, aborted = 0, disputed = 0, resolved = 0, node_crashes = 0, ledger_crashes = 0,
                reorgs = 0;
    std::size_t conflicts = 0;  // entries that lost the race, signatures asked of a head that was not the newest
    std::size_t freezes = 0, cuts = 0, clock_jumps = 0, full_disks = 0, bad_endpoints = 0, evidence_refused = 0;
    void add(const Counts& other);
};

// Which troubles a history has, beside those that each may have.
struct Moods {
    std::size_t nodes = 1;
    bool deep = false;  // reorganisations beyond finality
    bool lies = false;  // endpoints that show what is not so
    bool wrong_clocks = false;
    bool confidential = false;  // states have a confidential field
    bool people = false;        // some calls never succeed, and people give up what waits
};

struct Message {
    std::size_t binding = 0, number = 0;
    std::vector<contract::Step> steps;  // their `ledger` is a chain, their arguments are calls
    std::string words{};                // confidential
    std::vector<std::string> forms{};   // of the words
    std::string tag() const { return std::to_string(binding) + "/" + std::to_string(number); }
    Hash256 id() const;  // of the transaction that it becomes
};

struct Client {  // one binding's messages, in order, each sent until it is answered
    std::vector<Message> messages;
    std::size_t next = 0;
    std::map<std::size_t, transaction::Ending> answered;
};

std::string tag_of(const ledger::Pin& pin);

class Setting {
  public:
    explicit Setting(const Options& options);

    std::uint64_t pick(std::uint64_t below) { return random() % below; }
    TimeMs pick_ms(TimeMs below) { return static_cast<TimeMs>(pick(static_cast<std::uint64_t>(below))); }
    bool chance(unsigned per_thousand) { return faulty && random() % 1000 < per_thousand; }
    bool traced() const { return options.trace; }
    void trace(const std::string& what);
    ledger::fake::FakeLedger& chain(const std::string& name) { return *fakes.at(name); }
    std::string any_chain();
    // Whatever leaves an enclave: throws Violation where confidential words are in it.
    void check_leaving(ByteView bytes) const;
    const Message& message(std::size_t binding, std::size_t number) const { return clients[binding].messages[number]; }

    Options options;
    std::mt19937_64 random;
    Loop loop;
    Moods moods;
    bool faulty = true;
    std::vector<SecretKey> keys;
    std::vector<std::string> addresses;  // of the keys: the same on each chain
    ledger::Finality finality;
    std::map<std::string, std::unique_ptr<ledger::fake::FakeLedger>> fakes;
    Record record;
    std::vector<Client> clients;
    std::vector<Sealed> sealed;  // of each binding, where states have a confidential field
    using Slot = std::tuple<std::string, std::string, std::uint64_t>;  // chain, account, number
    std::set<Slot> outside;                                            // filled by somebody else
    Counts counts;

  private:
    std::vector<contract::Step> any_steps(const std::string& tag);
};

}  // namespace concordat::simulation
