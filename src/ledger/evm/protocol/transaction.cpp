#include "transaction.hpp"

#include <limits>

#include "rlp.hpp"

namespace concordat::ledger::evm {
namespace {

using Type = Transaction::Type;

constexpr std::uint64_t max_chain_id = std::numeric_limits<std::int64_t>::max();

[[noreturn]] void refuse(std::string_view member, std::string rule) {
    throw Error(Code::bad_format, "/transaction/" + std::string(member), std::move(rule));
}

void append_to(Bytes& out, const std::optional<Address>& to) { rlp::append(out, to ? to->view() : ByteView{}); }

Bytes access_list_payload(const std::vector<AccessEntry>& entries) {
    Bytes out;
    for (const auto& entry : entries) {
        Bytes keys, pair;
        for (const auto& key : entry.storage_keys) rlp::append(keys, key.view());
        rlp::append(pair, entry.address.view());
        rlp::append_list(pair, keys);
        rlp::append_list(out, pair);
    }
    return out;
}

// The fields before the signature, without the list's prefix.
Bytes fields(const Transaction& tx) {
    Bytes out;
    if (tx.type != Type::legacy) rlp::append(out, U256(tx.chain_id));
    rlp::append(out, U256(tx.nonce));
    if (tx.type == Type::dynamic_fee) rlp::append(out, tx.max_priority_fee);
    rlp::append(out, tx.gas_price);
    rlp::append(out, U256(tx.gas_limit));
    append_to(out, tx.to);
    rlp::append(out, tx.value);
    rlp::append(out, ByteView(tx.data));
    if (tx.type != Type::legacy) rlp::append_list(out, access_list_payload(tx.access_list));
    return out;
}

// EIP-2718: a typed transaction is its type and then its list.
Bytes enveloped(Type type, ByteView payload) {
    Bytes out;
    if (type != Type::legacy) out.push_back(static_cast<std::uint8_t>(type));
    rlp::append_list(out, payload);
    return out;
}

U256 legacy_v(const SignedTransaction& tx) {
    const U256 parity = tx.signature.parity;
    if (tx.transaction.chain_id == 0) return U256(27 + parity);
    return U256(U256(tx.transaction.chain_id) * 2 + 35 + parity);
}

void read_legacy_v(rlp::Reader& in, SignedTransaction& out) {
    const U256 v = in.integer("v");
    if (v == 27 || v == 28) {
        out.signature.parity = static_cast<std::uint8_t>(v - 27);
        return;
    }
    constexpr std::string_view rule = "must be 27, 28, or 35 and above with a chain id below 2^63 (EIP-155)";
    if (v < 37) in.fail("v", std::string(rule));  // 35 and 36 would be chain 0
    const U256 chain = (v - 35) / 2;
    if (chain > max_chain_id) in.fail("v", std::string(rule));
    out.transaction.chain_id = static_cast<std::uint64_t>(chain);
    out.signature.parity = static_cast<std::uint8_t>((v - 35) % 2);
}

std::optional<Address> read_to(rlp::Reader& in) {
    const ByteView to = in.bytes("to", 20);
    if (to.empty()) return std::nullopt;
    if (to.size() != 20) in.fail("to", "must be empty or have exactly 20 bytes");
    return Address::from(to);
}

std::vector<AccessEntry> read_access_list(rlp::Reader list) {
    std::vector<AccessEntry> out;
    std::size_t count = 0;
    const auto count_one = [&] {
        if (++count > max_access_entries)
            throw Error(Code::too_large, "/transaction/accessList", "must have at most 4096 addresses and keys");
    };
    while (!list.done()) {
        count_one();
        rlp::Reader pair = list.sublist(std::to_string(out.size()));
        AccessEntry entry{.address = Address::from(pair.fixed("address", 20)), .storage_keys = {}};
        rlp::Reader keys = pair.sublist("storageKeys");
        pair.finish();
        while (!keys.done()) {
            count_one();
            entry.storage_keys.push_back(keys.hash(std::to_string(entry.storage_keys.size())));
        }
        out.push_back(std::move(entry));
    }
    return out;
}

void read_signature_scalars(rlp::Reader& in, crypto::RecoverableSignature& out) {
    out.r = to_word(in.integer("r"));
    out.s = to_word(in.integer("s"));
}

std::uint8_t read_parity(rlp::Reader& in) {
    const std::uint64_t parity = in.u64("yParity");
    if (parity > 1) in.fail("yParity", "must be 0 or 1");
    return static_cast<std::uint8_t>(parity);
}

std::size_t access_entries(const Transaction& tx) {
    std::size_t count = tx.access_list.size();
    for (const auto& entry : tx.access_list) count += entry.storage_keys.size();
    return count;
}

Type type_of(ByteView encoded) {
    if (encoded.empty()) refuse("type", "must not be an empty transaction");
    if (encoded[0] >= 0xc0) return Type::legacy;
    if (encoded[0] == 1 || encoded[0] == 2) return static_cast<Type>(encoded[0]);
    refuse("type", "must be legacy, 1 (EIP-2930) or 2 (EIP-1559)");
}

}  // namespace

void check(const Transaction& tx) {
    const bool legacy = tx.type == Type::legacy;
    if (tx.type > Type::dynamic_fee) refuse("type", "must be legacy, 1 (EIP-2930) or 2 (EIP-1559)");
    if (tx.chain_id > max_chain_id || (tx.chain_id == 0 && !legacy)) refuse("chainId", "must be from 1 to 2^63−1");
    if (tx.nonce == std::numeric_limits<std::uint64_t>::max()) refuse("nonce", "must be below 2^64−1 (EIP-2681)");
    if (tx.type == Type::dynamic_fee && tx.max_priority_fee > tx.gas_price)
        refuse("maxPriorityFeePerGas", "must not be above maxFeePerGas");
    if (tx.type != Type::dynamic_fee && tx.max_priority_fee != 0)
        refuse("maxPriorityFeePerGas", "has a place in type 2 only");
    if (legacy && !tx.access_list.empty()) refuse("accessList", "has no place in a legacy transaction");
    if (tx.data.size() > max_transaction_bytes)
        throw Error(Code::too_large, "/transaction/data", "must have at most 262144 bytes");
    if (access_entries(tx) > max_access_entries)
        throw Error(Code::too_large, "/transaction/accessList", "must have at most 4096 addresses and keys");
}

Bytes signing_payload(const Transaction& tx) {
    check(tx);
    Bytes payload = fields(tx);
    if (tx.type == Type::legacy && tx.chain_id != 0) {
        rlp::append(payload, U256(tx.chain_id));
        rlp::append(payload, U256(0));
        rlp::append(payload, U256(0));
    }
    return enveloped(tx.type, payload);
}

Hash256 signing_hash(const Transaction& tx) { return keccak256(signing_payload(tx)); }

SignedTransaction sign(const Transaction& tx, const SecretKey& secret) {
    return {tx, crypto::sign_recoverable(secret, signing_hash(tx))};
}

Bytes encode(const SignedTransaction& tx) {
    check(tx.transaction);
    Bytes payload = fields(tx.transaction);
    rlp::append(payload, tx.transaction.type == Type::legacy ? legacy_v(tx) : U256(tx.signature.parity));
    rlp::append(payload, from_word(tx.signature.r));
    rlp::append(payload, from_word(tx.signature.s));
    return enveloped(tx.transaction.type, payload);
}

SignedTransaction decode_transaction(ByteView encoded) {
    if (encoded.size() > max_transaction_bytes)
        throw Error(Code::too_large, "/transaction", "must have at most 262144 bytes");
    SignedTransaction out;
    Transaction& tx = out.transaction;
    tx.type = type_of(encoded);
    const bool legacy = tx.type == Type::legacy;
    rlp::Reader in = rlp::Reader::list(legacy ? encoded : encoded.subspan(1), "/transaction");
    if (!legacy) tx.chain_id = in.u64("chainId");
    tx.nonce = in.u64("nonce");
    if (tx.type == Type::dynamic_fee) tx.max_priority_fee = in.integer("maxPriorityFeePerGas");
    tx.gas_price = in.integer(tx.type == Type::dynamic_fee ? "maxFeePerGas" : "gasPrice");
    tx.gas_limit = in.u64("gas");
    tx.to = read_to(in);
    tx.value = in.integer("value");
    tx.data = to_bytes(in.bytes("data"));
    if (!legacy) tx.access_list = read_access_list(in.sublist("accessList"));
    if (legacy)
        read_legacy_v(in, out);
    else
        out.signature.parity = read_parity(in);
    read_signature_scalars(in, out.signature);
    in.finish();
    check(tx);
    return out;
}

Address sender(const SignedTransaction& tx) {
    const auto key = crypto::recover(tx.signature, signing_hash(tx.transaction));
    if (!key) throw Error(Code::bad_signature, "/transaction/signature", "must be a low-S signature on secp256k1");
    return address_of(*key);
}

}  // namespace concordat::ledger::evm
