// Frames on a stream socket between our own processes: u32 length of the rest, u16 type, u64 id, payload.
#pragma once
#include <optional>

#include "bytes.hpp"

namespace concordat {

struct Frame {
    std::uint16_t type = 0;
    std::uint64_t id = 0;
    Bytes payload;
};

inline constexpr std::size_t max_frame_bytes = std::size_t{1} << 26;

Bytes encode_frame(std::uint16_t type, std::uint64_t id, ByteView payload);
void append_frame(Bytes& out, std::uint16_t type, std::uint64_t id,
                  ByteView payload);  // the same, behind what is there

// Collects bytes and yields whole frames. Throws Error(protocol) on a length beyond max_frame_bytes.
class FrameBuffer {
  public:
    void append(ByteView bytes);
    std::optional<Frame> next();

  private:
    Bytes buffer_;
    std::size_t start_ = 0;
};

// Blocking use on a descriptor, for the single-threaded child processes.
class FrameSocket {
  public:
    explicit FrameSocket(int fd) : fd_(fd) {}
    // The next frame; empty at end of stream. Frames already buffered are returned without a system call.
    std::optional<Frame> receive();
    // A frame only if one is buffered or readable now; never blocks. `closed` is set at end of stream.
    std::optional<Frame> try_receive(bool& closed);
    void send(ByteView encoded_frames);  // throws Error(protocol) when the peer is gone

  private:
    int fd_;
    FrameBuffer in_;
};

}  // namespace concordat
