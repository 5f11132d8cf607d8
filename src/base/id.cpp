#include "id.hpp"

#include <sys/random.h>

#include <cerrno>

#include "error.hpp"

namespace concordat {

void SystemRandom::fill(std::span<std::uint8_t> out) {
    while (!out.empty()) {
        const ssize_t got = ::getrandom(out.data(), out.size(), 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) panic("the kernel gives no random bytes");
        out = out.subspan(static_cast<std::size_t>(got));
    }
}

std::string make_uuid7(Random& random, TimeMs now) {
    std::array<std::uint8_t, 16> id;
    random.fill(id);
    const auto ms = static_cast<std::uint64_t>(now);
    for (std::size_t i = 0; i < 6; ++i) id[i] = static_cast<std::uint8_t>(ms >> (40 - 8 * i));
    id[6] = static_cast<std::uint8_t>(0x70 | (id[6] & 0x0f));
    id[8] = static_cast<std::uint8_t>(0x80 | (id[8] & 0x3f));
    std::string text = to_hex(id);
    for (const std::size_t at : {8u, 13u, 18u, 23u}) text.insert(at, 1, '-');
    return text;
}

}  // namespace concordat
