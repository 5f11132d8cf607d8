// The pure half of a ledger adapter: what a call on that kind of ledger looks like, how it is signed, and what a proof
// of it shows. Enclave and verifier use it, so it talks to nobody. The other half is `Ledger` (ledger.hpp).
#pragma once
#include <base/json.hpp>
#include <base/secret.hpp>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace concordat::ledger {

// What one unit of work costs: wei per gas on Ethereum, satoshi per virtual byte on Bitcoin.
using Price = std::uint64_t;

// An object that stays as it is: its copies are one. Many calls wait for a long time, and each is known in several
// places.
class SharedObject {
  public:
    SharedObject() = default;
    // NOLINTNEXTLINE(google-explicit-constructor): it is that object
    SharedObject(json::Object object) : shared_(std::make_shared<const json::Object>(std::move(object))) {}
    // Only this copy changes.
    json::Object& own() {
        auto mine = std::make_shared<json::Object>(**this);
        shared_ = mine;
        return *mine;
    }
    const json::Object& operator*() const { return *shared_; }
    operator const json::Object&() const { return *shared_; }  // NOLINT(google-explicit-constructor)
    const json::Object* operator->() const { return shared_.get(); }
    bool operator==(const SharedObject& other) const { return shared_ == other.shared_ || **this == *other; }

  private:
    static const std::shared_ptr<const json::Object>& empty();
    std::shared_ptr<const json::Object> shared_ = empty();
};

// What a `prepare` entry fixes of one call. An account's transactions fill its slots (nonces) in order, and each slot
// is filled once: so whatever is signed for a pin has at most one effect.
struct Pin {
    std::string chain;    // CAIP-2
    std::string account;  // as that chain writes it
    std::uint64_t slot = 0;
    SharedObject call;  // in the kind's own form
    Price ceiling = 0;  // nothing is signed at a higher price

    json::Object to_json() const;
    // Strict; throws naming the member under `path`. The call's form is Kind::check's business.
    static Pin parse(const json::Value& value, const std::string& path);
    bool operator==(const Pin&) const = default;
};

// A cancellation fills the slot with a transaction that does nothing.
enum class Purpose : std::uint8_t { call, cancel };
std::string_view purpose_name(Purpose purpose);
Purpose purpose_from_name(std::string_view name, std::string_view field);  // throws Error(bad_format)

// The most that may be paid for this purpose. A cancellation must outbid a call that is already on its way, so a fifth
// of the ceiling is kept for it.
Price price_limit(const Pin& pin, Purpose purpose);

// The witness that every kind has, and that proves nothing: the word of whoever runs the node.
inline constexpr std::string_view host_witness = "host";

// When a transaction counts as there for good: `blocks` deep, its own block counted, as `witness` shows it.
struct Finality {
    std::uint64_t blocks = 1;
    std::string witness;        // "host": the node's word; the others are the kind's own
    json::Object parameters{};  // of the witness, in the kind's form: who may seal a block, say
    bool operator==(const Finality&) const = default;
};

// Numbers that may exceed 2^53 stand in documents as text: "0" or digits that begin with another. Throws
// Error(bad_format) naming the member.
std::uint64_t read_number(json::Reader& reader, std::string_view name);

// The calls that one step of a transaction may need: what it does; what makes that hold once the transaction is
// committed; what takes it back when it is aborted.
enum class Role : std::uint8_t { call, commit, undo };
std::string_view role_name(Role role);
Role role_from_name(std::string_view name, std::string_view field);  // throws Error(bad_format)

// What a contract says of an effect and what a binding says of its ledger: all that a call is made of but its
// arguments.
struct Target {
    json::Value interface;   // the contract's, in the kind's form; null when it gives none
    std::string call;        // the contract's text for what is called
    std::string address;     // what is called on the chain
    std::uint64_t work = 0;  // the most that one call may use: gas on Ethereum
    Role role = Role::call;
    Hash256 step{};  // names the step: the same for all of its calls, another for every other step there is
    // The bindings that wait for what is called, the outermost first and the calling one last. Empty where what is
    // called is no binding.
    std::vector<Hash256> callers{};
};

// What filled a slot.
enum class Fate : std::uint8_t {
    called,    // the pinned call, and it succeeded
    failed,    // the pinned call, and the ledger undid it
    cancelled  // any other transaction of the account
};
std::string_view fate_name(Fate fate);
Fate fate_from_name(std::string_view name, std::string_view field);  // throws Error(bad_format)

struct Judgement {
    Fate fate{};
    bool proved = false;        // else the host's word
    std::string transaction{};  // its id, as that chain writes it
    std::uint64_t block = 0;
    // What filling the slot cost the account, in the ledger's smallest unit, as text. "": the evidence does not show
    // it.
    std::string fee{};
    bool operator==(const Judgement&) const = default;
};

// That a contract on a chain recorded a signed root of a record ledger (docs/contracts.md).
struct AnchorClaim {
    std::string chain;     // CAIP-2
    std::string contract;  // as that chain writes it
    Hash256 ledger;        // thumbprint of the service key that signed
    std::uint64_t size = 0;
    Hash256 root;
    std::uint64_t time = 0;  // ms since 1970
    std::uint64_t flags = 0;
};

// Where it did.
struct Recorded {
    bool proved = false;  // else the host's word
    std::string transaction{};
    std::uint64_t block = 0;
    bool operator==(const Recorded&) const = default;
};

// A receipt of this platform within evidence.
struct Nested;

class Kind {
  public:
    virtual ~Kind() = default;
    virtual std::string_view name() const = 0;    // as in a contract's `ledgers`: "evm"
    virtual std::string_view chains() const = 0;  // the CAIP-2 namespace of its chains: "eip155"
    // Whether what a call did stays open until a second one, which needs no more than the step's name, makes it hold or
    // takes it back: a database's PREPARE TRANSACTION, a reservation. Elsewhere a contract names these calls itself.
    virtual bool prepares() const { return false; }
    // Throws Error naming the member of the call that is not of this kind's form.
    virtual void check(const Pin& pin) const = 0;
    // Throws Error naming the member (/interface, /call, /address, /work, /finality/…) that no call could be made with.
    virtual void check(const Target& target, const Finality& finality) const = 0;
    // The pin's `call` for an effect with these arguments. Throws Error(bad_format | missing_field | …) below `field`.
    virtual json::Object call(const Target& target, const json::Object& arguments, const std::string& field) const = 0;
    // The account that a key has here.
    virtual std::string account(const SecretKey& key) const = 0;
    // The transaction that `submit` takes. The same bytes for the same arguments. `price` is not above price_limit().
    virtual Bytes sign(const Pin& pin, Purpose purpose, Price price, const SecretKey& key) const = 0;
    // What `evidence` (from Ledger::prove) shows about the pin's slot, final as `finality` asks. Throws
    // Error(bad_receipt) naming the member that does not hold.
    virtual Judgement judge(const Pin& pin, const Finality& finality, const json::Value& evidence) const = 0;
    // That `evidence`, final as `finality` asks, shows exactly this. Throws Error naming the member that does not hold;
    // a kind without such contracts says so at "/chain".
    virtual Recorded recorded(const AnchorClaim& claim, const Finality& finality, const json::Value& evidence) const;
    // The receipt of which evidence that judge() accepts consists: a verifier judges it by its own trust file, too.
    // Nothing where a kind's evidence is of another sort.
    virtual std::optional<Nested> nested(const json::Value& evidence) const;
};

// Those that a program knows, each once.
using Kinds = std::span<const Kind* const>;

struct Nested {
    std::string receipt;  // JCS
    Kinds kinds;          // those that evidence within it may be of: nesting has an end
};

// The one whose chains have this CAIP-2 name; null for none.
const Kind* kind_of_chain(Kinds kinds, std::string_view chain);

}  // namespace concordat::ledger
