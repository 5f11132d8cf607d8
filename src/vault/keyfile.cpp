#include "keyfile.hpp"

#include <sodium.h>

#include <base/error.hpp>
#include <crypto/jwe.hpp>

#include "private_file.hpp"
#include "wiping.hpp"

namespace concordat::vault {
namespace {

using SecretText = Secret<std::string>;

constexpr std::size_t max_file_bytes = 1 << 16, max_id_bytes = 256, max_passphrase_bytes = 1024, max_keys = 16;
constexpr std::size_t salt_bytes = 16;
static_assert(salt_bytes == crypto_pwhash_argon2id_SALTBYTES);
// The second choice of RFC 9106 §4, which a laptop bears.
constexpr std::int64_t default_passes = 3, max_passes = 16;
constexpr std::int64_t default_memory_kib = 1 << 16, min_memory_kib = 1 << 13, max_memory_kib = 1 << 20;

void require_id(std::string_view id, const std::string& field) {
    if (id.empty() || id.size() > max_id_bytes) throw Error(Code::bad_format, field, "must be 1 to 256 bytes");
}

SecretKey stretch(std::string_view passphrase, ByteView salt, std::int64_t passes, std::int64_t memory_kib) {
    if (passphrase.empty() || passphrase.size() > max_passphrase_bytes)
        throw Error(Code::bad_format, "passphrase", "must be 1 to 1024 bytes");
    SecretKey key;
    if (sodium_init() < 0) throw Error(Code::internal, "libsodium", "cannot start");
    if (crypto_pwhash_argon2id(key.expose().data(), key.expose().size(), passphrase.data(), passphrase.size(),
                               salt.data(), static_cast<unsigned long long>(passes),
                               static_cast<std::size_t>(memory_kib) << 10, crypto_pwhash_argon2id_ALG_ARGON2ID13) != 0)
        throw Error(Code::unavailable, "passphrase", "needs more memory than there is");
    return key;
}

// The secret half of the document, {"keys", "encryption"}, in `memory`.
json::Object secret_part(const KeyFile& file, boost::json::storage_ptr memory) {
    json::Object out(memory);
    json::Array keys(memory);
    for (const auto& key : file.keys) {
        const SecretText text = key.jwk_text();
        keys.push_back(json::parse(text.expose(), "key", {}, memory));
    }
    const SecretText encryption = file.encryption.jwk_text();
    out["keys"] = std::move(keys);
    out["encryption"] = json::parse(encryption.expose(), "encryption", {}, memory);
    return out;
}

void read_secret_part(json::Reader& in, KeyFile& file) {
    std::size_t index = 0;
    for (const auto& key : in.array("keys", max_keys))
        file.keys.push_back(crypto::PrivateKey::from_jwk(key, in.at("keys") + "/" + std::to_string(index++)));
    if (file.keys.empty()) in.fail("keys", "must hold at least one");
    file.encryption = crypto::EncryptionPrivateKey::from_jwk(in.any("encryption"), in.at("encryption"));
}

json::Object sealed_document(const KeyFile& file, std::string_view passphrase, Random& random,
                             boost::json::storage_ptr memory) {
    std::array<std::uint8_t, salt_bytes> salt{};
    crypto::Nonce nonce{};
    random.fill(salt);
    random.fill(nonce);
    json::Object sealed;
    sealed["kdf"] = "argon2id";
    sealed["salt"] = to_base64url(salt);
    sealed["passes"] = default_passes;
    sealed["memory_kib"] = default_memory_kib;
    sealed["enc"] = "A256GCM";
    sealed["nonce"] = to_base64url(nonce);
    json::Object out;
    out["typ"] = key_file_typ;
    out["id"] = file.id;
    out["sealed"] = sealed;
    const SecretKey key = stretch(passphrase, salt, default_passes, default_memory_kib);
    const SecretText content(json::canonical(secret_part(file, memory)));
    const std::string bound = json::canonical(out);
    out["sealed"].as_object()["content"] =
        to_base64url(crypto::seal(key, nonce, bytes_of(bound), bytes_of(content.expose())));
    return out;
}

SecretBytes open_sealed(const json::Value& document, std::string_view path, std::string_view passphrase) {
    json::Reader in(document.at("sealed"), "/sealed");
    in.expect("kdf", "argon2id");
    in.expect("enc", "A256GCM");
    const Bytes salt = in.base64url("salt", salt_bytes), nonce_bytes = in.base64url("nonce", sizeof(crypto::Nonce));
    if (salt.size() != salt_bytes) in.fail("salt", "must be 16 bytes");
    crypto::Nonce nonce{};
    if (nonce_bytes.size() != nonce.size()) in.fail("nonce", "must be 12 bytes");
    std::copy(nonce_bytes.begin(), nonce_bytes.end(), nonce.begin());
    const std::int64_t passes = in.integer("passes", 1, max_passes);
    const std::int64_t memory_kib = in.integer("memory_kib", min_memory_kib, max_memory_kib);
    const Bytes content = in.base64url("content", max_file_bytes);
    in.finish();

    json::Value bound = document;
    bound.at("sealed").as_object().erase("content");
    const SecretKey key = stretch(passphrase, salt, passes, memory_kib);
    auto opened = crypto::open(key, nonce, bytes_of(json::canonical(bound)), content);
    if (!opened)
        throw Error(Code::unauthenticated, std::string(path), "the passphrase is wrong, or the file was changed");
    return SecretBytes(std::move(*opened));
}

}  // namespace

KeyFile KeyFile::create(const std::filesystem::path& path, std::string_view id, crypto::Alg alg, Random& random,
                        std::optional<std::string_view> passphrase) {
    require_id(id, "id");
    KeyFile file;
    file.id = id;
    file.keys.push_back(crypto::PrivateKey::generate(alg, random));
    file.encryption = crypto::EncryptionPrivateKey::generate(random);

    WipingMemory memory;
    SecretText text;
    if (passphrase) {
        text = SecretText(json::canonical(sealed_document(file, *passphrase, random, &memory)));
    } else {
        json::Object document = secret_part(file, &memory);
        document["typ"] = key_file_typ;
        document["id"] = file.id;
        text = SecretText(json::canonical(document));
    }
    if (!create_private_file(path, bytes_of(text.expose())))
        throw Error(Code::conflict, path.string(), "exists already, and a key file is never overwritten");
    return file;
}

KeyFile KeyFile::load(const std::filesystem::path& path, std::optional<std::string_view> passphrase) {
    const SecretBytes bytes = read_private_file(path, max_file_bytes);
    WipingMemory memory;
    const json::Value document = json::parse(text_of(bytes.expose()), path.string(), {}, &memory);
    json::Reader in(document, "");
    in.expect("typ", key_file_typ);
    KeyFile file;
    file.id = in.string("id", max_id_bytes);
    require_id(file.id, in.at("id"));
    if (!in.find("sealed")) {
        read_secret_part(in, file);
        in.finish();
        return file;
    }
    in.object("sealed");
    in.finish();
    if (!passphrase)
        throw Error(Code::unauthenticated, path.string(), "is protected by a passphrase, and none was given");
    const SecretBytes content = open_sealed(document, path.string(), *passphrase);
    const json::Value secrets = json::parse(text_of(content.expose()), path.string(), {}, &memory);
    json::Reader inner(secrets, "/sealed/content");
    read_secret_part(inner, file);
    inner.finish();
    return file;
}

}  // namespace concordat::vault
