// A redacted document and its disclosures, parted by '~' as in an SD-JWT. What can be restored must come back the same
// when it is redacted again with the same salts and restored once more.
#include <schema/disclosure.hpp>

namespace {
using namespace concordat;

const schema::Schema& fixed_schema() {
    static const auto schema = schema::Schema::compile(
        json::parse(R"({"type":"object","properties":{"a":{"type":"string","x-confidential":["r"]},"b":{"type":"object",
            "properties":{"c":{"type":"integer","x-confidential":["r","s"]},"d":{"type":"string"}}}}})",
                    "schema"),
        "schema");
    return schema;
}

std::vector<std::string> texts_of(const schema::Redaction& redaction) {
    std::vector<std::string> texts;
    for (const auto& disclosure : redaction.disclosures) texts.push_back(disclosure.text);
    return texts;
}
}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::vector<std::string> parts(1);
    for (std::size_t i = 0; i < size; ++i) {
        if (data[i] == '~')
            parts.emplace_back();
        else
            parts.back() += static_cast<char>(data[i]);
    }
    try {
        const std::vector<std::string> disclosures(parts.begin() + 1, parts.end());
        const auto redacted = json::parse(parts[0], "document");
        try {
            schema::reveal(redacted, disclosures);
        } catch (const Error&) {
        }
        const auto plain = schema::restore(fixed_schema(), redacted, disclosures);
        const auto again = schema::redact(fixed_schema(), plain, [](const auto&) { return schema::Salt{}; });
        const auto back = schema::restore(fixed_schema(), again.value, texts_of(again));
        if (json::canonical(back) != json::canonical(plain)) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
