#include "header.hpp"

#include <algorithm>

#include "keccak.hpp"
#include "rpc.hpp"

namespace concordat::ledger::evm {
namespace {

void append_optional(Bytes& out, const Header& h) {
    const bool there[] = {h.base_fee.has_value(),
                          h.withdrawals_root.has_value(),
                          h.blob_gas_used.has_value(),
                          h.excess_blob_gas.has_value(),
                          h.parent_beacon_root.has_value(),
                          h.requests_hash.has_value(),
                          !h.further.empty()};
    if (!std::is_sorted(std::begin(there), std::end(there), std::greater<>()))
        panic("a header with a gap in its fields");
    if (h.base_fee) rlp::append(out, *h.base_fee);
    if (h.withdrawals_root) rlp::append(out, h.withdrawals_root->view());
    if (h.blob_gas_used) rlp::append(out, U256(*h.blob_gas_used));
    if (h.excess_blob_gas) rlp::append(out, U256(*h.excess_blob_gas));
    if (h.parent_beacon_root) rlp::append(out, h.parent_beacon_root->view());
    if (h.requests_hash) rlp::append(out, h.requests_hash->view());
    for (const auto& item : h.further) out.insert(out.end(), item.begin(), item.end());
}

void read_optional(rlp::Reader& in, Header& h, std::string_view field) {
    if (!in.done()) h.base_fee = in.integer("baseFeePerGas");
    if (!in.done()) h.withdrawals_root = in.hash("withdrawalsRoot");
    if (!in.done()) h.blob_gas_used = in.u64("blobGasUsed");
    if (!in.done()) h.excess_blob_gas = in.u64("excessBlobGas");
    if (!in.done()) h.parent_beacon_root = in.hash("parentBeaconBlockRoot");
    if (!in.done()) h.requests_hash = in.hash("requestsHash");
    while (!in.done()) {
        if (h.further.size() == max_further_fields) in.finish();
        const rlp::Item item = in.any("further");
        rlp::check(item.whole, std::string(field) + "/further");
        h.further.push_back(to_bytes(item.whole));
    }
}

template <std::size_t size>
std::array<std::uint8_t, size> array_of(ByteView bytes) {
    std::array<std::uint8_t, size> out;
    std::copy_n(bytes.begin(), size, out.begin());
    return out;
}

}  // namespace

Bytes Header::encode() const {
    Bytes out;
    rlp::append(out, parent_hash.view());
    rlp::append(out, uncles_hash.view());
    rlp::append(out, beneficiary.view());
    rlp::append(out, state_root.view());
    rlp::append(out, transactions_root.view());
    rlp::append(out, receipts_root.view());
    rlp::append(out, ByteView(logs_bloom));
    rlp::append(out, difficulty);
    rlp::append(out, U256(number));
    rlp::append(out, U256(gas_limit));
    rlp::append(out, U256(gas_used));
    rlp::append(out, U256(timestamp));
    rlp::append(out, ByteView(extra_data));
    rlp::append(out, mix_hash.view());
    rlp::append(out, ByteView(nonce));
    append_optional(out, *this);
    return rlp::list(out);
}

Hash256 Header::hash() const { return keccak256(encode()); }

Header Header::decode(ByteView encoded, std::string_view field) {
    if (encoded.size() > max_header_bytes)
        throw Error(Code::too_large, std::string(field), "must have at most 65536 bytes");
    rlp::Reader in = rlp::Reader::list(encoded, std::string(field));
    Header out;
    out.parent_hash = in.hash("parentHash");
    out.uncles_hash = in.hash("sha3Uncles");
    out.beneficiary = Address::from(in.fixed("miner", 20));
    out.state_root = in.hash("stateRoot");
    out.transactions_root = in.hash("transactionsRoot");
    out.receipts_root = in.hash("receiptsRoot");
    out.logs_bloom = array_of<256>(in.fixed("logsBloom", 256));
    out.difficulty = in.integer("difficulty");
    out.number = in.u64("number");
    out.gas_limit = in.u64("gasLimit");
    out.gas_used = in.u64("gasUsed");
    out.timestamp = in.u64("timestamp");
    out.extra_data = to_bytes(in.bytes("extraData", max_extra_bytes));
    out.mix_hash = in.hash("mixHash");
    out.nonce = array_of<8>(in.fixed("nonce", 8));
    read_optional(in, out, field);
    return out;
}

Header header_from_rpc(const json::Value& block, std::string_view field) {
    const rpc::Members in(block, field);
    Header out;
    out.parent_hash = in.hash("parentHash");
    out.uncles_hash = in.hash("sha3Uncles");
    out.beneficiary = in.address("miner");
    out.state_root = in.hash("stateRoot");
    out.transactions_root = in.hash("transactionsRoot");
    out.receipts_root = in.hash("receiptsRoot");
    out.logs_bloom = array_of<256>(in.fixed("logsBloom", 256));
    out.difficulty = in.integer("difficulty");
    out.number = in.u64("number");
    out.gas_limit = in.u64("gasLimit");
    out.gas_used = in.u64("gasUsed");
    out.timestamp = in.u64("timestamp");
    out.extra_data = in.bytes("extraData", max_extra_bytes);
    out.mix_hash = in.hash("mixHash");
    out.nonce = array_of<8>(in.fixed("nonce", 8));
    if (in.has("baseFeePerGas")) out.base_fee = in.integer("baseFeePerGas");
    if (in.has("withdrawalsRoot")) out.withdrawals_root = in.hash("withdrawalsRoot");
    if (in.has("blobGasUsed")) out.blob_gas_used = in.u64("blobGasUsed");
    if (in.has("excessBlobGas")) out.excess_blob_gas = in.u64("excessBlobGas");
    if (in.has("parentBeaconBlockRoot")) out.parent_beacon_root = in.hash("parentBeaconBlockRoot");
    if (in.has("requestsHash")) out.requests_hash = in.hash("requestsHash");
    const bool there[] = {out.base_fee.has_value(),           out.withdrawals_root.has_value(),
                          out.blob_gas_used.has_value(),      out.excess_blob_gas.has_value(),
                          out.parent_beacon_root.has_value(), out.requests_hash.has_value()};
    if (!std::is_sorted(std::begin(there), std::end(there), std::greater<>()))
        throw Error(Code::bad_format, std::string(field), "must have the fields of every fork before its last one's");
    if (in.hash("hash") != out.hash())
        throw Error(Code::bad_format, in.at("hash"),
                    "must be the hash of the header's fields as this version knows them");
    return out;
}

}  // namespace concordat::ledger::evm
