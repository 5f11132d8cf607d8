// An inclusion proof as JSON: what is accepted is written and read again as the same; checking it and its clique seals
// ends in an answer or an Error.
#include <ledger/evm/protocol/clique.hpp>
#include <ledger/evm/protocol/inclusion.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    using namespace concordat::ledger::evm;
    try {
        const auto proof = InclusionProof::parse(json::parse(text_of({data, size}), "proof"), "proof");
        const json::Value again = proof.to_json();
        if (InclusionProof::parse(again, "proof") != proof) __builtin_trap();
        const Inclusion found = check_inclusion(proof, "proof");
        clique::check_finality(clique::Signers::make({Address{}}, 1, "signers"), found.chain, "chain");
    } catch (const Error&) {
    }
    return 0;
}
