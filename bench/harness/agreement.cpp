#include "agreement.hpp"

#include <base/id.hpp>
#include <crypto/hash.hpp>
#include <registry/build.hpp>

#include "result.hpp"

namespace concordat::bench {

namespace {

SystemRandom random_source;
constexpr TimeMs day = 86'400'000;

TimeMs soon(TimeMs later) { return SystemClock().now() + later; }

json::Object party(const std::string& id, json::Array keys, const crypto::EncryptionPrivateKey& encryption) {
    return {{"id", id}, {"keys", std::move(keys)}, {"encryption", json::Array{encryption.public_key().jwk()}}};
}

json::Object delivery_body(std::int64_t number) {
    json::Array lines;
    for (int i = 0; i < 8; ++i) {
        lines.push_back(json::Object{{"article", "A-" + std::to_string(40'000 + 17 * i)},
                                     {"units", 10 + i},
                                     {"price", "12.5" + std::to_string(i)}});
    }
    return {{"order", "PO-2026-" + std::to_string(100'000 + number)},
            {"place", "Gate 4, Harbour Road 17, Rotterdam"},
            {"note", "Two pallets, seals intact"},
            {"lines", std::move(lines)}};
}

}  // namespace

enclave::runtime::Engine& bench_engine() {
    static enclave::runtime::Engine one;  // one per process, as the runtime asks
    return one;
}

const contract::Package& bench_package() {
    static const contract::Package package = [] {
        registry::Toolchain toolchain;
        toolchain.sdk = CONCORDAT_SOURCE_DIR "/sdk/cryptlet/cpp";
        return registry::build_package(CONCORDAT_SOURCE_DIR "/bench/contract", toolchain, bench_engine());
    }();
    return package;
}

Senders::Senders(std::size_t count)
    : seller(crypto::PrivateKey::generate(crypto::Alg::es256k, random_source)),
      encryption(crypto::EncryptionPrivateKey::generate(random_source)) {
    for (std::size_t i = 0; i < count; ++i)
        buyers.push_back(crypto::PrivateKey::generate(crypto::Alg::es256k, random_source));
}

json::Object Senders::parties() const {
    json::Array list;
    for (std::size_t at = 0; at < buyers.size(); at += contract::max_keys) {
        json::Array keys;
        for (std::size_t i = at; i < std::min(buyers.size(), at + contract::max_keys); ++i)
            keys.push_back(buyers[i].public_key().jwk());
        list.push_back(party("did:web:buyer-" + std::to_string(at / contract::max_keys) + ".example", std::move(keys),
                             encryption));
    }
    return {
        {"buyer", std::move(list)},
        {"seller", json::Array{party("did:web:seller.example", json::Array{seller.public_key().jwk()}, encryption)}}};
}

json::Object binding_document(const Platform& platform, const Hash256& package) {
    std::array<std::uint8_t, 16> nonce;
    random_source.fill(nonce);
    return {
        {"typ", contract::binding_typ},
        {"version", 1},
        {"nonce", to_base64url(nonce)},
        {"package", package.text()},
        {"record", json::Object{{"chain", platform.chain},
                                {"service_key", platform.service_key.jwk()},
                                {"encryption_key", platform.encryption_key.jwk()}}},
        {"enclaves", json::Object{{"evidence", json::Array{"development"}},
                                  {"development_roots", json::Array{platform.root.text()}},
                                  {"measurements", json::Array{platform.measurement.text()}},
                                  {"minimum_svn", 1},
                                  {"isolation", "shared"}}},
        {"sources", json::Object{}},
        {"ledgers", json::Object{}},
        {"sealed_terms", json::Object{}},
        {"suite", contract::cipher_suite},
        {"amendment", json::Object{{"rule", "all"}, {"self", true}, {"meanwhile", "pause"}, {"deadline_hours", 72}}},
        {"expires", format_time(soon(30 * day))}};
}

Agreement make_agreement(const Platform& platform, const Senders& senders) {
    json::Object document = binding_document(platform, bench_package().id());
    document["parties"] = senders.parties();
    document["terms"] = json::Object{{"currency", "EUR"}, {"maximum", "1000000.00"}};
    const std::string text = json::canonical(document);
    auto jws = crypto::GeneralJws::of(bytes_of(text));
    for (std::size_t at = 0; at < senders.buyers.size(); at += contract::max_keys)
        jws.add(contract::binding_typ, senders.buyers[at]);
    jws.add(contract::binding_typ, senders.seller);
    return {crypto::sha256(text), to_bytes(bytes_of(json::canonical(jws.to_json()))), {}, 1};
}

std::string make_delivery(Agreement& agreement, const Platform& platform, const Senders& senders, std::size_t sender) {
    contract::Message message;
    message.binding = message.version = agreement.id;
    message.seen = agreement.seen;
    message.ledger = platform.chain;
    message.action = "deliver";
    message.number = agreement.next_number++;
    message.expires = soon(day);
    message.body = delivery_body(message.number);
    return crypto::sign_compact(bytes_of(contract::write_message(message)), contract::message_typ,
                                senders.buyers.at(sender));
}

VerificationBound::VerificationBound() : key_(crypto::PrivateKey::generate(crypto::Alg::es256k, random_source)) {
    text_ = crypto::sign_compact(bytes_of(std::string(1024, 'x')), contract::message_typ, key_);
}

void VerificationBound::measure(double seconds) {
    const crypto::Jws jws = crypto::parse_compact(text_, "bound");
    const std::int64_t began = monotonic_ns();
    while (seconds_since(began) < seconds) {
        for (int i = 0; i < 16; ++i) jws.verify(key_.public_key(), "bound");
        done_ += 16;
    }
    seconds_ += seconds_since(began);
}

}  // namespace concordat::bench
