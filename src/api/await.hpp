// From the node's callbacks to the HTTP server's coroutines.
#pragma once
#include <boost/asio/associated_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <process/link/outcome.hpp>

namespace concordat::api {

// co_await call<T>([&](process::Then<T> then) { node.something(…, then); }): its value, or its Error thrown. `start`
// may throw an Error as well, and may call `then` at once.
template <class T, class Start>
boost::asio::awaitable<T> call(Start start) {
    namespace asio = boost::asio;
    using OutcomePtr = std::shared_ptr<process::Outcome<T>>;
    const auto initiate = [&start](auto handler) {
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        // Posted: a coroutine must not be resumed before it has come to rest.
        const process::Then<T> then = [shared](process::Outcome<T> outcome) {
            asio::post(asio::get_associated_executor(*shared),
                       [shared, result = std::make_shared<process::Outcome<T>>(std::move(outcome))] {
                           std::move (*shared)(result);
                       });
        };
        try {
            start(then);
        } catch (const Error& error) {
            then(error);
        }
    };
    const OutcomePtr outcome =
        co_await asio::async_initiate<const asio::use_awaitable_t<>, void(OutcomePtr)>(initiate, asio::use_awaitable);
    co_return std::move(outcome->get());
}

}  // namespace concordat::api
