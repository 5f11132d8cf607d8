// What a program's memory allocator holds.
#pragma once
#if defined(__GLIBC__)
#include <malloc.h>
#endif

namespace concordat {

// The programs have the allocator keep what is freed, as the next batch wants it again. What was needed for a while
// only goes back to the system here: to be called when there is nothing to do.
inline void give_memory_back() {
#if defined(__GLIBC__)
    ::malloc_trim(0);
#endif
}

}  // namespace concordat
