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
std::optional<std::size_t> execution_of(const std::vector<contract::Entry>& entries) {
    const bool step = !steps_before(entries.back().type).empty();
    for (std::size_t i = step ? 0 : entries.size() - 1; i < entries.size(); ++i) {
        const bool runs =
            entries[i].type == contract::EntryType::prepare || entries[i].type == contract::EntryType::execute;
        if (runs) return i;
    }
    return std::nullopt;
}

// The audience keys of the version that was in force for that entry.
std::map<std::string, SecretKey> keys_for(const std::vector<contract::Entry>& entries, std::size_t index,
                                          const crypto::EncryptionPrivateKey& key) {
    for (std::size_t i = index + 1; i-- > 0;) {
        const bool brings =
            entries[i].type == contract::EntryType::bind || entries[i].type == contract::EntryType::amend;
        if (brings) return audience_keys(entries[i], key);
    }
    throw Error(Code::bad_format, "/receipt/entries", "must hold an entry for each version");
}

}  // namespace

std::vector<Opened> open_receipt(std::string_view receipt_text, const crypto::EncryptionPrivateKey& key) {
    const Receipt receipt = Receipt::parse(receipt_text);
    const auto jws = crypto::GeneralJws::parse(receipt.bindings.back(), "/receipt/bindings");
    const auto binding = contract::Binding::parse(jws.payload);
    std::vector<contract::Entry> entries;
    for (const ReceiptEntry& one : receipt.entries) entries.push_back(contract::Entry::parse(one.document));
    std::vector<Opened> out;
    open_terms(out, binding, key);
    const auto ran = execution_of(entries);
    if (ran && receipt.entries[*ran].input) {
        const std::string text(text_of(*receipt.entries[*ran].input));
        const auto input = contract::Input::parse(text);
        if (const auto* message = std::get_if<contract::Message>(&input.content)) {
            open_list(out, message->sealed, keys_for(entries, *ran, key), binding.id, contract::message_aad,
                      "/message/sealed");
        }
    }
    const auto keys = keys_for(entries, entries.size() - 1, key);
    open_list(out, receipt.sealed, keys, binding.id, contract::entry_aad, "/receipt/sealed");
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
