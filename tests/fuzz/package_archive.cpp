// A package file from a stranger: refused or read, and what is read is what its id says.
#include <registry/archive.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    try {
        const auto package = registry::read_archive({data, size});
        if (registry::read_archive(registry::write_archive(package)).id() != package.id()) __builtin_trap();
    } catch (const Error&) {
    }
    return 0;
}
