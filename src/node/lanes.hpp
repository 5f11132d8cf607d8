// The order of one binding's inputs, and what happens when an enclave does not simply do them. One lane for each
// binding with something to do: inputs go to the enclave in the order in which they came, many at once; when one must
// be asked again (its enclave died, another enclave appended first, the binding was not loaded), the lane waits until
// all that is under way has been answered, looks at the ledger, loads the binding and asks again in the same order.
// Loop thread only.
#pragma once
#include <base/clock.hpp>
#include <deque>
#include <enclave/host/pool.hpp>
#include <memory>

#include "chronicle.hpp"

namespace concordat::node {

// One input on its way into a binding's sequence.
struct Work {
    contract::EntryType type = contract::EntryType::execute;
    Hash256 binding;                    // set by submit
    std::string input;                  // as docs/formats.md §5 says for the type
    Hash256 digest;                     // of the input, or of what else tells it from others
    enclave::Route route{};             // of bind; others go where their binding's version in force says
    Hash256 package;                    // of bind and amend: the document's
    Hash256 transaction;                // cancelling, outcome, disputed, and what is signed
    std::uint32_t call = 0;             // of the transaction
    TimeMs not_before = 0;              // what is claimed as its time at the least, whatever this node's clock says
    std::optional<enclave::Sign> sign;  // asks for a signature instead: nothing is appended, the commit is null
    Bytes signature;
    std::string trace;
    std::vector<Then<CommitPtr>> waiters;
    std::vector<Bytes> ancestry;
    int attempts = 0;
    bool patient = false;  // refuse_waiting leaves it: who asked does not wait, and its place in the order counts
    bool settles = false;  // a call that is cancelled: it changes nothing, so it goes whatever is held
    TimeMs since = 0;      // set by submit
    // What was chosen for a transaction that it may begin counts as open until this is known.
    std::vector<std::shared_ptr<const void>> chosen;

    bool of_transaction() const { return !transaction.is_zero(); }
    bool passes() const { return settles || of_transaction(); }
};

struct Material {
    enclave::LoadBinding binding;
    Hash256 package;
};

// What a binding's open transactions keep waiting; what belongs to them goes on in any case.
enum class Hold : std::uint8_t {
    nothing,
    changes,  // amendments, terminations, and what comes after them: some were committed early
    all
};

// What lanes need of the rest of the node; a test gives its own.
class LaneHost {
  public:
    virtual ~LaneHost() = default;
    virtual void catch_up(Then<Nothing> then) = 0;
    virtual void find_input(const Hash256& binding, const Hash256& input,
                            Then<CommitPtr> then) = 0;  // null when there is none
    virtual CommitPtr committed(Bytes payload) = 0;
    virtual void material(const Hash256& binding, Then<Material> then) = 0;  // Error(not_found)
    virtual enclave::LoadPackage package(const Hash256& id) = 0;             // Error(not_found)
    // Entry documents from the one that the input says it has seen to the head.
    virtual void ancestry(const Hash256& binding, const std::string& input, Then<std::vector<Bytes>> then) = 0;
    virtual enclave::Route route(const Hash256& binding) = 0;
    virtual Hold held(const Hash256& binding) = 0;  // as far as is known
    // Which ledgers a transaction that the work may begin is to use; `work.chosen` keeps them.
    virtual enclave::Routes choose(const Hash256& binding, Work& work) = 0;
    virtual TimeMs now() = 0;
};

class Lanes {
  public:
    struct Options {
        std::size_t max_queued = 256;  // of one binding
        std::size_t max_total = 16'384;
        std::size_t max_waiters = 64;  // of one input
        std::size_t window = 128;      // under way in the enclave, of one binding
        int max_attempts = 5;
    };
    Lanes(LaneHost& host, enclave::Enclaves& enclaves, Options options);
    ~Lanes();

    // Ends with the commit, or the Error. The same input again while it is under way joins it. Error(busy) when a queue
    // is full. What a transaction holds waits for its end.
    void submit(const Hash256& binding, std::shared_ptr<Work> work, Then<CommitPtr> then);
    // A transaction of the binding has ended.
    void wake(const Hash256& binding);
    // Ends what has waited for a transaction since then or longer with `error`; what is patient only if that is said.
    void refuse_waiting(TimeMs since, const Error& error, bool patient_too = false);
    std::size_t total() const { return total_; }
    std::size_t size() const { return lanes_.size(); }

  private:
    struct Lane;
    // An observation may go to several bindings, and anybody may send bytes of any digest: it names a work only
    // among those of its binding, type and transaction.
    struct Key {
        Hash256 binding, transaction, digest;
        contract::EntryType type{};
        bool operator==(const Key&) const = default;
    };
    struct KeyHasher {
        std::size_t operator()(const Key& key) const {
            return Hash256Hasher()(key.binding) * 31 + Hash256Hasher()(key.digest);
        }
    };
    using WorkPtr = std::shared_ptr<Work>;

    static Key key_of(const Work& work) { return {work.binding, work.transaction, work.digest, work.type}; }

    void pump(Lane& lane);
    WorkPtr take_next(Lane& lane);
    std::deque<WorkPtr>::iterator first_that_may_go(Lane& lane);
    std::vector<WorkPtr> waiting(const Lane& lane);
    void send(Lane& lane, const WorkPtr& work);
    void on_reply(const Hash256& binding, const WorkPtr& work, Outcome<Bytes> reply);
    void on_error(Lane& lane, const WorkPtr& work, const Error& error);
    void settle(const WorkPtr& work, Outcome<CommitPtr> outcome);
    void look_for_twin(const WorkPtr& work, const Error& error);
    void recover(Lane& lane);
    void settle_committed(const Hash256& binding, std::size_t at);
    void fetch_ancestry(const Hash256& binding, std::size_t at);
    void load(const Hash256& binding);
    void load_into_enclave(const Hash256& binding, std::shared_ptr<Material> material, bool package_sent);
    enclave::Route route_of(const Lane& lane);
    void load_package(const Hash256& binding, const Hash256& package, Then<Nothing> then);
    void resume(Lane& lane);
    void give_up(Lane& lane, const Error& error);
    void retire(const Hash256& binding);
    Lane* find(const Hash256& binding);

    LaneHost& host_;
    enclave::Enclaves& enclaves_;
    Options options_;
    std::unordered_map<Hash256, std::unique_ptr<Lane>, Hash256Hasher> lanes_;
    std::unordered_map<Key, WorkPtr, KeyHasher> by_input_;
    std::size_t total_ = 0;
    std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace concordat::node
