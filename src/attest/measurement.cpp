#include "measurement.hpp"

#include <base/file.hpp>
#include <crypto/hash.hpp>

namespace concordat::attest {

Hash256 measure_self() { return crypto::sha256(read_file("/proc/self/exe")); }

}  // namespace concordat::attest
