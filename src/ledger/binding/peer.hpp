// The node where a called binding runs, as the adapter sees it (binding_ledger.hpp): this one, or another behind HTTP.
// Every operation answers once, through its callback, in bounded time. Nothing it says is believed: a receipt is.
#pragma once
#include <base/error.hpp>
#include <functional>
#include <ledger/ledger.hpp>
#include <optional>
#include <string>

namespace concordat::ledger::binding {

// What became of a call's number.
struct Shown {
    enum class Status : std::uint8_t {
        open,     // nothing has it
        pending,  // an entry has it, and opened a transaction that is not decided
        settled
    };
    Status status = Status::open;
    std::uint64_t sequence = 0;  // settled: of the entry whose receipt shows it
};

class Peer {
  public:
    template <class T>
    using Then = std::function<void(T)>;

    virtual ~Peer() = default;
    // The called binding's id, once it is known that it runs there.
    virtual std::optional<Hash256> binding() const = 0;
    virtual Health health() const = 0;
    virtual void close() {}                  // for good: what is under way ends soon
    virtual void find(Then<bool> then) = 0;  // whether it runs there
    virtual void submit(const std::string& jws, Then<Submission> then) = 0;
    virtual void look(const Hash256& key, std::int64_t number, Then<std::optional<Shown>> then) = 0;
    virtual void receipt(std::uint64_t sequence, Then<std::optional<std::string>> then) = 0;
};

// What another node's HTTP interface answers, of at most max_peer_answer_bytes. Throws Error(bad_json | bad_format |
// missing_field) for what is none.
inline constexpr std::size_t max_peer_answer_bytes = std::size_t{5} << 20;
Shown read_shown(std::string_view body);
Error read_problem(std::string_view body);  // a problem document (RFC 9457)

// What a refusal means for whoever called.
Submission submission_of(const Error& refusal);

}  // namespace concordat::ledger::binding
