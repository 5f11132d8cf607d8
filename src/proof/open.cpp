#include "open.hpp"

#include <contract/binding.hpp>
#include <contract/input.hpp>
#include <contract/sealing.hpp>
#include <crypto/jwe.hpp>
#include <optional>
#include <schema/disclosure.hpp>
#include <set>

namespace concordat::proof {
namespace {

using json::Reader;

void add(std::vector<Opened>& out, std::string_view at, std::string_view audience, std::string_view text,
         const std::string& field) {
    auto disclosure = schema::parse_disclosure(text, field);
    out.push_back({std::string(at), std::string(audience), std::move(disclosure.name), std::move(disclosure.value),
                   std::string(text)});
}

// Empty when the JWE is not for this key.
std::optional<SecretBytes> decrypt_if_mine(const json::Value& jwe, std::string_view typ,
                                           const crypto::EncryptionPrivateKey& key, const std::string& field) {
    try {
        return crypto::decrypt_jwe(jwe, typ, key, field);
    } catch (const Error& error) {
        if (error.code() != Code::forbidden) throw;
        return std::nullopt;
    }
}

std::map<std::string, SecretKey> audience_keys(const contract::Entry& locked, const crypto::EncryptionPrivateKey& key) {
    std::map<std::string, SecretKey> keys;
    for (const auto& member : locked.audiences) {
        const std::string field = "/audiences/" + std::string(member.key());
        const auto raw = decrypt_if_mine(member.value(), "concordat/audience-key/1", key, field);
        if (!raw) continue;
        if (raw->expose().size() != 32) throw Error(Code::bad_format, field, "must hold a 32-byte key");
        std::array<std::uint8_t, 32> bytes{};
        std::copy(raw->expose().begin(), raw->expose().end(), bytes.begin());
        keys.emplace(std::string(member.key()), SecretKey(std::move(bytes)));
    }
    return keys;
}

void open_list(std::vector<Opened>& out, const json::Object& sealed, const std::map<std::string, SecretKey>& keys,
               const Hash256& binding, Bytes (*aad)(const Hash256&, std::string_view), const std::string& what) {
    for (const auto& member : sealed) {
        const auto key = keys.find(std::string(member.key()));
        if (key == keys.end()) continue;
        const std::string field = what + "/" + key->first;
        const SecretBytes plain = contract::open(key->second, aad(binding, key->first),
                                                 contract::Sealed::parse(member.value(), field), field);
        const json::Value list = json::parse(text_of(plain.expose()), field, {.bytes = max_receipt_bytes});
        if (!list.is_array()) throw Error(Code::bad_format, field, "must hold an array of disclosures");
        for (const json::Value& item : list.get_array()) {
            Reader in(item, field);
            const std::string_view at = in.string("at", 64);
            add(out, at, key->first, in.string("disclosure", schema::max_disclosure_bytes), field);
            in.finish();
        }
    }
}

void open_terms(std::vector<Opened>& out, const contract::Binding& binding, const crypto::EncryptionPrivateKey& key) {
    for (const auto& member : binding.sealed_terms) {
        const std::string field = "/sealed_terms/" + std::string(member.key());
        const auto plain = decrypt_if_mine(member.value(), "concordat/terms/1", key, field);
        if (!plain) continue;
        const json::Value value = json::parse(text_of(plain->expose()), field);
        Reader in(value, field);
        in.expect("typ", "concordat/terms/1");
        in.hash("enclaves");
        for (const json::Value& text : in.array("disclosures")) {
            if (!text.is_string()) in.fail("disclosures", "must be an array of strings");
            add(out, "terms", member.key(), text.get_string(), field);
        }
        in.finish();
    }
}

// The execution that the receipt is about, or that it came of: its index; none when there is none.
std::optional<std::size_t> execution_of(const Receipt& receipt) {
    const auto type_of = [&](std::size_t index) {
        return contract::Entry::parse(receipt.entries[index].document).type;
    };
    const std::size_t last = receipt.entries.size() - 1;
    for (std::size_t i = follows_prepare(type_of(last)) ? 0 : last; i <= last; ++i) {
        const contract::EntryType type = type_of(i);
        if (type == contract::EntryType::prepare || type == contract::EntryType::execute) return i;
    }
    return std::nullopt;
}

}  // namespace

std::vector<Opened> open_receipt(std::string_view receipt_text, const crypto::EncryptionPrivateKey& key) {
    const Receipt receipt = Receipt::parse(receipt_text);
    const auto jws = crypto::GeneralJws::parse(receipt.bindings.back(), "/receipt/bindings");
    const auto binding = contract::Binding::parse(jws.payload);
    const auto keys_at = [&](std::size_t index) { return audience_keys(version_entry(receipt, index), key); };
    std::vector<Opened> out;
    open_terms(out, binding, key);
    const auto ran = execution_of(receipt);
    if (ran && receipt.entries[*ran].input) {
        const std::string text(text_of(*receipt.entries[*ran].input));
        const auto input = contract::Input::parse(text);
        if (const auto* message = std::get_if<contract::Message>(&input.content)) {
            open_list(out, message->sealed, keys_at(*ran), binding.id, contract::message_aad, "/message/sealed");
        }
    }
    open_list(out, receipt.sealed, keys_at(receipt.entries.size() - 1), binding.id, contract::entry_aad,
              "/receipt/sealed");
    return out;
}

std::string disclose(std::string_view receipt_text, std::span<const std::string> disclosures) {
    Receipt receipt = Receipt::parse(receipt_text);
    std::set<std::string> all(receipt.disclosures.begin(), receipt.disclosures.end());
    for (const std::string& text : disclosures) {
        schema::parse_disclosure(text, "/disclosures");
        all.insert(text);
    }
    receipt.disclosures.assign(all.begin(), all.end());
    return receipt.write();
}

}  // namespace concordat::proof
