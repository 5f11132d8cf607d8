// UUIDv7 (RFC 9562) for ids where no hash serves, and the injected source of randomness.
#pragma once
#include <string>

#include "bytes.hpp"
#include "clock.hpp"

namespace concordat {

class Random {
  public:
    virtual ~Random() = default;
    virtual void fill(std::span<std::uint8_t> out) = 0;
};

class SystemRandom final : public Random {
  public:
    void fill(std::span<std::uint8_t> out) override;  // getrandom(2)
};

std::string make_uuid7(Random& random, TimeMs now);

}  // namespace concordat
