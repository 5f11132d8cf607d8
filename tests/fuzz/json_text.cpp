// JSON as strangers send it. What is taken has one canonical form, which is taken again and is its own.
#include <base/error.hpp>
#include <base/json.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    try {
        const json::Value value = json::parse(text_of(ByteView(data, size)), "input");
        const std::string text = json::canonical(value);
        const json::Value again = json::parse(text, "canonical");
        if (!(again == value) || json::canonical(again) != text) __builtin_trap();
    } catch (const Error&) {
    }
    return 0;
}
