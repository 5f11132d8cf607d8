// An entry document, and a whole record: what is accepted is exactly what would be written.
#include <contract/entry.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const ByteView bytes(data, size);
    try {
        const auto entry = contract::Entry::parse(bytes);
        if (entry.write() != text_of(bytes)) std::abort();
        entry.id(bytes);
    } catch (const Error&) {
    }
    try {
        contract::state_root(contract::parse_state(bytes, "state"));
    } catch (const Error&) {
    }
    try {
        wire::Reader in(bytes);
        contract::EntryRecord::read(in).check();
    } catch (const Error&) {
    }
    return 0;
}
