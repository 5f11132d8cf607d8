#include "secret.hpp"

#include <string.h>

namespace concordat {

void wipe(void* data, std::size_t size) {
    if (size != 0) ::explicit_bzero(data, size);  // an empty vector's data may be null
}

}  // namespace concordat
