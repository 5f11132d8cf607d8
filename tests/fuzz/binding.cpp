// A binding version's payload, and a signed one: parsing and the rules must refuse, never fail otherwise.
#include <contract/binding.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const ByteView bytes(data, size);
    try {
        const auto binding = contract::Binding::parse(bytes);
        if (contract::Binding::parse(bytes).hash != binding.hash) std::abort();
        contract::check_first(binding, crypto::GeneralJws::of(bytes));
    } catch (const Error&) {
    }
    try {
        const auto jws = crypto::GeneralJws::parse(json::parse(text_of(bytes), "jws"), "jws");
        const auto binding = contract::Binding::parse(jws.payload);
        contract::check_first(binding, jws);
        contract::check_amendment(binding, binding, jws);
    } catch (const Error&) {
    }
    return 0;
}
