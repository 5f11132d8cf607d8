// A statement's file under an empty trust file: nothing may hold, nothing may abort, and what parses is what is
// written.
#include <array>
#include <ledger/evm/kind/kind.hpp>
#include <statement/statement.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    const std::string_view text = text_of({data, size});
    const ledger::evm::EvmKind evm;
    const std::array<const ledger::Kind*, 1> kinds{&evm};
    try {
        statement::verify(text, {}, kinds);
        std::abort();
    } catch (const Error&) {
    }
    try {
        if (statement::File::parse(text).write() != text) std::abort();
    } catch (const Error&) {
    }
    return 0;
}
