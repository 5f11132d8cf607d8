// An entry's private state as bytes, as far as others than context.cpp need it: its transactions.
#pragma once
#include "context.hpp"

namespace concordat::enclave {

inline constexpr std::uint8_t private_format = 6;

void write_salts(wire::Writer& out, const std::map<std::string, Salt>& salts);
std::map<std::string, Salt> read_salts(wire::Reader& in);

// Those that have ended first, each sort oldest first.
void write_transactions(wire::Writer& out, const Head& head);
// Of any format that has transactions.
void read_transactions(wire::Reader& in, std::uint8_t format, Head& head);
std::size_t size_of(const Head& head);  // of all of them, about

}  // namespace concordat::enclave
