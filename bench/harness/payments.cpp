#include "payments.hpp"

#include <base/id.hpp>
#include <crypto/hash.hpp>
#include <ledger/evm/protocol/amount.hpp>
#include <registry/build.hpp>

namespace concordat::bench {

namespace evm = ledger::evm;

namespace {

SystemRandom random_source;
constexpr TimeMs day = 86'400'000;

}  // namespace

const contract::Package& payment_package() {
    static const contract::Package package = [] {
        registry::Toolchain toolchain;
        toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
        return registry::build_package(CONCORDAT_SOURCE_DIR "/tests/faults/contracts/tokens", toolchain,
                                       bench_engine());
    }();
    return package;
}

Payer::Payer()
    : key(crypto::PrivateKey::generate(crypto::Alg::es256k, random_source)),
      encryption(crypto::EncryptionPrivateKey::generate(random_source)) {}

Agreement make_payment_agreement(const Platform& platform, const Payer& payer, const evm::NetworkDescription& network,
                                 const std::string& account) {
    json::Object document = binding_document(platform, payment_package().id());
    document["parties"] = json::Object{
        {"payer", json::Array{json::Object{{"id", "did:web:payer.example"},
                                           {"keys", json::Array{payer.key.public_key().jwk()}},
                                           {"encryption", json::Array{payer.encryption.public_key().jwk()}}}}}};
    document["terms"] = json::Object{};
    document["ledgers"] =
        json::Object{{"cash", json::Object{{"chain", network.chain.text()},
                                           {"genesis", evm::to_0x(network.genesis.view())},
                                           {"address", network.account.text()},
                                           {"account", account},
                                           {"work", "60000"},
                                           {"ceiling", "20000000000"},
                                           {"finality", json::Object{{"blocks", 1}, {"witness", "host"}}},
                                           {"deadline_minutes", 60}}}};
    const std::string text = json::canonical(document);
    auto jws = crypto::GeneralJws::of(bytes_of(text));
    jws.add(contract::binding_typ, payer.key);
    return {crypto::sha256(text), to_bytes(bytes_of(json::canonical(jws.to_json()))), {}, 1};
}

std::string make_payment(Agreement& agreement, const std::string& chain, const Payer& payer,
                         const std::string& action) {
    contract::Message message;
    message.binding = message.version = agreement.id;
    message.seen = agreement.seen;
    message.ledger = chain;
    message.action = action;
    message.number = agreement.next_number++;
    message.expires = SystemClock().now() + day;
    message.body = json::Object{{"amount", 1}, {"to", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"}};
    return crypto::sign_compact(bytes_of(contract::write_message(message)), contract::message_typ, payer.key);
}

std::string ledger_settings(const evm::NetworkDescription& network) {
    json::Array endpoints;
    for (const std::string& url : network.endpoints("ws")) endpoints.emplace_back(url);
    return json::canonical(json::Object{{"kind", "evm"}, {"endpoints", std::move(endpoints)}});
}

}  // namespace concordat::bench
