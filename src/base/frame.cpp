#include "frame.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <cerrno>

#include "error.hpp"
#include "wire.hpp"

namespace concordat {
namespace {

constexpr std::size_t length_bytes = 4;
constexpr std::size_t head_bytes = 2 + 8;  // type and id
constexpr std::size_t chunk_bytes = 1 << 16;
constexpr std::size_t kept_bytes = 1 << 20;  // by a buffer that has nothing in it

[[noreturn]] void fail_socket(std::string_view doing) {
    throw Error(Code::protocol, "socket", std::string(doing) + ": " + std::strerror(errno));
}

enum class Got { bytes, nothing, end };

Got read_into(int fd, FrameBuffer& in, int flags) {
    std::array<std::uint8_t, chunk_bytes> chunk;
    for (;;) {
        const ssize_t got = ::recv(fd, chunk.data(), chunk.size(), flags);
        if (got > 0) {
            in.append({chunk.data(), static_cast<std::size_t>(got)});
            return Got::bytes;
        }
        if (got == 0 || errno == ECONNRESET) return Got::end;
        if (errno == EAGAIN || errno == EWOULDBLOCK) return Got::nothing;
        if (errno != EINTR) fail_socket("receive");
    }
}

void wait_for(int fd, short events) {
    pollfd entry{fd, events, 0};
    while (::poll(&entry, 1, -1) < 0) {
        if (errno != EINTR) fail_socket("poll");
    }
}

}  // namespace

Bytes encode_frame(std::uint16_t type, std::uint64_t id, ByteView payload) {
    Bytes out;
    out.reserve(length_bytes + head_bytes + payload.size());
    append_frame(out, type, id, payload);
    return out;
}

void append_frame(Bytes& out, std::uint16_t type, std::uint64_t id, ByteView payload) {
    if (payload.size() > max_frame_bytes - head_bytes) panic("a frame larger than max_frame_bytes");
    const std::uint64_t numbers[] = {head_bytes + payload.size(), type, id};
    const int sizes[] = {4, 2, 8};
    std::array<std::uint8_t, length_bytes + head_bytes> head;
    std::size_t at = 0;
    for (int i = 0; i < 3; ++i) {
        for (int shift = (sizes[i] - 1) * 8; shift >= 0; shift -= 8)
            head[at++] = static_cast<std::uint8_t>(numbers[i] >> shift);
    }
    out.insert(out.end(), head.begin(), head.end());
    out.insert(out.end(), payload.begin(), payload.end());
}

void FrameBuffer::append(ByteView bytes) {
    if (start_ == buffer_.size()) {
        buffer_.clear();
        start_ = 0;
    } else if (start_ > buffer_.size() / 2) {
        buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(start_));
        start_ = 0;
    }
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

std::optional<Frame> FrameBuffer::next() {
    wire::Reader in(ByteView(buffer_).subspan(start_));
    if (in.left() < length_bytes) return std::nullopt;
    const std::size_t size = in.u32();
    if (size < head_bytes || size > max_frame_bytes) {
        throw Error(Code::protocol, "frame.length",
                    "must be from " + std::to_string(head_bytes) + " to " + std::to_string(max_frame_bytes));
    }
    if (in.left() < size) return std::nullopt;
    Frame frame;
    frame.type = in.u16();
    frame.id = in.u64();
    frame.payload = to_bytes(in.raw(size - head_bytes));
    start_ += length_bytes + size;
    if (start_ == buffer_.size() && buffer_.capacity() > kept_bytes) {
        buffer_ = Bytes();
        start_ = 0;
    }
    return frame;
}

std::optional<Frame> FrameSocket::receive() {
    for (;;) {
        if (auto frame = in_.next()) return frame;
        switch (read_into(fd_, in_, 0)) {
            case Got::bytes:
                break;
            case Got::end:
                return std::nullopt;
            case Got::nothing:
                wait_for(fd_, POLLIN);
                break;
        }
    }
}

std::optional<Frame> FrameSocket::try_receive(bool& closed) {
    closed = false;
    for (;;) {
        if (auto frame = in_.next()) return frame;
        const Got got = read_into(fd_, in_, MSG_DONTWAIT);
        if (got == Got::bytes) continue;
        closed = got == Got::end;
        return std::nullopt;
    }
}

void FrameSocket::send(ByteView encoded_frames) {
    while (!encoded_frames.empty()) {
        const ssize_t sent = ::send(fd_, encoded_frames.data(), encoded_frames.size(), MSG_NOSIGNAL);
        if (sent >= 0) {
            encoded_frames = encoded_frames.subspan(static_cast<std::size_t>(sent));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            wait_for(fd_, POLLOUT);
        } else if (errno != EINTR) {
            fail_socket("send");
        }
    }
}

}  // namespace concordat
