// The fixed-layout signed statements of enclaves and of the confidential ledger, and the pure checks of claims and
// ledger receipts (docs/formats.md §2, §7). Used by ledger, enclave and verifier alike.
#pragma once
#include <base/clock.hpp>
#include <base/json.hpp>
#include <base/wire.hpp>
#include <crypto/key.hpp>
#include <vector>

namespace concordat::ledger::confidential {

inline constexpr std::uint64_t flag_single_node = 1;

std::string chain_of(const crypto::PublicKey& service_key);  // "ccl:" + 32 hex digits of its thumbprint

Bytes enclave_root_statement(const Hash256& key_thumbprint, std::string_view chain, std::uint64_t size,
                             const Hash256& root);
Bytes ledger_root_statement(const Hash256& key_thumbprint, std::uint64_t size, const Hash256& root, TimeMs time,
                            std::uint64_t flags);
Hash256 ledger_leaf(const Hash256& entry_id, const Hash256& enclave_key_thumbprint);

// Entry id → enclave root.
struct Claim {
    std::string kid;
    std::uint64_t index = 0, size = 0;
    std::vector<Hash256> path;
    crypto::Signature signature{};
    json::Object to_json() const;
    static Claim parse(const json::Value& value, std::string_view field);
    void write(wire::Writer& out) const;
    static Claim read(wire::Reader& in);
    // Throws Error(bad_signature) naming `field`.
    void verify(const Hash256& entry_id, const crypto::PublicKey& enclave_key, std::string_view chain,
                std::string_view field) const;
};

struct SignedRoot {
    std::uint64_t size = 0;
    Hash256 root;
    TimeMs time = 0;
    std::uint64_t flags = 0;
    crypto::Signature signature{};
    json::Object to_json() const;  // {"size", "root", "time", "flags", "signature"}
    static SignedRoot parse(const json::Value& value, std::string_view field);
    void write(wire::Writer& out) const;
    static SignedRoot read(wire::Reader& in);
    bool operator==(const SignedRoot&) const = default;
    bool verify(const crypto::PublicKey& service_key) const;
};

// Ledger leaf → ledger root. The root itself follows from leaf and path.
struct LedgerReceipt {
    std::uint64_t index = 0, size = 0;
    std::vector<Hash256> path;
    TimeMs time = 0;
    std::uint64_t flags = 0;
    crypto::Signature signature{};
    json::Object to_json() const;
    static LedgerReceipt parse(const json::Value& value, std::string_view field);
    void write(wire::Writer& out) const;
    static LedgerReceipt read(wire::Reader& in);
    // The root that leaf and path lead to; throws Error(bad_receipt) when index, size and path do not fit together.
    Hash256 root_from(const Hash256& leaf, std::string_view field) const;
    // Throws Error(bad_receipt) naming `field`.
    void verify(const Hash256& leaf, const crypto::PublicKey& service_key, std::string_view field) const;
};

// A path of a tree (inclusion or consistency): an array of 32 bytes each in base64url, at most 64.
json::Array path_to_json(const std::vector<Hash256>& path);
std::vector<Hash256> path_from_json(json::Reader& in, std::string_view name);

// Answer to "what is the head of this binding?", fresh by the asker's nonce.
struct HeadStatement {
    Hash256 binding, entry_id, nonce, root;
    std::uint64_t sequence = 0, size = 0, flags = 0;
    TimeMs time = 0;
    crypto::Signature signature{};
    Bytes statement(const Hash256& key_thumbprint) const;
    json::Object to_json() const;
    static HeadStatement parse(const json::Value& value, std::string_view field);
    void write(wire::Writer& out) const;
    static HeadStatement read(wire::Reader& in);
    bool verify(const crypto::PublicKey& service_key) const;
};

// The ledger's self-description, compact JWS by its service key, typ concordat/ledger-identity/1.
struct Identity {
    std::string chain;
    crypto::PublicKey service_key;
    crypto::EncryptionPublicKey encryption_key;
    TimeMs created = 0;
    static std::string write(const crypto::PrivateKey& service_key, const crypto::EncryptionPublicKey& encryption_key,
                             TimeMs created);
    static Identity parse(
        std::string_view compact_jws);  // signature checked against the key inside; chain against the key
};

}  // namespace concordat::ledger::confidential
