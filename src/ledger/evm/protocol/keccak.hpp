// Keccak-256 as Ethereum uses it: Keccak[c=512] of the SHA-3 competition's final submission, 32 bytes out. It differs
// from SHA3-256 (FIPS 202) only in the padding's first byte, 0x01 in place of 0x06.
#pragma once
#include <base/bytes.hpp>
#include <initializer_list>

namespace concordat::ledger::evm {

Hash256 keccak256(ByteView data);
inline Hash256 keccak256(std::string_view text) { return keccak256(bytes_of(text)); }
Hash256 keccak256(std::initializer_list<ByteView> parts);  // of the concatenation

}  // namespace concordat::ledger::evm
