// The key authority: a binding's key is made here, and given only to enclaves that the binding itself accepts.
#include <algorithm>
#include <base/error.hpp>
#include <contract/binding.hpp>
#include <crypto/hash.hpp>

#include "ledger.hpp"

namespace concordat::ledger::confidential {
namespace {

constexpr std::string_view enclave_product = "concordat-enclave";
constexpr std::string_view terms_typ = "concordat/terms/1";
constexpr std::size_t max_pending = 4096;
constexpr json::Limits jws_limits{std::size_t{4} << 20, 32};

contract::Binding parse_version(ByteView jws) {
    return contract::Binding::parse(
        crypto::GeneralJws::parse(json::parse(text_of(jws), "/document", jws_limits), "/document").payload);
}

// An attacker could copy another document's sealed terms into one that accepts the attacker's enclave: the plaintext
// names the choice of enclaves that it was sealed for.
void require_sealed_for(const SecretBytes& plaintext, const contract::Binding& binding, const std::string& field) {
    const json::Value value = json::parse(text_of(plaintext.expose()), field, jws_limits);
    json::Reader in(value, field);
    in.expect("typ", terms_typ);
    if (in.hash("enclaves") != binding.enclaves_hash()) {
        throw Error(Code::forbidden, in.at("enclaves"), "must be the digest of this document's enclaves");
    }
}

}  // namespace

void RecordLedger::require_ours(const contract::Binding& binding) const {
    const auto refuse = [](std::string_view member, std::string_view rule) {
        throw Error(Code::wrong_ledger, "/binding/record/" + std::string(member), std::string(rule));
    };
    if (binding.chain != chain_) refuse("chain", "must be this ledger's");
    if (!(binding.service_key == service_key())) refuse("service_key", "must be this ledger's");
    if (binding.ledger_encryption_key.thumbprint() != keys_.encryption.public_key().thumbprint()) {
        refuse("encryption_key", "must be this ledger's");
    }
}

std::vector<SecretBytes> RecordLedger::open_sealed_terms(const contract::Binding& binding) const {
    std::vector<SecretBytes> terms;
    for (const auto& member : binding.sealed_terms) {
        const std::string field = "/binding/sealed_terms/" + std::string(member.key());
        SecretBytes plaintext = crypto::decrypt_jwe(member.value(), terms_typ, keys_.encryption, field);
        require_sealed_for(plaintext, binding, field);
        terms.push_back(std::move(plaintext));
    }
    return terms;
}

// Who may use an account is who satisfies the policy that it follows from: bindings with the same one share it, and no
// other enclave can ever have its key. It needs no place of its own on the disk.
SecretKey RecordLedger::accounts_of(const attest::Policy& policy) const {
    const Hash256 enclaves = crypto::sha256(json::canonical(policy.to_json()));
    const auto own = keys_.encryption.jwk_text();
    return crypto::derive_key(bytes_of(own.expose()), {bytes_of("concordat/ledger-accounts/1"), enclaves.view()});
}

// Keys of offers that were never locked are dropped, oldest first: whoever still wants one asks again.
RecordLedger::Pending& RecordLedger::pending_for(const Hash256& binding) {
    if (const auto found = pending_.find(binding); found != pending_.end()) return found->second;
    if (pending_.size() >= max_pending) {
        const auto oldest = std::ranges::min_element(pending_, {}, [](const auto& p) { return p.second.made; });
        pending_.erase(oldest);
    }
    Pending& pending = pending_[binding];
    ports_.random.fill(pending.key.expose());
    pending.made = ++pending_counter_;
    return pending;
}

KeyReleased RecordLedger::create_key(EnclaveId enclave, ByteView binding_jws) {
    const Admitted& asking = admitted(enclave);
    const contract::Binding binding = parse_version(binding_jws);
    if (binding.number != 1) throw Error(Code::wrong_version, "/binding/version", "must be 1");
    require_ours(binding);
    if (state_.find(binding.id) != nullptr) throw Error(Code::conflict, "/binding", "is bound already");
    binding.enclaves.require(asking.claims, enclave_product);
    std::vector<SecretBytes> terms = open_sealed_terms(binding);
    Pending& pending = pending_for(binding.id);
    pending.released |= std::uint64_t{1} << enclave;
    return {pending.key.copy(), accounts_of(binding.enclaves), std::move(terms)};
}

KeyReleased RecordLedger::release_key(EnclaveId enclave, const Hash256& binding) {
    const Admitted& asking = admitted(enclave);
    Head* head = state_.find(binding);
    if (head == nullptr) throw Error(Code::not_found, "/binding", "must be a binding of this ledger");
    state_.policy(head->policy).require(asking.claims, enclave_product);
    head->released |= std::uint64_t{1} << enclave;
    return {head->key.copy(), accounts_of(state_.policy(head->policy)), {}};
}

KeyReleased RecordLedger::open_terms(EnclaveId enclave, ByteView binding_jws) {
    const Admitted& asking = admitted(enclave);
    const contract::Binding next = parse_version(binding_jws);
    if (next.number == 1) throw Error(Code::wrong_version, "/binding/version", "must be above 1");
    require_ours(next);
    Head* head = state_.find(next.id);
    if (head == nullptr) throw Error(Code::not_found, "/binding", "must be a binding of this ledger");
    if (next.previous != head->version)
        throw Error(Code::wrong_version, "/binding/previous", "must be the version in force");
    state_.policy(head->policy).require(asking.claims, enclave_product);
    next.enclaves.require(asking.claims, enclave_product);
    std::vector<SecretBytes> terms = open_sealed_terms(next);
    head->released |= std::uint64_t{1} << enclave;
    return {head->key.copy(), accounts_of(next.enclaves), std::move(terms)};
}

}  // namespace concordat::ledger::confidential
