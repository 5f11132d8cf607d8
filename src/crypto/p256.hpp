// P-256 by OpenSSL, in the shapes that the keys need: points are 65 bytes uncompressed, scalars 32 bytes big-endian.
#pragma once
#include <array>
#include <base/bytes.hpp>
#include <memory>
#include <optional>

struct evp_pkey_st;

namespace concordat::crypto::p256 {

using Point = std::array<std::uint8_t, 65>;
using Pkey = std::shared_ptr<evp_pkey_st>;

bool on_curve(const Point& point);
// The scalar times the generator; empty unless 0 < scalar < order.
std::optional<Point> public_of(ByteView scalar);
// `point` must be on the curve; `scalar` is empty for a public key.
Pkey make_pkey(const Point& point, ByteView scalar);
bool high_s(ByteView s);
bool verify(const Pkey& key, const Hash256& digest, ByteView signature64);
std::array<std::uint8_t, 64> sign(const Pkey& key, const Hash256& digest);  // s in the lower half
std::array<std::uint8_t, 32> ecdh(const Pkey& key, const Pkey& peer);

}  // namespace concordat::crypto::p256
