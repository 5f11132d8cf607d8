#include "rlp.hpp"
#include "rpc.hpp"
#include "transaction.hpp"

namespace concordat::ledger::evm {
namespace {

constexpr std::size_t max_hashes = 256;

struct Encoder {
    const rpc::Members& in;
    Bytes out{};

    void integer(std::string_view name) { rlp::append(out, in.integer(name)); }

    void to() { rlp::append(out, in.has("to") ? in.address("to").view() : ByteView{}); }

    // What every typed transaction has between its fees and its own members.
    void call() {
        integer("gas");
        to();
        integer("value");
        rlp::append(out, ByteView(in.bytes("input", max_transaction_bytes)));
    }

    void access_list() {
        Bytes list;
        std::size_t count = 0;
        for (const auto& item : in.array("accessList", max_access_entries)) {
            const rpc::Members entry(item, in.at("accessList") + "/" + std::to_string(count++));
            Bytes keys, pair;
            for (const auto& key : entry.array("storageKeys", max_access_entries))
                append_hash(keys, key, entry.at("storageKeys"));
            rlp::append(pair, entry.address("address").view());
            rlp::append_list(pair, keys);
            rlp::append_list(list, pair);
        }
        rlp::append_list(out, list);
    }

    void blob_hashes() {
        Bytes list;
        for (const auto& hash : in.array("blobVersionedHashes", max_hashes))
            append_hash(list, hash, in.at("blobVersionedHashes"));
        rlp::append_list(out, list);
    }

    void authorizations() {
        Bytes list;
        std::size_t count = 0;
        for (const auto& item : in.array("authorizationList", max_access_entries)) {
            const rpc::Members entry(item, in.at("authorizationList") + "/" + std::to_string(count++));
            Encoder inner{entry};
            inner.integer("chainId");
            rlp::append(inner.out, entry.address("address").view());
            for (const char* name : {"nonce", "yParity", "r", "s"}) inner.integer(name);
            rlp::append_list(list, inner.out);
        }
        rlp::append_list(out, list);
    }

    static void append_hash(Bytes& list, const json::Value& hash, const std::string& field) {
        if (!hash.is_string()) throw Error(Code::bad_format, field, "must be an array of strings");
        rlp::append(list, parse_hash_0x(hash.get_string(), field).view());
    }
};

Bytes legacy_fields(const rpc::Members& in) {
    Encoder out{in};
    out.integer("nonce");
    out.integer("gasPrice");
    out.call();
    for (const char* name : {"v", "r", "s"}) out.integer(name);
    return out.out;
}

Bytes typed_fields(const rpc::Members& in, std::uint64_t type) {
    Encoder out{in};
    out.integer("chainId");
    out.integer("nonce");
    if (type == 1) {
        out.integer("gasPrice");
    } else {
        out.integer("maxPriorityFeePerGas");
        out.integer("maxFeePerGas");
    }
    out.call();
    out.access_list();
    if (type == 3) {
        out.integer("maxFeePerBlobGas");
        out.blob_hashes();
    }
    if (type == 4) out.authorizations();
    out.integer(in.has("yParity") ? "yParity" : "v");  // older nodes give only v, which is the same for typed ones
    out.integer("r");
    out.integer("s");
    return out.out;
}

}  // namespace

Bytes raw_transaction_from_rpc(const json::Value& transaction, std::string_view field) {
    const rpc::Members in(transaction, field);
    const std::uint64_t type = in.has("type") ? in.u64("type") : 0;
    if (type > 4) throw Error(Code::bad_format, in.at("type"), "must be from 0x0 to 0x4");
    Bytes out;
    if (type != 0) out.push_back(static_cast<std::uint8_t>(type));
    rlp::append_list(out, type == 0 ? legacy_fields(in) : typed_fields(in, type));
    if (in.hash("hash") != transaction_hash(out))
        throw Error(Code::bad_format, in.at("hash"), "must be the hash of the transaction's members");
    return out;
}

}  // namespace concordat::ledger::evm
