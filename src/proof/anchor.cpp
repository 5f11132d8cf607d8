#include "anchor.hpp"

namespace concordat::proof {

namespace {
constexpr std::size_t max_text_bytes = 128;
}  // namespace

Anchor Anchor::read(json::Reader& in) {
    Anchor out;
    out.chain = in.string("chain", max_text_bytes);
    out.contract = in.string("contract", max_text_bytes);
    out.root = ledger::confidential::SignedRoot::parse(in.any("root"), in.at("root"));
    out.evidence = in.any("evidence");
    return out;
}

json::Object Anchor::to_json() const {
    return {{"chain", chain}, {"contract", contract}, {"root", root.to_json()}, {"evidence", evidence}};
}

void Anchor::check_root(const crypto::PublicKey& service_key, const std::string& field) const {
    if (root.size == 0) throw Error(Code::bad_receipt, field + "/root/size", "must be at least 1");
    if ((root.flags & ~ledger::confidential::flag_single_node) != 0) {
        throw Error(Code::bad_receipt, field + "/root/flags", "must hold only flags that are known");
    }
    if (!root.verify(service_key)) {
        throw Error(Code::bad_receipt, field + "/root/signature", "must be the record ledger's over this root");
    }
}

ledger::AnchorClaim Anchor::claim(const crypto::PublicKey& service_key) const {
    return {.chain = chain,
            .contract = contract,
            .ledger = service_key.thumbprint(),
            .size = root.size,
            .root = root.root,
            .time = static_cast<std::uint64_t>(root.time),
            .flags = root.flags};
}

}  // namespace concordat::proof
