// A contract's config and an image manifest.
#include <contract/package.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const ByteView bytes(data, size);
    try {
        contract::Contract::parse(bytes);
    } catch (const Error&) {
    }
    try {
        contract::Manifest::parse(bytes);
    } catch (const Error&) {
    }
    return 0;
}
