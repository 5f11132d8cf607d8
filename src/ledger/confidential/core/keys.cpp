#include "keys.hpp"

#include <algorithm>
#include <base/error.hpp>
#include <crypto/jwe.hpp>

namespace concordat::ledger::confidential {
namespace {

constexpr std::string_view magic = "concordat-keys/1";
constexpr std::size_t header_bytes = 16 + 40;
const std::string file_name = "identity";

[[noreturn]] void tampered(std::string rule) { throw Error(Code::tampered, file_name, std::move(rule)); }

void store(Ports& ports, const LedgerKeys& keys) {
    wire::Writer content;
    content.reserve(2048);
    content.text(keys.service.jwk_text().expose());
    content.text(keys.encryption.jwk_text().expose());
    content.u64(static_cast<std::uint64_t>(keys.created));
    const SecretBytes secret(content.take());
    SecretKey key;
    ports.random.fill(key.expose());
    wire::Writer out;
    out.raw(bytes_of(magic));
    out.raw(crypto::wrap_key(ports.sealing_key("ledger-identity"), key));
    out.raw(crypto::seal(key, {}, out.get(), secret.expose()));
    ports.disk.write_atomic(file_name, out.get());
}

LedgerKeys load(Ports& ports) {
    const Bytes file = read_whole(ports.disk, file_name);
    if (file.size() < header_bytes || text_of(ByteView(file).first(16)) != magic) tampered("is not a key file");
    const auto key = crypto::unwrap_key(ports.sealing_key("ledger-identity"), ByteView(file).subspan(16, 40));
    if (!key) tampered("its key does not unwrap under this machine's sealing key");
    auto content = crypto::open(*key, {}, ByteView(file).first(header_bytes), ByteView(file).subspan(header_bytes));
    if (!content) tampered("was changed");
    const SecretBytes secret(std::move(*content));
    wire::Reader in(secret.expose());
    const auto jwk = [&] { return json::parse(text_of(in.bytes(4096)), "/identity"); };
    auto service = crypto::PrivateKey::from_jwk(jwk(), "/service_key");
    auto encryption = crypto::EncryptionPrivateKey::from_jwk(jwk(), "/encryption_key");
    const auto created = static_cast<TimeMs>(in.u64());
    in.finish();
    return {std::move(service), std::move(encryption), created};
}

}  // namespace

LedgerKeys load_keys(Ports& ports, bool create) {
    if (ports.disk.size(file_name)) return load(ports);
    const auto names = ports.disk.list();
    const bool log = std::ranges::any_of(
        names, [](const std::string& n) { return n.starts_with("seg-") || n.starts_with("snap-"); });
    if (log) tampered("the ledger's keys are missing beside its log");
    if (!create) throw Error(Code::not_found, file_name, "there is no ledger in this folder");
    LedgerKeys keys{crypto::PrivateKey::generate(crypto::Alg::es256k, ports.random),
                    crypto::EncryptionPrivateKey::generate(ports.random), ports.clock.now()};
    store(ports, keys);
    return keys;
}

}  // namespace concordat::ledger::confidential
