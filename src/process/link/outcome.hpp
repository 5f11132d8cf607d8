// What an asynchronous call ends with: a value or the Error that ended it.
#pragma once
#include <base/error.hpp>
#include <functional>
#include <optional>
#include <utility>
#include <variant>

namespace concordat::process {

template <class T>
class Outcome {
  public:
    Outcome(T value) : content_(std::move(value)) {}
    Outcome(Error error) : content_(std::move(error)) {}
    bool ok() const { return content_.index() == 0; }
    T& get() {  // throws the Error
        if (!ok()) throw std::get<1>(content_);
        return std::get<0>(content_);
    }
    const Error& error() const { return std::get<1>(content_); }

  private:
    std::variant<T, Error> content_;
};

struct Nothing {};

template <class T>
using Then = std::function<void(Outcome<T>)>;

// Runs `make` and hands its value, or the Error it throws, to `then`. An exception of `then` itself passes through.
template <class T, class Make>
void complete(const Then<T>& then, Make&& make) {
    std::optional<Outcome<T>> outcome;
    try {
        outcome.emplace(make());
    } catch (const Error& error) {
        outcome.emplace(error);
    }
    then(std::move(*outcome));
}

}  // namespace concordat::process
