#include "keccak.hpp"

#include <nettle/sha3.h>

#include <algorithm>

namespace concordat::ledger::evm {
namespace {

constexpr std::size_t rate = 136;  // bytes absorbed between permutations: 200 less twice the digest

class Sponge {
  public:
    void absorb(ByteView data) {
        while (!data.empty()) {
            const std::size_t n = std::min(data.size(), rate - filled_);
            std::copy_n(data.begin(), n, block_.begin() + static_cast<std::ptrdiff_t>(filled_));
            filled_ += n;
            data = data.subspan(n);
            if (filled_ == rate) permute();
        }
    }

    Hash256 squeeze() {
        std::fill(block_.begin() + static_cast<std::ptrdiff_t>(filled_), block_.end(), std::uint8_t{0});
        block_[filled_] = 0x01;
        block_[rate - 1] |= 0x80;
        permute();
        Hash256 out;
        for (std::size_t i = 0; i < out.bytes.size(); ++i)
            out.bytes[i] = static_cast<std::uint8_t>(state_.a[i / 8] >> (8 * (i % 8)));
        return out;
    }

  private:
    void permute() {
        for (std::size_t i = 0; i < rate / 8; ++i) {
            std::uint64_t word = 0;
            for (std::size_t j = 8; j-- > 0;) word = word << 8 | block_[8 * i + j];
            state_.a[i] ^= word;
        }
        sha3_permute(&state_);
        filled_ = 0;
    }

    sha3_state state_{};
    std::array<std::uint8_t, rate> block_;
    std::size_t filled_ = 0;
};

}  // namespace

Hash256 keccak256(ByteView data) { return keccak256({data}); }

Hash256 keccak256(std::initializer_list<ByteView> parts) {
    Sponge sponge;
    for (const ByteView part : parts) sponge.absorb(part);
    return sponge.squeeze();
}

}  // namespace concordat::ledger::evm
