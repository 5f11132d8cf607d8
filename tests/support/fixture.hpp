// A small deterministic world for tests: two parties, a source, a record ledger, an enclave and a development root.
// ES256 signatures are not deterministic, so nobody here uses that algorithm.
#pragma once
#include <attest/evidence.hpp>
#include <base/clock.hpp>
#include <base/id.hpp>
#include <base/json.hpp>
#include <contract/binding.hpp>
#include <contract/entry.hpp>
#include <contract/input.hpp>
#include <crypto/hash.hpp>
#include <crypto/jwe.hpp>
#include <crypto/jws.hpp>
#include <string>

namespace concordat::test {

class FixedRandom final : public Random {
  public:
    explicit FixedRandom(std::string_view seed) : seed_(crypto::sha256(seed)) {}
    void fill(std::span<std::uint8_t> out) override {
        for (std::size_t at = 0; at < out.size(); at += 32) {
            ++counter_;
            const Hash256 block = crypto::sha256(seed_.hex() + std::to_string(counter_));
            const std::size_t n = std::min<std::size_t>(32, out.size() - at);
            std::copy_n(block.bytes.begin(), n, out.begin() + static_cast<std::ptrdiff_t>(at));
        }
    }

  private:
    Hash256 seed_;
    std::uint64_t counter_ = 0;
};

inline crypto::PrivateKey signing_key(std::string_view seed, crypto::Alg alg = crypto::Alg::es256k) {
    FixedRandom random(seed);
    return crypto::PrivateKey::generate(alg, random);
}

inline crypto::EncryptionPrivateKey encryption_key(std::string_view seed) {
    FixedRandom random(seed);
    return crypto::EncryptionPrivateKey::generate(random);
}

inline Hash256 hash_of(std::string_view text) { return crypto::sha256(text); }
inline constexpr TimeMs start_time = 1769850000000;  // 2026-01-31T09:00:00.000Z

struct World {
    crypto::PrivateKey ledger = signing_key("ledger");
    crypto::EncryptionPrivateKey ledger_encryption = encryption_key("ledger encryption");
    crypto::PrivateKey enclave = signing_key("enclave");
    crypto::PrivateKey root = signing_key("development root");
    crypto::PrivateKey buyer = signing_key("buyer");
    crypto::PrivateKey seller = signing_key("seller", crypto::Alg::eddsa);
    crypto::PrivateKey feed = signing_key("feed");
    crypto::EncryptionPrivateKey buyer_encryption = encryption_key("buyer encryption");
    crypto::EncryptionPrivateKey seller_encryption = encryption_key("seller encryption");
    Hash256 measurement = hash_of("the enclave's code");
    Hash256 ledger_measurement = hash_of("the ledger's code");
    Hash256 package = hash_of("a package");

    std::string chain() const { return "ccl:" + ledger.public_key().thumbprint().hex().substr(0, 32); }

    static json::Object party(std::string_view id, const crypto::PrivateKey& key,
                              const crypto::EncryptionPrivateKey& encryption) {
        return {{"id", id},
                {"keys", json::Array{key.public_key().jwk()}},
                {"encryption", json::Array{encryption.public_key().jwk()}}};
    }

    // Version 1: buyer and seller, one source, nothing sealed.
    json::Object first_document() const {
        return {{"typ", contract::binding_typ},
                {"version", 1},
                {"nonce", to_base64url(ByteView(hash_of("nonce").bytes).first(16))},
                {"package", package.text()},
                {"record", json::Object{{"chain", chain()},
                                        {"service_key", ledger.public_key().jwk()},
                                        {"encryption_key", ledger_encryption.public_key().jwk()}}},
                {"enclaves", json::Object{{"evidence", json::Array{"development"}},
                                          {"development_roots", json::Array{root.public_key().thumbprint().text()}},
                                          {"measurements", json::Array{measurement.text()}},
                                          {"minimum_svn", 1},
                                          {"isolation", "shared"}}},
                {"parties",
                 json::Object{{"buyer", json::Array{party("did:web:buyer.example", buyer, buyer_encryption)}},
                              {"seller", json::Array{party("did:web:seller.example", seller, seller_encryption)}}}},
                {"sources", json::Object{{"close", json::Object{{"id", "did:web:prices.example"},
                                                                {"keys", json::Array{feed.public_key().jwk()}}}}}},
                {"ledgers", json::Object{}},
                {"terms", json::Object{{"symbol", "MSFT"}, {"quantity", "1000"}}},
                {"sealed_terms", json::Object{}},
                {"suite", contract::cipher_suite},
                {"amendment",
                 json::Object{{"rule", "all"}, {"self", true}, {"meanwhile", "pause"}, {"deadline_hours", 72}}},
                {"expires", format_time(start_time + 86400000)}};
    }
};

inline contract::Binding parse_binding(const json::Object& document) {
    return contract::Binding::parse(bytes_of(json::canonical(document)));
}

// The document of the version after `current`, as it stands, to be changed by the test.
inline json::Object next_document(const contract::Binding& current) {
    json::Object document = current.document;
    document.erase("nonce");
    document["version"] = current.number + 1;
    document["binding"] = current.id.text();
    document["previous"] = current.hash.text();
    return document;
}

template <class... Keys>
crypto::GeneralJws sign_document(const json::Object& document, [[maybe_unused]] std::string_view typ,
                                 const Keys&... keys) {
    auto jws = crypto::GeneralJws::of(bytes_of(json::canonical(document)));
    (jws.add(typ, keys), ...);
    return jws;
}

template <class... Keys>
crypto::GeneralJws sign_binding(const json::Object& document, const Keys&... keys) {
    return sign_document(document, contract::binding_typ, keys...);
}

}  // namespace concordat::test
