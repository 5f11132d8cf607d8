#include "clique.hpp"

#include <algorithm>
#include <set>

#include "keccak.hpp"

namespace concordat::ledger::evm::clique {
namespace {

constexpr std::size_t vanity_bytes = 32;
constexpr std::size_t seal_bytes = 65;  // r ‖ s ‖ parity

[[noreturn]] void refuse(std::string field, std::string rule) {
    throw Error(Code::bad_receipt, std::move(field), std::move(rule));
}

const Hash256& no_uncles() {
    static const Hash256 hash = keccak256(Bytes{0xc0});
    return hash;
}

bool is_checkpoint(const Signers& signers, const Header& header) { return header.number % signers.epoch == 0; }

bool is_filled(const std::array<std::uint8_t, 8>& nonce, std::uint8_t byte) {
    return std::all_of(nonce.begin(), nonce.end(), [byte](std::uint8_t b) { return b == byte; });
}

// A checkpoint lists the signers between vanity and seal, and carries no vote.
void check_checkpoint(const Signers& signers, const Header& header, const std::string& field) {
    Bytes listed;
    for (const auto& address : signers.addresses)
        listed.insert(listed.end(), address.bytes.begin(), address.bytes.end());
    const ByteView middle =
        ByteView(header.extra_data).subspan(vanity_bytes, header.extra_data.size() - vanity_bytes - seal_bytes);
    if (!std::equal(middle.begin(), middle.end(), listed.begin(), listed.end()))
        refuse(field + "/extraData", "must list the trusted signers at a checkpoint");
    if (!header.beneficiary.is_zero()) refuse(field + "/miner", "must be zero at a checkpoint");
    if (!is_filled(header.nonce, 0)) refuse(field + "/nonce", "must be zero at a checkpoint");
}

void check_form(const Signers& signers, const Header& header, const std::string& field) {
    if (header.mix_hash != Hash256{}) refuse(field + "/mixHash", "must be zero");
    if (header.uncles_hash != no_uncles()) refuse(field + "/sha3Uncles", "must be the hash of an empty list");
    if (!is_filled(header.nonce, 0) && !is_filled(header.nonce, 0xff))
        refuse(field + "/nonce", "must be all zeros or all ones");
    if (is_checkpoint(signers, header)) return check_checkpoint(signers, header, field);
    if (header.extra_data.size() != vanity_bytes + seal_bytes)
        refuse(field + "/extraData", "must have exactly 97 bytes between checkpoints");
}

void check_turn(const Signers& signers, const Header& header, const Address& signer, const std::string& field) {
    const auto& all = signers.addresses;
    const auto found = std::lower_bound(all.begin(), all.end(), signer);
    if (found == all.end() || *found != signer)
        refuse(field + "/extraData", "must be sealed by a trusted signer, not by " + signer.text());
    const bool in_turn = header.number % all.size() == static_cast<std::uint64_t>(found - all.begin());
    if (header.difficulty != (in_turn ? 2 : 1))
        refuse(field + "/difficulty", "must be 2 in the signer's turn, 1 otherwise");
}

void check_extra_size(const Header& header, std::string_view field) {
    if (header.extra_data.size() < vanity_bytes + seal_bytes)
        refuse(std::string(field) + "/extraData", "must have a vanity of 32 bytes and a seal of 65");
}

}  // namespace

Signers Signers::make(std::vector<Address> addresses, std::uint64_t epoch, std::string_view field) {
    if (addresses.empty() || epoch == 0)
        throw Error(Code::bad_format, std::string(field), "must name signers, and an epoch");
    if (addresses.size() > max_signers) throw Error(Code::too_large, std::string(field), "must be at most 512 signers");
    std::sort(addresses.begin(), addresses.end());
    if (std::adjacent_find(addresses.begin(), addresses.end()) != addresses.end())
        throw Error(Code::bad_format, std::string(field), "must name each signer once");
    return {std::move(addresses), epoch};
}

Hash256 seal_hash(const Header& header, std::string_view field) {
    check_extra_size(header, field);
    Header unsealed = header;
    unsealed.extra_data.resize(header.extra_data.size() - seal_bytes);
    return unsealed.hash();
}

Address signer_of(const Header& header, std::string_view field) {
    const Hash256 hash = seal_hash(header, field);
    const ByteView seal = ByteView(header.extra_data).last(seal_bytes);
    crypto::RecoverableSignature signature;
    std::copy_n(seal.begin(), 32, signature.r.begin());
    std::copy_n(seal.begin() + 32, 32, signature.s.begin());
    signature.parity = seal[64];
    const auto key = crypto::recover(signature, hash);
    if (!key) refuse(std::string(field) + "/extraData", "must end in a low-S signature on secp256k1");
    return address_of(*key);
}

void seal(Header& header, const SecretKey& secret) {
    const auto signature = crypto::sign_recoverable(secret, seal_hash(header, "/header"));
    const auto at = header.extra_data.end() - static_cast<std::ptrdiff_t>(seal_bytes);
    std::copy(signature.r.begin(), signature.r.end(), at);
    std::copy(signature.s.begin(), signature.s.end(), at + 32);
    header.extra_data.back() = signature.parity;
}

Finality check_finality(const Signers& signers, std::span<const Header> chain, std::string_view field) {
    Finality out{.sealers = {}, .distinct = 0, .needed = signers.majority()};
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const std::string at = std::string(field) + "/" + std::to_string(i);
        check_extra_size(chain[i], at);
        check_form(signers, chain[i], at);
        const Address signer = signer_of(chain[i], at);
        check_turn(signers, chain[i], signer, at);
        // A signer waits until a majority's window, its own block included, has gone by.
        const std::size_t window = std::min(i, signers.majority() - 1);
        const auto recent = out.sealers.end() - static_cast<std::ptrdiff_t>(window);
        if (std::find(recent, out.sealers.end(), signer) != out.sealers.end())
            refuse(at + "/extraData", "must not be sealed by a signer who has sealed too recently");
        out.sealers.push_back(signer);
    }
    out.distinct = std::set<Address>(out.sealers.begin(), out.sealers.end()).size();
    return out;
}

}  // namespace concordat::ledger::evm::clique
