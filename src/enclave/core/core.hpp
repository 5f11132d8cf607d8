// The enclave's state machine: frames in, frames out. Free of I/O, and for one caller's thread: the process around it
// (apps/enclave) moves bytes. Inputs are under way until turn() has brought them to an end, on this thread and on
// helper threads (jobs.hpp): those of one binding run in the order in which they came, each on the newest head its
// binding has here. What executions make is sent to the record ledger in batches, and only the ledger's receipt lets it
// out to the node.
#pragma once
#include <attest/channel.hpp>
#include <base/frame.hpp>
#include <crypto/merkle.hpp>
#include <deque>
#include <enclave/protocol/protocol.hpp>
#include <functional>
#include <list>

#include "acts.hpp"
#include "jobs.hpp"

namespace concordat::enclave {

struct CoreOptions {
    bool dedicated = false;            // serves one binding, and only one that asks for it
    std::size_t max_bindings = 32768;  // held at once; the least recently used goes first
    std::size_t max_packages = 256;
    std::size_t batch_entries = 256;  // of one append
    std::size_t batch_bytes = 4u << 20;
    std::size_t batches_in_flight = 2;
    std::size_t max_unsent_bytes = std::size_t{64} << 20;  // of entries that wait for a batch
    std::size_t helpers = 1;                               // threads beside the caller's
    std::size_t turn_inputs = 64;                          // at most, brought to an end before what they make is sent
    std::size_t max_inputs = 1024;                         // under way
    std::size_t max_input_bytes = std::size_t{64} << 20;
    runtime::Limits limits{};
};

class Core {
  public:
    // `kinds`: of the ledgers that contracts may act on; they must outlive the core.
    Core(CoreOptions options, const runtime::Engine& engine, attest::EvidenceProvider& evidence, std::string sandbox,
         const Hash256& measurement, Random& random, Kinds kinds = {});

    // Takes one frame from the node. Whatever is wrong with it becomes an error frame.
    void handle(const Frame& frame);
    // Brings the next inputs that are under way to an end and sends what has been collected to the ledger. To be called
    // when no more frames are there; true while inputs are under way.
    bool turn();
    void flush() {
        while (turn()) {
        }
    }
    // Frames for the node, encoded.
    Bytes take_output();
    // The channel to the ledger has failed: nothing more can be recorded, so nothing more is done. Time to end the
    // process.
    bool ended() const { return ended_; }

  private:
    struct Asked {  // who waits for an entry
        std::uint64_t request = 0;
        std::string trace;
    };
    struct Pending {
        std::uint64_t request;
        Hash256 binding;
        std::uint64_t generation;  // of the context that made it
        Hash256 id;                // of the entry, or of the head that it was refused on
        contract::EntryRecord record{};
        std::vector<std::string> accounts{};        // whose slots it pins, as Slots names them
        std::optional<Error> refusal{};             // instead of an entry
        std::optional<Bytes> signed_transaction{};  // the same
        std::string trace{};                        // of the request, for the log
        bool is_entry() const { return !refusal && !signed_transaction; }
        std::size_t size() const {
            if (refusal) return 256 + refusal->rule().size();
            return signed_transaction ? signed_transaction->size() : record.size();
        }
    };
    struct Batch {
        std::vector<Pending> items;
        crypto::MerkleTree tree;
        crypto::Signature signature;
    };
    struct Held {
        std::shared_ptr<Context> context;
        std::list<Hash256>::iterator use;
    };
    using Answer = std::function<void(ccl::Reply&&)>;

    void dispatch(const Frame& frame);
    void hello(const Frame& frame);
    void connect(const Frame& frame);
    void load_package(const Frame& frame);
    void load_binding(const Frame& frame);
    void begin(const Frame& frame);
    std::unique_ptr<Job> fresh_job(std::uint64_t request);
    void begin(std::unique_ptr<Job> job);
    // What carries a transaction on is done like an input, in its place among its binding's.
    using Make = decltype(Job::act);
    std::optional<Make> make_of(const Act& in) const;
    void begin(std::uint64_t request, Act&& in, Make&& make);
    void run_all();
    void collect();
    void act(const Frame& frame);
    void begin_bind(const Asked& asked, SignedVersion&& version, TimeMs time);
    void begin_amend(const Asked& asked, SignedVersion&& version, Context& context, TimeMs time);
    void sign(const Frame& frame);

    const std::shared_ptr<Context>& held(const Hash256& binding);  // throws where it is not
    Context& context_of(const Hash256& binding) { return *held(binding); }
    std::shared_ptr<const LoadedPackage> package_of(const Hash256& id);
    void hold(const Hash256& binding, std::shared_ptr<Context> context);
    // The context of this generation, if that is still the one held.
    Context* still_held(const Hash256& binding, std::uint64_t generation);
    Context* still_held(const Pending& item) { return still_held(item.binding, item.generation); }
    void check_served(const contract::Binding& binding) const;  // by this enclave, with this ledger

    void relay();
    void channel_input(ByteView bytes);
    void take_answers(ByteView bytes);
    void end(const std::string& why);
    void ask_ledger(const ccl::Request& request, Answer answer);
    // Asks for a binding's key. `then` runs with it, or `request` is answered with what stood in its way.
    void ask_for_key(std::uint64_t request, const Hash256& binding, const ccl::Request& question,
                     std::function<void(ccl::KeyReleased&&)> then);
    void check_room() const;

    // Adds what `make` makes on the context's head, or its refusal.
    void on_head(const Asked& asked, Context& context, const std::function<Link()>& make);
    void add(const Asked& asked, Context& context, Link&& link);
    void refuse(const Asked& asked, Context& context, const Error& error);
    void keep(Context& context, Pending&& made);
    void send_batches();
    void send_batch();
    void finish_batch(const Batch& batch, ccl::Reply&& reply);
    void check_receipt(const Hash256& entry_id, const ccl::LedgerReceipt& receipt);
    void release(const Batch& batch, const Pending& item, std::size_t index, const ccl::LedgerReceipt& receipt);
    void tell(const Pending& item, bool head_is_the_ledgers);
    void lose(const Pending& item, const Error& error);
    static Error built_on_nothing();
    void not_recorded(std::uint64_t request, std::string_view trace, const Error& error);

    void reply(FrameType type, std::uint64_t id, ByteView payload);
    void fail(std::uint64_t id, const Error& error);

    CoreOptions options_;
    const runtime::Engine& engine_;
    attest::EvidenceProvider& evidence_;
    std::string sandbox_;
    Hash256 measurement_;
    Random& random_;
    Kinds kinds_;
    crypto::PrivateKey key_;
    std::string key_evidence_;
    std::unique_ptr<attest::AttestedChannel> channel_;
    bool connected_ = false;
    bool ended_ = false;
    Bytes first_message_;
    std::deque<Answer> waiting_;  // for the ledger's answers, in order

    std::unordered_map<Hash256, std::shared_ptr<const LoadedPackage>, Hash256Hasher> packages_;
    std::unordered_map<Hash256, Held, Hash256Hasher> bindings_;
    std::uint64_t generations_ = 0;
    std::list<Hash256> use_;       // most recently used first
    std::optional<Hash256> only_;  // the binding that a dedicated enclave has begun to serve
    std::set<Hash256> acting_;     // bindings that wait for the key authority: nothing else may start on them

    Jobs jobs_;

    std::vector<Pending> pending_;
    std::size_t pending_bytes_ = 0;
    std::size_t in_flight_ = 0;
    std::optional<ccl::SignedRoot> checked_root_;  // the last root whose signature was checked
    Bytes output_;
};

}  // namespace concordat::enclave
