// What a node can send to an enclave, a few frames in a row, and the replies as a node reads them. The first byte of
// each frame is its type, the next two its size. Nothing but an answer may come of it.
#include <attest/development.hpp>
#include <base/clock.hpp>
#include <base/error.hpp>
#include <enclave/core/core.hpp>

#include "../support/fixture.hpp"

namespace {
using namespace concordat;
using namespace concordat::enclave;

void read_back(const Frame& frame) {
    switch (static_cast<FrameType>(frame.type)) {
        case FrameType::error:
            decode_error(frame.payload);
            break;
        case FrameType::hello:
            decode_hello_reply(frame.payload);
            break;
        default:
            break;
    }
}

// The same bytes as if they were a reply: the node reads those of a process that it does not trust with its life.
void as_reply(ByteView in) {
    try {
        decode_committed(in);
    } catch (const Error&) {
    }
    try {
        decode_hello_reply(in);
    } catch (const Error&) {
    }
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const runtime::Engine engine;
    static ManualClock clock{test::start_time};
    static test::FixedRandom random("fuzz");
    static attest::DevelopmentProvider evidence(test::signing_key("root"), test::hash_of("code"), "concordat-enclave",
                                                1, clock);
    Core core({.helpers = 0, .limits = {}}, engine, evidence, "{}", test::hash_of("code"), random);
    ByteView in(data, size);
    std::uint64_t id = 0;
    while (in.size() >= 3) {
        const std::size_t length = std::min<std::size_t>(in.size() - 3, static_cast<std::size_t>(in[1]) << 8 | in[2]);
        const ByteView payload = in.subspan(3, length);
        core.handle(Frame{in[0], ++id, to_bytes(payload)});
        as_reply(payload);
        in = in.subspan(3 + length);
    }
    core.flush();
    FrameBuffer out;
    out.append(core.take_output());
    std::uint64_t answers = 0;
    while (std::optional<Frame> frame = out.next()) {
        read_back(*frame);
        if (frame->id != 0) ++answers;
    }
    if (answers > id) __builtin_trap();  // at most one answer to each frame
    return 0;
}
