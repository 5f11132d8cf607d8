#include "documents.hpp"

#include <algorithm>
#include <contract/sealing.hpp>
#include <schema/disclosure.hpp>
#include <set>

namespace concordat::client {

namespace {

constexpr std::string_view audience_key_typ = "concordat/audience-key/1";
constexpr std::string_view terms_typ = "concordat/terms/1";

schema::SaltSource random_salts(Random& random) {
    return [&random](const std::vector<std::string>&) {
        schema::Salt salt;
        random.fill(salt);
        return salt;
    };
}

std::vector<crypto::EncryptionPublicKey> readers_of(const json::Object& document, const std::string& audience) {
    std::vector<crypto::EncryptionPublicKey> readers;
    json::Reader binding(document, "");
    for (const auto& [role, parties] : binding.object("parties")) {
        const std::string in_list = "+" + audience + "+";
        if (in_list.find("+" + std::string(role) + "+") == std::string::npos) continue;
        if (!parties.is_array()) continue;  // Binding::parse says so with the field's name
        for (const json::Value& party : parties.get_array()) {
            json::Reader one(party, "/parties/" + std::string(role));
            for (const json::Value& key : one.array("encryption")) {
                readers.push_back(crypto::EncryptionPublicKey::from_jwk(key, one.at("encryption")));
            }
        }
    }
    if (readers.empty()) {
        throw Error(Code::missing_field, "/parties", "somebody in " + audience + " needs an encryption key");
    }
    return readers;
}

json::Object seal_one(const json::Object& document, const std::string& audience, const json::Array& disclosures,
                      Random& random) {
    json::Reader binding(document, "");
    const Hash256 enclaves = crypto::sha256(json::canonical(binding.any("enclaves")));
    json::Reader record(binding.any("record"), "/record");
    std::vector<crypto::EncryptionPublicKey> readers = readers_of(document, audience);
    readers.push_back(crypto::EncryptionPublicKey::from_jwk(record.any("encryption_key"), "/record/encryption_key"));
    const std::string plain =
        json::canonical(json::Object{{"typ", terms_typ}, {"enclaves", enclaves.text()}, {"disclosures", disclosures}});
    return crypto::encrypt_jwe(bytes_of(plain), terms_typ, readers, random);
}

bool can_read(const json::Value& jwe, const crypto::EncryptionPrivateKey& reader) {
    json::Reader box(jwe, "/jwe");
    const std::string kid = reader.public_key().kid();
    for (const json::Value& recipient : box.array("recipients")) {
        const json::Value* header = recipient.is_object() ? recipient.get_object().if_contains("header") : nullptr;
        const json::Value* found = header && header->is_object() ? header->get_object().if_contains("kid") : nullptr;
        if (found && found->is_string() && found->get_string() == kid) return true;
    }
    return false;
}

json::Array disclosures_of(const json::Value& jwe, const std::string& audience,
                           const crypto::EncryptionPrivateKey& reader) {
    const std::string field = "/sealed_terms/" + audience;
    const SecretBytes plain = crypto::decrypt_jwe(jwe, terms_typ, reader, field);
    const json::Value value = json::parse(text_of(plain.expose()), field);
    return json::Reader(value, field).array("disclosures");
}

}  // namespace

AudienceKeys open_audience_keys(const json::Object& audiences, const crypto::EncryptionPrivateKey& reader) {
    AudienceKeys keys;
    for (const auto& [audience, jwe] : audiences) {
        if (!can_read(jwe, reader)) continue;
        const std::string field = "/audiences/" + std::string(audience);
        const SecretBytes plain = crypto::decrypt_jwe(jwe, audience_key_typ, reader, field);
        SecretKey key;
        if (plain.expose().size() != key.expose().size()) throw Error(Code::bad_format, field, "must hold 32 bytes");
        std::ranges::copy(plain.expose(), key.expose().begin());
        keys.emplace(audience, std::move(key));
    }
    return keys;
}

void seal_terms(json::Object& document, const schema::Schema& schema, const json::Value& plain_terms, Random& random) {
    schema::Redaction redaction = schema::redact(schema, plain_terms, random_salts(random), "/terms");
    std::map<std::string, json::Array> by_audience;
    for (const schema::Disclosure& disclosure : redaction.disclosures) {
        by_audience[disclosure.audience].emplace_back(disclosure.text);
    }
    json::Object sealed;
    for (const auto& [audience, disclosures] : by_audience) {
        sealed[audience] = seal_one(document, audience, disclosures, random);
    }
    document["terms"] = std::move(redaction.value);
    document["sealed_terms"] = std::move(sealed);
}

void reseal_terms(json::Object& document, const contract::Binding& current, const crypto::EncryptionPrivateKey& reader,
                  Random& random) {
    const auto thumbprints = [](const std::vector<crypto::EncryptionPublicKey>& keys) {
        std::set<Hash256> out;
        for (const auto& key : keys) out.insert(key.thumbprint());
        return out;
    };
    const bool other_enclaves = document.at("enclaves") != current.enclaves_json;
    json::Object sealed;
    for (const auto& [audience, jwe] : current.sealed_terms) {
        const std::string name(audience);
        if (!other_enclaves && thumbprints(readers_of(document, name)) == thumbprints(current.readers(name))) {
            sealed[audience] = jwe;
            continue;
        }
        if (!can_read(jwe, reader)) {
            throw Error(Code::forbidden, "/sealed_terms/" + name, "must be sealed again by somebody who can open it");
        }
        sealed[audience] = seal_one(document, name, disclosures_of(jwe, name, reader), random);
    }
    document["sealed_terms"] = std::move(sealed);
}

json::Value open_terms(const contract::Binding& binding, const crypto::EncryptionPrivateKey& reader) {
    std::vector<std::string> disclosures;
    for (const auto& [audience, jwe] : binding.sealed_terms) {
        if (!can_read(jwe, reader)) continue;
        const std::string name(audience);
        for (const json::Value& text : disclosures_of(jwe, name, reader)) {
            if (!text.is_string()) {
                throw Error(Code::bad_format, "/sealed_terms/" + name, "must hold an array of strings");
            }
            disclosures.emplace_back(text.get_string());
        }
    }
    return schema::reveal(json::Value(binding.terms), disclosures, "/terms");
}

std::string make_message(contract::Message message, const schema::Schema& schema, const json::Value& plain_body,
                         const AudienceKeys& keys, const crypto::PrivateKey& signer, Random& random) {
    schema::Redaction redaction = schema::redact(schema, plain_body, random_salts(random), "/body");
    std::map<std::string, json::Array> by_audience;
    for (const schema::Disclosure& disclosure : redaction.disclosures) {
        by_audience[disclosure.audience].push_back(json::Object{{"at", "message"}, {"disclosure", disclosure.text}});
    }
    message.body = std::move(redaction.value.as_object());
    message.sealed.clear();
    for (const auto& [audience, disclosures] : by_audience) {
        const auto key = keys.find(audience);
        if (key == keys.end()) {
            throw Error(Code::forbidden, "/body",
                        "fields for " + audience + " need that audience's key, which this party lacks");
        }
        const std::string plain = json::canonical(json::Value(disclosures));
        message.sealed[audience] =
            contract::seal(key->second, contract::message_aad(message.binding, audience), bytes_of(plain)).to_json();
    }
    return crypto::sign_compact(bytes_of(contract::write_message(message)), contract::message_typ, signer);
}

std::string make_observation(const contract::Observation& observation, const crypto::PrivateKey& signer) {
    return crypto::sign_compact(bytes_of(contract::write_observation(observation)), contract::observation_typ, signer);
}

std::vector<Opened> open_disclosures(const json::Object& sealed, const Hash256& binding, const AudienceKeys& keys) {
    std::vector<Opened> out;
    for (const auto& [audience, box] : sealed) {
        const auto key = keys.find(audience);
        if (key == keys.end()) continue;
        const std::string field = "/sealed/" + std::string(audience);
        const SecretBytes plain = contract::open(key->second, contract::entry_aad(binding, audience),
                                                 contract::Sealed::parse(box, field), field);
        const json::Value list = json::parse(text_of(plain.expose()), field);
        if (!list.is_array()) throw Error(Code::bad_format, field, "must hold an array");
        for (const json::Value& item : list.get_array()) {
            json::Reader reader(item, field);
            Opened one;
            one.at = reader.string("at");
            one.text = reader.string("disclosure", schema::max_disclosure_bytes);
            schema::Disclosure parsed = schema::parse_disclosure(one.text, field);
            one.name = parsed.name;
            one.value = std::move(parsed.value);
            out.push_back(std::move(one));
        }
    }
    return out;
}

}  // namespace concordat::client
