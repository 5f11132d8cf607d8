// A schema and a value from the same bytes, parted by a zero: whatever compiles must validate without trouble.
#include <schema/schema.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    const auto part = text.find('\0');
    try {
        const auto schema = schema::Schema::compile(json::parse(text.substr(0, part), "schema"), "schema");
        if (part != std::string_view::npos) schema.validate(json::parse(text.substr(part + 1), "value"), "value");
    } catch (const Error&) {
    }
    return 0;
}
