#include "secret.hpp"

#include <string.h>

namespace concordat {

void wipe(void* data, std::size_t size) { ::explicit_bzero(data, size); }

}  // namespace concordat
