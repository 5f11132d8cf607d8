#include "jwe.hpp"

#include <base/error.hpp>

namespace concordat::crypto {
namespace {

constexpr std::string_view key_alg = "ECDH-ES+A256KW";
constexpr std::string_view content_alg = "A256GCM";
constexpr std::size_t max_content_bytes = std::size_t{1} << 24;

// RFC 7518 §4.6.2 with apu and apv absent: one round of the Concat KDF gives the 256 bits that A256KW needs.
SecretKey key_encryption_key(const SecretKey& shared) {
    const std::array<std::uint8_t, 4> round{0, 0, 0, 1}, alg_size{0, 0, 0, static_cast<std::uint8_t>(key_alg.size())};
    const std::array<std::uint8_t, 4> empty{}, key_bits{0, 0, 1, 0};
    return SecretKey(sha256({round, shared.expose(), alg_size, bytes_of(key_alg), empty, empty, key_bits}).bytes);
}

json::Object recipient_for(const EncryptionPublicKey& reader, const SecretKey& content_key, Random& random) {
    const auto ephemeral = EncryptionPrivateKey::generate(random);
    const SecretKey kek = key_encryption_key(ephemeral.ecdh(reader));
    json::Object header{{"alg", key_alg}, {"epk", ephemeral.public_key().jwk()}, {"kid", reader.kid()}};
    return {{"encrypted_key", to_base64url(wrap_key(kek, content_key))}, {"header", std::move(header)}};
}

// The members of the serialisation; views into the value.
struct Parts {
    std::string_view protected_text;
    const json::Array* recipients;
    Bytes iv;
    Bytes sealed;  // ciphertext ‖ tag
};

Parts read_parts(const json::Value& jwe, std::string_view field) {
    json::Reader in(jwe, std::string(field));
    Parts parts{};
    parts.protected_text = in.string("protected", 1024);
    parts.recipients = &in.array("recipients", max_recipients);
    parts.iv = in.base64url("iv", 64);
    if (parts.iv.size() != std::tuple_size_v<Nonce>) in.fail("iv", "must be 12 bytes");
    parts.sealed = in.base64url("ciphertext", max_content_bytes);
    const Bytes tag = in.base64url("tag", 64);
    if (tag.size() != 16) in.fail("tag", "must be 16 bytes");
    parts.sealed.insert(parts.sealed.end(), tag.begin(), tag.end());
    in.finish();
    return parts;
}

void check_protected(std::string_view text, std::string_view typ, const std::string& field) {
    const auto bytes = from_base64url(text);
    if (!bytes) throw Error(Code::bad_format, field, "must be strict base64url without padding");
    const json::Value value = json::parse(text_of(*bytes), field, {.bytes = 1024, .depth = 2});
    json::Reader header(value, field);
    header.expect("enc", content_alg);
    header.expect("typ", typ);
    header.finish();
}

struct Recipient {
    EncryptionPublicKey epk;
    Bytes encrypted_key;
};

// Checks the shape of every recipient, and reads the one that `kid` names.
std::optional<Recipient> find_recipient(const json::Array& recipients, std::string_view kid, const std::string& field) {
    std::optional<Recipient> found;
    std::size_t i = 0;
    for (const json::Value& item : recipients) {
        json::Reader in(item, field + "/" + std::to_string(i++));
        json::Reader header(in.any("header"), in.at("header"));
        header.expect("alg", key_alg);
        const json::Value& epk = header.any("epk");
        const bool ours = header.string("kid", 512) == kid && !found;
        header.finish();
        Bytes encrypted_key = in.base64url("encrypted_key", 64);
        in.finish();
        if (ours) found = Recipient{EncryptionPublicKey::from_jwk(epk, header.at("epk")), std::move(encrypted_key)};
    }
    return found;
}

SecretKey unwrap(const Parts& parts, const EncryptionPrivateKey& key, std::string_view field) {
    const auto recipient =
        find_recipient(*parts.recipients, key.public_key().kid(), std::string(field) + "/recipients");
    if (!recipient) throw Error(Code::forbidden, std::string(field) + "/recipients", "must name the reader's key");
    const SecretKey kek = key_encryption_key(key.ecdh(recipient->epk));
    auto content_key = unwrap_key(kek, recipient->encrypted_key);
    if (!content_key) {
        throw Error(Code::bad_signature, std::string(field) + "/recipients", "the wrapped key must be intact");
    }
    return std::move(*content_key);
}

SecretBytes open_parts(const Parts& parts, std::string_view typ, const SecretKey& content_key, std::string_view field) {
    check_protected(parts.protected_text, typ, std::string(field) + "/protected");
    Nonce nonce;
    std::copy(parts.iv.begin(), parts.iv.end(), nonce.begin());
    auto plaintext = open(content_key, nonce, bytes_of(parts.protected_text), parts.sealed);
    if (!plaintext) throw Error(Code::bad_signature, std::string(field) + "/ciphertext", "the content must be intact");
    return SecretBytes(std::move(*plaintext));
}

}  // namespace

json::Object encrypt_jwe(ByteView plaintext, std::string_view typ, const std::vector<EncryptionPublicKey>& readers,
                         Random& random) {
    if (plaintext.size() > max_content_bytes) throw Error(Code::too_large, "plaintext", "must be at most 16 MiB");
    if (readers.empty()) throw Error(Code::bad_format, "readers", "must be at least one");
    if (readers.size() > max_recipients) throw Error(Code::too_large, "readers", "must be at most 256 items");
    SecretKey content_key;
    random.fill(content_key.expose());
    Nonce nonce;
    random.fill(nonce);
    json::Array recipients;
    for (const auto& reader : readers) recipients.push_back(recipient_for(reader, content_key, random));
    const json::Object header{{"enc", content_alg}, {"typ", typ}};
    const std::string protected_text = to_base64url(bytes_of(json::canonical(header)));
    const Bytes sealed = seal(content_key, nonce, bytes_of(protected_text), plaintext);
    const ByteView view(sealed);
    json::Object jwe;
    jwe["ciphertext"] = to_base64url(view.first(plaintext.size()));
    jwe["iv"] = to_base64url(nonce);
    jwe["protected"] = protected_text;
    jwe["recipients"] = std::move(recipients);
    jwe["tag"] = to_base64url(view.subspan(plaintext.size()));
    return jwe;
}

SecretKey unwrap_content_key(const json::Value& jwe, const EncryptionPrivateKey& key, std::string_view field) {
    return unwrap(read_parts(jwe, field), key, field);
}

SecretBytes open_content(const json::Value& jwe, std::string_view typ, const SecretKey& content_key,
                         std::string_view field) {
    return open_parts(read_parts(jwe, field), typ, content_key, field);
}

SecretBytes decrypt_jwe(const json::Value& jwe, std::string_view typ, const EncryptionPrivateKey& key,
                        std::string_view field) {
    const Parts parts = read_parts(jwe, field);
    return open_parts(parts, typ, unwrap(parts, key, field), field);
}

}  // namespace concordat::crypto
