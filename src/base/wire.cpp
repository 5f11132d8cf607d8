#include "wire.hpp"

namespace concordat::wire {
namespace {

template <class Integer>
void put(Bytes& out, Integer v) {
    const std::size_t at = out.size();
    out.resize(at + sizeof v);
    for (std::size_t i = 0; i < sizeof v; ++i) out[at + i] = static_cast<std::uint8_t>(v >> (8 * (sizeof v - 1 - i)));
}

template <class Integer>
Integer get(ByteView bytes) {
    Integer v = 0;
    for (const std::uint8_t byte : bytes) v = static_cast<Integer>((v << 8) | byte);
    return v;
}

ByteView take(ByteView& in, std::size_t n, std::string_view what) {
    if (n > in.size()) throw Error(Code::protocol, std::string(what), "must not end early");
    const ByteView taken = in.first(n);
    in = in.subspan(n);
    return taken;
}

}  // namespace

void Writer::u16(std::uint16_t v) { put(out_, v); }
void Writer::u32(std::uint32_t v) { put(out_, v); }
void Writer::u64(std::uint64_t v) { put(out_, v); }

void Writer::bytes(ByteView v) {
    if (v.size() > 0xffffffffu) panic("a byte string longer than its length field can say");
    u32(static_cast<std::uint32_t>(v.size()));
    raw(v);
}

std::uint8_t Reader::u8() { return take(in_, 1, "u8")[0]; }
std::uint16_t Reader::u16() { return get<std::uint16_t>(take(in_, 2, "u16")); }
std::uint32_t Reader::u32() { return get<std::uint32_t>(take(in_, 4, "u32")); }
std::uint64_t Reader::u64() { return get<std::uint64_t>(take(in_, 8, "u64")); }
Hash256 Reader::hash() { return Hash256::from(take(in_, 32, "hash")); }
ByteView Reader::raw(std::size_t n) { return take(in_, n, "raw"); }

ByteView Reader::bytes(std::size_t max) {
    const std::uint32_t size = get<std::uint32_t>(take(in_, 4, "bytes.length"));
    if (size > max) throw Error(Code::protocol, "bytes.length", "must be at most " + std::to_string(max));
    return take(in_, size, "bytes");
}

std::uint32_t Reader::count(std::uint32_t max) {
    const std::uint32_t n = get<std::uint32_t>(take(in_, 4, "count"));
    if (n > max) throw Error(Code::protocol, "count", "must be at most " + std::to_string(max));
    if (n > in_.size()) throw Error(Code::protocol, "count", "must not exceed the bytes left");
    return n;
}

void Reader::finish() const {
    if (!in_.empty()) throw Error(Code::protocol, "end", "must be followed by nothing");
}

}  // namespace concordat::wire
