// Random numbers that every re-run of the same execution draws again: the ChaCha20 key stream (RFC 8439) under the
// execution's seed, which the host can neither see nor choose.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>

#include "abort.hpp"

namespace concordat::cryptlet {

class Random {
  public:
    // 64 hexadecimal digits.
    explicit Random(std::string_view seed) {
        require(seed.size() == 64, "bad_seed", "a seed is 64 hexadecimal digits");
        constexpr std::array<std::uint32_t, 4> constants{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
        for (std::size_t i = 0; i < 4; ++i) state_[i] = constants[i];
        for (std::size_t word = 0; word < 8; ++word) {
            for (std::size_t byte = 0; byte < 4; ++byte) {
                const std::size_t at = word * 8 + byte * 2;
                state_[4 + word] |= (nibble(seed[at]) << 4 | nibble(seed[at + 1])) << (8 * byte);
            }
        }
    }

    std::uint32_t next32() {
        if (used_ == block_.size()) refill();
        return block_[used_++];
    }
    std::uint64_t next64() {
        const std::uint64_t low = next32();
        return low | static_cast<std::uint64_t>(next32()) << 32;
    }
    // Uniform in [0, bound); aborts when bound is 0.
    std::uint64_t below(std::uint64_t bound) {
        require(bound != 0, "bad_bound", "a random number needs a positive bound");
        const std::uint64_t unfair = (0 - bound) % bound;  // 2^64 mod bound: draws below it would favour small results
        std::uint64_t drawn = next64();
        while (drawn < unfair) drawn = next64();
        return drawn % bound;
    }

  private:
    static std::uint32_t nibble(char c) {
        if (c >= '0' && c <= '9') return static_cast<std::uint32_t>(c - '0');
        require(c >= 'a' && c <= 'f', "bad_seed", "a seed is 64 hexadecimal digits");
        return static_cast<std::uint32_t>(c - 'a' + 10);
    }
    static std::uint32_t rotate(std::uint32_t value, int by) { return value << by | value >> (32 - by); }
    static void quarter(std::array<std::uint32_t, 16>& x, std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
        x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 16);
        x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 12);
        x[a] += x[b], x[d] = rotate(x[d] ^ x[a], 8);
        x[c] += x[d], x[b] = rotate(x[b] ^ x[c], 7);
    }
    void refill() {
        block_ = state_;
        for (int round = 0; round < 10; ++round) {
            for (std::size_t i = 0; i < 4; ++i) quarter(block_, i, i + 4, i + 8, i + 12);
            for (std::size_t i = 0; i < 4; ++i) {
                quarter(block_, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
            }
        }
        for (std::size_t i = 0; i < 16; ++i) block_[i] += state_[i];
        ++state_[12];
        used_ = 0;
    }

    std::array<std::uint32_t, 16> state_{};  // constants, key, counter, zero nonce
    std::array<std::uint32_t, 16> block_{};
    std::size_t used_ = 16;
};

}  // namespace concordat::cryptlet
