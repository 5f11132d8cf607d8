// Compiled into every C++ cryptlet. Replaces the few functions of the standard library that would print to a terminal
// or read an environment: with them replaced, no import of WASI is left and the module depends on its input only.
#include <cstddef>
#include <cstdlib>
#include <new>

#include <concordat/abort.hpp>

using concordat::cryptlet::abort_with;

_LIBCPP_BEGIN_NAMESPACE_STD
[[noreturn]] void __libcpp_verbose_abort(const char*, ...) {
    abort_with("library_error", "the C++ library met an error that it cannot return");
}
_LIBCPP_END_NAMESPACE_STD

extern "C" [[noreturn]] void abort_message(const char*, ...) {
    abort_with("library_error", "the C++ run time met an error that it cannot return");
}

namespace {

// The host turns the code out_of_memory into its own error, whoever's fault the allocation was.
void* allocate(std::size_t size) {
    void* memory = std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) abort_with("out_of_memory", "the contract needs more memory than it has");
    return memory;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
