#include "statement.hpp"

#include <base/error.hpp>
#include <crypto/hash.hpp>
#include <crypto/jws.hpp>
#include <crypto/merkle.hpp>

namespace concordat::ledger::confidential {
namespace {

// A tree of 2^53 leaves, the most that a JSON integer can count, has paths of 53 hashes.
constexpr std::size_t max_path = 64;

void put_label(Bytes& out, std::string_view label) {
    const std::size_t end = out.size() + 32;
    out.insert(out.end(), label.begin(), label.end());
    out.resize(end);
}

void put_u256(Bytes& out, std::uint64_t value) {
    out.resize(out.size() + 24);
    for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

void put_hash(Bytes& out, const Hash256& hash) { out.insert(out.end(), hash.bytes.begin(), hash.bytes.end()); }

// RFC 9162 §2.1.3.2, with the root as the outcome instead of an input. Empty when index, size and path do not fit
// together.
std::optional<Hash256> root_of_path(const Hash256& leaf, std::uint64_t index, std::uint64_t size,
                                    std::span<const Hash256> path) {
    if (index >= size) return std::nullopt;
    std::uint64_t fn = index, sn = size - 1;
    Hash256 r = leaf;
    for (const Hash256& p : path) {
        if (sn == 0) return std::nullopt;
        if ((fn & 1) != 0 || fn == sn) {
            r = crypto::merkle_node(p, r);
            while ((fn & 1) == 0 && fn != 0) fn >>= 1, sn >>= 1;
        } else {
            r = crypto::merkle_node(r, p);
        }
        fn >>= 1, sn >>= 1;
    }
    if (sn != 0) return std::nullopt;
    return r;
}

bool signed_by(const crypto::PublicKey& key, ByteView statement, const crypto::Signature& signature) {
    return key && key.alg() == crypto::Alg::es256k && key.verify(statement, signature);
}

crypto::Signature signature_from_json(json::Reader& in, std::string_view name) {
    const Bytes bytes = in.base64url(name, 64);
    crypto::Signature signature{};
    if (bytes.size() != signature.size()) in.fail(name, "must be 64 bytes in base64url");
    std::copy(bytes.begin(), bytes.end(), signature.begin());
    return signature;
}

TimeMs time_from_json(json::Reader& in, std::string_view name) {
    const TimeMs time = parse_time(in.string(name, 32), in.at(name));
    if (time < 0) in.fail(name, "must not be before 1970");
    return time;
}

std::int64_t to_int(std::uint64_t value) { return static_cast<std::int64_t>(value); }

std::uint64_t unsigned_from_json(json::Reader& in, std::string_view name, std::int64_t min = 0) {
    return static_cast<std::uint64_t>(in.integer(name, min));
}

void write_path(wire::Writer& out, const std::vector<Hash256>& path) {
    out.u32(static_cast<std::uint32_t>(path.size()));
    for (const Hash256& hash : path) out.hash(hash);
}

std::vector<Hash256> read_path(wire::Reader& in) {
    std::vector<Hash256> path(in.count(max_path));
    for (Hash256& hash : path) hash = in.hash();
    return path;
}

crypto::Signature read_signature(wire::Reader& in) {
    crypto::Signature signature{};
    const ByteView raw = in.raw(signature.size());
    std::copy(raw.begin(), raw.end(), signature.begin());
    return signature;
}

// Whatever travels here can also be written as JSON, so integers keep to JSON's bounds.
std::uint64_t read_number(wire::Reader& in, std::string_view what) {
    const std::uint64_t value = in.u64();
    if (value > static_cast<std::uint64_t>(json::max_integer)) {
        throw Error(Code::protocol, std::string(what), "must be at most 2^53-1");
    }
    return value;
}

}  // namespace

json::Array path_to_json(const std::vector<Hash256>& path) {
    json::Array out;
    out.reserve(path.size());
    for (const Hash256& hash : path) out.emplace_back(to_base64url(hash.view()));
    return out;
}

std::vector<Hash256> path_from_json(json::Reader& in, std::string_view name) {
    std::vector<Hash256> out;
    for (const json::Value& item : in.array(name, max_path)) {
        const auto bytes =
            item.is_string() ? from_base64url({item.get_string().data(), item.get_string().size()}) : std::nullopt;
        if (!bytes || bytes->size() != 32) in.fail(name, "must hold 32-byte hashes in base64url");
        out.push_back(Hash256::from(*bytes));
    }
    return out;
}

std::string chain_of(const crypto::PublicKey& service_key) {
    return "ccl:" + service_key.thumbprint().hex().substr(0, 32);
}

Bytes enclave_root_statement(const Hash256& key_thumbprint, std::string_view chain, std::uint64_t size,
                             const Hash256& root) {
    Bytes out;
    out.reserve(5 * 32);
    put_label(out, "concordat/enclave-root/1");
    put_hash(out, key_thumbprint);
    put_hash(out, crypto::sha256(chain));
    put_u256(out, size);
    put_hash(out, root);
    return out;
}

Bytes ledger_root_statement(const Hash256& key_thumbprint, std::uint64_t size, const Hash256& root, TimeMs time,
                            std::uint64_t flags) {
    Bytes out;
    out.reserve(6 * 32);
    put_label(out, "concordat/ledger-root/1");
    put_hash(out, key_thumbprint);
    put_u256(out, size);
    put_hash(out, root);
    put_u256(out, static_cast<std::uint64_t>(time));
    put_u256(out, flags);
    return out;
}

Hash256 ledger_leaf(const Hash256& entry_id, const Hash256& enclave_key_thumbprint) {
    static constexpr std::array<std::uint8_t, 2> prefix{0x00, 0x4c};
    return crypto::sha256({ByteView(prefix), entry_id.view(), enclave_key_thumbprint.view()});
}

json::Object Claim::to_json() const {
    json::Object out;
    out["key"] = kid;
    out["index"] = to_int(index);
    out["size"] = to_int(size);
    out["path"] = path_to_json(path);
    out["signature"] = to_base64url(signature);
    return out;
}

Claim Claim::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    Claim out;
    out.kid = in.string("key", 64);
    out.index = unsigned_from_json(in, "index");
    out.size = unsigned_from_json(in, "size", 1);
    out.path = path_from_json(in, "path");
    out.signature = signature_from_json(in, "signature");
    in.finish();
    return out;
}

void Claim::write(wire::Writer& out) const {
    out.text(kid);
    out.u64(index);
    out.u64(size);
    write_path(out, path);
    out.raw(signature);
}

Claim Claim::read(wire::Reader& in) {
    Claim out;
    out.kid = in.text(64);
    out.index = read_number(in, "claim.index");
    out.size = read_number(in, "claim.size");
    out.path = read_path(in);
    out.signature = read_signature(in);
    return out;
}

void Claim::verify(const Hash256& entry_id, const crypto::PublicKey& enclave_key, std::string_view chain,
                   std::string_view field) const {
    const auto refuse = [&](std::string_view member, std::string_view rule) {
        throw Error(Code::bad_signature, std::string(field) + std::string(member), std::string(rule));
    };
    if (!enclave_key || kid != enclave_key.kid()) refuse("/key", "must be the enclave key's id");
    const auto root = root_of_path(entry_id, index, size, path);
    if (!root) refuse("/path", "must lead from the index to the root of a tree of the size");
    const Bytes statement = enclave_root_statement(enclave_key.thumbprint(), chain, size, *root);
    if (!signed_by(enclave_key, statement, signature)) {
        refuse("/signature", "must be the enclave's over the root that the path leads to");
    }
}

void SignedRoot::write(wire::Writer& out) const {
    out.u64(size);
    out.hash(root);
    out.u64(static_cast<std::uint64_t>(time));
    out.u64(flags);
    out.raw(signature);
}

SignedRoot SignedRoot::read(wire::Reader& in) {
    SignedRoot out;
    out.size = read_number(in, "root.size");
    out.root = in.hash();
    out.time = static_cast<TimeMs>(read_number(in, "root.time"));
    out.flags = read_number(in, "root.flags");
    out.signature = read_signature(in);
    return out;
}

json::Object SignedRoot::to_json() const {
    json::Object out;
    out["size"] = to_int(size);
    out["root"] = root.text();
    out["time"] = format_time(time);
    out["flags"] = to_int(flags);
    out["signature"] = to_base64url(signature);
    return out;
}

SignedRoot SignedRoot::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    SignedRoot out;
    out.size = unsigned_from_json(in, "size");
    out.root = in.hash("root");
    out.time = time_from_json(in, "time");
    out.flags = unsigned_from_json(in, "flags");
    out.signature = signature_from_json(in, "signature");
    in.finish();
    return out;
}

bool SignedRoot::verify(const crypto::PublicKey& service_key) const {
    return service_key &&
           signed_by(service_key, ledger_root_statement(service_key.thumbprint(), size, root, time, flags), signature);
}

json::Object LedgerReceipt::to_json() const {
    json::Object out;
    out["index"] = to_int(index);
    out["size"] = to_int(size);
    out["path"] = path_to_json(path);
    out["time"] = format_time(time);
    out["flags"] = to_int(flags);
    out["signature"] = to_base64url(signature);
    return out;
}

LedgerReceipt LedgerReceipt::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    LedgerReceipt out;
    out.index = unsigned_from_json(in, "index");
    out.size = unsigned_from_json(in, "size", 1);
    out.path = path_from_json(in, "path");
    out.time = time_from_json(in, "time");
    out.flags = unsigned_from_json(in, "flags");
    out.signature = signature_from_json(in, "signature");
    in.finish();
    return out;
}

void LedgerReceipt::write(wire::Writer& out) const {
    out.u64(index);
    out.u64(size);
    write_path(out, path);
    out.u64(static_cast<std::uint64_t>(time));
    out.u64(flags);
    out.raw(signature);
}

LedgerReceipt LedgerReceipt::read(wire::Reader& in) {
    LedgerReceipt out;
    out.index = read_number(in, "receipt.index");
    out.size = read_number(in, "receipt.size");
    out.path = read_path(in);
    out.time = static_cast<TimeMs>(read_number(in, "receipt.time"));
    out.flags = read_number(in, "receipt.flags");
    out.signature = read_signature(in);
    return out;
}

Hash256 LedgerReceipt::root_from(const Hash256& leaf, std::string_view field) const {
    const auto root = root_of_path(leaf, index, size, path);
    if (!root) {
        throw Error(Code::bad_receipt, std::string(field) + "/path",
                    "must lead from the index to the root of a tree of the size");
    }
    return *root;
}

void LedgerReceipt::verify(const Hash256& leaf, const crypto::PublicKey& service_key, std::string_view field) const {
    const Hash256 root = root_from(leaf, field);
    if (!SignedRoot{size, root, time, flags, signature}.verify(service_key)) {
        throw Error(Code::bad_receipt, std::string(field) + "/signature",
                    "must be the ledger's over the root that the path leads to");
    }
}

Bytes HeadStatement::statement(const Hash256& key_thumbprint) const {
    Bytes out;
    out.reserve(10 * 32);
    put_label(out, "concordat/ledger-head/1");
    put_hash(out, key_thumbprint);
    put_hash(out, binding);
    put_u256(out, sequence);
    put_hash(out, entry_id);
    put_hash(out, nonce);
    put_u256(out, size);
    put_hash(out, root);
    put_u256(out, static_cast<std::uint64_t>(time));
    put_u256(out, flags);
    return out;
}

json::Object HeadStatement::to_json() const {
    json::Object out;
    out["typ"] = "concordat/ledger-head/1";
    out["binding"] = binding.text();
    out["sequence"] = to_int(sequence);
    out["entry"] = entry_id.text();
    out["nonce"] = to_base64url(nonce.view());
    out["size"] = to_int(size);
    out["root"] = root.text();
    out["time"] = format_time(time);
    out["flags"] = to_int(flags);
    out["signature"] = to_base64url(signature);
    return out;
}

HeadStatement HeadStatement::parse(const json::Value& value, std::string_view field) {
    json::Reader in(value, std::string(field));
    in.expect("typ", "concordat/ledger-head/1");
    HeadStatement out;
    out.binding = in.hash("binding");
    out.sequence = unsigned_from_json(in, "sequence");
    out.entry_id = in.hash("entry");
    const Bytes nonce = in.base64url("nonce", 32);
    if (nonce.size() != 32) in.fail("nonce", "must be 32 bytes in base64url");
    out.nonce = Hash256::from(nonce);
    out.size = unsigned_from_json(in, "size", 1);
    out.root = in.hash("root");
    out.time = time_from_json(in, "time");
    out.flags = unsigned_from_json(in, "flags");
    out.signature = signature_from_json(in, "signature");
    in.finish();
    return out;
}

void HeadStatement::write(wire::Writer& out) const {
    out.hash(binding);
    out.hash(entry_id);
    out.hash(nonce);
    out.hash(root);
    out.u64(sequence);
    out.u64(size);
    out.u64(flags);
    out.u64(static_cast<std::uint64_t>(time));
    out.raw(signature);
}

HeadStatement HeadStatement::read(wire::Reader& in) {
    HeadStatement out;
    out.binding = in.hash();
    out.entry_id = in.hash();
    out.nonce = in.hash();
    out.root = in.hash();
    out.sequence = read_number(in, "head.sequence");
    out.size = read_number(in, "head.size");
    out.flags = read_number(in, "head.flags");
    out.time = static_cast<TimeMs>(read_number(in, "head.time"));
    out.signature = read_signature(in);
    return out;
}

bool HeadStatement::verify(const crypto::PublicKey& service_key) const {
    return service_key && signed_by(service_key, statement(service_key.thumbprint()), signature);
}

namespace {
constexpr std::string_view identity_typ = "concordat/ledger-identity/1";
}

std::string Identity::write(const crypto::PrivateKey& service_key, const crypto::EncryptionPublicKey& encryption_key,
                            TimeMs created) {
    json::Object payload;
    payload["typ"] = identity_typ;
    payload["chain"] = chain_of(service_key.public_key());
    payload["service_key"] = service_key.public_key().jwk();
    payload["encryption_key"] = encryption_key.jwk();
    payload["created"] = format_time(created);
    return crypto::sign_compact(bytes_of(json::canonical(payload)), identity_typ, service_key);
}

Identity Identity::parse(std::string_view compact_jws) {
    constexpr std::string_view field = "/identity";
    const crypto::Jws jws = crypto::parse_compact(compact_jws, field, 16384);
    if (jws.header.typ != identity_typ) {
        throw Error(Code::bad_format, "/identity/typ", "must be " + std::string(identity_typ));
    }
    const json::Value value = json::parse(text_of(jws.payload), field);
    json::Reader in(value, std::string(field));
    in.expect("typ", identity_typ);
    Identity out;
    out.chain = in.string("chain", 64);
    out.service_key = crypto::PublicKey::from_jwk(in.any("service_key"), in.at("service_key"));
    out.encryption_key = crypto::EncryptionPublicKey::from_jwk(in.any("encryption_key"), in.at("encryption_key"));
    out.created = time_from_json(in, "created");
    in.finish();
    if (out.service_key.alg() != crypto::Alg::es256k) in.fail("service_key", "must be an ES256K key");
    if (out.chain != chain_of(out.service_key)) in.fail("chain", "must be the service key's chain");
    jws.verify(out.service_key, field);
    return out;
}

}  // namespace concordat::ledger::confidential
