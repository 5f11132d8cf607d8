// A stream of frames, cut anywhere: the first byte says in which portions it comes. The frames are those that come when
// the stream comes whole, and written again they are the bytes that they were read from.
#include <base/error.hpp>
#include <base/frame.hpp>
#include <vector>

namespace {
using namespace concordat;

struct Read {
    Bytes again;
    bool refused = false;
};

Read read(ByteView stream, std::size_t portion) {
    Read out;
    FrameBuffer buffer;
    try {
        while (!stream.empty()) {
            const std::size_t size = std::min(portion, stream.size());
            buffer.append(stream.first(size));
            stream = stream.subspan(size);
            while (const std::optional<Frame> frame = buffer.next()) {
                append_frame(out.again, frame->type, frame->id, frame->payload);
            }
        }
    } catch (const Error&) {
        out.refused = true;
    }
    return out;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const ByteView stream(data + 1, size - 1);
    const Read whole = read(stream, stream.size() + 1), cut = read(stream, data[0] + 1u);
    if (whole.again != cut.again || whole.refused != cut.refused) __builtin_trap();
    if (whole.again.size() > stream.size() || !std::equal(whole.again.begin(), whole.again.end(), stream.begin())) {
        __builtin_trap();
    }
    return 0;
}
