// Values of ABI types between JSON and bytes. As JSON: integers are decimal strings (a JSON integer is taken too),
// addresses 0x-hex (EIP-55 when written), bytes, bytesN and function 0x-hex in lower case, bool true or false, arrays
// arrays, tuples objects by name when every member has a name of its own and arrays otherwise (an array is always
// taken). Decoding is strict: exactly the bytes that encoding the value makes. That refuses dirty padding, gaps,
// trailing bytes and offsets that point backwards or share a tail, so what is decoded is never larger than what was
// read.
#pragma once
#include <base/bytes.hpp>

#include "abi_type.hpp"

namespace concordat::ledger::evm::abi {

inline constexpr std::size_t max_encoded_bytes = 1 << 20;

// Throw Error(bad_format | missing_field | unknown_field | too_large) at `field` and the JSON Pointer below it.
Bytes encode(const Type& type, const json::Value& value,
             std::string_view field);                                           // as a parameter list does, for tuples
json::Value decode(const Type& tuple, ByteView bytes, std::string_view field);  // tuple: a parameter list
// The encoding that is hashed into a topic for an indexed event parameter that is not a value type: strings and bytes
// bare, arrays and tuples as their members one after another, each padded to words, without lengths and offsets.
Bytes encode_for_topic(const Type& type, const json::Value& value, std::string_view field);

}  // namespace concordat::ledger::evm::abi
