#include "protocol.hpp"

#include <algorithm>
#include <base/error.hpp>
#include <crypto/hash.hpp>

namespace concordat::ledger::confidential {
namespace {

constexpr std::uint32_t max_items = 4096;
constexpr std::uint32_t max_slots = 64;  // of one entry
constexpr std::size_t max_document = 4 << 20;
constexpr std::size_t max_evidence = 1 << 20;
constexpr std::size_t max_text = 4096;
constexpr std::uint32_t max_sealed_terms = 256;
constexpr std::uint32_t max_proof = 128;
constexpr std::size_t max_trace = 64;

enum class RequestKind : std::uint8_t { hello = 1, create_key = 2, release_key = 3, open_terms = 4, append = 5 };
enum class ReplyKind : std::uint8_t { done = 1, refused = 2, key_released = 3, append_result = 4 };

template <class Kind>
void put_kind(wire::Writer& out, Kind kind) {
    out.u8(static_cast<std::uint8_t>(kind));
}

[[noreturn]] void unknown_kind(std::string_view what) {
    throw Error(Code::protocol, std::string(what) + ".kind", "must be a kind that this version knows");
}

void write_enclave(wire::Writer& out, const EnclaveIdentity& v) {
    out.text(v.key);
    out.text(v.evidence);
}

EnclaveIdentity read_enclave(wire::Reader& in) {
    EnclaveIdentity v;
    v.key = in.text(max_text);
    v.evidence = in.text(max_evidence);
    return v;
}

void write_refused(wire::Writer& out, const Refused& v) {
    out.text(std::string_view(v.code).substr(0, max_text));
    out.text(std::string_view(v.field).substr(0, max_text));
    out.text(std::string_view(v.rule).substr(0, max_text));
}

Refused read_refused(wire::Reader& in) {
    Refused v;
    v.code = in.text(max_text);
    v.field = in.text(max_text);
    v.rule = in.text(max_text);
    return v;
}

crypto::Signature read_signature(wire::Reader& in) {
    crypto::Signature signature{};
    const ByteView raw = in.raw(signature.size());
    std::copy(raw.begin(), raw.end(), signature.begin());
    return signature;
}

bool read_flag(wire::Reader& in, std::string_view what) {
    const std::uint8_t v = in.u8();
    if (v > 1) throw Error(Code::protocol, std::string(what), "must be 0 or 1");
    return v == 1;
}

struct RequestWriter {
    wire::Writer& out;
    void operator()(const Hello& v) const {
        put_kind(out, RequestKind::hello);
        write_enclave(out, v.enclave);
    }
    void operator()(const CreateKey& v) const {
        put_kind(out, RequestKind::create_key);
        out.bytes(v.binding_jws);
    }
    void operator()(const ReleaseKey& v) const {
        put_kind(out, RequestKind::release_key);
        out.hash(v.binding);
    }
    void operator()(const OpenTerms& v) const {
        put_kind(out, RequestKind::open_terms);
        out.bytes(v.binding_jws);
    }
    void operator()(const Append& v) const {
        put_kind(out, RequestKind::append);
        out.raw(v.root_signature);
        out.u32(static_cast<std::uint32_t>(v.items.size()));
        for (const AppendItem& item : v.items) {
            item.record.write(out);
            out.text(item.trace);
        }
        out.u32(static_cast<std::uint32_t>(v.heads.size()));
        for (const HeadCheck& check : v.heads) {
            out.u32(check.before);
            out.hash(check.binding);
            out.hash(check.entry);
        }
    }
};

Append read_append(wire::Reader& in) {
    Append v;
    v.root_signature = read_signature(in);
    v.items.resize(in.count(max_items));
    for (AppendItem& item : v.items) {
        item.record = contract::EntryRecord::read(in);
        item.trace = read_trace(in);
    }
    v.heads.resize(in.count(max_items));
    std::uint32_t least = 0;
    for (HeadCheck& check : v.heads) {
        check.before = in.u32();
        if (check.before < least || check.before > v.items.size()) {
            throw Error(Code::protocol, "append.heads.before", "must be a place among the items, in order");
        }
        least = check.before;
        check.binding = in.hash();
        check.entry = in.hash();
    }
    if (v.items.empty() && v.heads.empty()) throw Error(Code::protocol, "append.items", "must hold an entry");
    return v;
}

Request read_request(wire::Reader& in) {
    switch (static_cast<RequestKind>(in.u8())) {
        case RequestKind::hello:
            return Hello{read_enclave(in)};
        case RequestKind::create_key:
            return CreateKey{to_bytes(in.bytes(max_document))};
        case RequestKind::release_key:
            return ReleaseKey{in.hash()};
        case RequestKind::open_terms:
            return OpenTerms{to_bytes(in.bytes(max_document))};
        case RequestKind::append:
            return read_append(in);
    }
    unknown_kind("request");
}

struct ReplyWriter {
    wire::Writer& out;
    void operator()(const Done&) const { put_kind(out, ReplyKind::done); }
    void operator()(const Refused& v) const {
        put_kind(out, ReplyKind::refused);
        write_refused(out, v);
    }
    void operator()(const KeyReleased& v) const {
        put_kind(out, ReplyKind::key_released);
        out.raw(v.key.expose());
        out.raw(v.accounts.expose());
        out.u32(static_cast<std::uint32_t>(v.terms.size()));
        for (const SecretBytes& term : v.terms) out.bytes(term.expose());
    }
    void operator()(const AppendResult& v) const {
        put_kind(out, ReplyKind::append_result);
        out.u32(static_cast<std::uint32_t>(v.items.size()));
        for (const ItemResult& item : v.items) write_item(item);
        out.u32(static_cast<std::uint32_t>(v.heads.size()));
        for (const bool holds : v.heads) out.u8(holds ? 1 : 0);
    }
    void write_item(const ItemResult& item) const {
        out.u8(item.appended ? 1 : 0);
        if (item.appended) return item.receipt.write(out);
        out.u64(item.head_sequence);
        out.hash(item.head);
        out.u32(static_cast<std::uint32_t>(item.slots.size()));
        for (const std::uint64_t slot : item.slots) out.u64(slot);
    }
};

KeyReleased read_key(wire::Reader& in) {
    KeyReleased v;
    for (SecretKey* key : {&v.key, &v.accounts}) std::ranges::copy(in.raw(32), key->expose().begin());
    const std::uint32_t n = in.count(max_sealed_terms);
    for (std::uint32_t i = 0; i < n; ++i) v.terms.emplace_back(to_bytes(in.bytes(max_document)));
    return v;
}

AppendResult read_result(wire::Reader& in) {
    AppendResult v;
    v.items.resize(in.count(max_items));
    for (ItemResult& item : v.items) {
        item.appended = read_flag(in, "result.appended");
        if (item.appended) {
            item.receipt = LedgerReceipt::read(in);
        } else {
            item.head_sequence = in.u64();
            item.head = in.hash();
            item.slots.resize(in.count(max_slots));
            for (std::uint64_t& slot : item.slots) slot = in.u64();
        }
    }
    const std::uint32_t heads = in.count(max_items);
    for (std::uint32_t i = 0; i < heads; ++i) v.heads.push_back(read_flag(in, "result.heads"));
    return v;
}

Reply read_reply(wire::Reader& in) {
    switch (static_cast<ReplyKind>(in.u8())) {
        case ReplyKind::done:
            return Done{};
        case ReplyKind::refused:
            return read_refused(in);
        case ReplyKind::key_released:
            return read_key(in);
        case ReplyKind::append_result:
            return read_result(in);
    }
    unknown_kind("reply");
}

}  // namespace

std::string read_trace(wire::Reader& in) {
    std::string trace = in.text(max_trace);
    const bool plain =
        std::ranges::all_of(trace, [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; });
    if (!plain) throw Error(Code::protocol, "trace", "must be of a-z, 0-9 and -");
    return trace;
}

SecretKey account_key(const SecretKey& accounts, std::string_view chain, std::string_view name, const Hash256& of) {
    return crypto::derive_key(accounts.expose(), {bytes_of(chain), bytes_of(name), of.view()});
}

Bytes encode(const Request& request) {
    wire::Writer out;
    if (const auto* append = std::get_if<Append>(&request)) {
        std::size_t size = 128 + 128 * append->heads.size();
        for (const AppendItem& item : append->items) size += 64 + item.record.size();
        out.reserve(size);
    }
    std::visit(RequestWriter{out}, request);
    return out.take();
}

Request decode_request(ByteView bytes) {
    wire::Reader in(bytes);
    Request request = read_request(in);
    in.finish();
    return request;
}

Bytes encode(const Reply& reply) {
    wire::Writer out;
    // A buffer that grows would leave copies of the key behind in freed memory.
    if (const auto* released = std::get_if<KeyReleased>(&reply)) {
        std::size_t size = 64;
        for (const SecretBytes& term : released->terms) size += 4 + term.expose().size();
        out.reserve(size);
    }
    if (const auto* result = std::get_if<AppendResult>(&reply)) {
        std::size_t size = 128 + result->heads.size();
        for (const ItemResult& item : result->items) size += 160 + 32 * item.receipt.path.size();
        out.reserve(size);
    }
    std::visit(ReplyWriter{out}, reply);
    return out.take();
}

Reply decode_reply(ByteView bytes) {
    wire::Reader in(bytes);
    Reply reply = read_reply(in);
    in.finish();
    return reply;
}

Bytes encode(const IdentityReply& v) {
    wire::Writer out;
    out.text(v.identity);
    out.text(v.evidence);
    out.text(v.sandbox);
    out.u64(v.size);
    return out.take();
}

IdentityReply decode_identity(ByteView bytes) {
    wire::Reader in(bytes);
    IdentityReply v;
    v.identity = in.text(16384);
    v.evidence = in.text(max_evidence);
    v.sandbox = in.text(65536);
    v.size = in.u64();
    in.finish();
    return v;
}

Bytes encode(const ReadReply& v) {
    wire::Writer out;
    out.u64(v.size);
    out.u32(static_cast<std::uint32_t>(v.entries.size()));
    for (const Appended& entry : v.entries) {
        entry.record.write(out);
        entry.claim.write(out);
        entry.receipt.write(out);
        out.hash(entry.enclave_key);
    }
    out.u32(static_cast<std::uint32_t>(v.enclaves.size()));
    for (const EnclaveIdentity& enclave : v.enclaves) write_enclave(out, enclave);
    return out.take();
}

ReadReply decode_read_reply(ByteView bytes) {
    wire::Reader in(bytes);
    ReadReply v;
    v.size = in.u64();
    v.entries.resize(in.count(65536));
    for (Appended& entry : v.entries) {
        entry.record = contract::EntryRecord::read(in);
        entry.claim = Claim::read(in);
        entry.receipt = LedgerReceipt::read(in);
        entry.enclave_key = in.hash();
    }
    v.enclaves.resize(in.count(65536));
    for (EnclaveIdentity& enclave : v.enclaves) enclave = read_enclave(in);
    in.finish();
    return v;
}

Bytes encode(const ReadRequest& v) {
    wire::Writer out;
    out.u64(v.from);
    out.u32(v.limit);
    return out.take();
}

ReadRequest decode_read_request(ByteView bytes) {
    wire::Reader in(bytes);
    ReadRequest v;
    v.from = in.u64();
    v.limit = in.u32();
    in.finish();
    return v;
}

Bytes encode(const HeadRequest& v) {
    wire::Writer out;
    out.hash(v.binding);
    out.hash(v.nonce);
    return out.take();
}

HeadRequest decode_head_request(ByteView bytes) {
    wire::Reader in(bytes);
    HeadRequest v;
    v.binding = in.hash();
    v.nonce = in.hash();
    in.finish();
    return v;
}

Bytes encode_error(const Refused& v) {
    wire::Writer out;
    write_refused(out, v);
    return out.take();
}

Refused decode_error(ByteView bytes) {
    wire::Reader in(bytes);
    Refused v = read_refused(in);
    in.finish();
    return v;
}

Bytes encode(const ConsistencyRequest& v) {
    wire::Writer out;
    out.u64(v.from);
    out.u64(v.to);
    return out.take();
}

ConsistencyRequest decode_consistency_request(ByteView bytes) {
    wire::Reader in(bytes);
    ConsistencyRequest v;
    v.from = in.u64();
    v.to = in.u64();
    in.finish();
    return v;
}

Bytes encode_hashes(std::span<const Hash256> hashes) {
    wire::Writer out;
    out.u32(static_cast<std::uint32_t>(hashes.size()));
    for (const Hash256& hash : hashes) out.hash(hash);
    return out.take();
}

std::vector<Hash256> decode_hashes(ByteView bytes) {
    wire::Reader in(bytes);
    std::vector<Hash256> hashes(in.count(max_proof));
    for (Hash256& hash : hashes) hash = in.hash();
    in.finish();
    return hashes;
}

}  // namespace concordat::ledger::confidential
