// The compact binary encoding between our own processes and in our own files: big-endian integers, u32-length-prefixed
// byte strings, in a fixed order. A Reader never reads past its end: it throws Error(protocol) naming what it read.
#pragma once
#include "bytes.hpp"
#include "error.hpp"

namespace concordat::wire {

class Writer {
  public:
    void reserve(std::size_t bytes) { out_.reserve(bytes); }
    void u8(std::uint8_t v) { out_.push_back(v); }
    void u16(std::uint16_t v);
    void u32(std::uint32_t v);
    void u64(std::uint64_t v);
    void hash(const Hash256& v) { raw(v.view()); }
    void bytes(ByteView v);  // u32 length, then the bytes
    void text(std::string_view v) { bytes(bytes_of(v)); }
    void raw(ByteView v) { out_.insert(out_.end(), v.begin(), v.end()); }
    Bytes take() { return std::move(out_); }
    const Bytes& get() const { return out_; }

  private:
    Bytes out_;
};

class Reader {
  public:
    explicit Reader(ByteView in) : in_(in) {}
    std::uint8_t u8();
    std::uint16_t u16();
    std::uint32_t u32();
    std::uint64_t u64();
    Hash256 hash();
    ByteView bytes(std::size_t max = 1 << 26);  // a view into the input
    std::string text(std::size_t max = 1 << 24) { return std::string(text_of(bytes(max))); }
    ByteView raw(std::size_t n);
    std::uint32_t count(std::uint32_t max);  // a u32 that counts items; refused over max or over the bytes left
    bool done() const { return in_.empty(); }
    std::size_t left() const { return in_.size(); }
    void finish() const;  // throws unless done

  private:
    ByteView in_;
};

}  // namespace concordat::wire
