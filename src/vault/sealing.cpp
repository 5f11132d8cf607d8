#include "sealing.hpp"

#include <base/error.hpp>
#include <base/json.hpp>
#include <crypto/hash.hpp>
#include <functional>

#include "private_file.hpp"
#include "wiping.hpp"

namespace concordat::vault {
namespace {

constexpr std::size_t max_file_bytes = 4096;

// The file's content, made by `make` when there is none. Who loses a race to make it reads the winner's.
SecretBytes load_or_make(const std::filesystem::path& path, const std::function<SecretBytes()>& make) {
    if (!std::filesystem::exists(path)) create_private_file(path, make().expose());
    return read_private_file(path, max_file_bytes);
}

}  // namespace

DevelopmentSealing::DevelopmentSealing(const std::filesystem::path& folder, Random& random) {
    const auto path = folder / "development-sealing.key";
    const SecretBytes bytes = load_or_make(path, [&] {
        SecretBytes fresh(Bytes(32));
        random.fill(fresh.expose());
        return fresh;
    });
    if (bytes.expose().size() != secret_.expose().size())
        throw Error(Code::bad_format, path.string(), "must be 32 bytes");
    std::copy(bytes.expose().begin(), bytes.expose().end(), secret_.expose().begin());
}

SecretKey DevelopmentSealing::sealing_key(std::string_view purpose) {
    return crypto::derive_key(secret_.expose(), {bytes_of("concordat/development-sealing/1"), bytes_of(purpose)});
}

DevelopmentRoot::DevelopmentRoot(const std::filesystem::path& folder, Random& random) {
    const auto path = folder / "development-root.jwk";
    const SecretBytes text = load_or_make(path, [&] {
        const auto jwk = crypto::PrivateKey::generate(crypto::Alg::es256k, random).jwk_text();
        return SecretBytes(to_bytes(bytes_of(jwk.expose())));
    });
    WipingMemory memory;
    const json::Value jwk = json::parse(text_of(text.expose()), path.string(), {}, &memory);
    key_ = crypto::PrivateKey::from_jwk(jwk, path.string());
    if (key_.public_key().alg() != crypto::Alg::es256k)
        throw Error(Code::bad_format, path.string(), "must be an ES256K key");
}

DevelopmentRoot::DevelopmentRoot(const std::filesystem::path& folder) {
    SystemRandom random;
    key_ = DevelopmentRoot(folder, random).take_key();
}

}  // namespace concordat::vault
