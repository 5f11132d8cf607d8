// YAML that people write: read without trouble, or refused by line; what is read is JSON that can be canonical.
#include <registry/yaml.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const std::string_view text(reinterpret_cast<const char*>(data), size);
    try {
        json::canonical(registry::yaml_to_json(registry::parse_yaml(text, "f.yaml"), "f.yaml"));
    } catch (const Error&) {
    }
    return 0;
}
