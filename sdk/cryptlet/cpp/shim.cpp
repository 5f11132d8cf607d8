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

// Memory for what contracts mostly make, small pieces that do not live long: cut from blocks, and kept by size when
// given back. A call is short, so blocks are never returned. Pieces above `small_bytes` come from malloc.
constexpr std::size_t step = 16, small_bytes = 512, block_bytes = 16 * 1024;
struct Free {
    Free* next;
};
Free* free_lists[small_bytes / step + 1];
char* block = nullptr;
std::size_t block_left = 0;

// The host turns the code out_of_memory into its own error, whoever's fault the allocation was.
void* from_malloc(std::size_t size) {
    void* memory = std::malloc(size);
    if (memory == nullptr) abort_with("out_of_memory", "the contract needs more memory than it has");
    return memory;
}

void* allocate(std::size_t size) {
    if (size > small_bytes) return from_malloc(size);
    const std::size_t steps = size == 0 ? 1 : (size + step - 1) / step;
    if (Free* piece = free_lists[steps]) {
        free_lists[steps] = piece->next;
        return piece;
    }
    const std::size_t bytes = steps * step;
    if (bytes > block_left) {
        block = static_cast<char*>(from_malloc(block_bytes));
        block_left = block_bytes;
    }
    char* piece = block;
    block += bytes;
    block_left -= bytes;
    return piece;
}

void give_back(void* memory, std::size_t size) {
    if (memory == nullptr) return;
    if (size > small_bytes) return std::free(memory);
    const std::size_t steps = size == 0 ? 1 : (size + step - 1) / step;
    auto* piece = static_cast<Free*>(memory);
    piece->next = free_lists[steps];
    free_lists[steps] = piece;
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size); }
void* operator new[](std::size_t size) { return allocate(size); }
// Without its size nobody knows where a piece came from: it stays until the call ends. The library always gives the
// size.
void operator delete(void*) noexcept {}
void operator delete[](void*) noexcept {}
void operator delete(void* memory, std::size_t size) noexcept { give_back(memory, size); }
void operator delete[](void* memory, std::size_t size) noexcept { give_back(memory, size); }
