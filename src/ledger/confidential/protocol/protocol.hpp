// Frames between node and ledger process, and the messages that enclave and ledger exchange inside the attested channel
// that the node relays. Everything is base/wire.hpp encoded; every decoder is fuzzed.
#pragma once
#include <base/json.hpp>
#include <contract/entry.hpp>
#include <variant>

#include "statement.hpp"

namespace concordat::ledger::confidential {

// --- Frames node ⇄ ledger (base/frame.hpp). `id` pairs a reply with its request; for channel frames it is the channel.
enum class FrameType : std::uint16_t {
    identity = 1,       // → {}                          ← IdentityReply
    channel_open = 2,   // → {} on a new channel id      (the ledger is the TLS server)
    channel_data = 3,   // ⇄ TLS bytes
    channel_close = 4,  // ⇄ {} (← with an error text when the ledger drops it)
    read = 5,           // → ReadRequest                 ← ReadReply (may be cut short by size; ask again)
    head = 6,           // → HeadRequest                 ← HeadStatement
    snapshot = 7,       // → {}                          ← {} when written
    consistency = 8,    // → u64 from, u64 to            ← hashes
    root = 9,           // → {}                          ← SignedRoot (the anchor hook)
    stop = 10,          // → {}                          ← {} after a snapshot; then the process ends
    error = 11,         // ← code name, field, rule
};

struct IdentityReply {
    std::string identity;    // compact JWS
    std::string evidence;    // JCS
    std::string sandbox;     // JCS: which isolation measures hold
    std::uint64_t size = 0;  // entries in the log
};
struct ReadRequest {
    std::uint64_t from = 0;  // global index
    std::uint32_t limit = 0;
};
// One appended entry with its evidence.
struct Appended {
    contract::EntryRecord record;
    Claim claim;
    LedgerReceipt receipt;
    Hash256 enclave_key;  // thumbprint
};
// An enclave key that has appended to this ledger, with the evidence it showed for that key: what receipts need.
struct EnclaveIdentity {
    std::string key;       // JCS JWK
    std::string evidence;  // JCS, for report_data concordat/enclave-key/1
};
struct ReadReply {
    std::uint64_t size = 0;  // of the log
    std::vector<Appended> entries;
    std::vector<EnclaveIdentity> enclaves;  // of the keys named by `entries`, each once
};
struct HeadRequest {
    Hash256 binding, nonce;
};

// --- Messages inside the attested channel: enclave → ledger, answered in order. First byte is the kind.
struct Hello {                // once, first
    EnclaveIdentity enclave;  // key = the channel's peer key
};
struct CreateKey {      // for version 1 at lock: the ledger makes the key; opens the document's sealed terms
    Bytes binding_jws;  // JCS general JWS
};
struct ReleaseKey {  // of a running binding, to an enclave its version in force accepts
    Hash256 binding;
};
struct OpenTerms {  // of an amendment's document: accepted by the version in force and by the new one
    Bytes binding_jws;
};
struct AppendItem {
    contract::EntryRecord record;
    std::string trace{};  // of the request that it answers, for the log
};
// Whether `entry` is the binding's head when the items before `before` have been taken. An enclave that has refused an
// input asks this before it says so: what a contract refuses tells something of the state that it was asked on.
struct HeadCheck {
    std::uint32_t before = 0;  // an index of Append::items, or their number; never falls from one check to the next
    Hash256 binding, entry;
};
struct Append {
    std::vector<AppendItem> items;       // ordered; several of one binding follow each other
    crypto::Signature root_signature{};  // enclave root statement over the items' entry ids; none without items
    std::vector<HeadCheck> heads{};
};
using Request = std::variant<Hello, CreateKey, ReleaseKey, OpenTerms, Append>;

struct Done {};
struct Refused {
    std::string code, field, rule;
};
struct KeyReleased {
    SecretKey key;
    // Of the accounts on other ledgers that enclaves of the version's `enclaves` share: account_key() makes each.
    SecretKey accounts;
    std::vector<SecretBytes> terms;  // CreateKey, OpenTerms: each sealed term's plaintext, in the document's order
};
// The key of the account with this name on a chain. `of`: whose it is, a key's thumbprint or a binding's id.
SecretKey account_key(const SecretKey& accounts, std::string_view chain, std::string_view name, const Hash256& of);
struct ItemResult {
    bool appended = false;
    LedgerReceipt receipt;            // when appended
    std::uint64_t head_sequence = 0;  // when not: the head that the ledger has (compare-and-swap failed)
    Hash256 head;
    std::vector<std::uint64_t> slots{};  // when not: of each call that the entry pins, its account's next slot
};
struct AppendResult {
    std::vector<ItemResult> items;
    std::vector<bool> heads{};  // of each check, whether it held
};
using Reply = std::variant<Done, Refused, KeyReleased, AppendResult>;

// A trace id as hosts give them: at most 64 of a-z, 0-9 and '-', so that it can stand in any log. Error(protocol).
std::string read_trace(wire::Reader& in);

Bytes encode(const Request& request);
Request decode_request(ByteView bytes);
Bytes encode(const Reply& reply);
Reply decode_reply(ByteView bytes);
Bytes encode(const IdentityReply& v);
IdentityReply decode_identity(ByteView bytes);
Bytes encode(const ReadReply& v);
ReadReply decode_read_reply(ByteView bytes);
Bytes encode(const ReadRequest& v);
ReadRequest decode_read_request(ByteView bytes);
Bytes encode(const HeadRequest& v);
HeadRequest decode_head_request(ByteView bytes);
Bytes encode_error(const Refused& v);  // the payload of an error frame
Refused decode_error(ByteView bytes);
// Payloads of the consistency frame: the two sizes, and the proof (RFC 9162 §2.1.4) that the tree of `from` entries is
// the beginning of the tree of `to`.
struct ConsistencyRequest {
    std::uint64_t from = 0, to = 0;
};
Bytes encode(const ConsistencyRequest& v);
ConsistencyRequest decode_consistency_request(ByteView bytes);
Bytes encode_hashes(std::span<const Hash256> hashes);
std::vector<Hash256> decode_hashes(ByteView bytes);

}  // namespace concordat::ledger::confidential
