// The bytes are cut into pieces: as nodes of a proof under the first one's hash, and as the items of a trie, whose
// every proof must hold, and hold for nothing else.
#include <ledger/evm/protocol/keccak.hpp>
#include <ledger/evm/protocol/trie.hpp>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace concordat;
    using namespace concordat::ledger::evm;
    std::vector<Bytes> pieces;
    for (ByteView in(data, size); !in.empty() && pieces.size() < 200;) {
        const std::size_t n = std::min<std::size_t>(in.size() - 1, in[0]);
        pieces.push_back(to_bytes(in.subspan(1, n)));
        in = in.subspan(1 + n);
    }
    if (pieces.empty()) return 0;
    try {
        const trie::Proof proof(pieces.begin() + 1, pieces.end());
        if (!proof.empty()) trie::verify(keccak256(proof[0]), pieces[0], proof, "proof");
    } catch (const Error&) {
    }
    std::erase_if(pieces, [](const Bytes& piece) { return piece.empty(); });
    const trie::IndexTrie made(pieces, "items");
    for (std::size_t i = 0; i <= pieces.size(); ++i) {
        const auto value = trie::verify(made.root(), trie::index_key(i), made.proof(i), "proof");
        if (value.has_value() != (i < pieces.size()) || (value && *value != pieces[i])) __builtin_trap();
    }
    return 0;
}
