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
    explicit Secret(T&& value) : value_(std::move(value)) {}
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
    Secret copy() const { T again = value_; return Secret(std::move(again)); }

  private:
    void clear() {
        if constexpr (requires { value_.data(); value_.size(); }) {
            if (value_.size() != 0) wipe(value_.data(), value_.size() * sizeof(*value_.data()));
        } else {
            wipe(&value_, sizeof value_);
        }
    }
    T value_{};
};

using SecretKey = Secret<std::array<std::uint8_t, 32>>;
using SecretBytes = Secret<Bytes>;

}  // namespace concordat
