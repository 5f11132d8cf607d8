// Recursive Length Prefix (Ethereum Yellow Paper, appendix B). Decoding is strict: one encoding for each value, nothing
// after its end, bounded depth. All errors are Error(bad_format) at the reader's path, or too_large.
#pragma once
#include <base/bytes.hpp>
#include <base/error.hpp>
#include <string>
#include <string_view>

#include "amount.hpp"

namespace concordat::ledger::evm::rlp {

inline constexpr std::size_t max_depth = 16;
inline constexpr std::size_t max_bytes = std::size_t{1} << 24;

void append(Bytes& out, ByteView string);
void append(Bytes& out, const U256& integer);    // minimal big-endian
void append_list(Bytes& out, ByteView payload);  // payload: the concatenated encodings of the items
Bytes list(ByteView payload);

struct Item {
    bool is_list = false;
    ByteView payload;  // of a string its bytes, of a list the concatenated encodings of its items
    ByteView whole;    // with its prefix
};

// Takes the first item off `in`. What is inside a list is not looked at.
Item take(ByteView& in, std::string_view path);
// Checks one whole encoding and everything nested in it, to max_depth.
void check(ByteView encoding, std::string_view path);

// Reads the items of one list in order; `path` names the list in errors, each call its item.
class Reader {
  public:
    // `encoding` must be exactly one list.
    static Reader list(ByteView encoding, std::string path);
    Reader(ByteView payload, std::string path) : in_(payload), path_(std::move(path)) {}

    bool done() const { return in_.empty(); }
    Item any(std::string_view name);
    ByteView bytes(std::string_view name, std::size_t max = max_bytes);
    ByteView fixed(std::string_view name, std::size_t size);
    Hash256 hash(std::string_view name) { return Hash256::from(fixed(name, 32)); }
    U256 integer(std::string_view name);
    std::uint64_t u64(std::string_view name);
    Reader sublist(std::string_view name);
    std::string at(std::string_view name) const { return path_ + "/" + std::string(name); }
    [[noreturn]] void fail(std::string_view name, std::string rule) const;
    void finish() const;  // throws unless done

  private:
    ByteView in_;
    std::string path_;
};

}  // namespace concordat::ledger::evm::rlp
