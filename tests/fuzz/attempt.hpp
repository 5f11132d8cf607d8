// What a fuzz target reads may be refused, and nothing else may come of it.
#pragma once
#include <base/error.hpp>

namespace concordat {

template <class Read>
void attempt(Read read) {
    try {
        read();
    } catch (const Error&) {
    }
}

}  // namespace concordat
