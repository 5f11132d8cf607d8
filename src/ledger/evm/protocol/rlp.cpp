#include "rlp.hpp"

namespace concordat::ledger::evm::rlp {
namespace {

[[noreturn]] void refuse(std::string_view path, std::string rule) {
    throw Error(Code::bad_format, std::string(path), std::move(rule));
}

void append_prefix(Bytes& out, std::size_t size, std::uint8_t base) {
    if (size < 56) {
        out.push_back(static_cast<std::uint8_t>(base + size));
        return;
    }
    const Bytes length = minimal_big_endian(U256(size));
    out.push_back(static_cast<std::uint8_t>(base + 55 + length.size()));
    out.insert(out.end(), length.begin(), length.end());
}

struct Prefix {
    bool is_list;
    std::size_t bytes;  // of the prefix itself
    std::size_t size;   // of the payload
};

Prefix long_prefix(ByteView in, bool is_list, std::size_t length_bytes, std::string_view path) {
    if (in.size() < 1 + length_bytes) refuse(path, "ends inside an RLP length");
    if (in[1] == 0) refuse(path, "must have RLP lengths without leading zeros");
    if (length_bytes > 4) throw Error(Code::too_large, std::string(path), "must have RLP items of at most 16 MiB");
    std::size_t size = 0;
    for (std::size_t i = 0; i < length_bytes; ++i) size = size << 8 | in[1 + i];
    if (size < 56) refuse(path, "must use the short RLP form for lengths below 56");
    return {is_list, 1 + length_bytes, size};
}

Prefix prefix_of(ByteView in, std::string_view path) {
    if (in.empty()) refuse(path, "is missing at the end of an RLP list");
    const std::uint8_t first = in[0];
    if (first < 0x80) return {false, 0, 1};
    if (first < 0xb8) return {false, 1, static_cast<std::size_t>(first - 0x80)};
    if (first < 0xc0) return long_prefix(in, false, static_cast<std::size_t>(first - 0xb7), path);
    if (first < 0xf8) return {true, 1, static_cast<std::size_t>(first - 0xc0)};
    return long_prefix(in, true, static_cast<std::size_t>(first - 0xf7), path);
}

void check_items(ByteView in, std::string_view path, std::size_t depth) {
    while (!in.empty()) {
        const Item item = take(in, path);
        if (!item.is_list) continue;
        if (depth == max_depth) refuse(path, "must nest RLP lists at most 16 deep");
        check_items(item.payload, path, depth + 1);
    }
}

}  // namespace

void append(Bytes& out, ByteView string) {
    if (string.size() != 1 || string[0] >= 0x80) append_prefix(out, string.size(), 0x80);
    out.insert(out.end(), string.begin(), string.end());
}

void append(Bytes& out, const U256& integer) { append(out, minimal_big_endian(integer)); }

void append_list(Bytes& out, ByteView payload) {
    append_prefix(out, payload.size(), 0xc0);
    out.insert(out.end(), payload.begin(), payload.end());
}

Bytes list(ByteView payload) {
    Bytes out;
    out.reserve(payload.size() + 5);
    append_list(out, payload);
    return out;
}

Item take(ByteView& in, std::string_view path) {
    const Prefix prefix = prefix_of(in, path);
    if (prefix.size > max_bytes)
        throw Error(Code::too_large, std::string(path), "must have RLP items of at most 16 MiB");
    if (in.size() - prefix.bytes < prefix.size) refuse(path, "ends inside an RLP item");
    const Item item{prefix.is_list, in.subspan(prefix.bytes, prefix.size), in.first(prefix.bytes + prefix.size)};
    if (prefix.bytes == 1 && !item.is_list && prefix.size == 1 && item.payload[0] < 0x80)
        refuse(path, "must write a byte below 0x80 as itself");
    in = in.subspan(item.whole.size());
    return item;
}

void check(ByteView encoding, std::string_view path) {
    const Item item = take(encoding, path);
    if (!encoding.empty()) refuse(path, "must have nothing after the RLP item");
    if (item.is_list) check_items(item.payload, path, 1);
}

Reader Reader::list(ByteView encoding, std::string path) {
    const Item item = take(encoding, path);
    if (!item.is_list) refuse(path, "must be an RLP list");
    if (!encoding.empty()) refuse(path, "must have nothing after the RLP list");
    return Reader(item.payload, std::move(path));
}

Item Reader::any(std::string_view name) { return take(in_, at(name)); }

ByteView Reader::bytes(std::string_view name, std::size_t max) {
    const Item item = any(name);
    if (item.is_list) fail(name, "must be an RLP string, not a list");
    if (item.payload.size() > max)
        throw Error(Code::too_large, at(name), "must have at most " + std::to_string(max) + " bytes");
    return item.payload;
}

ByteView Reader::fixed(std::string_view name, std::size_t size) {
    const ByteView out = bytes(name);
    if (out.size() != size) fail(name, "must have exactly " + std::to_string(size) + " bytes");
    return out;
}

U256 Reader::integer(std::string_view name) {
    const ByteView out = bytes(name);
    if (out.size() > 32 || (!out.empty() && out[0] == 0))
        fail(name, "must be an integer of at most 32 bytes without leading zeros");
    return from_word(out);
}

std::uint64_t Reader::u64(std::string_view name) {
    const U256 value = integer(name);
    if (value > std::numeric_limits<std::uint64_t>::max()) fail(name, "must be below 2^64");
    return static_cast<std::uint64_t>(value);
}

Reader Reader::sublist(std::string_view name) {
    const Item item = any(name);
    if (!item.is_list) fail(name, "must be an RLP list");
    return Reader(item.payload, at(name));
}

void Reader::fail(std::string_view name, std::string rule) const {
    throw Error(Code::bad_format, at(name), std::move(rule));
}

void Reader::finish() const {
    if (!done()) refuse(path_, "must have no further RLP items");
}

}  // namespace concordat::ledger::evm::rlp
