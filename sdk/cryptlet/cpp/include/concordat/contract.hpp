// The one header a contract includes.
//
//   #include <concordat/contract.hpp>
//   using namespace concordat::cryptlet;
//
//   struct Counter {
//       void init(Context& context) { context.state()["count"] = 0; }
//       void add(Context& context) {
//           const std::int64_t by = int_of(context.message(), "by");
//           require(by > 0, "not_positive", "a step must be positive");
//           context.state()["count"] = int_of(context.state(), "count") + by;
//       }
//   };
//   CONCORDAT_CONTRACT(Counter, CONCORDAT_ACTION("add", add))
//
// A contract is a class with a default constructor; one object lives for one call and its members start anew each time,
// so what must last belongs into context.state(). `init` makes the state from the terms when the binding locks; each
// action handles one message; `void migrate(Context&)`, if there is one, turns an older package version's state
// (context.from()) into this one's. Without it the state is kept as it is.
#pragma once
#include <cstdlib>
#include <string>
#include <string_view>

#include "context.hpp"

namespace concordat::cryptlet {

template <class Contract>
struct Action {
    std::string_view name;
    void (Contract::*method)(Context&);
};

// Runs one call: input JSON in, output JSON out; aborts as abort_with() does. Also what a native test calls.
template <class Contract, std::size_t count>
std::string run_call(const Action<Contract> (&actions)[count], std::string_view input) {
#if defined(__wasm__)
    Context& context = *new Context(parse_json(input));  // never freed: the instance ends with the call
#else
    Context context(parse_json(input));
#endif
    Contract contract{};
    const std::string_view call = context.call();
    if (call == "init") {
        contract.init(context);
    } else if (call == "migrate") {
        if constexpr (requires { contract.migrate(context); }) contract.migrate(context);
    } else {
        require(call == "handle", "unknown_call", "the host asked for an unknown call");
        const Action<Contract>* found = nullptr;
        for (const Action<Contract>& action : actions) {
            if (action.name == context.action()) found = &action;
        }
        require(found != nullptr, "unknown_action", "the contract has no such action");
        (contract.*found->method)(context);
    }
    return dump_json(context.take_output());
}

namespace detail {

inline std::uint64_t packed(const char* at, std::size_t length) {
    return static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(at)) << 32 | length;
}

}  // namespace detail
}  // namespace concordat::cryptlet

#define CONCORDAT_ACTION(name, method) {name, &Self::method}

// concordat_run(input) is there in native builds too, for tests.
#define CONCORDAT_CONTRACT(Type, ...)                                                \
    std::string concordat_run(std::string_view input) {                              \
        using Self = Type;                                                           \
        static constexpr ::concordat::cryptlet::Action<Self> actions[]{__VA_ARGS__}; \
        return ::concordat::cryptlet::run_call<Self>(actions, input);                \
    }                                                                                \
    CONCORDAT_EXPORTS

#if defined(__wasm__)
// Input and output are never freed: the instance ends with the call.
#define CONCORDAT_EXPORTS                                                                                  \
    extern "C" {                                                                                           \
    __attribute__((export_name("cryptlet_alloc"))) void* cryptlet_alloc(std::size_t length) {              \
        return std::malloc(length == 0 ? 1 : length);                                                      \
    }                                                                                                      \
    __attribute__((export_name("cryptlet_handle"))) std::uint64_t cryptlet_handle(const char* at,          \
                                                                                  std::size_t length) {    \
        const std::string* output = new std::string(concordat_run({at, length}));                          \
        return ::concordat::cryptlet::detail::packed(output->data(), output->size());                      \
    }                                                                                                      \
    __attribute__((export_name("cryptlet_aborted"))) std::uint64_t cryptlet_aborted() {                    \
        const auto& record = ::concordat::cryptlet::detail::abort_record;                                  \
        return record.length == 0 ? 0 : ::concordat::cryptlet::detail::packed(record.text, record.length); \
    }                                                                                                      \
    }                                                                                                      \
    static_assert(true)
#else
#define CONCORDAT_EXPORTS static_assert(true)
#endif
