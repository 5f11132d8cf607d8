// A value that must not be copied, printed or compared carelessly; wiped when it goes.
#pragma once
#include <array>
#include <cstring>
#include <utility>

#include "bytes.hpp"

namespace concordat {

void wipe(void* data, std::size_t size);  // not removed by the optimiser

template <class T>
class Secret {
  public:
    Secret() = default;
    explicit Secret(T&& value) : value_(std::move(value)) { scrub(value); }
    Secret(const Secret&) = delete;
    Secret& operator=(const Secret&) = delete;
    Secret(Secret&& other) noexcept : value_(std::move(other.value_)) { other.clear(); }
    Secret& operator=(Secret&& other) noexcept {
        if (this != &other) {
            clear();
            value_ = std::move(other.value_);
            other.clear();
        }
        return *this;
    }
    ~Secret() { clear(); }
    const T& expose() const { return value_; }  // the one place where a reader must ask "why?"
    T& expose() { return value_; }
    Secret copy() const {
        T again = value_;
        return Secret(std::move(again));
    }

  private:
    void clear() { scrub(value_); }
    static void scrub(T& value) {
        // A moved-from short string still holds its characters, so the whole capacity is wiped, not only the size.
        if constexpr (requires { value.resize(value.capacity()); }) value.resize(value.capacity());
        if constexpr (requires {
                          value.data();
                          value.size();
                      }) {
            if (value.size() != 0) wipe(value.data(), value.size() * sizeof(*value.data()));
        } else {
            wipe(&value, sizeof value);
        }
        if constexpr (requires { value.clear(); }) value.clear();
    }
    T value_{};
};

using SecretKey = Secret<std::array<std::uint8_t, 32>>;
using SecretBytes = Secret<Bytes>;

}  // namespace concordat
