#include "snapshot.hpp"

#include <base/error.hpp>
#include <crypto/jwe.hpp>
#include <cstdio>

namespace concordat::ledger::confidential {
namespace {

constexpr std::string_view magic = "concordat-snap/2";
constexpr std::string_view magic_without_slots = "concordat-snap/1";
constexpr std::size_t header_bytes = 16 + 4 + 40;

std::string snapshot_name(std::uint32_t number) {
    std::array<char, 24> name{};
    std::snprintf(name.data(), name.size(), "snap-%08u.snap", number);
    return name.data();
}

// 0 for what is not a snapshot's name.
std::uint32_t snapshot_number(std::string_view name) {
    if (name.size() != 18 || !name.starts_with("snap-") || !name.ends_with(".snap")) return 0;
    std::uint32_t number = 0;
    for (const char c : name.substr(5, 8)) {
        if (c < '0' || c > '9') return 0;
        number = number * 10 + static_cast<std::uint32_t>(c - '0');
    }
    return number;
}

[[noreturn]] void tampered(std::uint32_t number, std::string rule) {
    throw Error(Code::tampered, snapshot_name(number), std::move(rule));
}

Snapshot read_content(std::uint32_t number, ByteView content, bool with_slots) {
    wire::Reader in(content);
    Snapshot snapshot;
    snapshot.number = number;
    Position& position = snapshot.start.position;
    position.segment = in.u32();
    position.counter = in.u32();
    position.offset = in.u64();
    position.chain = in.hash();
    snapshot.start.sizes.resize(in.count(1 << 20));
    for (std::uint64_t& size : snapshot.start.sizes) size = in.u64();
    snapshot.state = State::read(in, with_slots);
    in.finish();
    return snapshot;
}

}  // namespace

Snapshot load_snapshot(Ports& ports) {
    std::uint32_t number = 0;
    for (const std::string& name : ports.disk.list()) number = std::max(number, snapshot_number(name));
    if (number == 0) return {};
    const Bytes file = read_whole(ports.disk, snapshot_name(number));
    const std::string_view begins = text_of(ByteView(file).first(std::min<std::size_t>(16, file.size())));
    if (file.size() < header_bytes || (begins != magic && begins != magic_without_slots)) {
        tampered(number, "is not a snapshot");
    }
    wire::Reader in(ByteView(file).subspan(16, header_bytes - 16));
    if (in.u32() != number) tampered(number, "is another snapshot");
    const auto key = crypto::unwrap_key(ports.sealing_key("ledger-snapshot"), in.raw(40));
    if (!key) tampered(number, "its key does not unwrap under this machine's sealing key");
    auto content = crypto::open(*key, {}, ByteView(file).first(header_bytes), ByteView(file).subspan(header_bytes));
    if (!content) tampered(number, "was changed");
    const SecretBytes secret(std::move(*content));
    try {
        return read_content(number, secret.expose(), begins == magic);
    } catch (const Error& error) {
        tampered(number, std::string("holds what no ledger writes: ") + error.what());
    }
}

void write_snapshot(Ports& ports, std::uint32_t number, const Log& log, const State& state) {
    wire::Writer content;
    const Position& position = log.position();
    const auto sizes = log.sizes();
    content.reserve(128 + sizes.size() * 8);
    content.u32(position.segment);
    content.u32(position.counter);
    content.u64(position.offset);
    content.hash(position.chain);
    content.u32(static_cast<std::uint32_t>(sizes.size()));
    for (const std::uint64_t size : sizes) content.u64(size);
    state.write(content);
    const SecretBytes secret(content.take());
    SecretKey key;
    ports.random.fill(key.expose());
    wire::Writer out;
    out.raw(bytes_of(magic));
    out.u32(number);
    out.raw(crypto::wrap_key(ports.sealing_key("ledger-snapshot"), key));
    out.raw(crypto::seal(key, {}, out.get(), secret.expose()));
    ports.disk.write_atomic(snapshot_name(number), out.get());
    for (const std::string& name : ports.disk.list()) {
        const std::uint32_t other = snapshot_number(name);
        if (other != 0 && other < number) ports.disk.remove(name);
    }
}

}  // namespace concordat::ledger::confidential
