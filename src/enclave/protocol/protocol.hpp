// Frames between node and enclave process (base/frame.hpp; payloads in base/wire.hpp encoding). `id` pairs a reply with
// its request; replies come in any order. The node is not trusted by the enclave: nothing here carries a secret in the
// clear, and nothing that an execution produced is sent before the record ledger's receipt for it was checked inside.
#pragma once
#include <contract/entry.hpp>
#include <ledger/confidential/protocol/protocol.hpp>
#include <map>
#include <string>
#include <vector>

namespace concordat::enclave {

namespace ccl = ledger::confidential;

enum class FrameType : std::uint16_t {
    hello = 1,    // → {}                     ← HelloReply
    channel = 2,  // ⇄ bytes of the attested channel to the ledger, relayed by the node; the enclave is the TLS client
    connect = 3,  // → {} opens the channel   ← {} when the ledger has accepted it
    load_package = 4,  // → LoadPackage            ← {}
    load_binding = 5,  // → LoadBinding            ← {}
    execute = 6,       // → Execute                ← Committed
    act = 7,           // → Act                    ← Committed
    ping = 8,          // → {}                     ← {} (a stuck enclave does not answer)
    error = 9,         // ← ErrorReply, for any request
    sign = 10,         // → Sign                   ← the transaction that the other ledger takes
};

struct HelloReply {
    std::string key;       // JCS JWK of the enclave's signing key
    std::string evidence;  // JCS, for report_data concordat/enclave-key/1
    std::string sandbox;   // JCS object: isolation measure → "held" or why not
    Hash256 measurement;
    bool dedicated = false;
};

struct LoadPackage {
    Bytes manifest, config, module, provenance;
};

// The version in force and the entry at the head. A stale or invented head is harmless: the ledger's compare-and-swap
// refuses what is built on it.
struct LoadBinding {
    Bytes binding_jws;  // JCS general JWS of the version in force
    contract::EntryRecord head;
};

// By the contract's ledger, where the binding names candidates: the host's choice for a transaction that the input may
// begin. At most one for each ledger of a binding.
using Routes = std::map<std::string, contract::Route, std::less<>>;

struct Execute {
    Hash256 binding;
    TimeMs time = 0;    // the host's clock
    std::string input;  // compact JWS
    // Entry documents in order, from the one after (or of) the sender's `seen` up to one that the enclave knows; needed
    // only after Error(seen_too_old). At most 4096.
    std::vector<Bytes> ancestry;
    std::string trace{};  // the request's, for the log: at most 64 of a-z, 0-9 and -
    Routes routes{};
};

// bind, amend, propose, close, terminate, cancelling, outcome, disputed, resolve. `input` is the entry's input
// (docs/formats.md §5); of disputed, which has none, the private state of the entry that ended the transaction.
struct Act {
    contract::EntryType type{};
    Hash256 binding;  // zero for bind
    TimeMs time = 0;
    Bytes input;
    Hash256 transaction{};   // cancelling, outcome, disputed: the prepare entry
    std::uint32_t call = 0;  // outcome (which a step may become), disputed: which of its calls
    std::string trace{};
};

// For a transaction of a binding whose head is the ledger's: told only once the ledger has said so.
struct Sign {
    Hash256 binding, transaction;
    std::uint32_t call = 0;
    ledger::Purpose purpose{};
    ledger::Price price = 0;
};

struct Committed {
    contract::EntryRecord record;
    ccl::Claim claim;
    ccl::LedgerReceipt receipt;
};

// Beside the codes of base/error.hpp that speak of the request: (unavailable, "/binding") the binding is not loaded
// here, (unavailable, "/package") its package is not: load and ask again. (conflict, "/previous") another enclave
// appended first: reload the binding and ask again. What an input was refused for is told only when the ledger has said
// that the head it was refused on is the newest; if it is not, the answer is that conflict.
struct ErrorReply {
    std::string code, field, rule;
};

Bytes encode(const HelloReply& v);
HelloReply decode_hello_reply(ByteView in);
Bytes encode(const LoadPackage& v);
LoadPackage decode_load_package(ByteView in);
Bytes encode(const LoadBinding& v);
LoadBinding decode_load_binding(ByteView in);
Bytes encode(const Execute& v);
Execute decode_execute(ByteView in);
Bytes encode(const Act& v);
Act decode_act(ByteView in);
Bytes encode(const Sign& v);
Sign decode_sign(ByteView in);
Bytes encode(const Committed& v);
Bytes encode_committed(const contract::EntryRecord& record, const ccl::Claim& claim, const ccl::LedgerReceipt& receipt);
Committed decode_committed(ByteView in);
Bytes encode(const ErrorReply& v);
ErrorReply decode_error(ByteView in);

}  // namespace concordat::enclave
