#include "frame.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <sys/socket.h>

#include <thread>

#include "error.hpp"
#include "file.hpp"
#include "wire.hpp"

namespace concordat {
namespace {

TEST(Wire, GoesThereAndBack) {
    EXPECT_TRUE(rc::check(
        [](std::uint8_t a, std::uint16_t b, std::uint32_t c, std::uint64_t d, const Bytes& e, const std::string& f) {
            wire::Writer out;
            out.u8(a);
            out.u16(b);
            out.u32(c);
            out.u64(d);
            out.bytes(e);
            out.text(f);
            out.hash(Hash256{});
            wire::Reader in(out.get());
            RC_ASSERT(in.u8() == a);
            RC_ASSERT(in.u16() == b);
            RC_ASSERT(in.u32() == c);
            RC_ASSERT(in.u64() == d);
            RC_ASSERT(to_bytes(in.bytes()) == e);
            RC_ASSERT(in.text() == f);
            RC_ASSERT(in.hash().is_zero());
            in.finish();
            for (std::size_t cut = 0; cut < out.get().size(); ++cut) {  // never past the end
                wire::Reader cut_short(ByteView(out.get()).first(cut));
                RC_ASSERT_THROWS_AS((cut_short.u8(), cut_short.u16(), cut_short.u32(), cut_short.u64(),
                                     cut_short.bytes(), cut_short.text(), cut_short.hash()),
                                    Error);
            }
        }));
}

TEST(Wire, IsBigEndianAndBounded) {
    wire::Writer out;
    out.u32(0x01020304);
    EXPECT_EQ(out.get(), (Bytes{1, 2, 3, 4}));
    EXPECT_THROW((void)wire::Reader(out.get()).bytes(), Error);
    EXPECT_THROW((void)wire::Reader(out.get()).count(10), Error);
    EXPECT_THROW((void)wire::Reader(Bytes{0, 0, 0, 5, 1, 2}).count(10), Error);
    EXPECT_EQ(wire::Reader(Bytes{0, 0, 0, 2, 1, 2}).count(10), 2u);
    EXPECT_THROW((void)wire::Reader(Bytes{0, 0, 0, 2, 1, 2}).bytes(1), Error);
    EXPECT_THROW(wire::Reader(Bytes{1}).finish(), Error);
}

TEST(FrameBuffer, YieldsFramesHoweverTheyArrive) {
    EXPECT_TRUE(rc::check([](const std::vector<Bytes>& payloads) {
        Bytes stream;
        for (std::size_t i = 0; i < payloads.size(); ++i) {
            const Bytes frame = encode_frame(static_cast<std::uint16_t>(i), i * 1000, payloads[i]);
            stream.insert(stream.end(), frame.begin(), frame.end());
        }
        FrameBuffer buffer;
        std::size_t got = 0;
        for (std::size_t at = 0; at < stream.size();) {
            const std::size_t n = std::min(stream.size() - at, *rc::gen::inRange<std::size_t>(1, 40));
            buffer.append(ByteView(stream).subspan(at, n));
            at += n;
            while (auto frame = buffer.next()) {
                RC_ASSERT(frame->type == got);
                RC_ASSERT(frame->id == got * 1000);
                RC_ASSERT(frame->payload == payloads[got]);
                ++got;
            }
        }
        RC_ASSERT(got == payloads.size());
    }));
}

TEST(FrameBuffer, RefusesLengthsOutsideTheBounds) {
    for (const Bytes& length :
         {Bytes{0, 0, 0, 0}, Bytes{0, 0, 0, 9}, Bytes{0x04, 0, 0, 1}, Bytes{0xff, 0xff, 0xff, 0xff}}) {
        FrameBuffer buffer;
        buffer.append(length);
        EXPECT_THROW((void)buffer.next(), Error);
    }
}

struct Pair {
    UniqueFd a, b;
    Pair() {
        int fds[2];
        EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
        a = UniqueFd(fds[0]);
        b = UniqueFd(fds[1]);
    }
};

TEST(FrameSocket, CarriesLargeFramesAndSeesTheEnd) {
    Pair pair;
    const Bytes large(3'000'000, 0x5a);
    std::thread sender([&] {
        FrameSocket socket(pair.a.get());
        socket.send(encode_frame(1, 2, large));
        socket.send(encode_frame(3, 4, {}));
        pair.a.reset();
    });
    FrameSocket socket(pair.b.get());
    const auto first = socket.receive();
    ASSERT_TRUE(first);
    EXPECT_EQ(first->payload, large);
    const auto second = socket.receive();
    ASSERT_TRUE(second);
    EXPECT_EQ(second->type, 3);
    EXPECT_EQ(second->id, 4u);
    EXPECT_FALSE(socket.receive());
    sender.join();
}

TEST(FrameSocket, TryReceiveNeverBlocks) {
    Pair pair;
    FrameSocket socket(pair.b.get()), peer(pair.a.get());
    bool closed = true;
    EXPECT_FALSE(socket.try_receive(closed));
    EXPECT_FALSE(closed);
    peer.send(encode_frame(1, 1, {}));
    EXPECT_TRUE(socket.try_receive(closed));
    EXPECT_FALSE(closed);
    pair.a.reset();
    EXPECT_FALSE(socket.try_receive(closed));
    EXPECT_TRUE(closed);
    EXPECT_THROW(socket.send(encode_frame(1, 1, {})), Error);
}

}  // namespace
}  // namespace concordat
