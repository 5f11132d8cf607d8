// A receipt under an empty trust file: nothing may hold, nothing may throw, and what parses is what is written.
#include <ledger/kinds/kinds.hpp>
#include <proof/open.hpp>
#include <proof/verify.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const std::string_view text = text_of({data, size});
    const auto verdict = proof::verify(text, {}, ledger::all_kinds());
    if (verdict.holds) std::abort();
    proof::render_text(verdict);
    json::canonical(proof::render_json(verdict));
    try {
        if (proof::Receipt::parse(text).write() != text) std::abort();
    } catch (const Error&) {
    }
    try {
        proof::TrustFile::parse(text);
    } catch (const Error&) {
    }
    return 0;
}
